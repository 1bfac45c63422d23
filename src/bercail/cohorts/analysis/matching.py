"""Matching on the propensity score."""

from __future__ import annotations

import bisect
from collections.abc import Mapping

import numpy as np
from attrs import define, field, frozen

from bercail.cohorts.analysis.columns import Flags, Integers, Numbers
from bercail.foundation import Invalid


@frozen(kw_only=True, eq=False)
class Pairs:
    """Rows of treated and of their controls, in the same order; no control occurs twice."""

    treated: Integers
    control: Integers


def match(treated: Flags, scores: Numbers, caliper: float = 0.2) -> Pairs:
    """Greedy nearest pairs one to one; see `nearest_pairs`.

    Raises:
        Invalid: a caliper that is not positive, or nobody matched.
    """
    found = nearest_pairs(treated, scores, caliper)
    if not len(found.treated):
        raise Invalid("Nobody is matched.", remedy="Widen the caliper, or look at the groups.")
    return found


def nearest_pairs(
    treated: Flags,
    scores: Numbers,
    caliper: float,
    *,
    ratio: int = 1,
    strata: Integers | None = None,
) -> Pairs:
    """Greedy nearest controls without replacement, within `caliper` standard deviations.

    The distance is between logits of the scores, as Austin recommends (Pharmaceutical Statistics
    2011;10:150-161), the standard deviation that of the logits of both groups pooled. Those
    with the highest score choose first, since they have the fewest controls; of two controls as
    near, the earlier row is taken. So the pairs are the same on every run. With `ratio`, all
    choose once before anybody chooses again; with `strata`, within a row's own stratum alone.

    Raises:
        Invalid: a caliper that is not positive.
    """
    if not caliper > 0:
        raise Invalid(f"`{caliper}` is no caliper.", remedy="Austin's is 0.2.")
    logits = np.log(scores / (1.0 - scores))
    cases, controls = np.flatnonzero(treated), np.flatnonzero(~treated)
    spread = np.sqrt((_variance(logits[cases]) + _variance(logits[controls])) / 2.0)
    reach = caliper * float(spread)
    own = np.zeros(len(logits), dtype=np.int64) if strata is None else strata
    free = _by_stratum(logits, controls, own)
    order = sorted(cases.tolist(), key=lambda row: (-logits[row], row))
    found: list[tuple[int, int]] = []
    for _ in range(ratio):
        for case in order:
            offered = free.get(int(own[case]))
            place = None if offered is None else offered.nearest(float(logits[case]))
            if offered and place is not None and offered.within(place, logits[case], reach):
                found.append((case, offered.take(place)))
    pairs = np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
    return Pairs(treated=pairs[:, 0], control=pairs[:, 1])


def _variance(logits: Numbers) -> float:
    return float(logits.var(ddof=1)) if len(logits) > 1 else 0.0


def _by_stratum(logits: Numbers, controls: Integers, strata: Integers) -> Mapping[int, _Free]:
    order = controls[np.lexsort((controls, logits[controls], strata[controls]))]
    starts = np.flatnonzero(np.diff(strata[order], prepend=-1))
    return {
        int(strata[rows[0]]): _Free(logits=logits[rows].tolist(), rows=rows.tolist())
        for rows in np.split(order, starts[1:])
        if len(rows)
    }


@define(kw_only=True, eq=False)
class _Free:
    """Controls sorted by their logits, then rows, of which some are taken.

    `up` and `down` lead from a place that is taken towards the next that is free, in few steps
    (union-find); both have one place more at their ends, for nobody.
    """

    logits: list[float]
    rows: list[int]
    up: list[int] = field(init=False)
    down: list[int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.up = list(range(len(self.rows) + 1))
        self.down = list(range(len(self.rows) + 1))

    def nearest(self, wanted: float) -> int | None:
        """The place of the free control nearest to `wanted`; None when all are taken."""
        start = bisect.bisect_left(self.logits, wanted)
        above = _followed(self.up, start)
        # Places are counted from 1 downwards, so that 0 is nobody's.
        below = _followed(self.down, start) - 1
        if below >= 0:
            # The first of those with the same logit, so that the earlier row is taken.
            below = _followed(self.up, bisect.bisect_left(self.logits, self.logits[below]))
        places = [place for place in (below, above) if 0 <= place < len(self.rows)]
        if not places:
            return None
        return min(places, key=lambda one: (abs(self.logits[one] - wanted), self.rows[one]))

    def within(self, place: int, wanted: float, reach: float) -> bool:
        """Whether the control at `place` is no further than `reach` from `wanted`."""
        return abs(self.logits[place] - wanted) <= reach

    def take(self, place: int) -> int:
        """The row at `place`, which is free no more."""
        self.up[place] = place + 1
        self.down[place + 1] = place
        return self.rows[place]


def _followed(ways: list[int], place: int) -> int:
    end = place
    while ways[end] != end:
        end = ways[end]
    while ways[place] != end:
        ways[place], place = end, ways[place]
    return end
