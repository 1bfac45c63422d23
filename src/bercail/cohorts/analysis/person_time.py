"""Person-years in the Lexis diagram: follow-up cut at birthdays and at the turn of years."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.types as kinds
from attrs import frozen

from bercail.cohorts.analysis.columns import (
    Days,
    Flags,
    days,
    flags,
    numbers,
    require_columns,
    require_rows,
)
from bercail.cohorts.analysis.rates import groups
from bercail.cohorts.analysis.result import Analysis
from bercail.cohorts.analysis.standards import OPEN, AgeBand
from bercail.foundation import Invalid

DAYS_IN_YEAR = 365.25
_MOST_AGE = 150


@frozen(kw_only=True, eq=False)
class FollowUp:
    """Each person's time at risk: from `entry` to `exit`, both days included.

    `birth` is the day of birth; where only the year is known, 1 January of it, so that age
    is the year less the year of birth. `event` tells whether the event falls on `exit`.
    """

    birth: Days
    entry: Days
    exit: Days
    event: Flags

    def __attrs_post_init__(self) -> None:
        """Refuse follow-up that ends before it begins, or begins before birth."""
        backwards = int((self.exit < self.entry).sum())
        if backwards:
            raise Invalid(f"{backwards} persons leave before they enter.")
        unborn = int((self.entry < self.birth).sum())
        if unborn:
            raise Invalid(f"{unborn} persons enter before they are born.")


@frozen(kw_only=True)
class Cell:
    """One cell of the diagram: days at risk and events; `persons` were at risk in it."""

    age: AgeBand | None
    year: int | None
    persons: int
    days: int
    events: int


def follow_up(table: pa.Table, *, birth: str, entry: str, exit_: str, event: str) -> FollowUp:
    """Follow-up from columns; `birth` holds dates, or years of birth as integers.

    Raises:
        Missing: a column is absent.
        Invalid: unknown values, or an order that cannot be.
    """
    require_rows(table)
    require_columns(table, [birth, entry, exit_, event])
    if kinds.is_integer(table.column(birth).type):
        born = _first_of_year(numbers(table, birth).astype(np.int64))
    else:
        born = days(table, birth)
    return FollowUp(
        birth=born, entry=days(table, entry), exit=days(table, exit_), event=flags(table, event)
    )


def lexis(
    follow: FollowUp, *, age_starts: Sequence[int] = (), by_year: bool = False
) -> tuple[Cell, ...]:
    """Person-days and events by age group and calendar year; cells without days are left out.

    `age_starts` begin the groups (`0, 5, 10` gives 0-4, 5-9, 10+); time before the first is
    outside. Every day of follow-up stands in exactly one cell.

    Raises:
        Invalid: starts that do not rise.
    """
    if any(b <= a for a, b in pairwise(age_starts)):
        raise Invalid("The starts of the age groups do not rise.")
    ages = _age_windows(follow.birth, age_starts)
    years = _year_windows(follow) if by_year else [(None, None, None)]
    cells = []
    for band, age_from, age_to in ages:
        for year, year_from, year_to in years:
            start, end = follow.entry, follow.exit + 1
            if age_from is not None and age_to is not None:
                start, end = np.maximum(start, age_from), np.minimum(end, age_to)
            if year_from is not None and year_to is not None:
                start, end = np.maximum(start, year_from), np.minimum(end, year_to)
            inside = end > start
            # The event stands in the cell that holds the last day of follow-up.
            last = inside & follow.event & (end == follow.exit + 1)
            cell = Cell(
                age=band,
                year=year,
                persons=int(inside.sum()),
                days=int((end - start)[inside].sum()),
                events=int(last.sum()),
            )
            if cell.days:
                cells.append(cell)
    return tuple(cells)


def person_years(
    table: pa.Table,
    *,
    birth: str,
    entry: str,
    exit_: str,
    event: str,
    age_starts: Sequence[int] = (),
    by_year: bool = False,
    by: Sequence[str] = (),
) -> Analysis:
    """Person-years and events of each group, age group and year; ready for `standardise`.

    Raises:
        Missing: a column is absent.
        Invalid: unknown values, an order that cannot be, or starts that do not rise.
    """
    follow = follow_up(table, birth=birth, entry=entry, exit_=exit_, event=event)
    rows = []
    for named, chosen in groups(table, by):
        part = FollowUp(
            birth=follow.birth[chosen],
            entry=follow.entry[chosen],
            exit=follow.exit[chosen],
            event=follow.event[chosen],
        )
        for cell in lexis(part, age_starts=age_starts, by_year=by_year):
            where = {"age": cell.age.label} if cell.age else {}
            where |= {"year": str(cell.year)} if cell.year is not None else {}
            counted = {"persons": cell.persons, "events": cell.events}
            rows.append({**named, **where, **counted, "person_years": cell.days / DAYS_IN_YEAR})
    return Analysis(
        method="Person-years in a Lexis diagram, first and last day included",
        source="Breslow and Day, volume II, IARC 1987, section 2.1; 365.25 days to the year",
        rows=tuple(rows),
        persons=table.num_rows,
        events=int(follow.event.sum()),
        facts={"person_years": float((follow.exit - follow.entry + 1).sum() / DAYS_IN_YEAR)},
    )


_Window = tuple[AgeBand | None, Days | None, Days | None]


def _age_windows(birth: Days, starts: Sequence[int]) -> list[_Window]:
    if not starts:
        return [(None, None, None)]
    ends = [*starts[1:], _MOST_AGE]
    windows: list[_Window] = []
    for low, next_ in zip(starts, ends, strict=True):
        band = AgeBand(low=low, high=OPEN if next_ == _MOST_AGE else next_ - 1)
        windows.append((band, _birthday(birth, low), _birthday(birth, next_)))
    return windows


def _year_windows(follow: FollowUp) -> list[tuple[int | None, Days | None, Days | None]]:
    first, last = _year_of(follow.entry).min(), _year_of(follow.exit).max()
    starts = _first_of_year(np.arange(first, last + 2))
    return [
        (int(year), starts[place], starts[place + 1])
        for place, year in enumerate(range(int(first), int(last) + 1))
    ]


def _year_of(when: Days) -> Days:
    dated = when.astype("datetime64[D]")
    found: Days = dated.astype("datetime64[Y]").astype(np.int64) + 1970
    return found


def _first_of_year(years: Days) -> Days:
    found: Days = (years - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
    return found


def _birthday(birth: Days, age: int) -> Days:
    """The day on which each person becomes `age`; born on 29 February, on 1 March."""
    dated = birth.astype("datetime64[D]")
    months = dated.astype("datetime64[M]")
    day = (dated - months.astype("datetime64[D]")).astype(np.int64)
    moved = (months.astype(np.int64) + 12 * age).astype("datetime64[M]").astype("datetime64[D]")
    found: Days = moved.astype(np.int64) + day
    return found
