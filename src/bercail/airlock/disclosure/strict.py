"""The strict audit used while choosing: whole numbers, and an attacker who knows the rule.

It answers whether a set of hidden cells holds, and if not, names groups of cells of which
at least one more must be hidden. It keeps every table it has seen fit: a table that fits one set
of hidden cells fits every larger set. The attacker program (`attacker`) shares none of
this code and has the last word.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from bercail.airlock.disclosure.lattice import Lattice
from bercail.airlock.disclosure.programs import Vector, integer_program, linear_program
from bercail.airlock.disclosure.unsolved import unsolved
from bercail.foundation import Unproven

_WHOLE = 1e-6
_NOISE = 1e-9
_KEPT = 4000


@frozen(kw_only=True)
class Range:
    """What must stay possible for a small cell, and what a reader knows of the others."""

    low: int
    high: int
    threshold: int
    zeros_published: bool


class StrictAudit:
    """Judges sets of hidden cells of one table."""

    def __init__(self, lattice: Lattice, small: frozenset[int], wanted: Range) -> None:
        self.matrix = lattice.matrix().tocsc()
        self.truth = np.array(lattice.values, dtype=float)
        self.wanted = wanted
        self._small = small
        self._seen = np.tile(self.truth, (_KEPT, 1))
        self._count = 1

    def missing(self, hidden: frozenset[int]) -> tuple[frozenset[int], ...]:
        """Empty when every small cell keeps its range against the informed attacker.

        Else one group of shown cells for each small cell that does not: in every set that
        holds, one of the group is hidden, since hiding only others leaves the weakness.
        """
        state = _Knowledge(self, hidden)
        while True:
            weak = [cell for cell in sorted(self._small) if state.is_narrow(cell)]
            if weak:
                return tuple({state.blamed(cell) for cell in weak})
            others = sorted(hidden - self._small - state.settled)
            narrow = [cell for cell in others if state.is_narrow(cell)]
            # Every narrow cell is learned before the next round, hence no short-circuit.
            if not sum(state.learn(cell) for cell in narrow):
                return ()

    def remember(self, table: Vector) -> None:
        """Keep a whole table that fits, for later questions; the oldest make room."""
        self._seen[self._count % _KEPT] = table
        self._count += 1

    @property
    def seen(self) -> Vector:
        """The tables kept, one per row."""
        return self._seen[: min(self._count, _KEPT)]


class _Knowledge:
    """What the attacker knows at one moment: the shown cells and bounds on hidden ones."""

    def __init__(self, audit: StrictAudit, hidden: frozenset[int]) -> None:
        self._audit = audit
        self._order = np.array(sorted(hidden), dtype=int)
        self._shown = np.ones(len(audit.truth), dtype=bool)
        self._shown[self._order] = False
        self._lower = np.where(self._shown, audit.truth, 0.0)
        self._upper = np.where(self._shown, audit.truth, np.inf)
        self._part = audit.matrix[:, self._order]
        self._rest = -(audit.matrix[:, np.flatnonzero(self._shown)] @ audit.truth[self._shown])
        self._blame: dict[int, frozenset[int]] = {}
        self.settled: frozenset[int] = frozenset()
        self._reread()

    def is_narrow(self, cell: int) -> bool:
        """Whether some value of the protected range is impossible for `cell`."""
        wanted = self._audit.wanted
        return not (
            self._reaches(cell, wanted.high, up=True) and self._reaches(cell, wanted.low, up=False)
        )

    def learn(self, cell: int) -> bool:
        """A narrow cell is empty or at least the threshold; whether that settles it."""
        wanted = self._audit.wanted
        if not (wanted.zeros_published and self._reaches(cell, 0, up=False)):
            self._lower[cell] = max(self._lower[cell], wanted.threshold)
        elif not self._reaches(cell, wanted.threshold, up=True):
            self._upper[cell] = 0.0
        else:
            return False
        self.settled |= {cell}
        self._reread()
        return True

    def blamed(self, cell: int) -> frozenset[int]:
        """The shown cells behind what is known of `cell`."""
        return self._blame[cell]

    def _reread(self) -> None:
        seen = self._audit.seen
        fits = seen[((seen >= self._lower) & (seen <= self._upper)).all(axis=1)]
        self._least = fits.min(axis=0, initial=np.inf)
        self._most = fits.max(axis=0, initial=-np.inf)

    def _reaches(self, cell: int, goal: int, *, up: bool) -> bool:
        if self._most[cell] >= goal if up else self._least[cell] <= goal:
            return True
        place = int(np.searchsorted(self._order, cell))
        found, blame = self._nearest(place, goal, up=up)
        table = self._audit.truth.copy()
        table[self._order] = np.round(found)
        self._audit.remember(table)
        self._least = np.minimum(self._least, table)
        self._most = np.maximum(self._most, table)
        if table[cell] >= goal if up else table[cell] <= goal:
            return True
        self._blame[cell] = self._blame.get(cell, frozenset()) | blame
        return False

    def _nearest(self, place: int, goal: int, *, up: bool) -> tuple[Vector, frozenset[int]]:
        """A whole table that brings a hidden cell as near to `goal` as can be, and its limits."""
        aim = np.zeros(len(self._order))
        aim[place] = -1.0 if up else 1.0
        lower, upper = self._lower[self._order], self._upper[self._order].copy()
        if up:
            upper[place] = min(upper[place], goal)
        limits = np.column_stack((lower, upper))
        found = linear_program(aim, self._part, self._rest, limits)
        if found.status != 0:
            raise _unanswered()
        short = found.x[place] < goal - _WHOLE if up else found.x[place] > goal + _WHOLE
        if short:
            blame = self._limits(place, -aim[place], found.eqlin.marginals)
        else:
            # Only whole numbers can stand in the way here; any shown cell may be the cause.
            blame = frozenset(int(cell) for cell in np.flatnonzero(self._shown))
        if np.abs(found.x - np.round(found.x)).max() <= _WHOLE:
            return np.asarray(found.x), blame
        whole = integer_program(aim, self._part, self._rest, self._rest, limits)
        if whole.status != 0 or whole.x is None:
            raise _unanswered()
        return np.asarray(whole.x), blame

    def _limits(self, place: int, sign: float, prices: Vector) -> frozenset[int]:
        """By duality: the shown cells whose freedom would move the cell further."""
        rewards = np.asarray(self._audit.matrix.T @ prices).ravel()
        rewards[self._order[place]] += sign
        moves = (rewards > _NOISE) | ((rewards < -_NOISE) & (self._audit.truth > 0))
        blame = {int(cell) for cell in np.flatnonzero(moves & self._shown)}
        for cell in self.settled:
            if abs(rewards[cell]) > _NOISE:
                blame |= self._blame[cell]
        return frozenset(blame)


def _unanswered() -> Unproven:
    return unsolved(
        "The solver gave no answer while judging a set of hidden cells.",
        "Le solveur n'a pas répondu en jugeant un ensemble de cases masquées.",
    )
