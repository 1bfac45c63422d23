"""A second national model, from data files alone: OMOP CDM 5.4."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bercail.catalogue import Registry, arrow_type, load, models


@pytest.fixture(scope="module")
def omop() -> Registry:
    return load("omop")


def test_both_models_are_told() -> None:
    assert list(models()) == ["snds", "omop"]


def test_the_tables_of_the_standard_are_there(omop: Registry) -> None:
    assert len(omop.tables) == 39
    assert {"person", "death", "drug_exposure", "concept", "episode", "cohort"} <= set(omop.tables)
    assert [len(omop.table(name).columns) for name in ("person", "visit_detail", "death")] == [
        18, 19, 7,
    ]  # fmt: skip


def test_keys_are_those_of_the_standard(omop: Registry) -> None:
    assert omop.table("person").key == ("person_id",)
    assert omop.table("concept").key == ("concept_id",)
    assert omop.table("death").key == ()
    for table in omop.tables.values():
        assert len(table.key) <= 1


@pytest.mark.parametrize(
    ("table", "column", "expected"),
    [
        ("person", "person_id", pa.int64()),
        ("person", "birth_datetime", pa.timestamp("us")),
        ("person", "gender_source_value", pa.string()),
        ("drug_exposure", "drug_exposure_start_date", pa.date32()),
        ("measurement", "value_as_number", pa.float64()),
        ("note", "note_text", pa.string()),
    ],
)
def test_types_lead_to_arrow(
    omop: Registry, table: str, column: str, expected: pa.DataType
) -> None:
    assert arrow_type(omop.table(table).column(column)) == expected


def test_references_lead_to_a_table_with_a_key_of_that_type(omop: Registry) -> None:
    seen = 0
    for table in omop.tables.values():
        for column in table.columns:
            if column.references is None:
                continue
            target = omop.table(column.references)
            (key,) = target.key
            assert arrow_type(target.column(key)) == arrow_type(column), (table.name, column.name)
            seen += 1
    assert seen > 150


def test_references_that_people_get_wrong(omop: Registry) -> None:
    def target(table: str, column: str) -> str | None:
        return omop.table(table).column(column).references

    assert target("cost", "cost_domain_id") == "domain"
    assert target("visit_detail", "parent_visit_detail_id") == "visit_detail"
    assert target("measurement", "measurement_event_id") is None
    assert target("cohort", "subject_id") is None


def test_a_model_without_drugs_has_an_empty_list_of_the_same_shape(omop: Registry) -> None:
    assert omop.drugs().num_rows == 0
    assert omop.drugs().schema == load().drugs().schema
    assert omop.pseudonyms("person") == ()
    assert dict(omop.code_lists()) == {}
