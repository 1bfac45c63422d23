"""Matching one to one on the propensity score."""

from __future__ import annotations

import bisect

import numpy as np
from attrs import frozen

from bercail.cohorts.analysis.columns import Flags, Integers, Numbers
from bercail.foundation import Invalid


@frozen(kw_only=True, eq=False)
class Pairs:
    """Rows of treated and of their controls, in the same order; no row occurs twice."""

    treated: Integers
    control: Integers


def match(treated: Flags, scores: Numbers, caliper: float = 0.2) -> Pairs:
    """Greedy nearest pairs without replacement, within `caliper` standard deviations.

    The distance is between logits of the scores, as Austin recommends (Pharmaceutical Statistics
    2011;10:150-161), the standard deviation that of the logits of both groups pooled. Those
    with the highest score choose first, since they have the fewest controls; of two controls as
    near, the earlier row is taken. So the pairs are the same on every run.

    Raises:
        Invalid: a caliper that is not positive, or nobody matched.
    """
    if not caliper > 0:
        raise Invalid(f"`{caliper}` is no caliper.", remedy="Austin's is 0.2.")
    logits = np.log(scores / (1.0 - scores))
    cases, controls = np.flatnonzero(treated), np.flatnonzero(~treated)
    spread = np.sqrt((logits[cases].var(ddof=1) + logits[controls].var(ddof=1)) / 2.0)
    reach = caliper * float(spread)
    free = sorted((float(logits[row]), int(row)) for row in controls)
    found: list[tuple[int, int]] = []
    for case in sorted(cases.tolist(), key=lambda row: (-logits[row], row)):
        nearest = _nearest(free, float(logits[case]))
        if nearest is not None and abs(free[nearest][0] - logits[case]) <= reach:
            found.append((case, free.pop(nearest)[1]))
    if not found:
        raise Invalid("Nobody is matched.", remedy="Widen the caliper, or look at the groups.")
    pairs = np.array(sorted(found), dtype=np.int64)
    return Pairs(treated=pairs[:, 0], control=pairs[:, 1])


def _nearest(free: list[tuple[float, int]], wanted: float) -> int | None:
    """The place in the sorted list `free` that is nearest to `wanted`."""
    if not free:
        return None
    above = bisect.bisect_left(free, (wanted, -1))
    # The first of those with the same logit below, so that the earlier row is taken.
    below = bisect.bisect_left(free, (free[above - 1][0], -1)) if above > 0 else None
    places = [place for place in (below, above) if place is not None and place < len(free)]
    return min(places, key=lambda place: (abs(free[place][0] - wanted), free[place][1]))
