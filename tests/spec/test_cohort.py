"""A whole cohort: steps in order, index date, tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa

from bercail.cohorts import (
    Cohort,
    dispensings,
    load_study,
    long_term_illnesses,
    persons,
    stays,
)
from bercail.testing.small_snds import METFORMIN_LARGE, SmallSnds

STUDY = Path(__file__).resolve().parents[2] / "studies" / "treated_diabetes.py"


def _five() -> SmallSnds:
    data = SmallSnds()
    births = {"a": 1930, "b": 1950, "c": None, "d": 1951, "e": 1952}
    for person, birth in births.items():
        data.person(person, birth=birth, sex=1 if person == "d" else 2)
        if person != "e":
            data.dispensing(person, f"2024-01-0{1 + len(person)}")
    return data


def test_steps_come_in_order_and_an_unknown_exclusion_keeps(ask) -> None:
    study = Cohort(
        name="spec",
        title="spec",
        person_rules=["person-known-sex"],
        population=dispensings.exists(),
        label="Has a drug",
        exclude={"born before 1940": persons.birth_year < 1940, "male": persons.sex == "male"},
        index_date=dispensings.first().date,
        attributes={"old": persons.birth_year < 1951},
        tables={"By age": ["old"]},
    )
    result = ask(_five(), study.model)
    assert [(step.label, step.persons) for step in result.flowchart] == [
        ("Persons in the data", 5),
        ("Rule person-known-sex", 5),
        ("Has a drug", 4),
        ("Not excluded: born before 1940", 3),
        ("Not excluded: male", 2),
    ]
    assert result.persons.to_pylist() == [
        {"person": "b", "index_date": date(2024, 1, 2), "old": True},
        {"person": "c", "index_date": date(2024, 1, 2), "old": None},
    ]
    assert dict(result.tables[0].cells) == {("yes",): 1, ("no",): 0, ("unknown",): 1}
    assert result.model_digest == study.model.digest


def test_columns_have_fixed_types_even_when_empty(ask) -> None:
    study = Cohort(
        name="spec",
        title="spec",
        population=dispensings.exists(),
        index_date="2024-01-01",
        attributes={
            "flag": dispensings.exists(),
            "number": dispensings.count(),
            "day": dispensings.first().date,
            "code": dispensings.first().atc,
        },
        tables={"t": ["code", "flag"]},
    )
    for data in (SmallSnds(), _five()):
        result = ask(data, study.model)
        assert result.persons.schema == pa.schema(
            {
                "person": pa.string(),
                "index_date": pa.date32(),
                "flag": pa.bool_(),
                "number": pa.int64(),
                "day": pa.date32(),
                "code": pa.string(),
            }
        )


def test_open_categories_are_those_that_occur(ask) -> None:
    study = Cohort(
        name="spec",
        title="spec",
        population=dispensings.exists(),
        attributes={"year": persons.birth_year, "sex": persons.sex},
        tables={"t": ["year", "sex"]},
    )
    (table,) = ask(_five(), study.model).tables
    assert [side.categories for side in table.dimensions] == [
        ("1930", "1950", "1951", "unknown"),
        ("female", "male"),
    ]
    assert table.cells["1951", "male"] == 1
    assert table.cells["1951", "female"] == 0
    assert table.total == 4


def test_treated_diabetes(ask_files) -> None:
    data = SmallSnds()
    for person in ("three", "two", "two large", "same day", "cancelled", "dead", "born in 1930"):
        data.person(person, birth=1930 if person == "born in 1930" else 1960)
    data.person("no sex", sex=0)
    data.row("IR_BEN_R", **{**data.table("IR_BEN_R").to_pylist()[5], "BEN_RNG_GEM": 2})
    for person in ("three", "cancelled", "dead", "born in 1930", "no sex"):
        for month in (1, 2, 3):
            data.dispensing(person, f"2024-0{month}-15")
    data.dispensing("cancelled", "2024-03-15", PHA_ACT_QSN=-1)
    for person, drug in (("two", None), ("two large", METFORMIN_LARGE)):
        data.dispensing(person, "2024-01-15")
        data.dispensing(person, "2024-12-31", drug or 3400930000001)
    for _ in range(3):
        data.dispensing("same day", "2024-05-05")
    data.person("dead again", BEN_IDT_ANO="dead", BEN_DCD_DTE=date(2024, 12, 31), birth=1960)
    result = ask_files(data, load_study(STUDY))
    assert result.persons["person"].to_pylist() == ["born in 1930", "three", "two large"]
    assert [step.persons for step in result.flowchart] == [8, 7, 7, 4, 3]
    (table,) = result.tables
    assert {key: count for key, count in table.cells.items() if count} == {
        ("60-69", "female"): 2,
        ("90+", "female"): 1,
    }
    assert len(table.cells) == 20


def test_files_give_what_tables_give(ask, ask_files) -> None:
    data = _five()
    data.stay("a", "2024-01-01", "2024-01-05", associated=["E119"])
    data.stay("b", "2023-01-01", "2023-01-05", units=[("E119", None)])
    data.illness("b", "2020-01-01")
    study = Cohort(
        name="spec",
        title="spec",
        population=dispensings.exists(),
        attributes={
            "stays": stays.where(stays.diagnoses.any_starts_with("E11")).count(),
            "illness": long_term_illnesses.exists(),
        },
    ).model
    from_tables, from_files = ask(data, study), ask_files(data, study)
    assert from_files.persons.equals(from_tables.persons)
    assert from_files.persons["stays"].to_pylist() == [1, 1, 0, 0]
    assert from_files.snapshots[:2] == ("ER_PHA_F@s1", "ER_PRS_F@s1")
