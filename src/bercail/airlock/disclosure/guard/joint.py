"""The joint system of releases whose populations lie in one another, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
from attrs import field, frozen

from bercail.airlock.disclosure.guard.atoms import GuardedCell, Source
from bercail.airlock.disclosure.guard.readers import Readers
from bercail.airlock.disclosure.guard.record import ReleaseRecord
from bercail.airlock.disclosure.guard.star import Star

MOST_PROGRAMS = 400
"""Groups for which it is computed whether they are known to be small."""

Place = tuple[str, int, tuple[str | None, ...]]


class Joint:
    """Cells of several releases over shared unknowns; the last release is the new one."""

    def __init__(
        self,
        records: Sequence[ReleaseRecord],
        cells: Sequence[GuardedCell],
        atoms: Star,
        *,
        counts: bool,
        believed: Iterable[Source] | None = None,
    ) -> None:
        self._records = tuple(records)
        self.cells = tuple(cells)
        self.atoms = atoms
        # Few records are of few persons; a small amount of money is of anybody.
        self.counts = counts
        self.sources = frozenset(cell.source for cell in cells)
        # Those whose numbers fit one another; promises are computed with these alone.
        self._believed = self.sources if believed is None else frozenset(believed)
        self._last = len(self._records) - 1
        self._knowledge: dict[frozenset[Source], Readers] = {}

    @property
    def newest(self) -> str:
        """The id of the new release."""
        return self._records[-1].release

    def release(self, number: int) -> str:
        """The id of a release by its number."""
        return self._records[number].release

    def place(self, cell: int) -> Place:
        """Where a cell stands: release, number of the table, key."""
        one = self.cells[cell]
        return self.release(one.release), one.table, one.key

    def possible(self, sources: Iterable[Source] | None = None) -> bool:
        """Whether any persons fit all numbers; when not, the populations do not lie as assumed.

        `sources`: only the numbers of these, without which all are taken.
        """
        return self._known(self._believed if sources is None else sources).possible()

    def believing(self, sources: Iterable[Source]) -> Joint:
        """The same system for somebody who takes only the numbers of `sources` as true."""
        return Joint(self._records, self.cells, self.atoms, counts=self.counts, believed=sources)

    def small_differences(self, threshold: int) -> Iterator[tuple[int, int]]:
        """Pairs of exactly shown cells (outer, inner) with a difference under `threshold`.

        Only pairs with a cell of the new release, and not both of one table. Numbers that fit no
        system count too: of the same population, or of the same condition.
        """
        if not self.counts:
            return
        exact = [n for n, cell in enumerate(self.cells) if cell.value is not None and not cell.base]
        values = np.array([self.cells[n].value for n in exact])
        for inner in exact:
            gap = values - self.cells[inner].value
            for outer in (exact[n] for n in np.flatnonzero((gap > 0) & (gap < threshold))):
                pair = (self.cells[outer], self.cells[inner])
                if self._last not in (pair[0].release, pair[1].release):
                    continue
                if (pair[0].release, pair[0].table) == (pair[1].release, pair[1].table):
                    continue
                if self._is_lasting(*pair):
                    inside = self.atoms.lies_in(inner, outer)
                else:
                    # Data came and went; what one condition gained or lost is a group all the same.
                    inside = pair[0].condition == pair[1].condition
                if inside:
                    yield outer, inner

    def _is_lasting(self, one: GuardedCell, other: GuardedCell) -> bool:
        """Whether both count persons who stand to each other as the system assumes."""
        if one.population == other.population:
            return True
        return {one.source, other.source} <= self._believed

    def broken_promises(self) -> Iterator[tuple[Place, tuple[str, ...]]]:
        """Promised ranges that everything known breaks, with the earlier releases to blame."""
        everything = self._believed
        mine = [one for one in self._promises if self.cells[one[0]].source in everything]
        kept = self._known(everything).are_kept(
            (self._variable[cell], low, high) for cell, low, high in mine
        )
        for cell, low, high in mine:
            if (self._variable[cell], low, high) in kept:
                continue
            if self._keeps(everything, cell, low, high):
                continue
            owner = self.cells[cell].source
            if owner[0] != self._last and not self._keeps(self._before, cell, low, high):
                # Broken before: the new release is not the cause.
                continue
            yield self.place(cell), self._blamed(cell, low, high)

    def small_atoms(self, threshold: int) -> Iterator[str]:
        """An earlier release for the first group that is known to be small, if any."""
        known = self._known(self._believed)
        atoms = known.may_be_small(range(self.atoms.count), threshold)
        if len(atoms) > MOST_PROGRAMS:
            return
        before = self._known(self._before)
        for atom in atoms:
            if not known.is_small(atom, threshold) or before.is_small(atom, threshold):
                continue
            for number in self._earlier:
                if self._known(self._of(number, self._last)).is_small(atom, threshold):
                    break
            else:
                number = max(self._earlier, default=self._last)
            yield self.release(number)
            return

    @cached_property
    def _before(self) -> frozenset[Source]:
        """What was believed of the earlier releases."""
        return frozenset(one for one in self._believed if one[0] != self._last)

    @cached_property
    def _earlier(self) -> list[int]:
        return sorted({number for number, _ in self._before})

    def _of(self, *numbers: int) -> frozenset[Source]:
        """What is believed of some releases."""
        return frozenset(one for one in self._believed if one[0] in numbers)

    @cached_property
    def _promises(self) -> list[tuple[int, int, int]]:
        places = {(cell.release, cell.table, cell.key): n for n, cell in enumerate(self.cells)}
        return [
            (places[(number, table, key)], low, high)
            for number, record in enumerate(self._records)
            for table, key, low, high in record.secrets
            if (number, table, key) in places
        ]

    def _keeps(self, sources: Iterable[Source], cell: int, low: int, high: int) -> bool:
        least, most = self._known(sources).bounds(self._variable[cell])
        return least <= low and (most is None or most >= high)

    def _blamed(self, cell: int, low: int, high: int) -> tuple[str, ...]:
        """The earlier releases that, with the new one, break the promise; the first owns it.

        As few as can be: one alone where one is enough, else none that could be left out.
        """
        owner = self.cells[cell].release
        mine = {owner} - {self._last}
        for number in self._earlier:
            if not self._keeps(self._of(number, self._last, owner), cell, low, high):
                return self._named([*mine, *({number} - mine)])
        needed = set(self._earlier)
        for number in reversed(self._earlier):
            rest = needed - {number}
            if number != owner and not self._keeps(
                self._of(*rest, self._last, owner), cell, low, high
            ):
                needed = rest
        return self._named([*mine, *sorted(needed - mine)])

    def _named(self, numbers: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.release(number) for number in numbers or [max(0, self._last - 1)])

    @cached_property
    def _variable(self) -> dict[int, int]:
        """Cells that are no single known number have an unknown of their own."""
        free = [n for n, cell in enumerate(self.cells) if cell.value is None or cell.base]
        return {cell: self.atoms.count + place for place, cell in enumerate(free)}

    def _known(self, sources: Iterable[Source]) -> Readers:
        """What a reader of `sources` knows; promises of others stay unknowns."""
        wanted = frozenset(sources)
        if wanted not in self._knowledge:
            self._knowledge[wanted] = self._read(wanted)
        return self._knowledge[wanted]

    def _read(self, sources: frozenset[Source]) -> Readers:
        size = self.atoms.count + len(self._variable)
        lower: list[int] = [0] * size
        upper: list[int | None] = [None] * size
        rows, known = list(self.atoms.ties), [0] * len(self.atoms.ties)
        for number, cell in enumerate(self.cells):
            row = dict.fromkeys(self.atoms.rows[number], 1)
            variable = self._variable.get(number)
            if variable is not None:
                rows.append({**row, variable: -1})
                known.append(0)
                if cell.value is not None and cell.source in sources:
                    lower[variable] = max(0, cell.value - cell.base + 1)
                    upper[variable] = cell.value + cell.base - 1
            elif cell.source in sources and row:
                rows.append(row)
                known.append(cell.value or 0)
        return Readers(rows, known, lower, upper, whole=self.counts)


@frozen(kw_only=True)
class Findings:
    """The systems of a release, apart for differences and for promises, and what cannot be.

    `all_numbers`: all numbers, whether they fit or not. `fitting`: numbers that fit one another.
    `contradicted`: earlier releases with other numbers of the same cohort in the same snapshot.
    `people`: why persons must compare.
    """

    all_numbers: list[Joint] = field(factory=list)
    fitting: list[Joint] = field(factory=list)
    contradicted: list[str] = field(factory=list)
    people: list[str] = field(factory=list)
