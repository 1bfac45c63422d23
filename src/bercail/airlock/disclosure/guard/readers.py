"""What readers of some releases know, and persons who fit all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from bercail.airlock.disclosure.audit.bounds import Unknowns

Promise = tuple[int, int, int]
"""An unknown, and the least and greatest number that readers must go on holding possible."""

_WHOLE = 1e-6
_MOST_ROUNDS = 12


class Readers(Unknowns):
    """Unknown counts, with examples of values that fit: they clear many unknowns at once."""

    def may_be_small(self, unknowns: Iterable[int], threshold: int) -> list[int]:
        """Those of `unknowns` that no example shows empty or from `threshold` on.

        Each round looks for an example with as few persons as can be in those that are left.
        """
        left = list(unknowns)
        for _ in range(_MOST_ROUNDS):
            values = self._example(left, 1.0)
            still = [one for one in left if 0 < values.get(one, 1) < threshold]
            if len(still) == len(left):
                break
            left = still
        return left

    def are_kept(self, promises: Iterable[Promise]) -> set[Promise]:
        """Those of `promises` (unknown, low, high) that examples show to hold: at both ends.

        What no example shows may hold all the same. Nothing is shown of amounts.
        """
        every = set(promises)
        if not self._whole:
            return set()
        low = self._unshown(every, 1.0, lambda one, value: value <= one[1])
        return every - low - self._unshown(every - low, -1.0, lambda one, value: value >= one[2])

    def _unshown(
        self, promises: set[Promise], sign: float, holds: Callable[[Promise, int], bool]
    ) -> set[Promise]:
        left = promises
        for _ in range(_MOST_ROUNDS):
            values = self._example({one[0] for one in left}, sign)
            still = {one for one in left if one[0] not in values or not holds(one, values[one[0]])}
            if len(still) == len(left):
                break
            left = still
        return left

    def is_small(self, unknown: int, threshold: int) -> bool:
        """Whether it is known to be from 1 to `threshold` - 1."""
        low, high = self.bounds(unknown)
        return low > 0 and high is not None and high < threshold

    def _example(self, unknowns: Iterable[int], sign: float) -> dict[int, int]:
        """Whole values that fit, where the solver gives some; with few persons in `unknowns`.

        With many persons for a `sign` of -1.
        """
        wanted = set(unknowns)
        found: dict[int, int] = {}
        for part in self._parts:
            if wanted.isdisjoint(part.cells):
                continue
            aim = np.array([sign * (cell in wanted) for cell in part.cells])
            upper = [self.upper[cell] for cell in part.cells]
            limits = np.array(
                [
                    (self.lower[cell], np.inf if high is None else high)
                    for cell, high in zip(part.cells, upper, strict=True)
                ],
                dtype=float,
            )
            values = self._program(part, aim, limits, whole=False).x
            if values is not None and np.abs(values - np.round(values)).max() > _WHOLE:
                values = self._program(part, aim, limits, whole=True).x
            if values is not None:
                found |= dict(zip(part.cells, map(int, np.round(values)), strict=True))
        return found
