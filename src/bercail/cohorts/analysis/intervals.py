"""Intervals for counts, shares and weighted sums of counts."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import chi2, norm
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.rates import confint_poisson

from bercail.cohorts.analysis.columns import Numbers
from bercail.cohorts.analysis.result import Estimate
from bercail.foundation import Invalid


def require_level(level: float) -> float:
    """The part outside the interval; raises `Invalid` unless `level` is between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise Invalid(f"`{level}` is no level of confidence.", remedy="Give 0.95 for 95 %.")
    return 1.0 - level


def normal_quantile(level: float) -> float:
    """How many standard errors an interval of `level` reaches on each side (1.96 for 0.95)."""
    return float(norm.ppf(1.0 - require_level(level) / 2.0))


def exact_poisson(events: float, level: float = 0.95) -> Estimate:
    """The mean behind a count, with exact limits (Garwood, Biometrika 1936;28:437-442)."""
    low, high = confint_poisson(events, 1.0, method="exact-c", alpha=require_level(level))
    low = 0.0 if events == 0 else float(low)
    return Estimate(value=float(events), low=low, high=float(high), level=level)


def byar_poisson(events: float, level: float = 0.95) -> Estimate:
    """The mean behind a count, with Byar's limits (Breslow and Day 1987, p. 69, eq. 2.11)."""
    z, above = normal_quantile(level), events + 1.0
    low = 0.0
    if events > 0:
        # The formula falls below nothing for the smallest counts at high levels.
        low = max(0.0, events * (1 - 1 / (9 * events) - z / (3 * math.sqrt(events))) ** 3)
    high = above * (1 - 1 / (9 * above) + z / (3 * math.sqrt(above))) ** 3
    return Estimate(value=float(events), low=low, high=high, level=level)


def share(cases: int, persons: int, level: float = 0.95, method: str = "wilson") -> Estimate:
    """A share with the interval of Wilson or of Clopper and Pearson.

    `method` is `wilson` (score; Wilson 1927) or `exact` (Clopper and Pearson 1934), as compared
    by Newcombe, Statistics in Medicine 1998;17:857-872.

    Raises:
        Invalid: more cases than persons, no persons, or another method.
    """
    if persons < 1 or not 0 <= cases <= persons:
        raise Invalid(f"{cases} cases among {persons} persons are no share.")
    names = {"wilson": "wilson", "exact": "beta"}
    if method not in names:
        raise Invalid(f"There is no interval `{method}`.", remedy="Choose wilson or exact.")
    low, high = proportion_confint(cases, persons, require_level(level), names[method])
    # A limit at the edge is the edge, and not what rounding leaves near it.
    low = 0.0 if cases == 0 else max(0.0, float(low))
    high = 1.0 if cases == persons else min(1.0, float(high))
    return Estimate(value=cases / persons, low=low, high=high, level=level)


def gamma_interval(events: Numbers, weights: Numbers, level: float = 0.95) -> Estimate:
    """A weighted sum of Poisson counts (Fay and Feuer, Statistics in Medicine 1997;16:791-801).

    `weights` are those of one event of each stratum, such as share / person-years for a
    directly standardised rate.
    """
    half = require_level(level) / 2.0
    sum_, variance = float(weights @ events), float((weights**2) @ events)
    most = float(np.max(weights))
    low = 0.0
    if sum_ > 0:
        low = variance / (2 * sum_) * float(chi2.ppf(half, 2 * sum_**2 / variance))
    wide, up = variance + most**2, sum_ + most
    high = wide / (2 * up) * float(chi2.ppf(1 - half, 2 * up**2 / wide))
    return Estimate(value=sum_, low=low, high=high, level=level)
