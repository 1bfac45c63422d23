"""Follow-up cut in the Lexis diagram: every day and every event in one cell."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.cohorts.analysis.person_time import FollowUp, follow_up, lexis, person_years
from bercail.foundation import Invalid

NAMES = {"birth": "birth", "entry": "entry", "exit_": "exit", "event": "event"}


def table(birth: list[object], entry: list[date], exit_: list[date], event: list[bool]) -> pa.Table:
    return pa.table({"birth": birth, "entry": entry, "exit": exit_, "event": event})


def test_a_life_cut_by_hand() -> None:
    """Born 1 July 1950, followed from 1 January 2010 to the event on 15 February 2012."""
    one = table([date(1950, 7, 1)], [date(2010, 1, 1)], [date(2012, 2, 15)], [True])
    cells = lexis(follow_up(one, **NAMES), age_starts=[55, 60, 65], by_year=True)
    found = [(c.age.label, c.year, c.days, c.events) for c in cells if c.age]
    assert found == [
        ("55-59", 2010, 181, 0),  # 1 January to 30 June
        ("60-64", 2010, 184, 0),
        ("60-64", 2011, 365, 0),
        ("60-64", 2012, 46, 1),  # January and 15 days
    ]


def test_a_year_of_birth_gives_calendar_ages() -> None:
    one = table([1950], [date(2010, 3, 1)], [date(2011, 3, 1)], [False])
    cells = lexis(follow_up(one, **NAMES), age_starts=[0, 61])
    assert [(c.age.label, c.days) for c in cells if c.age] == [("0-60", 306), ("61+", 60)]


def test_born_on_29_february_is_older_on_1_march() -> None:
    one = table([date(2000, 2, 29)], [date(2010, 2, 28)], [date(2010, 3, 1)], [True])
    cells = lexis(follow_up(one, **NAMES), age_starts=[9, 10])
    assert [(c.days, c.events) for c in cells] == [(1, 0), (1, 1)]


@st.composite
def lives(draw: st.DrawFn) -> FollowUp:
    number = draw(st.integers(min_value=1, max_value=8))
    first = date(1920, 1, 1).toordinal() - date(1970, 1, 1).toordinal()
    birth = np.array(draw(st.lists(st.integers(first, 10_000), min_size=number, max_size=number)))
    wait = np.array(draw(st.lists(st.integers(0, 20_000), min_size=number, max_size=number)))
    stay = np.array(draw(st.lists(st.integers(0, 6_000), min_size=number, max_size=number)))
    event = np.array(draw(st.lists(st.booleans(), min_size=number, max_size=number)))
    return FollowUp(birth=birth, entry=birth + wait, exit=birth + wait + stay, event=event)


@given(lives())
@settings(max_examples=40)
def test_days_and_events_are_neither_lost_nor_doubled(life: FollowUp) -> None:
    total = int((life.exit - life.entry + 1).sum())
    for by_year in (False, True):
        cells = lexis(life, age_starts=[0, 1, 5, 18, 40, 65], by_year=by_year)
        assert sum(cell.days for cell in cells) == total
        assert sum(cell.events for cell in cells) == int(life.event.sum())


def test_person_years_are_ready_to_standardise() -> None:
    two = table(
        [date(1950, 1, 1), date(1990, 1, 1)],
        [date(2010, 1, 1)] * 2,
        [date(2010, 12, 31)] * 2,
        [True, False],
    ).append_column("sex", pa.array(["f", "m"]))
    found = person_years(two, **NAMES, age_starts=[0, 40], by=["sex"])
    assert [(r["sex"], r["age"], r["persons"], r["events"]) for r in found.rows] == [
        ("f", "40+", 1, 1),
        ("m", "0-39", 1, 0),
    ]
    assert found.rows[0]["person_years"] == pytest.approx(365 / 365.25)
    assert (found.persons, found.events) == (2, 1)


def test_what_cannot_be_is_refused() -> None:
    day = date(2020, 1, 1)
    before = day - timedelta(days=1)
    with pytest.raises(Invalid, match="1 persons leave before they enter"):
        follow_up(table([date(1950, 1, 1)], [day], [before], [False]), **NAMES)
    with pytest.raises(Invalid, match="before they are born"):
        follow_up(table([day], [before], [day], [False]), **NAMES)
    good = follow_up(table([before], [day], [day], [False]), **NAMES)
    with pytest.raises(Invalid, match="do not rise"):
        lexis(good, age_starts=[10, 5])
    with pytest.raises(Invalid, match="not dates"):
        follow_up(
            pa.table({"birth": [1950], "entry": [1.5], "exit": [day], "event": [True]}), **NAMES
        )
