"""Sets of events, and one value per person from them."""

from __future__ import annotations

from datetime import date

import pytest

from bercail.cohorts import day, dispensings, long_term_illnesses, stays
from bercail.testing.small_snds import (
    INSULIN,
    METFORMIN,
    METFORMIN_LARGE,
    NO_ATC,
    ONE_UNIT_SHORT,
    STATIN,
    SmallSnds,
)


def _drugs() -> SmallSnds:
    """`a` has five dispensings on three dates; `b` one without a date; `c` none."""
    data = SmallSnds()
    for person in "abc":
        data.person(person)
    data.dispensing("a", "2023-12-31", METFORMIN, PHA_ACT_QSN=2)
    data.dispensing("a", "2024-01-01", STATIN)
    data.dispensing("a", "2024-01-01", METFORMIN_LARGE, PHA_ACT_QSN=3)
    data.dispensing("a", "2024-12-31", INSULIN, PHA_ACT_QSN=None)
    data.dispensing("a", "2024-12-31", NO_ATC, PHA_ACT_QSN=4)
    data.dispensing("b", None, METFORMIN, PHA_ACT_QSN=-1)
    return data


A10 = dispensings.where(dispensings.atc.starts_with("A10"))


TABLE = [
    (dispensings.exists(), True, True, False),
    (dispensings.count(), 5, 1, 0),
    (dispensings.count_dates(), 3, 0, 0),
    (dispensings.count_distinct(dispensings.atc), 3, 1, 0),
    (dispensings.count_distinct(dispensings.date.year), 2, 0, 0),
    (dispensings.total(dispensings.quantity), 10, -1, 0),
    (dispensings.minimum(dispensings.quantity), 1, -1, None),
    (dispensings.maximum(dispensings.date), date(2024, 12, 31), None, None),
    (dispensings.first().date, date(2023, 12, 31), None, None),
    (dispensings.last().date, date(2024, 12, 31), None, None),
    (dispensings.first().atc, "A10BA02", None, None),
    (A10.count(), 3, 1, 0),
    (A10.during(2024).count(), 2, 0, 0),
    (dispensings.during(2024).count(), 4, 0, 0),
    (dispensings.between("2024-01-01", None).count(), 4, 0, 0),
    (dispensings.between(None, "2024-01-01").count(), 3, 0, 0),
    (dispensings.where(dispensings.quantity > 1).count(), 3, 0, 0),
    (dispensings.where(~(dispensings.quantity > 1)).count(), 1, 1, 0),
    (dispensings.where(dispensings.large_pack).count(), 2, 0, 0),
    (dispensings.where(~dispensings.large_pack).count(), 2, 1, 0),
    (dispensings.where(dispensings.large_pack.is_known()).count(), 4, 1, 0),
    (dispensings.where(~dispensings.atc.is_known()).count(), 1, 0, 0),
    (dispensings.where(dispensings.cip13.is_in([str(STATIN)])).exists(), True, False, False),
    (dispensings.where(dispensings.date.year == 2024).count(), 4, 0, 0),
    (A10.where(dispensings.quantity >= 2).during(2023).exists(), True, False, False),
]


def test_values(columns_of_values) -> None:
    answers = columns_of_values(_drugs(), [row[0] for row in TABLE])
    assert answers == [dict(zip("abc", row[1:], strict=True)) for row in TABLE]


def test_a_pack_is_large_from_84_units(values) -> None:
    data = SmallSnds()
    for person, drug in (("84", METFORMIN_LARGE), ("83", ONE_UNIT_SHORT), ("none", INSULIN)):
        data.person(person)
        data.dispensing(person, "2024-01-01", drug)
    assert values(data, dispensings.first().large_pack) == {"84": True, "83": False, "none": None}


def test_an_unknown_drug_has_no_class(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.dispensing("a", "2024-01-01", 3400999999999)
    data.dispensing("a", "2024-01-02", None)
    assert values(data, dispensings.count()) == {"a": 2}
    assert values(data, dispensings.count_distinct(dispensings.atc)) == {"a": 0}
    assert values(data, dispensings.first().cip13) == {"a": "3400999999999"}


def test_ties_are_decided_by_the_drug_code(values) -> None:
    data = SmallSnds()
    data.person("a")
    for drug in (STATIN, METFORMIN, None, INSULIN):
        data.dispensing("a", "2024-01-01", drug)
    assert values(data, dispensings.first().cip13) == {"a": str(METFORMIN)}
    assert values(data, dispensings.last().cip13) == {"a": None}


def test_a_detail_line_needs_its_whole_key(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.dispensing("a", "2024-01-01")
    orphan = dict(data.table("ER_PHA_F").to_pylist()[0])
    data.row("ER_PHA_F", **{**orphan, "REM_TYP_AFF": 9})
    data.row("ER_PHA_F", **orphan)
    assert values(data, dispensings.count()) == {"a": 2}


def test_a_window_between_two_dates_of_the_person(values) -> None:
    data = SmallSnds()
    for person in ("a", "b", "c"):
        data.person(person)
    data.dispensing("a", "2023-06-01", STATIN)
    data.dispensing("b", None, STATIN)
    for person in ("a", "b", "c"):
        data.stay(person, "2023-05-31", "2023-05-31")
        data.stay(person, "2023-06-01", "2023-06-02")
        data.stay(person, "2024-06-01", "2024-06-02")
        data.stay(person, "2024-06-02", "2024-06-03")
    first = dispensings.first().date
    assert values(data, stays.between(first, first.plus(years=1)).count()) == {
        "a": 2,
        "b": 0,
        "c": 0,
    }
    assert values(data, stays.between(first).count()) == {"a": 3, "b": 0, "c": 0}
    assert values(data, stays.between(None, first).count()) == {"a": 2, "b": 0, "c": 0}
    assert values(data, stays.between(day("2024-01-01"), on="discharge").count()) == {
        "a": 2,
        "b": 2,
        "c": 2,
    }


def test_a_window_inside_a_window(values) -> None:
    data = SmallSnds()
    data.person("a")
    for on in ("2024-01-01", "2024-02-01", "2024-03-01"):
        data.dispensing("a", on, METFORMIN)
    second = dispensings.between(dispensings.first().date.plus(days=1)).first().date
    assert values(data, second) == {"a": date(2024, 2, 1)}
    assert values(data, dispensings.between(second.plus(days=1)).count()) == {"a": 1}


@pytest.mark.parametrize(
    ("start", "end", "active"),
    [
        ("2019-01-01", "1600-01-01", True),
        ("2019-01-01", "2024-01-01", True),
        ("2019-01-01", "2023-12-31", False),
        ("2024-12-31", "2099-12-31", True),
        ("2025-01-01", "2099-12-31", False),
    ],
)
def test_an_illness_is_active_in_a_period(values, start, end, active) -> None:
    data = SmallSnds()
    data.person("a")
    data.illness("a", start, end)
    year = long_term_illnesses.active_between("2024-01-01", "2024-12-31")
    assert values(data, year.exists()) == {"a": active}


def test_an_illness_is_chosen_by_its_code(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.illness("a", "2020-01-01", icd10="E119 ")
    data.illness("a", "2021-01-01", icd10="I10")
    e11 = long_term_illnesses.where(long_term_illnesses.icd10.starts_with("E11"))
    assert values(data, e11.count()) == {"a": 1}
    assert values(data, e11.first().icd10) == {"a": "E119"}
    assert values(data, long_term_illnesses.last().start) == {"a": date(2021, 1, 1)}
    assert values(data, long_term_illnesses.first().end) == {"a": None}
