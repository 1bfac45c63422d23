"""The reproduction number against the reference package and its paper."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.cohorts.analysis.reproduction import (
    reproduction,
    reproduction_numbers,
    serial_interval,
)
from bercail.foundation import Invalid

# EpiEstim (Cori et al. 2013) prints these for `Flu2009` in its tests, example 1 of
# tests/testthat/_snaps/estimate_R.md: window, mean, deviation, 2.5 %, median, 97.5 %.
PRINTED = [
    (1, 7, 1.7356089, 0.40908694, 1.02863184, 1.7035760, 2.6244959),
    (2, 8, 1.7490494, 0.36470202, 1.10874730, 1.7237672, 2.5329479),
    (7, 13, 1.6636221, 0.23295369, 1.23867595, 1.6527615, 2.1502729),
    (12, 18, 1.0819346, 0.12577234, 0.84955138, 1.0770650, 1.3419870),
    (21, 27, 0.2400240, 0.12001200, 0.06539846, 0.2203457, 0.5260890),
    (25, 31, 1.0040161, 0.44900963, 0.32600128, 0.9379335, 2.0565439),
]


def test_influenza_in_a_school(published: SimpleNamespace) -> None:
    found = reproduction_numbers(published.flu_2009, published.flu_interval)
    assert len(found) == 25
    by_window = {(one.first, one.last): one for one in found}
    for first, last, mean, spread, low, median, high in PRINTED:
        one = by_window[(first, last)]
        assert one.mean == pytest.approx(mean, abs=5.1e-8)
        assert one.spread == pytest.approx(spread, abs=5.1e-9)
        assert one.median == pytest.approx(median, abs=5.1e-8)
        assert one.interval.low == pytest.approx(low, abs=5.1e-9)
        assert one.interval.high == pytest.approx(high, abs=5.1e-8)


def test_a_gamma_interval_made_discrete(published: SimpleNamespace) -> None:
    """Example 2 and 3 of the same file: mean 2.6 and deviation 1.5 days."""
    interval = serial_interval(2.6, 1.5, 32)
    printed = [0.0, 0.2331721, 0.3585794, 0.1981108, 0.1033427, 0.05290518]
    assert interval[:6] == pytest.approx(printed, abs=5.1e-8)
    first = reproduction_numbers(published.flu_2009, interval)[0]
    assert (first.mean, first.spread) == (
        pytest.approx(1.7357977, abs=5.1e-8),
        pytest.approx(0.40913143, abs=5.1e-9),
    )


@given(st.floats(1.5, 12), st.floats(0.5, 5))
@settings(max_examples=40)
def test_intervals_are_distributions_with_their_mean(mean: float, spread: float) -> None:
    interval = serial_interval(mean, spread, 400)
    assert interval[0] == 0
    assert interval.sum() == pytest.approx(1.0, abs=1e-6)
    assert interval @ np.arange(401) == pytest.approx(mean, rel=1e-4)


@given(st.floats(0.6, 2.0))
@settings(max_examples=20)
def test_growth_at_a_known_rate_gives_its_number(number: float) -> None:
    """Cases made by the renewal equation with R have R as the answer, once there are many."""
    interval = serial_interval(4.0, 2.0, 60)
    cases = np.zeros(60)
    cases[0] = 1e6
    for day in range(1, 60):
        cases[day] = number * cases[:day] @ interval[1 : day + 1][::-1]
    found = reproduction_numbers(cases, interval)
    assert found[5].mean == pytest.approx(number, rel=1e-2)
    assert found[5].interval.low < number < found[5].interval.high


def test_imported_cases_lower_the_number() -> None:
    interval = serial_interval(4.0, 2.0, 30)
    cases = np.full(30, 20.0)
    own = reproduction_numbers(cases, interval)
    half = reproduction_numbers(cases, interval, imported=np.full(30, 10.0))
    assert half[-1].mean == pytest.approx(own[-1].mean / 2, rel=0.02)


def test_a_table_of_days(published: SimpleNamespace) -> None:
    began = date(2009, 4, 27)
    dates = [began + timedelta(days=n) for n in range(32)]
    table = pa.table({"date": dates, "cases": published.flu_2009})
    asked = {"day": "date", "cases": "cases", "mean_interval": 2.6, "spread_interval": 1.5}
    found = reproduction(table, **asked)
    first = found.rows[0]
    assert (first["from"], first["to"], first["events"]) == ("2009-04-28", "2009-05-04", 17)
    assert first["reproduction"] == pytest.approx(1.7357977, abs=5.1e-8)
    assert found.events == int(published.flu_2009.sum())
    with pytest.raises(Invalid, match="do not follow"):
        reproduction(table.take([0, 2, 3]), **asked)


def test_a_series_shorter_than_the_serial_interval() -> None:
    """In 14 days an interval of mean 8.4 and deviation 3.8 has not ended; the rest is not lost."""
    number = np.array([3, 5, 4, 8, 9, 12, 11, 15, 18, 17, 22, 25, 24, 30], dtype=np.float64)
    dates = [date(2024, 1, 1) + timedelta(days=n) for n in range(14)]
    table = pa.table({"date": dates, "cases": number})
    asked = {"day": "date", "cases": "cases", "spread_interval": 3.8}
    assert serial_interval(8.4, 3.8, 14).sum() < 0.99
    found = reproduction(table, **asked, mean_interval=8.4)
    expected = reproduction_numbers(number, serial_interval(8.4, 3.8, 200))
    assert [row["reproduction"] for row in found.rows] == [one.interval.value for one in expected]
    with pytest.raises(Invalid, match="no distribution"):
        reproduction(table, **asked, mean_interval=1e6)


def test_what_cannot_be_is_refused() -> None:
    cases, interval = np.ones(10), np.array([0.0, 1.0])
    with pytest.raises(Invalid, match="no distribution"):
        reproduction_numbers(cases, np.array([0.5, 0.5]))
    with pytest.raises(Invalid, match="does not fit"):
        reproduction_numbers(cases, interval, window=10)
    with pytest.raises(Invalid, match="More cases are imported"):
        reproduction_numbers(cases, interval, imported=cases + 1)
    with pytest.raises(Invalid, match="make no interval"):
        serial_interval(1.0, 1.0, 10)
