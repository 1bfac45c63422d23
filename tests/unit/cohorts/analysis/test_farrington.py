"""The flexible Farrington method: bounds of the reference package, and what must hold."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.cohorts.analysis.farrington import (
    Settings,
    alarms,
    anscombe,
    baseline,
    farrington,
    outbreak_weights,
    upper_bound,
)
from bercail.cohorts.analysis.weekly import WeeklySeries
from bercail.foundation import Invalid

# R's package `surveillance` (Salmon, Schumacher, Höhle, J Stat Softw 2016;70(10)) prints these
# bounds and chances in its tests, tests/testthat/test-farringtonFlexible.R.


@pytest.mark.parametrize(
    ("method", "dispersion", "bound", "chance"),
    [
        ("muan", 1.5, 24.0, 0.8597797),
        ("muan", 1.0, 22.0, 0.9093099),
        ("nb", 1.5, 10.0, 0.03763657),
        ("nb", 1.0, 9.0, 0.01369527),
    ],
)
def test_bounds_of_noufaily(method: str, dispersion: float, bound: float, chance: float) -> None:
    found = upper_bound(5.0, math.log(2), dispersion, 0.05, 11, method)
    assert found[0] == bound
    assert found[1] == pytest.approx(chance, abs=5e-8)


def test_bound_of_farrington() -> None:
    # There the error is that of the mean, 0.2; here that of its log, 0.2 / 5.
    bound, chance = upper_bound(5.0, 0.2 / 5, 1.0, 0.05, 8, "delta")
    assert bound == pytest.approx(9.1154825, abs=5e-8)
    assert chance == pytest.approx(0.1094727, abs=5e-8)


def test_weights_of_past_outbreaks() -> None:
    residuals = np.array([0.0] * 5 + [2.0] * 5)
    assert outbreak_weights(residuals, 0).tolist() == pytest.approx([1.6] * 5 + [0.4] * 5)
    assert outbreak_weights(np.zeros(10), 2.58).tolist() == [1.0] * 10


def test_residuals_are_none_where_the_fit_is_whole() -> None:
    counts = np.array([1.0, 4.0, 9.0])
    assert anscombe(counts, counts, 1.0, np.zeros(3)).tolist() == [0.0, 0.0, 0.0]


def weeks(counts: np.ndarray, last: date = date(2013, 6, 3)) -> WeeklySeries:
    first = last - timedelta(weeks=len(counts) - 1)
    return WeeklySeries(first=first, counts=counts.astype(np.int64))


def test_the_same_week_of_past_years() -> None:
    """The reference days of that test: 6 June 2013 goes with 7 June 2012, 9 June 2011 and
    3 June 2010, all Thursdays; here with their Mondays."""
    series = weeks(np.ones(500))
    place = 499
    assert series.monday(place) == date(2013, 6, 3)
    chosen, seasons = baseline(series, place, Settings(years=3, half_window=3, excluded_weeks=0))
    own = {series.monday(int(one)) for one in chosen[seasons == 0]}
    for centre in (date(2012, 6, 4), date(2011, 6, 6), date(2010, 5, 31)):
        assert {centre + timedelta(weeks=n) for n in range(-3, 4)} <= own


@given(st.integers(min_value=320, max_value=560), st.integers(min_value=2, max_value=12))
@settings(max_examples=30)
def test_a_baseline_is_past_and_whole(place: int, periods: int) -> None:
    series = weeks(np.ones(600), last=date(2020, 12, 28))
    chosen, seasons = baseline(series, place, Settings(periods=periods))
    assert chosen.max() < place - 26
    assert len(set(chosen.tolist())) == len(chosen)
    # No week between the first window and the excluded weeks is missing.
    assert (np.diff(np.sort(chosen)) == 1).all()
    assert set(seasons.tolist()) == set(range(periods))
    even = np.bincount(baseline(series, place, Settings(periods=periods, excluded_weeks=0))[1])
    # Weeks between two windows are shared out as even as whole weeks allow.
    assert even[1:].max() - even[1:].min() <= 5


def noisy(seed: int, length: int = 420, spread: float = 1.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    at = np.arange(length)
    mean = np.exp(2.3 + 0.5 * np.sin(2 * np.pi * at / 52.18) + 0.0005 * at)
    return np.asarray(rng.negative_binomial(mean / (spread - 1), 1 / spread), dtype=np.int64)


def test_an_outbreak_is_seen_and_quiet_weeks_are_not() -> None:
    quiet = noisy(4)
    places = range(360, 420)
    before = alarms(weeks(quiet), places)
    # At alpha 0.01, sixty weeks have few false alarms.
    assert sum(one.alarm for one in before) <= 4
    loud = quiet.copy()
    loud[400] += 60
    (after,) = alarms(weeks(loud), [400])
    assert after.alarm
    assert after.score > 1
    assert after.p_value < 1e-6


def test_the_expected_count_follows_season_and_trend() -> None:
    at = np.arange(420)
    mean = np.exp(3 + 0.6 * np.sin(2 * np.pi * at / 52.18) - 0.001 * at)
    found = alarms(weeks(np.round(mean)), range(368, 420))
    for one in found:
        assert one.expected == pytest.approx(mean[one.place], rel=0.15)
        assert one.bound > one.expected


def test_a_past_outbreak_does_not_raise_the_bound_much() -> None:
    quiet = noisy(8)
    spoilt = quiet.copy()
    spoilt[300:304] += 150
    (clean,), (with_past,) = alarms(weeks(quiet), [410]), alarms(weeks(spoilt), [410])
    (naive,) = alarms(weeks(spoilt), [410], Settings(reweight_above=1e9))
    assert clean.bound <= with_past.bound < naive.bound


def test_rules_of_when_an_alarm_is_raised() -> None:
    counts = np.zeros(420, dtype=np.int64)
    counts[410] = 4
    (few,) = alarms(weeks(counts), [410])
    # Four cases in four weeks are too few, however unusual.
    assert (few.alarm, few.score, few.bound) == (False, 0.0, 0.0)
    counts[410] = 5
    (enough,) = alarms(weeks(counts), [410])
    assert enough.alarm
    steep = np.round(np.exp(np.arange(420) / 60)).astype(np.int64)
    (extrapolated,) = alarms(weeks(steep), [419])
    # The trend would lead above everything seen, so it is not followed.
    assert not extrapolated.trend


def test_rows_and_refusals() -> None:
    series = weeks(noisy(4))
    found = farrington(series, last_weeks=4)
    assert [row["week"] for row in found.rows] == [series.label(n) for n in range(416, 420)]
    assert found.facts == {"alarms": sum(row["alarm"] for row in found.rows), "weeks": 420}
    with pytest.raises(Invalid, match="no 5 years of weeks before it"):
        alarms(series, [200])
    with pytest.raises(Invalid, match="no number of weeks"):
        farrington(series, last_weeks=421)
    with pytest.raises(Invalid, match="no bound `mean`"):
        Settings(method="mean")
    for wrong in ({"years": 0}, {"alpha": 0.7}, {"excluded_weeks": -1}):
        with pytest.raises(Invalid, match="make no baseline"):
            Settings(**wrong)  # type: ignore[arg-type]
