"""Interrupted time series: level and slope before and after a change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import frozen
from statsmodels.regression.linear_model import OLS

from bercail.cohorts.analysis.columns import Numbers, counts, numbers, require_rows
from bercail.cohorts.analysis.design import Design, Term, honest_fit, terms
from bercail.cohorts.analysis.regression import CountModel, poisson
from bercail.cohorts.analysis.result import Analysis, finite
from bercail.foundation import Invalid

LEAST_POINTS = 3


@frozen(kw_only=True)
class SegmentedModel:
    """A fitted segmented regression: `trend`, `level_change`, `slope_change`, then seasons."""

    terms: tuple[Term, ...]


def segments(
    points: int, start: int, *, slope: bool = True, pairs: int = 0, period: float = 12.0
) -> Design:
    """The columns of a series of `points` that changes at index `start` (counted from 0).

    `trend` counts the points from 0; `level_change` is 1 from `start`; `slope_change` counts
    from 0 at `start`. `pairs` of sine and cosine with the period's length take up seasons.

    Raises:
        Invalid: fewer than three points before or after the change.
    """
    if not LEAST_POINTS <= start <= points - LEAST_POINTS:
        raise Invalid(
            f"The change at `{start}` leaves fewer than {LEAST_POINTS} points on a side.",
            remedy="Use a longer series.",
        )
    at = np.arange(points, dtype=np.float64)
    after = (at >= start).astype(np.float64)
    columns = {"trend": at, "level_change": after}
    if slope:
        columns["slope_change"] = after * (at - start)
    for pair in range(1, pairs + 1):
        angle = 2 * math.pi * pair * (at + 1) / period
        columns |= {f"sine_{pair}": np.sin(angle), f"cosine_{pair}": np.cos(angle)}
    return Design(names=tuple(columns), matrix=np.column_stack(list(columns.values())))


def linear_series(values: Numbers, planned: Design, lags: int) -> SegmentedModel:
    """Segmented linear regression with Newey and West's errors (Econometrica 1987;55:703-708).

    `lags` of 0 allow for unequal variance only. Errors carry the factor n / (n - k) and p-values
    come from the t distribution, as Stata's `newey` has them.

    Raises:
        Invalid: negative lags, or as many as points.
    """
    if not 0 <= lags < len(values):
        raise Invalid(f"`{lags}` is no number of lags for {len(values)} points.")
    whole = planned.with_constant()
    with honest_fit("segmented regression"):
        fitted = OLS(values, whole.matrix).fit(
            cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True
        )
    found = terms(whole, fitted.params, fitted.bse)
    return SegmentedModel(
        terms=tuple(
            Term(
                name=term.name,
                coefficient=term.coefficient,
                error=term.error,
                p_value=float(p),
            )
            for term, p in zip(found, fitted.pvalues, strict=True)
        )
    )


def count_series(values: Numbers, planned: Design, exposure: Numbers | None) -> CountModel:
    """Segmented quasi-Poisson regression (Lopez Bernal, Cummins, Gasparrini,
    International Journal of Epidemiology 2017;46:348-355)."""
    return poisson(values, planned, exposure=exposure, errors="quasi")


def interrupted(
    table: pa.Table,
    *,
    value: str,
    start: int,
    population: str | None = None,
    counted: bool = False,
    slope: bool = True,
    lags: int = 1,
    pairs: int = 0,
    period: float = 12.0,
    level: float = 0.95,
) -> Analysis:
    """Segmented regression of a series, one row a point in order, changing at index `start`.

    With `counted`, quasi-Poisson with `population` as offset, giving rate ratios; else linear
    with Newey-West errors over `lags`.

    Raises:
        Missing: a column is absent.
        Invalid: too few points, or a model that cannot be fitted.
    """
    require_rows(table)
    planned = segments(table.num_rows, start, slope=slope, pairs=pairs, period=period)
    if counted:
        exposure = counts(table, population) if population else None
        return _counted(counts(table, value), planned, exposure, start, level)
    return _linear(numbers(table, value), planned, lags, start, level)


def _counted(
    events: Numbers, planned: Design, exposure: Numbers | None, start: int, level: float
) -> Analysis:
    fitted = count_series(events, planned, exposure)
    return Analysis(
        method="Interrupted time series, segmented quasi-Poisson",
        source="Lopez Bernal et al., International Journal of Epidemiology 2017;46:348-355",
        rows=tuple(term.as_row("rate_ratio", level) for term in fitted.terms),
        events=int(events.sum()),
        facts={"points": len(events), "change_at": start, "dispersion": fitted.dispersion},
    )


def _linear(values: Numbers, planned: Design, lags: int, start: int, level: float) -> Analysis:
    fitted = linear_series(values, planned, lags)
    rows: list[dict[str, Any]] = [
        {
            "term": term.name,
            **term.interval(level).as_dict("estimate"),
            "error": term.error,
            "p_value": finite(term.p_value),
        }
        for term in fitted.terms
    ]
    return Analysis(
        method=f"Interrupted time series, segmented linear, Newey-West errors, {lags} lags",
        source="Newey and West, Econometrica 1987;55:703-708; Linden, Stata Journal 2015;15:480",
        rows=tuple(rows),
        facts={"points": len(values), "change_at": start},
    )
