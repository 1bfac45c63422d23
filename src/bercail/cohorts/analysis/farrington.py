"""Alarms for weekly counts: the flexible Farrington method.

Farrington, Andrews, Beale, Catchpole, J R Stat Soc A 1996;159:547-563, as improved by Noufaily,
Enki, Farrington, Garthwaite, Andrews, Charlett, Statistics in Medicine 2013;32:1206-1222.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from datetime import date

import numpy as np
from attrs import frozen
from scipy.stats import nbinom, norm, poisson
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from bercail.cohorts.analysis.columns import Integers, Numbers
from bercail.cohorts.analysis.result import Analysis
from bercail.cohorts.analysis.weekly import WeeklySeries
from bercail.foundation import Invalid

METHODS = ("nb", "delta", "muan")
LEAST_YEARS = 3  # of baseline, for a trend to be kept


@frozen(kw_only=True)
class Settings:
    """How the baseline is chosen and the bound drawn; Noufaily 2013's values by default.

    `method`: `nb` is the quantile of a negative binomial, `delta` the 2/3-power bound of 1996,
    `muan` the quantile at the upper limit of the mean. An alarm also asks for `least_cases`
    within `recent_weeks`.
    """

    years: int = 5
    half_window: int = 3
    periods: int = 10
    excluded_weeks: int = 26
    alpha: float = 0.01
    reweight_above: float = 2.58
    method: str = "nb"
    least_cases: int = 5
    recent_weeks: int = 4

    def __attrs_post_init__(self) -> None:
        """Refuse values that make no baseline."""
        if self.method not in METHODS:
            raise Invalid(
                f"There is no bound `{self.method}`.", remedy=f"Choose: {', '.join(METHODS)}."
            )
        sizes = (self.years, self.half_window, self.periods, self.recent_weeks)
        if min(sizes) < 1 or not 0 < self.alpha < 0.5 or self.excluded_weeks < 0:
            raise Invalid("These settings make no baseline.")


@frozen(kw_only=True)
class Verdict:
    """What one week's count means: `score` above 1 is above the bound."""

    place: int
    observed: int
    expected: float
    bound: float
    score: float
    alarm: bool
    trend: bool
    p_value: float


def alarms(
    series: WeeklySeries, places: Sequence[int], settings: Settings | None = None
) -> tuple[Verdict, ...]:
    """The verdict on each of `places` (weeks counted from 0), each from its own past alone.

    Raises:
        Invalid: a week without `years` of past, or a baseline without any case.
    """
    chosen = settings or Settings()
    return tuple(_judge(series, place, chosen) for place in places)


def baseline(series: WeeklySeries, place: int, settings: Settings) -> tuple[Integers, Integers]:
    """The weeks that the week at `place` is judged by, and the season of each (0 its own).

    Each past year has a window of `2 * half_window + 1` weeks around the same date, which are
    season 0; the weeks between two windows are cut into `periods - 1` seasons as even as can be.
    """
    centres = [_same_week(series, place, back) for back in range(settings.years + 1)]
    if centres[-1] - settings.half_window < 0:
        raise Invalid(
            f"The week {series.label(place)} has no {settings.years} years of weeks before it."
        )
    weeks: list[int] = []
    seasons: list[int] = []
    for older, newer in zip(centres[:0:-1], centres[-2::-1], strict=True):
        window = range(older - settings.half_window, older + settings.half_window + 1)
        weeks += window
        seasons += [0] * len(window)
        between = np.arange(older + settings.half_window + 1, newer - settings.half_window)
        for season, part in enumerate(np.array_split(between, settings.periods - 1), start=1):
            if settings.periods > 1:
                weeks += part.tolist()
                seasons += [season] * len(part)
    kept = np.array(weeks) < place - settings.excluded_weeks
    return np.array(weeks)[kept], np.array(seasons)[kept]


def _same_week(series: WeeklySeries, place: int, back: int) -> int:
    """The week whose Monday is nearest to this week's date `back` years earlier."""
    monday = series.monday(place)
    # 29 February has no past self in most years; 28 February is in the same week or next to it.
    day = min(monday.day, 28) if monday.month == 2 else monday.day
    then = date(monday.year - back, monday.month, day)
    return place - round((monday - then).days / 7)


def _judge(series: WeeklySeries, place: int, settings: Settings) -> Verdict:
    weeks, seasons = baseline(series, place, settings)
    counts = series.counts[weeks].astype(np.float64)
    observed = int(series.counts[place])
    recent = int(series.counts[max(0, place - settings.recent_weeks + 1) : place + 1].sum())
    enough = recent >= settings.least_cases
    trend = settings.years >= LEAST_YEARS
    fitted = _fit(counts, weeks, seasons, place, trend=trend, settings=settings)
    # A trend that leads above everything seen so far is not followed.
    if trend and fitted.mean > counts.max():
        trend = False
        fitted = _fit(counts, weeks, seasons, place, trend=False, settings=settings)
    bound, chance = upper_bound(
        fitted.mean, fitted.error, fitted.dispersion, settings.alpha, observed, settings.method
    )
    apart = bound - fitted.mean
    score = (observed - fitted.mean) / apart if apart > 0 else float(observed > bound)
    return Verdict(
        place=place,
        observed=observed,
        expected=fitted.mean,
        bound=bound,
        score=score if enough else 0.0,
        alarm=enough and observed > bound,
        trend=trend,
        p_value=chance,
    )


@frozen(kw_only=True)
class _Baseline:
    """The expected count, the standard error of its log, the dispersion (at least 1)."""

    mean: float
    error: float
    dispersion: float


def _fit(
    counts: Numbers,
    weeks: Integers,
    seasons: Integers,
    place: int,
    *,
    trend: bool,
    settings: Settings,
) -> _Baseline:
    """Quasi-Poisson twice: the second time, weeks of past outbreaks count less."""
    if not counts.any():
        return _Baseline(mean=0.0, error=0.0, dispersion=1.0)
    used = sorted(set(seasons.tolist()) - {0})
    # A season without any case has no log-linear level; it joins the week's own season.
    used = [season for season in used if counts[seasons == season].any()]
    columns = [np.ones(len(counts)), *((seasons == season).astype(float) for season in used)]
    now = [1.0, *(0.0 for _ in used)]
    if trend:
        columns.append((weeks - place) / 52.0)
        now.append(0.0)
    matrix = np.column_stack(columns)
    weights = np.ones(len(counts))
    for last in (False, True):
        coefficients, covariance, dispersion, residuals = _quasi_poisson(counts, matrix, weights)
        if not last:
            weights = outbreak_weights(residuals, settings.reweight_above)
    row = np.array(now)
    return _Baseline(
        mean=float(math.exp(min(float(row @ coefficients), 700.0))),
        error=math.sqrt(max(float(row @ covariance @ row), 0.0) * dispersion),
        dispersion=dispersion,
    )


def _quasi_poisson(
    counts: Numbers, matrix: Numbers, weights: Numbers
) -> tuple[Numbers, Numbers, float, Numbers]:
    """Coefficients, unscaled covariance, dispersion, and standardised Anscombe residuals."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        model = GLM(counts, matrix, family=Poisson(), var_weights=weights)
        fitted = model.fit(maxiter=50, scale=1.0)
    mean = np.maximum(np.asarray(fitted.mu, dtype=np.float64), 1e-12)
    free = max(len(counts) - matrix.shape[1], 1)
    dispersion = max(float((weights * (counts - mean) ** 2 / mean).sum()) / free, 1.0)
    covariance = np.asarray(fitted.normalized_cov_params, dtype=np.float64)
    root = matrix * np.sqrt(weights * mean)[:, None]
    leverage = np.einsum("ij,jk,ik->i", root, covariance, root)
    residuals = anscombe(counts, mean, dispersion, np.minimum(leverage, 1 - 1e-9))
    return np.asarray(fitted.params, dtype=np.float64), covariance, dispersion, residuals


def anscombe(counts: Numbers, mean: Numbers, dispersion: float, leverage: Numbers) -> Numbers:
    """Standardised Anscombe residuals of a Poisson model (Farrington 1996, section 3.6)."""
    raw = 1.5 * (counts ** (2 / 3) - mean ** (2 / 3)) / mean ** (1 / 6)
    found: Numbers = raw / np.sqrt(dispersion * (1.0 - leverage))
    return found


def outbreak_weights(residuals: Numbers, above: float) -> Numbers:
    """Weights that sum to the number of weeks, less where a residual is above `above`."""
    weights = np.where(residuals > above, np.maximum(residuals, 1e-12) ** -2.0, 1.0)
    found: Numbers = weights * len(residuals) / weights.sum()
    return found


def upper_bound(
    mean: float, error: float, dispersion: float, alpha: float, observed: float, method: str
) -> tuple[float, float]:
    """The bound above which a count is unusual, and the chance of `observed` or more.

    `error` is the standard error of the log of the mean; `delta` is on the 2/3-power scale.
    """
    if mean <= 0:
        return 0.0, float(observed <= 0)
    if method == "delta":
        spread = math.sqrt(dispersion * mean + (mean * error) ** 2)
        reach = 2 / 3 * float(norm.ppf(1 - alpha)) * spread / mean
        gap = (observed / mean) ** (2 / 3) - 1
        return mean * (1 + reach) ** 1.5, float(norm.sf(gap * 1.5 * mean / spread))
    if method == "muan":
        mean = mean * math.exp(float(norm.ppf(1 - alpha)) * error)
    # Counts just below `observed` carry the chance of `observed` or more.
    if dispersion > 1 + 1e-9:
        size, chance = mean / (dispersion - 1), 1 / dispersion
        bound = float(nbinom.ppf(1 - alpha, size, chance))
        return bound, float(nbinom.sf(observed - 1, size, chance))
    return float(poisson.ppf(1 - alpha, mean)), float(poisson.sf(observed - 1, mean))


def farrington(
    series: WeeklySeries, last_weeks: int = 52, settings: Settings | None = None
) -> Analysis:
    """The verdict on the last weeks of a series, as rows.

    Raises:
        Invalid: more weeks asked for than have a baseline.
    """
    total = len(series.counts)
    if not 1 <= last_weeks <= total:
        raise Invalid(f"`{last_weeks}` is no number of weeks in a series of {total}.")
    chosen = settings or Settings()
    found = alarms(series, range(total - last_weeks, total), chosen)
    rows = [
        {
            "week": series.label(one.place),
            "monday": series.monday(one.place).isoformat(),
            "events": one.observed,
            "expected": one.expected,
            "bound": one.bound,
            "score": one.score,
            "alarm": one.alarm,
        }
        for one in found
    ]
    return Analysis(
        method=f"Flexible Farrington, {chosen.method} bound, alpha {chosen.alpha}",
        source="Noufaily et al., Statistics in Medicine 2013;32:1206-1222",
        rows=tuple(rows),
        events=int(series.counts.sum()),
        facts={"alarms": sum(one.alarm for one in found), "weeks": total},
    )
