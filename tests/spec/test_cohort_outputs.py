"""Rows of events, measures over time and matched controls, on every engine."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bercail.cohorts import (
    Cohort,
    dispensings,
    interval,
    long_term_illnesses,
    match,
    measure,
    persons,
)
from bercail.foundation import Invalid
from bercail.testing.small_snds import METFORMIN, STATIN, SmallSnds


def _users() -> SmallSnds:
    """`a` and `b` took metformin, `d` a statin; `c` nothing; `e` died before all that."""
    data = SmallSnds()
    for person, sex in (("a", 1), ("b", 2), ("c", 2), ("d", 2)):
        data.person(person, sex=sex)
    data.person("e", sex=2, BEN_DCD_DTE=date(2023, 12, 31))
    data.dispensing("b", "2024-02-01", METFORMIN, PHA_ACT_QSN=2)
    data.dispensing("a", "2024-01-31", METFORMIN)
    data.dispensing("a", "2024-01-31", METFORMIN)
    data.dispensing("a", None, METFORMIN)
    data.dispensing("d", "2024-03-31", STATIN)
    return data


def _study(**given: Any) -> Any:
    whole = {"population": persons.birth_year.is_known(), "attributes": {"sex": persons.sex}}
    return Cohort(name="spec", title="spec", **{**whole, **given}).model


def test_rows_of_events_are_those_of_the_cohort_in_a_total_order(ask) -> None:
    study = _study(
        population=persons.sex == "female",
        event_rows={
            "all": (dispensings, ["date", "cip13", "quantity"]),
            "two": (dispensings.where(dispensings.quantity > 1), ["quantity"]),
        },
    )
    events = ask(_users(), study).events
    assert [tuple(row.values()) for row in events["all"].to_pylist()] == [
        ("b", date(2024, 2, 1), str(METFORMIN), 2),
        ("d", date(2024, 3, 31), str(STATIN), 1),
    ]
    assert events["two"].to_pylist() == [{"person": "b", "quantity": 2}]


def test_equal_rows_stay_and_unknown_comes_last(ask) -> None:
    study = _study(population=persons.sex == "male", event_rows={"rows": (dispensings, ["date"])})
    days = ask(_users(), study).events["rows"]["date"].to_pylist()
    assert days == [date(2024, 1, 31), date(2024, 1, 31), None]


def test_rows_of_nobody_have_their_columns(ask) -> None:
    study = _study(
        population=persons.birth_year == 1,
        event_rows={"rows": (long_term_illnesses, ["start", "icd10"])},
    )
    rows = ask(_users(), study).events["rows"]
    assert rows.column_names == ["person", "start", "icd10"]
    assert rows.num_rows == 0


def test_a_measure_counts_by_interval_and_group(ask) -> None:
    study = _study(
        measures=[
            measure(
                "users",
                first="2024-01-01",
                count=3,
                numerator=dispensings.between(interval.start, interval.end).exists(),
                denominator=persons.alive_on(interval.start),
                by=["sex"],
            )
        ]
    )
    (table,) = ask(_users(), study).measures
    assert table.rows == (
        ("2024-01-01", "2024-01-31", "female", 0, 3),
        ("2024-01-01", "2024-01-31", "male", 1, 1),
        ("2024-02-01", "2024-02-29", "female", 1, 3),
        ("2024-02-01", "2024-02-29", "male", 0, 1),
        ("2024-03-01", "2024-03-31", "female", 1, 3),
        ("2024-03-01", "2024-03-31", "male", 0, 1),
    )


def test_a_measure_adds_numbers_over_quarters_and_years(ask) -> None:
    packs = dispensings.between(interval.start, interval.end).total(dispensings.quantity)
    alive = persons.alive_on(interval.start)
    made = [
        measure(
            "q", first="2023-10-01", count=2, each="quarter", numerator=packs, denominator=alive
        ),
        measure("y", first="2023-01-01", count=2, each="year", numerator=packs, denominator=alive),
    ]
    quarters, years = ask(_users(), _study(measures=made)).measures
    assert quarters.rows == (
        ("2023-10-01", "2023-12-31", 0, 5),
        ("2024-01-01", "2024-03-31", 5, 4),
    )
    assert years.rows == (
        ("2023-01-01", "2023-12-31", 0, 5),
        ("2024-01-01", "2024-12-31", 5, 4),
    )


def test_the_numerator_counts_for_the_denominator_alone(ask) -> None:
    study = _study(
        measures=[
            measure(
                "half",
                first="2024-01-01",
                count=1,
                each="year",
                numerator=dispensings.exists(),
                denominator=persons.sex == "female",
            )
        ]
    )
    (table,) = ask(_users(), study).measures
    assert table.rows == (("2024-01-01", "2024-12-31", 2, 4),)


def _pairs(result: Any) -> list[tuple[str, str]]:
    return [(row["case"], row["control"]) for row in result.matches.to_pylist()]


def test_controls_are_equal_on_what_is_named_and_used_once(ask) -> None:
    data = SmallSnds()
    for person, birth in (("p", 1950), ("q", 1950), ("r", 1960)):
        data.person(person, birth=birth)
        data.dispensing(person, "2024-05-05")
    for person, birth in (("1", 1950), ("2", 1950), ("3", 1950), ("4", 1960), ("5", None)):
        data.person(person, birth=birth)
    study = _study(
        population=dispensings.exists(),
        index_date=dispensings.first().date,
        attributes={"birth": persons.birth_year},
        matching=match(persons.sex == "female", on=["birth"], ratio=2),
    )
    result = ask(data, study)
    assert _pairs(result) == [("p", "1"), ("p", "3"), ("q", "2"), ("r", "4")]
    assert set(result.matches["index_date"].to_pylist()) == {date(2024, 5, 5)}
    assert result.persons["person"].to_pylist() == ["p", "q", "r"]
    assert [step.persons for step in result.flowchart] == [8, 3]


def test_the_pool_passed_the_person_rules_and_the_condition(ask) -> None:
    data = SmallSnds()
    for person, sex, birth in (("p", 2, 1950), ("1", 2, 1950), ("2", 9, 1950), ("3", 2, None)):
        data.person(person, sex=sex, birth=birth)
    data.dispensing("p", "2024-05-05")
    study = _study(
        person_rules=["person-known-sex"],
        population=dispensings.exists(),
        attributes={"sex": persons.sex},
        matching=match(persons.birth_year == 1950, on=["sex"], ratio=5),
    )
    assert _pairs(ask(data, study)) == [("p", "1")]


def _aged(cases: list[tuple[str, int, int]], pool: list[tuple[str, int | None, int]]) -> SmallSnds:
    """Persons by name, year of birth and sex; cases take a drug, and somebody is a case."""
    data = SmallSnds()
    for person, birth, sex in (*cases, *pool):
        data.person(person, birth=birth, sex=sex)
    for person, _, _ in cases:
        data.dispensing(person, "2024-05-05")
    return data


CASES = [("p", 1940, 1), ("q", 1950, 1), ("r", 1960, 2)]
POOL = [
    ("1", 1930, 1),
    ("2", 1941, 1),
    ("3", 1952, 1),
    ("4", 1952, 1),
    ("5", 1959, 1),
    ("6", 1975, 2),
    ("7", None, 2),
]


# With one number the logit of the propensity is a line: who is nearest in years is nearest in it.
@pytest.mark.parametrize(
    ("named", "pairs"),
    [
        ({"caliper": 9}, [("p", "2"), ("q", "3"), ("r", "5")]),
        ({"caliper": 9, "on": ["sex"]}, [("p", "2"), ("q", "3"), ("r", "6")]),
        ({"caliper": 0.1}, [("p", "2"), ("r", "5")]),
        ({"caliper": 0.001}, []),
        (
            {"caliper": 9, "ratio": 2},
            [("p", "1"), ("p", "2"), ("q", "3"), ("q", "4"), ("r", "5"), ("r", "6")],
        ),
    ],
)
def test_controls_are_nearest_in_propensity(
    ask, named: dict[str, Any], pairs: list[tuple[str, str]]
) -> None:
    study = _study(
        population=dispensings.exists(),
        index_date=dispensings.first().date,
        attributes={"birth": persons.birth_year, "sex": persons.sex},
        matching=match(persons.sex.is_known(), propensity=["birth"], **named),
    )
    result = ask(_aged(CASES, POOL), study)
    assert _pairs(result) == pairs
    assert result.matches.column_names == ["case", "control", "index_date"]


def test_nobody_is_nearest_where_nobody_is_a_case(ask) -> None:
    study = _study(
        population=dispensings.exists(),
        attributes={"birth": persons.birth_year},
        matching=match(persons.sex.is_known(), propensity=["birth"]),
    )
    result = ask(_aged([], POOL), study)
    assert _pairs(result) == []
    assert result.matches.column_names == ["case", "control"]


WRONG = {
    "matching on nothing": (
        lambda: match(persons.sex.is_known()),
        "Matching needs attributes",
    ),
    "a caliper of nothing": (
        lambda: match(persons.sex.is_known(), propensity=["birth"], caliper=0),
        "`0` is no caliper",
    ),
    "a propensity from a date": (
        lambda: _study(
            attributes={"death": persons.death_date},
            matching=match(persons.sex.is_known(), propensity=["death"]),
        ),
        "from the date `death`",
    ),
    "a propensity from what is not there": (
        lambda: _study(matching=match(persons.sex.is_known(), propensity=["birth"])),
        "groups by `birth`",
    ),
    "interval outside a measure": (
        lambda: _study(population=dispensings.between(interval.start).exists()),
        "stand outside a measure",
    ),
    "measure by what is not there": (
        lambda: _study(
            measures=[
                measure(
                    "m",
                    first="2024-01-01",
                    count=1,
                    numerator=dispensings.exists(),
                    denominator=dispensings.exists(),
                    by=["age"],
                )
            ]
        ),
        "groups by `age`",
    ),
    "measure that begins within a month": (
        lambda: measure(
            "m",
            first="2024-01-02",
            count=1,
            numerator=dispensings.exists(),
            denominator=dispensings.exists(),
        ),
        "does not begin an interval",
    ),
    "matching on what is not there": (
        lambda: _study(matching=match(persons.sex == "female", on=["birth"])),
        "groups by `birth`",
    ),
    "rows of no columns": (
        lambda: _study(event_rows={"rows": (dispensings, [])}),
        "name no columns",
    ),
    "rows of a column that is not there": (
        lambda: _study(event_rows={"rows": (dispensings, ["colour"])}),
        "`dispensings.colour`",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_output_cannot_exist(name: str) -> None:
    act, message = WRONG[name]
    with pytest.raises(Invalid, match=message):
        act()


def test_a_study_without_outputs_keeps_its_identity() -> None:
    assert not {"measures", "matching", "event_rows"} & set(_study().as_dict())
