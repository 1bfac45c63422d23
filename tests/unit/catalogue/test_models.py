"""The data files of every model are what docs/how-to/add-a-national-model.md says."""

from __future__ import annotations

import csv
import re
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

import pytest

from bercail.catalogue import arrow_type, load, models

DATA = files("bercail.catalogue") / "data"
PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "add-a-national-model.md"
# Facts that only the SNDS has; the tables of a model do not need them.
BESIDE = {"drugs.csv.gz", "icd10_stays.csv", "duplicate_finess.csv", "vocabularies.csv"}
MODELS = tuple(models())


def lines(model: str, name: str) -> list[dict[str, str]]:
    file = DATA / model / name
    if not file.is_file():
        return []
    return list(csv.DictReader(file.read_text("utf-8").splitlines()))


def told_columns() -> dict[str, list[str]]:
    """The columns of each file, from the page."""
    rows = re.findall(r"^\| `(\w+\.csv)` \| [^|]+ \| (.*) \|$", PAGE.read_text("utf-8"), re.M)
    return {
        name: re.findall(r"`([a-z_]+)`", re.sub(r"\([^)]*\)|:.*", "", cell)) for name, cell in rows
    }


@pytest.mark.parametrize("model", MODELS)
def test_every_file_has_the_columns_that_the_page_tells(model: str) -> None:
    told = told_columns()
    assert len(told) == 9
    names = {file.name for file in (DATA / model).iterdir()} - BESIDE
    assert names <= set(told)
    assert "columns.csv" in names
    for name in names:
        header = (DATA / model / name).read_text("utf-8").splitlines()[0].split(",")
        expected = [item for item in told[name] if item in header or name != "column_labels.csv"]
        assert header == expected, name


@pytest.mark.parametrize("model", MODELS)
def test_no_table_has_a_column_twice_and_every_column_a_type(model: str) -> None:
    places = [(row["table"], row["column"]) for row in lines(model, "columns.csv")]
    assert len(places) == len(set(places))
    for table in load(model).tables.values():
        for column in table.columns:
            assert arrow_type(column) is not None


@pytest.mark.parametrize("model", MODELS)
def test_references_and_archives_lead_to_tables(model: str) -> None:
    registry = load(model)
    for table in registry.tables.values():
        for column in table.columns:
            for target in (column.references or "").split("|"):
                assert not target or target in registry.tables, (table.name, column.name)
    for archive, family in registry.archives.items():
        assert archive not in registry.tables
        assert family in registry.tables


@pytest.mark.parametrize("model", MODELS)
def test_labels_disputes_and_marks_are_of_what_exists(model: str) -> None:
    registry = load(model)
    for row in lines(model, "table_labels.csv"):
        assert row["table"] in registry.tables
    for row in lines(model, "disputes.csv"):
        assert registry.table(row["table"]).has_column(row["column"])
    places = [(t.name, c.name) for t in registry.tables.values() for c in t.columns]
    for row in lines(model, "sensitivity.csv"):
        assert bool(row["category"]) == (row["sensitivity"] == "potential_identifier")
        assert not row["category"] or row["category"] in registry.categories
        for pattern in row["columns"].split():
            assert any(
                fnmatchcase(table, row["tables"]) and fnmatchcase(column.upper(), pattern)
                for table, column in places
            ), pattern


def test_every_folder_is_a_model_and_every_model_a_folder() -> None:
    assert {entry.name for entry in DATA.iterdir() if entry.is_dir()} == set(MODELS)
