"""Counts by ISO week: Monday to Sunday, weeks without any event included."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import frozen

from bercail.cohorts.analysis.columns import Days, Integers, counts, days, require_rows
from bercail.cohorts.analysis.result import Analysis
from bercail.foundation import Invalid

_EPOCH = date(1970, 1, 1)
_EPOCH_TO_MONDAY = 3  # 1970-01-01 was a Thursday


@frozen(kw_only=True, eq=False)
class WeeklySeries:
    """Counts of weeks that follow one another; `first` is the Monday of the first."""

    first: date
    counts: Integers

    def monday(self, place: int) -> date:
        """The Monday of the week at `place`, counted from 0."""
        return self.first + timedelta(weeks=place)

    def label(self, place: int) -> str:
        """The week at `place` as ISO 8601 writes it: `2024-W07`."""
        year, week, _ = self.monday(place).isocalendar()
        return f"{year}-W{week:02d}"


def weekly_series(dates: Days, first: date | None = None, last: date | None = None) -> WeeklySeries:
    """The events of each ISO week, from the first to the last week with one.

    `first` and `last` are days whose weeks bound the series instead; a week that observation
    covers in part belongs to nobody's baseline, so leave it out. Events outside are not counted.

    Raises:
        Invalid: no event and no bounds, or bounds that run backwards.
    """
    if len(dates) == 0 and (first is None or last is None):
        raise Invalid("There is no event to make weeks of.")
    weeks = _week(dates.astype(np.int64))
    low = _week_of(first) if first is not None else int(weeks.min())
    high = _week_of(last) if last is not None else int(weeks.max())
    if high < low:
        raise Invalid("The series ends before it begins.")
    inside = weeks[(weeks >= low) & (weeks <= high)] - low
    monday = _EPOCH + timedelta(days=low * 7 - _EPOCH_TO_MONDAY)
    return WeeklySeries(first=monday, counts=np.bincount(inside, minlength=high - low + 1))


def _week(when: Days) -> Days:
    found: Days = (when + _EPOCH_TO_MONDAY) // 7
    return found


def _week_of(day: date) -> int:
    return ((day - _EPOCH).days + _EPOCH_TO_MONDAY) // 7


def read_series(table: pa.Table, *, week: str, count: str) -> WeeklySeries:
    """A series from a table with one row per week, `week` holding any day of it.

    Raises:
        Missing: a column is absent.
        Invalid: weeks that do not follow one another, or counts that are no whole numbers.
    """
    require_rows(table)
    weeks, number = _week(days(table, week)), counts(table, count)
    if (np.diff(weeks) != 1).any():
        raise Invalid("The weeks do not follow one another.", remedy="Write weeks of 0 too.")
    if (number != np.floor(number)).any():
        raise Invalid(f"The column `{count}` holds no whole numbers.")
    first = _EPOCH + timedelta(days=int(weeks[0]) * 7 - _EPOCH_TO_MONDAY)
    return WeeklySeries(first=first, counts=number.astype(np.int64))


def weekly(table: pa.Table, *, day: str) -> Analysis:
    """The weekly series of a table with one row per event.

    Raises:
        Missing: the column is absent.
        Invalid: unknown values, or no row.
    """
    require_rows(table)
    series = weekly_series(days(table, day))
    return Analysis(
        method="Counts by ISO week",
        source="ISO 8601-1:2019, week date",
        rows=tuple(series_rows(series)),
        events=int(series.counts.sum()),
    )


def series_rows(series: WeeklySeries) -> list[dict[str, Any]]:
    """A row for each week: its ISO name, its Monday, its events."""
    return [
        {
            "week": series.label(place),
            "monday": series.monday(place).isoformat(),
            "events": int(count),
        }
        for place, count in enumerate(series.counts)
    ]
