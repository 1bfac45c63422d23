"""Cuts: what a set of hidden cells lacks, said as an inequality every good set obeys.

Fischetti and Salazar, "Solving the cell suppression problem on tabular data with linear
constraints", Management Science 47 (2001). An attacker who sees the shown cells moves a
hidden cell by circulating persons through other hidden cells. When the largest move is
short of what is required, linear duality names the cells of which at least some must be
hidden too.
"""

from __future__ import annotations

import numpy as np
from attrs import field, frozen, validators

from bercail.airlock.disclosure.lattice import Lattice
from bercail.airlock.disclosure.programs import Vector, linear_program
from bercail.airlock.disclosure.unsolved import unsolved
from bercail.foundation import Unproven

_SHORT = 1e-6
_NOISE = 1e-9
_WORTH = 1e-3


@frozen(kw_only=True)
class Need:
    """How far a hidden cell must be able to move: `down` and `up`, in units of the table.

    `without`: a cell whose value an attacker knows beside, being its only contributor; the
    move must not need it.
    """

    cell: int
    down: int = field(validator=validators.ge(0))
    up: int = field(validator=validators.ge(0))
    without: int | None = None


class Separator:
    """Finds cuts for one table; keeps the moves that worked, to skip solving them again."""

    def __init__(self, lattice: Lattice, needs: tuple[Need, ...]) -> None:
        self._matrix = lattice.matrix()
        self._columns = self._matrix.tocsc()
        self._values = np.array(lattice.values, dtype=float)
        self._needs = needs
        self._moves: list[Vector] = []
        self.programs = 0

    def cuts(self, hidden: frozenset[int]) -> list[Vector]:
        """One inequality `cut @ x >= 1` for each unmet need; empty when all are met."""
        shown = np.ones(len(self._values), dtype=bool)
        shown[sorted(hidden)] = False
        usable = [move for move in self._moves if not move[shown].any()]
        found: list[Vector] = []
        for need in self._needs:
            for sign, distance in ((1.0, need.up), (-1.0, need.down)):
                if not distance or any(
                    sign * move[need.cell] >= distance - _SHORT
                    and (need.without is None or not move[need.without])
                    for move in usable
                ):
                    continue
                others = hidden - {need.without} if need.without is not None else hidden
                move, cut = self._attempt(need, sign, float(distance), others)
                if cut is not None:
                    found.append(cut)
                else:
                    usable.append(move)
                    self._moves.append(move)
        return found

    def cuts_between(self, chosen: Vector) -> list[Vector]:
        """Cuts that a set chosen in part breaks (`chosen`: 0 to 1 for each cell).

        A cell chosen by half lets through half of its room. The cuts hold for every good set
        all the same, and spare integer programs later.
        """
        found = []
        for need in self._needs:
            for sign, distance in ((1.0, need.up), (-1.0, need.down)):
                if not distance:
                    continue
                share = chosen.copy()
                if need.without is not None:
                    share[need.without] = 0.0
                room = np.minimum(self._values, distance) * share
                limits = np.column_stack((-room, distance * share))
                limits[need.cell] = (0.0, distance) if sign > 0 else (-distance, 0.0)
                aim = np.zeros(len(self._values))
                aim[need.cell] = -sign
                known = np.zeros(self._columns.shape[0])
                result = linear_program(aim, self._columns, known, limits)
                self.programs += 1
                if result.status != 0:
                    raise _unanswered()
                if -result.fun < distance * (1 - _WORTH):
                    prices = result.eqlin.marginals
                    found.append(self._cut(need, sign, float(distance), prices))
        return [cut for cut in found if cut @ chosen < 1 - _WORTH]

    def _attempt(
        self, need: Need, sign: float, distance: float, hidden: frozenset[int]
    ) -> tuple[Vector, Vector | None]:
        """The best move of a cell in direction `sign`, and a cut if it falls short."""
        cell = need.cell
        order = sorted(hidden)
        aim = np.zeros(len(order))
        aim[order.index(cell)] = -sign
        lower, upper = -self._values[order], np.full(len(order), np.inf)
        if sign > 0:
            upper[order.index(cell)] = distance
        else:
            lower[order.index(cell)] = -distance
        part = self._columns[:, order]
        self.programs += 1
        limits = np.column_stack((lower, upper))
        result = linear_program(aim, part, np.zeros(part.shape[0]), limits)
        if result.status != 0:
            raise _unanswered()
        move = np.zeros(len(self._values))
        move[order] = result.x
        if -result.fun >= distance - _SHORT:
            move[np.abs(move) < _NOISE] = 0.0
            return move, None
        return move, self._cut(need, sign, distance, result.eqlin.marginals)

    def _cut(self, need: Need, sign: float, distance: float, prices: Vector) -> Vector:
        """Weak duality: for any hidden set, the move is at most the priced room of its cells."""
        rewards = np.asarray(self._matrix.T @ prices).ravel()
        rewards[need.cell] += sign
        rewards[np.abs(rewards) < _NOISE] = 0.0
        # Upwards the room is unlimited, downwards it is the count itself.
        room = np.where(rewards > 0, distance, -rewards * self._values)
        if need.without is not None:
            room[need.without] = 0.0
        return np.minimum(room, distance) / distance


def _unanswered() -> Unproven:
    return unsolved(
        "The solver gave no answer on a protection problem.",
        "Le solveur n'a pas répondu à un problème de protection.",
    )
