"""Tables and all parts of declared results in one system: a star instead of a product.

Unknowns are the persons of each group that tables tell apart (`n`), and for each part the persons
of each of its own groups within those (`x`), which add up to them. No unknown stands for who is in
two parts at once.

Nothing is lost by that. Take any `n` and, for each part, any `x` that adds up to it: in a group of
`n`, those of the first part's groups and those of the second's add up to the same persons, and a
table with given line and column totals that agree can always be filled in with whole numbers from
zero on (north-west corner). Part after part, this gives persons who fit all numbers. As no number
is about two parts at once, what is possible in the star is exactly what is possible for persons.

By the same argument a part needs no finer groups of `n` than its own cells tell apart: within
each, its groups are a line, the groups of `n` are a column, and both add up to the same persons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
from attrs import field, frozen

from bercail.airlock.disclosure.guard.atoms import GuardedCell, columns_of

MOST_FINE = 60
"""Up to so many, the groups of a part are cut by every group that tables tell apart."""


@frozen(kw_only=True)
class Star:
    """The unknowns of a system by number: groups outside of parts first, then those of each part.

    `rows[c]`: the unknowns that cell `c` adds up. `ties`: equations that come to nothing.
    `holds[c, g]`: whether cell `c` has persons of group `g` outside of parts. `outside`: the cells
    that count all persons of such groups, as tables do. `count`: of all unknowns.
    `limit_passed`: the number of groups when they are too many, and nothing else is said then.
    """

    holds: np.ndarray = field(repr=False)
    rows: tuple[tuple[int, ...], ...] = field(repr=False, default=())
    outside: frozenset[int] = field(repr=False, default=frozenset())
    ties: tuple[Mapping[int, int], ...] = field(repr=False, default=())
    count: int = 0
    limit_passed: int = 0

    def lies_in(self, inner: int, outer: int) -> bool:
        """Whether whoever cell `inner` counts is counted by cell `outer`, as far as is known."""
        if outer in self.outside:
            return bool((self.holds[outer] >= self.holds[inner]).all())
        # Two parts share no unknown.
        return set(self.rows[inner]) <= set(self.rows[outer])


def star_of(
    cells: Sequence[GuardedCell],
    values: Mapping[str, frozenset[str]],
    patterns: Sequence[frozenset[int]],
    most: int,
    most_of_parts: int,
) -> Star:
    """The star of `cells`, with at most so many groups outside of parts, and groups of parts.

    `values`: the finest values of each variable. Variables of one part alone are its own; all
    others, and the patterns of populations, tell the groups of tables apart.
    """
    shared, own = _shares(cells)
    holds, passed = columns_of(cells, shared, values, patterns, most)
    if passed:
        return Star(holds=holds, limit_passed=passed)
    holds = holds[:, holds.any(axis=0)]
    members = {
        part: [n for n, c in enumerate(cells) if c.part == part and names & c.condition.keys()]
        for part, names in own.items()
    }
    whole = frozenset(range(len(cells))).difference(*members.values())
    outside = holds[sorted(whole)]
    star = _Growing(holds)
    star.join((_mark(outside[:, group]), [group]) for group in range(holds.shape[1]))
    for part, mine in members.items():
        names = sorted(own[part])
        inside, passed = columns_of([cells[n] for n in mine], names, values, None, most_of_parts)
        if passed:
            return Star(holds=holds, limit_passed=passed)
        star.add(mine, inside, outside)
        if star.of_parts > most_of_parts:
            return Star(holds=holds, limit_passed=star.of_parts)
    return Star(
        holds=holds,
        rows=tuple(map(tuple, star.rows)),
        outside=whole,
        ties=tuple(star.ties),
        count=star.count,
    )


def _shares(cells: Sequence[GuardedCell]) -> tuple[list[str], dict[str, set[str]]]:
    """The variables of tables or of several parts, and for each part those of it alone."""
    users: dict[str, set[str]] = {}
    for cell in cells:
        for name in cell.condition:
            users.setdefault(name, set()).add(cell.part)
    shared, own = [], dict[str, set[str]]()
    for name, parts in users.items():
        if len(parts) > 1 or "" in parts:
            shared.append(name)
        else:
            own.setdefault(min(parts), set()).add(name)
    return sorted(shared), own


class _Growing:
    """A star while it is made: unknowns are numbered as they come."""

    def __init__(self, holds: np.ndarray) -> None:
        self._holds = holds
        self.rows = [list(map(int, np.flatnonzero(line))) for line in holds]
        self.ties: list[Mapping[int, int]] = []
        self.count = int(holds.shape[1])
        self.of_parts = 0

    def add(self, cells: list[int], inside: np.ndarray, outside: np.ndarray) -> None:
        """The groups of a part: its `cells` take in groups outside, and groups `inside` of it.

        `outside`: what the cells outside of parts take in. Persons of whom no cell of the part
        says anything have no unknown of it.
        """
        holds = self._holds[cells]
        classes = _alike(np.concatenate([holds, outside]))
        fine = len(classes) * inside.shape[1] <= MOST_FINE
        pieces: list[tuple[bytes, Sequence[int]]] = []
        for number in cells:
            self.rows[number] = []
        for persons in classes if fine else _alike(holds):
            taken, tables = holds[:, persons[0]], outside[:, persons[0]]
            if not taken.any():
                pieces.append((_mark(tables, taken), persons))
                continue
            columns = np.unique(inside & taken[:, None], axis=1)
            unknowns = self._new(columns.shape[1])
            self.of_parts += len(unknowns)
            self.ties.append(dict.fromkeys(unknowns, 1) | dict.fromkeys(persons, -1))
            for number, line in zip(cells, columns, strict=True):
                self.rows[number] += [unknowns[int(place)] for place in np.flatnonzero(line)]
            for unknown, column in zip(unknowns, columns.T, strict=True):
                pieces.append((_mark(tables, column), [unknown]))
        if fine:
            self.join(pieces)

    def join(self, pieces: Iterable[tuple[bytes, Sequence[int]]]) -> None:
        """An unknown for all pieces under one mark: known to be few, though no piece may be."""
        found: dict[bytes, list[Sequence[int]]] = {}
        for mark, unknowns in pieces:
            found.setdefault(mark, []).append(unknowns)
        for several in found.values():
            if len(several) > 1:
                (whole,) = self._new(1)
                self.ties.append(dict.fromkeys(chain(*several), -1) | {whole: 1})

    def _new(self, many: int) -> range:
        self.count += many
        return range(self.count - many, self.count)


def _mark(*columns: np.ndarray) -> bytes:
    """Which cells take a group in; groups with one mark are told apart by none of them."""
    return np.concatenate(columns).tobytes()


def _alike(holds: np.ndarray) -> list[list[int]]:
    """The groups that are in the same cells, together."""
    found: dict[bytes, list[int]] = {}
    for number, column in enumerate(holds.T):
        found.setdefault(_mark(column), []).append(number)
    return list(found.values())
