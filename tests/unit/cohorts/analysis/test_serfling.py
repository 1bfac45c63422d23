"""Serfling's baseline finds a season that is there, and the excess put upon it."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.cohorts.analysis.serfling import WEEKS_IN_YEAR, seasonal_baseline, serfling
from bercail.cohorts.analysis.weekly import WeeklySeries
from bercail.foundation import Invalid

AT = np.arange(260, dtype=np.float64)


def season(level: float, trend: float, height: float, shift: float) -> np.ndarray:
    angle = 2 * math.pi * AT / WEEKS_IN_YEAR
    found: np.ndarray = level + trend * AT / WEEKS_IN_YEAR + height * np.cos(angle + shift)
    return found


@given(st.floats(100, 900), st.floats(-10, 10), st.floats(0, 90), st.floats(0, 6))
@settings(max_examples=30)
def test_a_pure_season_is_found_again(
    level: float, trend: float, height: float, shift: float
) -> None:
    """Serfling 1963, eq. 1: constant, trend, sine and cosine of a year."""
    observed = season(level, trend, height, shift)
    usual = np.arange(260) % 3 > 0
    found = seasonal_baseline(observed, usual)
    assert found.expected == pytest.approx(observed, abs=1e-6 * level)


def test_the_excess_is_what_was_put_there() -> None:
    rng = np.random.default_rng(3)
    observed = season(200, 5, 40, 1) + rng.normal(0, 4, 260)
    usual = np.ones(260, dtype=np.bool_)
    usual[150:160] = False
    observed[150:156] += 100
    observed[40] += 60
    found = seasonal_baseline(observed, usual)
    assert np.flatnonzero(found.epidemic).tolist() == [150, 151, 152, 153, 154, 155]
    assert found.excess(observed) == pytest.approx(600, abs=30)
    # One week alone is above the bound, and is no epidemic.
    assert observed[40] > found.bound[40]


def test_the_bound_leaves_the_share_above() -> None:
    """Of the prediction of one week, 5 % lie above the upper limit at 0.90."""
    rng = np.random.default_rng(7)
    above = []
    for _ in range(40):
        observed = season(300, 0, 50, 0) + rng.normal(0, 10, 260)
        found = seasonal_baseline(observed, np.ones(260, dtype=np.bool_))
        above.append((observed > found.bound).mean())
    assert np.mean(above) == pytest.approx(0.05, abs=0.01)


def test_winter_months_teach_nothing() -> None:
    series = WeeklySeries(
        first=date(2018, 1, 1), counts=np.round(season(200, 0, 30, 0)).astype(np.int64)
    )
    raised = series.counts.copy()
    for place in range(260):
        if series.monday(place).month in {12, 1, 2}:
            raised[place] += 500
    found = serfling(WeeklySeries(first=series.first, counts=raised))
    plain = serfling(series)
    assert [r["expected"] for r in found.rows] == pytest.approx([r["expected"] for r in plain.rows])
    assert found.facts["excess"] > 500 * 50
    with pytest.raises(Invalid, match="0 usual weeks; 26 are needed"):
        serfling(series, season=range(1, 13))
