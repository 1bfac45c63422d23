"""Arithmetic on years, ages and dates."""

from __future__ import annotations

from datetime import date

import pytest

from bercail.cohorts import day, persons
from bercail.testing.small_snds import SmallSnds


def _died(on: date) -> SmallSnds:
    data = SmallSnds()
    data.person("a", birth=1950, BEN_DCD_DTE=on)
    return data


TABLE = [
    (persons.birth_year + 10, 1960),
    (10 + persons.birth_year, 1960),
    (persons.birth_year - 50, 1900),
    (2024 - persons.birth_year, 74),
    (persons.death_date.year, 2024),
    (persons.death_date.plus(years=1), date(2025, 2, 28)),
    (persons.death_date.plus(years=4), date(2028, 2, 29)),
    (persons.death_date.plus(years=-1, days=1), date(2023, 3, 1)),
    (persons.death_date.plus(days=-60), date(2023, 12, 31)),
    (persons.death_date.days_until("2024-03-01"), 1),
    (persons.death_date.days_until("2024-02-01"), -28),
    (day("2024-03-01").days_until(persons.death_date), -1),
    (persons.age_on("2024-12-31"), 74),
    (persons.age_on(persons.death_date), 74),
    (persons.age_on("2024-12-31").groups_of(10, up_to=90), "70-79"),
    (persons.age_on("2040-12-31").groups_of(10, up_to=90), "90+"),
    (persons.age_on("2010-12-31").groups(0, 18, 60, 61), "60"),
    (persons.age_on("2010-12-31").groups(65, 80), None),
    (persons.dead_on("2024-02-28"), False),
    (persons.dead_on("2024-02-29"), True),
    (persons.alive_on("2024-02-29"), False),
    (persons.death_date < "2024-03-01", True),
    (persons.death_date == date(2024, 2, 29), True),
]


def test_values(columns_of_values) -> None:
    answers = columns_of_values(_died(date(2024, 2, 29)), [expression for expression, _ in TABLE])
    assert answers == [{"a": expected} for _, expected in TABLE]


@pytest.mark.parametrize("missing", [date(1600, 1, 1), date(9999, 12, 31), date(2200, 1, 1)])
def test_a_sentinel_is_no_date(values, missing) -> None:
    assert values(_died(missing), persons.death_date) == {"a": None}
    assert values(_died(missing), persons.alive_on("2024-12-31")) == {"a": True}


def test_2099_stays_a_date(values) -> None:
    assert values(_died(date(2099, 12, 31)), persons.death_date) == {"a": date(2099, 12, 31)}
