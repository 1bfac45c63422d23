"""How long the whole would take, from how long parts of a sample took. Pure, and seeded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from attrs import field, frozen, validators
from numpy.typing import NDArray
from scipy.optimize import nnls

from bercail.foundation import Invalid

# Data Act, article 25(2)(a): the longest transition, 30 calendar days.
LONGEST_TRANSITION = timedelta(days=30)
_RESAMPLES = 1000
_SEED = 20230


@frozen(kw_only=True)
class Batch:
    """One part of the sample: objects, bytes, and the seconds from survey to proof."""

    objects: int = field(validator=validators.ge(1))
    bytes: int = field(validator=validators.ge(0))
    seconds: float = field(validator=validators.ge(0))


@frozen(kw_only=True)
class Estimate:
    """Seconds for the whole: the estimate, and the ends of an interval at 95 %."""

    seconds: int
    low: int
    high: int

    @property
    def within(self) -> bool:
        """Whether even the upper end fits in the longest transition that the Data Act allows."""
        return self.high <= LONGEST_TRANSITION.total_seconds()


def extrapolate(batches: Sequence[Batch], objects: int, size: int) -> Estimate:
    """The duration for `objects` of `size` bytes together.

    Each object and each byte costs a constant, never negative, fitted to the batches by least
    squares; the interval is a percentile bootstrap over the batches (Efron and Tibshirani,
    1993, chapter 13). Fixed costs of a batch count as costs of its objects, so that the
    estimate is rather too long. It holds for the line and the hosts of the rehearsal only.

    Raises:
        Invalid: fewer than two batches: one says nothing of the spread.
    """
    if len(batches) < 2:
        raise Invalid(
            f"`{len(batches)}` batch says nothing of how durations differ.",
            remedy="Take a larger sample.",
        )
    # Scaled to the whole, so that both columns weigh alike whatever the units.
    scale = np.array([max(1, objects), max(1, size)], dtype=float)
    sizes = np.array([[one.objects, one.bytes] for one in batches], dtype=float) / scale
    seconds = np.array([one.seconds for one in batches], dtype=float)
    whole = np.array([objects, size], dtype=float) / scale
    chance = np.random.default_rng(_SEED)
    drawn = [
        _predicted(sizes[pick], seconds[pick], whole)
        for pick in chance.integers(0, len(batches), size=(_RESAMPLES, len(batches)))
    ]
    middle = _predicted(sizes, seconds, whole)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(
        seconds=_up(middle), low=int(min(low, middle)), high=max(_up(float(high)), _up(middle))
    )


def _predicted(
    sizes: NDArray[np.float64], seconds: NDArray[np.float64], whole: NDArray[np.float64]
) -> float:
    costs, _ = nnls(sizes, seconds)
    return float(whole @ costs)


def _up(seconds: float) -> int:
    # What a fit misses by rounding is no second.
    return int(np.ceil(seconds - 1e-6))
