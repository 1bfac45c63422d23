"""Read the tables of one data model: columns, labels, sensitivity, what sources dispute.

A model is a folder of `data/`. Only `columns.csv` must be there; what each file holds is told in
docs/how-to/add-a-national-model.md.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from importlib.resources.abc import Traversable
from typing import Any, cast

from attrs import evolve, frozen

from bercail.catalogue.conflict import ORACLE, SCHEMA, Conflict, ConflictKind, type_conflict
from bercail.catalogue.registry import Category
from bercail.catalogue.sensitivity import POTENTIAL_IDENTIFIER
from bercail.catalogue.table import Column, PhysicalType, Table

Row = dict[str, str]
# The yearly lists of variables (KWIKLY) mark columns one by one.
_MARKED_IN_LISTS = "kwikly"


def rows(file: Traversable) -> list[Row]:
    """The lines of one CSV file with a header; none when the model has no such file."""
    if not file.is_file():
        return []
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))


def read_categories(folder: Traversable) -> dict[str, Category]:
    """The kinds of potential identifiers of a model."""
    return {
        row["category"]: Category(
            name=row["category"], label=row["label"], label_fr=row["label_fr"]
        )
        for row in rows(folder / "categories.csv")
    }


def read_tables(folder: Traversable) -> dict[str, Table]:
    """Every table of a model, in the order of its file."""
    told = {row["table"]: row for row in rows(folder / "table_labels.csv")}
    beside = _Beside.read(folder)
    columns: dict[str, list[Column]] = defaultdict(list)
    products: dict[str, str] = {}
    for row in rows(folder / "columns.csv"):
        products[row["table"]] = row["product"]
        columns[row["table"]].append(beside.complete(row["table"], _column(row)))
    return {
        name: Table(
            name=name,
            product=products[name],
            label=told.get(name, {}).get("label", ""),
            label_fr=told.get(name, {}).get("label_fr", ""),
            columns=_with_twins(items),
        )
        for name, items in columns.items()
    }


def completer(folder: Traversable) -> Callable[[str, Column], Column]:
    """What gives a column of a table the labels, marks and disputes of a model."""
    return _Beside.read(folder).complete


def _column(row: Row) -> Column:
    length = int(row["length"]) if row["length"] else None
    physical, declared = row["physical_type"], row["declared_type"]
    conflict = type_conflict(physical, length, declared, row["type_source"])
    return Column(
        name=row["column"],
        physical_type=cast("PhysicalType", physical),
        length=length,
        declared_type=declared,
        type_source=row["type_source"],
        is_key=row["key"] == "pk",
        references=row["references"] or None,
        code_list=row["code_list"] or None,
        sensitivity=row["sensitivity"] or None,
        sensitivity_category=row["sensitivity_category"] or None,
        sensitivity_source=_MARKED_IN_LISTS if row["sensitivity"] else None,
        years=_years(row["years"]),
        conflicts=(conflict,) if conflict else (),
    )


def _years(ranges: str) -> tuple[int, ...]:
    years: list[int] = []
    for item in ranges.split():
        first, _, last = item.partition("-")
        years.extend(range(int(first), int(last or first) + 1))
    return tuple(years)


def _with_twins(columns: list[Column]) -> tuple[Column, ...]:
    """Columns that two sources spell in different cases, each with the other spelling told."""
    spelled: dict[str, list[str]] = defaultdict(list)
    for column in columns:
        spelled[column.name.upper()].append(column.name)
    return tuple(
        evolve(column, conflicts=(*column.conflicts, _name_conflict(column)))
        if len(spelled[column.name.upper()]) > 1 and column.name != column.name.upper()
        else column
        for column in columns
    )


def _name_conflict(column: Column) -> Conflict:
    return Conflict(
        kind="name",
        stands=column.name.upper(),
        stands_by=f"{ORACLE} or yearly lists",
        other=column.name,
        other_by=SCHEMA,
        why="one column under two spellings",
    )


@frozen(kw_only=True)
class _Beside:
    """What stands in files of their own: labels, wider marks of sensitivity, disputes."""

    labels: Mapping[str, list[Row]]
    marks: tuple[Row, ...]
    categories: Mapping[str, str]
    disputes: Mapping[tuple[str, str], list[Row]]

    @classmethod
    def read(cls, folder: Traversable) -> _Beside:
        labels: dict[str, list[Row]] = defaultdict(list)
        for row in rows(folder / "column_labels.csv"):
            labels[row["column"]].append(row)
        disputes: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows(folder / "disputes.csv"):
            disputes[row["table"], row["column"]].append(row)
        categories = {
            words: row["category"]
            for row in rows(folder / "categories.csv")
            for words in (row["category"], *row["source_words"].split("|"))
        }
        marks = tuple(rows(folder / "sensitivity.csv"))
        return cls(labels=labels, marks=marks, categories=categories, disputes=disputes)

    def complete(self, table: str, column: Column) -> Column:
        """The column with all that the other files say of it."""
        changes: dict[str, Any] = {}
        if told := self._label(table, column.name):
            changes |= {"label": told["label"], "label_fr": told["label_fr"]}
        changes |= self._sensitivity(table, column)
        if found := self.disputes.get((table, column.name)):
            changes["conflicts"] = (*column.conflicts, *(_dispute(row) for row in found))
        return evolve(column, **changes) if changes else column

    def _label(self, table: str, column: str) -> Row | None:
        fits = [row for row in self.labels.get(column, []) if fnmatchcase(table, row["tables"])]
        return max(fits, key=lambda row: len(row["tables"]), default=None)

    def _sensitivity(self, table: str, column: Column) -> dict[str, Any]:
        if column.sensitivity == POTENTIAL_IDENTIFIER:
            words = column.sensitivity_category or ""
            return {"sensitivity_category": self.categories[words]}
        # The lists give a medical column the category of a neighbour; it means nothing.
        for row in self.marks:
            if fnmatchcase(table, row["tables"]) and any(
                # The disease map writes its names in lower case.
                fnmatchcase(column.name.upper(), pattern.upper())
                for pattern in row["columns"].split()
            ):
                source = column.sensitivity_source
                same = column.sensitivity == row["sensitivity"]
                return {
                    "sensitivity": row["sensitivity"],
                    "sensitivity_category": row["category"] or None,
                    "sensitivity_source": source if same else row["marked_by"],
                }
        return {"sensitivity_category": None} if column.sensitivity_category else {}


def _dispute(row: Row) -> Conflict:
    return Conflict(
        kind=cast("ConflictKind", row["kind"]),
        stands=row["stands"],
        stands_by=row["stands_by"],
        other=row["other"],
        other_by=row["other_by"],
        why=row["why"],
    )
