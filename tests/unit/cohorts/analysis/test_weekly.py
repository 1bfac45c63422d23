"""Weeks as ISO 8601 has them."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.cohorts.analysis.weekly import read_series, weekly, weekly_series
from bercail.foundation import Invalid

EPOCH = date(1970, 1, 1)


def days_of(*dates: date) -> np.ndarray:
    return np.array([(one - EPOCH).days for one in dates])


def test_weeks_around_new_year() -> None:
    """1 January 2021 is in week 53 of 2020; 3 January 2022 begins week 1 of 2022."""
    series = weekly_series(days_of(date(2021, 1, 1), date(2021, 1, 3), date(2021, 1, 18)))
    assert series.first == date(2020, 12, 28)
    assert series.counts.tolist() == [2, 0, 0, 1]
    assert [series.label(n) for n in range(4)] == ["2020-W53", "2021-W01", "2021-W02", "2021-W03"]


@given(st.lists(st.dates(date(1950, 1, 1), date(2060, 1, 1)), min_size=1, max_size=30))
@settings(max_examples=40)
def test_every_event_is_in_the_week_that_python_says(dates: list[date]) -> None:
    series = weekly_series(days_of(*dates))
    assert series.counts.sum() == len(dates)
    assert series.first.isoweekday() == 1
    for one in set(dates):
        place = (one - series.first).days // 7
        year, week, _ = one.isocalendar()
        assert series.label(place) == f"{year}-W{week:02d}"
        assert series.counts[place] == sum(d.isocalendar()[:2] == (year, week) for d in dates)


def test_bounds_take_part_and_leave_out() -> None:
    inside = days_of(date(2024, 1, 2), date(2024, 3, 1))
    series = weekly_series(inside, date(2024, 1, 8), date(2024, 1, 28))
    assert series.counts.tolist() == [0, 0, 0]
    none = weekly_series(days_of(), date(2024, 1, 1), date(2024, 1, 8))
    assert none.counts.tolist() == [0, 0]
    with pytest.raises(Invalid, match="no event"):
        weekly_series(days_of())
    with pytest.raises(Invalid, match="before it begins"):
        weekly_series(inside, date(2024, 1, 8), date(2023, 1, 8))


def test_a_series_is_written_and_read_again() -> None:
    events = pa.table({"date": [date(2024, 1, 2), date(2024, 1, 20)]})
    rows = weekly(events, day="date").table()
    back = read_series(rows, week="monday", count="events")
    assert back.first == date(2024, 1, 1)
    assert back.counts.tolist() == [1, 0, 1]
    with pytest.raises(Invalid, match="do not follow"):
        read_series(rows.take([0, 2]), week="monday", count="events")
    halves = pa.table({"monday": [date(2024, 1, 1) + timedelta(0)], "events": [1.5]})
    with pytest.raises(Invalid, match="no whole numbers"):
        read_series(halves, week="monday", count="events")
