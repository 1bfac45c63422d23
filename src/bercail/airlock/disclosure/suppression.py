"""Which cells to hide so that the small ones cannot be computed: the cheapest set, exactly.

1. Every small cell is hidden; no hidden cell may stand alone in a line.
2. Linear programs add cuts while these raise the bound; then
   an integer program (HiGHS) chooses the cheapest set under the cuts known so far.
3. Each need is tried by an attacker (`separation`); what falls short gives new cuts.
4. When nothing falls short, the strict audit of the caller looks at the set (whole
   numbers, informed attacker). When it refuses, it names groups of cells, of each of
   which at least one must be hidden.
5. The first set that passes is optimal: every cut holds for every set that passes.

Hiding more never helps an attacker, which makes step 4 exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from attrs import field, frozen
from scipy.sparse import csr_array, vstack

from bercail.airlock.disclosure.lattice import Lattice
from bercail.airlock.disclosure.programs import Vector, bounded_program, integer_program
from bercail.airlock.disclosure.separation import Need, Separator
from bercail.airlock.disclosure.unsolved import unsolved
from bercail.foundation import Unproven

_MOST_TIGHTENING = 40
_GAIN = 1e-3
_LOOSE = 0.03

Audit = Callable[[frozenset[int]], tuple[frozenset[int], ...]]
"""Empty when a set of hidden cells passes; else groups of shown cells: in every set that
passes, at least one cell of each group is hidden."""


@frozen(kw_only=True)
class Pattern:
    """A set of hidden cells (indices), its cost, and whether no cheaper one exists."""

    hidden: frozenset[int] = field(repr=False)
    cost: int
    optimal: bool
    rounds: int


def cheapest(
    lattice: Lattice,
    needs: Mapping[int, Need],
    costs: tuple[int, ...],
    audit: Audit,
    *,
    most_rounds: int,
    insiders: tuple[Need, ...] = (),
) -> Pattern | None:
    """The cheapest set that holds every cell of `needs`, meets them all and passes `audit`.

    `costs`: one positive whole number per cell. `insiders`: the same needs again for those who
    know another hidden cell. None when `most_rounds` integer programs
    were not enough.

    Raises:
        Unproven: a solver fails.
    """
    separator = Separator(lattice, (*(needs[cell] for cell in sorted(needs)), *insiders))
    master = _Master(lattice, frozenset(needs), costs)
    _tighten(master, separator)
    gap = _LOOSE
    for rounds in range(1, most_rounds + 1):
        hidden = master.best(gap)
        cuts = separator.cuts(hidden)
        if not cuts:
            missing = audit(hidden)
            if not missing and gap:
                # It holds; whether it is the cheapest only an exact program can say.
                gap = 0.0
                continue
            if not missing:
                cost = sum(costs[cell] for cell in hidden)
                return Pattern(hidden=hidden, cost=cost, optimal=True, rounds=rounds)
            cuts = [_one_of(group, len(lattice)) for group in missing]
        master.add(cuts)
    return None


def lowest_bound(
    lattice: Lattice, needs: Mapping[int, Need], costs: tuple[int, ...], separator: Separator
) -> float:
    """A cost that no set meeting `needs` goes under, by linear programming."""
    master = _Master(lattice, frozenset(needs), costs)
    _tighten(master, separator)
    return master.relaxed()[1]


def _tighten(master: _Master, separator: Separator) -> None:
    """Cuts for sets chosen in part, while they still raise the bound; cheap linear programs."""
    bounds = [-1.0]
    for _ in range(_MOST_TIGHTENING):
        chosen, bound = master.relaxed()
        if bound <= bounds[max(0, len(bounds) - 4)] * (1 + _GAIN):
            return
        bounds.append(bound)
        cuts = separator.cuts_between(chosen)
        if not cuts:
            return
        master.add(cuts)


class _Master:
    """The integer program: cheapest set under the cuts so far."""

    def __init__(self, lattice: Lattice, primaries: frozenset[int], costs: tuple[int, ...]) -> None:
        self._costs = np.array(costs, dtype=float)
        lower = np.zeros(len(lattice))
        lower[sorted(primaries)] = 1.0
        self._limits = np.column_stack((lower, np.ones(len(lattice))))
        self._company = _company(lattice)
        self._cuts: list[Vector] = []

    def add(self, cuts: list[Vector]) -> None:
        self._cuts.extend(cuts)

    def relaxed(self) -> tuple[Vector, float]:
        """The cheapest choice in parts, and its cost: a bound from below."""
        rows, floor = self._rows()
        found = bounded_program(self._costs, rows, floor, self._limits)
        if found.status != 0:
            raise _unprotected()
        return np.asarray(found.x), float(found.fun)

    def _rows(self) -> tuple[csr_array, Vector]:
        rows, floor = self._company, np.zeros(self._company.shape[0])
        if self._cuts:
            rows = vstack((rows, csr_array(np.array(self._cuts))), format="csr")
            floor = np.concatenate((floor, np.full(len(self._cuts), 1.0 - 1e-7)))
        return rows, floor

    def best(self, gap: float) -> frozenset[int]:
        """The cheapest set; no more than the share `gap` above it, when `gap` is not 0."""
        rows, floor = self._rows()
        found = integer_program(self._costs, rows, floor, np.inf, self._limits, gap=gap)
        if found.status != 0 or found.x is None:
            raise _unprotected()
        return frozenset(int(cell) for cell in np.flatnonzero(found.x > 0.5))


def _company(lattice: Lattice) -> csr_array:
    """In each line, a hidden cell needs another one: `sum of others - cell >= 0`."""
    rows, columns, entries = [], [], []
    row = 0
    for equation in lattice.equations:
        members = equation.members
        for alone in members:
            for member in members:
                rows.append(row)
                columns.append(member)
                entries.append(-1.0 if member == alone else 1.0)
            row += 1
    return csr_array((np.array(entries), (rows, columns)), shape=(row, len(lattice)))


def _one_of(group: frozenset[int], size: int) -> Vector:
    """A cut that asks for at least one cell of `group`."""
    cut = np.zeros(size)
    cut[sorted(group)] = 1.0
    return cut


def _unprotected() -> Unproven:
    return unsolved(
        "The solver found no set of cells that protects the table.",
        "Le solveur n'a trouvé aucun ensemble de cases qui protège le tableau.",
    )
