"""Serfling's seasonal baseline: what an ordinary year would have had, and the excess over it."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from attrs import frozen
from statsmodels.regression.linear_model import OLS

from bercail.cohorts.analysis.columns import Flags, Numbers
from bercail.cohorts.analysis.intervals import normal_quantile
from bercail.cohorts.analysis.result import Analysis
from bercail.cohorts.analysis.weekly import WeeklySeries
from bercail.foundation import Invalid

WEEKS_IN_YEAR = 365.25 / 7
# Months of influenza in the north: weeks of these months are no baseline.
SEASON = (1, 2, 3, 4, 10, 11, 12)
LEAST_BASELINE = 26


@frozen(kw_only=True, eq=False)
class SeasonalBaseline:
    """Expected counts of each week, the bound above which a week is epidemic, and which are."""

    expected: Numbers
    bound: Numbers
    epidemic: Flags
    baseline: Flags

    def excess(self, observed: Numbers) -> float:
        """Observed less expected, over the epidemic weeks."""
        return float((observed - self.expected)[self.epidemic].sum())


def seasonal_baseline(
    observed: Numbers,
    usual: Flags,
    *,
    pairs: int = 1,
    level: float = 0.90,
    run: int = 2,
) -> SeasonalBaseline:
    """Regression of the usual weeks on trend and seasons (Serfling, Public Health Reports
    1963;78:494-506; the choices are laid out by Pelat et al., BMC Med Inform 2007;7:29).

    `usual` are the weeks that may teach the baseline; `pairs` of sine and cosine with a year's
    length; the bound is the upper limit of the prediction at `level` (0.90 leaves 5 % above);
    an epidemic is `run` weeks or more above it, in a row.

    Raises:
        Invalid: fewer than half a year of usual weeks, or arrays of different lengths.
    """
    if len(observed) != len(usual) or int(usual.sum()) < LEAST_BASELINE:
        raise Invalid(
            f"There are {int(usual.sum())} usual weeks; {LEAST_BASELINE} are needed.",
            remedy="Give a longer series, or exclude fewer months.",
        )
    matrix = _seasons(len(observed), pairs)
    fitted = OLS(observed[usual], matrix[usual]).fit()
    expected: Numbers = matrix @ fitted.params
    spread = fitted.scale * (
        1 + np.einsum("ij,jk,ik->i", matrix, fitted.normalized_cov_params, matrix)
    )
    bound: Numbers = expected + normal_quantile(level) * np.sqrt(spread)
    return SeasonalBaseline(
        expected=expected,
        bound=bound,
        epidemic=_runs(observed > bound, run),
        baseline=usual,
    )


def _seasons(weeks: int, pairs: int) -> Numbers:
    at = np.arange(weeks, dtype=np.float64)
    columns = [np.ones(weeks), at / WEEKS_IN_YEAR]
    for pair in range(1, pairs + 1):
        angle = 2 * math.pi * pair * at / WEEKS_IN_YEAR
        columns += [np.sin(angle), np.cos(angle)]
    return np.column_stack(columns)


def _runs(above: Flags, least: int) -> Flags:
    """The same flags without runs shorter than `least`."""
    found = above.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], above, [False]]).astype(np.int8)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start < least:
            found[start:end] = False
    return found


def serfling(
    series: WeeklySeries,
    *,
    season: Collection[int] = SEASON,
    pairs: int = 1,
    level: float = 0.90,
) -> Analysis:
    """The baseline, bound and epidemic weeks of a series; months in `season` teach nothing.

    Raises:
        Invalid: too few weeks outside the season.
    """
    observed = series.counts.astype(np.float64)
    months = [series.monday(place).month for place in range(len(observed))]
    usual = np.array([month not in season for month in months], dtype=np.bool_)
    found = seasonal_baseline(observed, usual, pairs=pairs, level=level)
    rows = [
        {
            "week": series.label(place),
            "monday": series.monday(place).isoformat(),
            "events": int(observed[place]),
            "expected": float(found.expected[place]),
            "bound": float(found.bound[place]),
            "alarm": bool(found.epidemic[place]),
        }
        for place in range(len(observed))
    ]
    return Analysis(
        method=f"Serfling baseline, {pairs} pairs, bound at {level}",
        source="Serfling, Public Health Reports 1963;78:494-506; Pelat et al. 2007",
        rows=tuple(rows),
        events=int(observed.sum()),
        facts={"epidemic_weeks": int(found.epidemic.sum()), "excess": found.excess(observed)},
    )
