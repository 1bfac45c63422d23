"""The least and greatest value of unknowns tied by equations; whole numbers where asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor
from typing import Any, cast

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from bercail.foundation import Unproven

Bounds = tuple[int, int | None]
Row = Mapping[int, int]
"""The coefficients of one equation by unknown."""

# The stubs of SciPy know no sparse matrices here; the function takes them.
_linprog = cast("Any", linprog)
_OPTIMAL, _INFEASIBLE, _UNBOUNDED, _UNSURE = 0, 2, 3, 4
_WHOLE = 1e-6
_LARGE = 1e6


class Unknowns:
    """Unknowns between `lower` and `upper` (None: no limit) with `rows[i] @ x = known[i]`.

    `whole`: they are counts. Amounts are whole hundredths, and treated as continuous: that
    leaves an attacker a hundredth more than the truth at most.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        known: Sequence[int],
        lower: Sequence[int],
        upper: Sequence[int | None],
        *,
        whole: bool,
    ) -> None:
        self._whole = whole
        self.lower = list(lower)
        self.upper = list(upper)
        largest = max((abs(value) for value in known), default=0)
        # HiGHS works with absolute tolerances; large amounts are brought into their range.
        self._scale = 1.0 if whole else max(1.0, largest / _LARGE)
        self._parts = _components(rows, known, len(self.lower))
        self._part_of = {cell: part for part in self._parts for cell in part.cells}

    def possible(self) -> bool:
        """Whether some values fit everything that is known."""
        return all(
            self._solve(part, np.zeros(len(part.cells)))[0] == _OPTIMAL for part in self._parts
        )

    def bounds(self, cell: int) -> Bounds:
        """The least and greatest value of `cell`.

        Raises:
            Unproven: nothing fits, or the solver gives no answer.
        """
        part = self._part_of[cell]
        aim = np.zeros(len(part.cells))
        aim[part.place[cell]] = 1.0
        low_status, low = self._solve(part, aim)
        high_status, high = self._solve(part, -aim)
        if low_status != _OPTIMAL or high_status == _INFEASIBLE:
            raise unproven(
                "The solver found no values where some exist.",
                "Le solveur n'a pas trouvé de valeurs là où il y en a.",
            )
        least = ceil(low * self._scale - _slack(self._scale))
        if high_status != _OPTIMAL:
            return least, None
        return least, floor(-high * self._scale + _slack(self._scale))

    def known(self, values: Mapping[int, Bounds]) -> Unknowns:
        """The same unknowns for somebody who knows more of some of them."""
        other = object.__new__(Unknowns)
        other._whole, other._scale = self._whole, self._scale
        other._parts, other._part_of = self._parts, self._part_of
        other.lower, other.upper = list(self.lower), list(self.upper)
        for cell, (low, high) in values.items():
            other.lower[cell] = max(other.lower[cell], low)
            if high is not None:
                old = other.upper[cell]
                other.upper[cell] = high if old is None else min(old, high)
        return other

    def together(self, cell: int) -> frozenset[int]:
        """The unknowns that any equations tie to `cell`."""
        return frozenset(self._part_of[cell].cells)

    def _solve(self, part: _Part, aim: Any) -> tuple[int, float]:
        low = np.array([self.lower[cell] for cell in part.cells], dtype=float)
        high = np.array(
            [np.inf if self.upper[c] is None else self.upper[c] for c in part.cells], dtype=float
        )
        if (low > high).any():
            return _INFEASIBLE, 0.0
        limits = np.column_stack((low, high)) / self._scale
        found = self._program(part, aim, limits, whole=False)
        if (
            self._whole
            and found.status == _OPTIMAL
            and np.abs(found.x - np.round(found.x)).max() > _WHOLE
        ):
            found = self._program(part, aim, limits, whole=True)
        if found.status == _UNSURE or (found.status == _UNBOUNDED and not aim.any()):
            raise unproven(
                "The solver gave no answer on the published tables.",
                "Le solveur n'a pas répondu sur les tableaux publiés.",
            )
        return int(found.status), float(found.fun) if found.status == _OPTIMAL else 0.0

    def _program(self, part: _Part, aim: Any, limits: Any, *, whole: bool) -> Any:
        options: dict[str, Any] = {"mip_rel_gap": 0.0} if whole else {}
        for presolve in (True, False):
            found = _linprog(
                aim,
                A_eq=part.matrix,
                b_eq=part.known / self._scale if part.matrix is not None else None,
                bounds=limits,
                method="highs",
                integrality=1 if whole else 0,
                options={**options, "presolve": presolve},
            )
            if found.status != _UNSURE:
                break
        return found


class _Part:
    """Unknowns that equations tie together, and those equations."""

    def __init__(self, cells: Sequence[int], rows: Sequence[Row], known: Sequence[int]) -> None:
        self.cells = tuple(cells)
        self.place = {cell: number for number, cell in enumerate(self.cells)}
        entries = [(r, self.place[c], v) for r, row in enumerate(rows) for c, v in row.items()]
        data = np.array([v for _, _, v in entries], dtype=float)
        places = ([r for r, _, _ in entries], [c for _, c, _ in entries])
        shape = (len(rows), len(self.cells))
        self.matrix = csr_array((data, places), shape=shape) if rows else None
        self.known = np.array(known, dtype=float) if rows else np.zeros(0)


def _components(rows: Sequence[Row], known: Sequence[int], size: int) -> tuple[_Part, ...]:
    if not size:
        return ()
    pairs = [(next(iter(row)), cell) for row in rows for cell in row]
    ones = np.ones(len(pairs))
    places = ([a for a, _ in pairs], [b for _, b in pairs])
    graph = csr_array((ones, places), shape=(size, size))
    many, labels = connected_components(graph, directed=False)
    cells: list[list[int]] = [[] for _ in range(many)]
    for cell, label in enumerate(labels):
        cells[label].append(cell)
    lines: list[list[int]] = [[] for _ in range(many)]
    for number, row in enumerate(rows):
        lines[labels[next(iter(row))]].append(number)
    return tuple(
        _Part(group, [rows[n] for n in numbers], [known[n] for n in numbers])
        for group, numbers in zip(cells, lines, strict=True)
    )


def _slack(scale: float) -> float:
    return _WHOLE * max(1.0, scale)


def unproven(why: str, why_fr: str) -> Unproven:
    """The error of an audit that cannot answer; each text is a sentence."""
    return Unproven(
        f"{why} / {why_fr}",
        remedy="Do not use the tables; tell who made them. / "
        "N'utilisez pas les tableaux ; prévenez qui les a faits.",
        rule="attacker-audit",
    )
