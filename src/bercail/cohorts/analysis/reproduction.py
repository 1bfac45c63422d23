"""The reproduction number over time, with credible intervals.

Cori, Ferguson, Fraser, Cauchemez, American Journal of Epidemiology 2013;178:1505-1512.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import frozen
from scipy.stats import gamma

from bercail.cohorts.analysis.columns import Numbers, counts, days, require_rows
from bercail.cohorts.analysis.intervals import require_level
from bercail.cohorts.analysis.result import Analysis, Estimate
from bercail.foundation import Invalid

# What the paper takes when nothing is known: mean and standard deviation of R.
PRIOR_MEAN, PRIOR_SPREAD = 5.0, 5.0
# How far the chances of a serial interval may sum from 1, and the days within which they must.
_SLACK, _LONGEST = 0.01, 4_096


@frozen(kw_only=True)
class Reproduction:
    """The posterior of R over a window; `first` and `last` are days counted from 0."""

    first: int
    last: int
    cases: int
    mean: float
    spread: float
    median: float
    interval: Estimate


def serial_interval(mean: float, spread: float, longest: int) -> Numbers:
    """The chance of each number of days from a case to the next, from 0 to `longest`.

    A gamma distribution shifted by one day, made discrete as in the paper's appendix 11; the
    chance of 0 days is 0.

    Raises:
        Invalid: a mean of a day or less, or no spread.
    """
    if mean <= 1 or spread <= 0 or longest < 1:
        raise Invalid(f"A mean of `{mean}` and a spread of `{spread}` days make no interval.")
    shape, scale = ((mean - 1) / spread) ** 2, spread**2 / (mean - 1)
    at = np.arange(longest + 1, dtype=np.float64)

    def below(day: Numbers) -> Numbers:
        return np.asarray(gamma.cdf(day, shape, scale=scale), dtype=np.float64)

    def mass(day: Numbers) -> Numbers:
        return np.asarray(gamma.cdf(day, shape + 1, scale=scale), dtype=np.float64)

    found = at * below(at) + (at - 2) * below(at - 2) - 2 * (at - 1) * below(at - 1)
    found += shape * scale * (2 * mass(at - 1) - mass(at - 2) - mass(at))
    return np.maximum(found, 0.0)


def _whole_interval(mean: float, spread: float, least: int) -> Numbers:
    """The serial interval over at least `least` days, and as many more as it needs to sum to 1.

    A short series says nothing about the interval, so its end must not cut the distribution.
    """
    found = serial_interval(mean, spread, least)
    while found.sum() < 1 - _SLACK and len(found) <= _LONGEST:
        found = serial_interval(mean, spread, 2 * len(found))
    return found


def reproduction_numbers(
    cases: Numbers,
    interval: Numbers,
    *,
    imported: Numbers | None = None,
    window: int = 7,
    prior_mean: float = PRIOR_MEAN,
    prior_spread: float = PRIOR_SPREAD,
    level: float = 0.95,
) -> tuple[Reproduction, ...]:
    """The posterior of R over every window of days, from the second day on.

    `cases` are all cases of each day; `imported` those infected elsewhere, who infect others
    but were infected by nobody here: by default the cases of the first day. `interval` is the
    distribution of the serial interval from 0 days on, with no chance at 0; it may be longer
    than the series, which uses the days it has.

    Raises:
        Invalid: negative cases, more imported than cases, an interval that does not sum to 1
            (within 1 %), or a window that does not fit.
    """
    _require_interval(interval)
    if (cases < 0).any() or not 1 <= window < len(cases):
        raise Invalid(f"A window of `{window}` days does not fit {len(cases)} days of cases.")
    prior = ((prior_mean / prior_spread) ** 2, prior_spread**2 / prior_mean)
    force = np.convolve(cases, interval)[: len(cases)]
    local = cases - _elsewhere(cases, imported)
    found = []
    for first in range(1, len(cases) - window + 1):
        inside = slice(first, first + window)
        sums = float(local[inside].sum()), float(force[inside].sum())
        span = (first, first + window - 1)
        found.append(_posterior(prior, sums, level, span, int(cases[inside].sum())))
    return tuple(found)


def _elsewhere(cases: Numbers, imported: Numbers | None) -> Numbers:
    """Cases infected elsewhere; by default those of the first day."""
    if imported is None:
        imported = np.zeros_like(cases)
        imported[0] = cases[0]
    if (imported < 0).any() or (imported > cases).any():
        raise Invalid("More cases are imported than there are.")
    return imported


def _posterior(
    prior: tuple[float, float],
    sums: tuple[float, float],
    level: float,
    window: tuple[int, int],
    cases: int,
) -> Reproduction:
    """The gamma prior with a window's local cases and force of infection."""
    (shape, scale), (local, force) = prior, sums
    shape, scale = shape + local, 1.0 / (1.0 / scale + force)
    half = require_level(level) / 2
    low, median, high = (float(gamma.ppf(p, shape, scale=scale)) for p in (half, 0.5, 1 - half))
    mean = shape * scale
    return Reproduction(
        first=window[0],
        last=window[1],
        cases=cases,
        mean=mean,
        spread=float(np.sqrt(shape)) * scale,
        median=median,
        interval=Estimate(value=mean, low=low, high=high, level=level),
    )


def _require_interval(interval: Numbers) -> None:
    if interval[0] != 0 or (interval < 0).any() or abs(float(interval.sum()) - 1) > _SLACK:
        raise Invalid("The serial interval is no distribution over 1 day and more.")


def reproduction(
    table: pa.Table,
    *,
    day: str,
    cases: str,
    mean_interval: float,
    spread_interval: float,
    imported: str | None = None,
    window: int = 7,
    level: float = 0.95,
) -> Analysis:
    """R over time from one row per day, days following one another.

    Raises:
        Missing: a column is absent.
        Invalid: days that do not follow one another, or as `reproduction_numbers`.
    """
    require_rows(table)
    when = days(table, day)
    if (np.diff(when) != 1).any():
        raise Invalid("The days do not follow one another.", remedy="Write days of 0 too.")
    number = counts(table, cases)
    found = reproduction_numbers(
        number,
        _whole_interval(mean_interval, spread_interval, len(number)),
        imported=counts(table, imported) if imported else None,
        window=window,
        level=level,
    )
    began = date(1970, 1, 1) + timedelta(days=int(when[0]))
    return Analysis(
        method=f"Reproduction number, windows of {window} days, credible intervals",
        source="Cori et al., American Journal of Epidemiology 2013;178:1505-1512",
        rows=tuple(_row(one, began) for one in found),
        events=int(number.sum()),
        facts={"mean_interval": mean_interval, "spread_interval": spread_interval},
    )


def _row(one: Reproduction, began: date) -> dict[str, Any]:
    return {
        "from": (began + timedelta(days=one.first)).isoformat(),
        "to": (began + timedelta(days=one.last)).isoformat(),
        "events": one.cases,
        **one.interval.as_dict("reproduction"),
        "spread": one.spread,
    }
