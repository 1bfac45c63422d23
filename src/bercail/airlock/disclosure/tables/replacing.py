"""The rows of a protected table in the shape its author gave it: what the schema names, no more.

Columns that the schema does not name, and those that it names as facts behind the numbers
(persons, greatest contributions...), are left out: nobody protected what they show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Any

from attrs import evolve, field, frozen

from bercail.airlock.disclosure.counts import Key
from bercail.airlock.disclosure.tables.grid import Grid
from bercail.airlock.disclosure.tables.reading import Reading
from bercail.airlock.disclosure.tables.recover import code_of
from bercail.airlock.disclosure.tables.schema import TableSchema
from bercail.airlock.disclosure.tables.typed import TypedTable

Value = Decimal | None
"""A number as it is published; None where it is hidden."""


@frozen(kw_only=True)
class Sheet:
    """A table to be written: `labels` columns of text, then columns of numbers."""

    header: tuple[str, ...]
    labels: int
    rows: tuple[tuple[str | Value, ...], ...] = field(repr=False)
    whole: bool


def published_schemas(reading: Reading, tables: Sequence[TypedTable]) -> tuple[TableSchema, ...]:
    """The schemas of the replacement: every code is named, no fact behind a number is.

    A dimension whose codes stand in the header goes on taking them from there.
    """
    found = []
    for schema, table in zip(reading.schemas, tables, strict=True):
        columns = dict(zip(schema.dimensions, table.dimensions, strict=False))
        found.append(evolve(schema, dimensions=columns, facts={}, top=(), inferred=False))
    return tuple(found)


def sheets_of(
    reading: Reading, tables: Sequence[TypedTable], document: Mapping[str, Any]
) -> tuple[Sheet, ...]:
    """One sheet for each table of `reading`, with the numbers of the published `document`.

    `tables`: those of `document`, which may have more cells than the file (see `completed`).
    The rows keep the order of the file. A cell that the file left out, because it counts
    nobody, is written too: its absence would say what a hidden number may not.
    """
    sheets = []
    for number, grid in enumerate(reading.grids):
        shown = _shown(document["tables"][number])
        schema, table = reading.schemas[number], tables[number]
        sheets.append(
            _crossed(grid, schema, table, shown)
            if schema.across
            else _listed(grid, schema, table, shown)
        )
    return tuple(sheets)


def _shown(body: Mapping[str, Any]) -> dict[Key, Value]:
    scale = int(body["measure"]["scale"])
    return {
        tuple(entry["key"]): None if entry["value"] is None else Decimal(entry["value"]) / scale
        for entry in body["cells"]
    }


def _listed(
    grid: Grid, schema: TableSchema, table: TypedTable, shown: Mapping[Key, Value]
) -> Sheet:
    """Long form: the columns of the dimensions, then that of the measure."""
    at = {column: place for place, column in enumerate(grid.header)}
    rows: list[tuple[str | Value, ...]] = []
    seen: set[Key] = set()
    for texts in grid.body:
        labels = tuple(texts[at[column]] for column in schema.dimensions)
        key = _key(table, labels)
        seen.add(key)
        rows.append((*labels, shown[key]))
    missing = [key for key in product(*_leaves(table)) if key in shown and key not in seen]
    rows += [(*key, shown[key]) for key in missing]
    return Sheet(
        header=(*schema.dimensions, schema.value),
        labels=len(schema.dimensions),
        rows=tuple(rows),
        whole=table.measure.scale == 1,
    )


def _crossed(
    grid: Grid, schema: TableSchema, table: TypedTable, shown: Mapping[Key, Value]
) -> Sheet:
    """Cross table: the codes of the last dimension are the columns of numbers."""
    many = len(schema.dimensions)
    across = [code_of(table.dimensions[-1], text) for text in grid.header[many:]]
    rows: list[tuple[str | Value, ...]] = []
    seen: set[Key] = set()
    for texts in grid.body:
        key = _key(table, texts[:many])
        seen.add(key)
        rows.append((*texts[:many], *(shown[(*key, code)] for code in across)))
    rows += [
        (*key, *(shown.get((*key, code)) for code in across))
        for key in product(*_leaves(table)[:many])
        if key not in seen
    ]
    return Sheet(
        header=tuple(grid.header),
        labels=many,
        rows=tuple(rows),
        whole=table.measure.scale == 1,
    )


def _key(table: TypedTable, labels: Sequence[str]) -> Key:
    return tuple(
        code_of(dimension, label)
        for dimension, label in zip(table.dimensions, labels, strict=False)
    )


def _leaves(table: TypedTable) -> list[tuple[str, ...]]:
    return [dimension.leaves for dimension in table.dimensions]


def values_read(table: TypedTable) -> dict[Key, Value]:
    """The numbers of a table that was read, as `sheets_of` writes them."""
    scale = table.measure.scale
    return {
        key: None if cell.value is None else Decimal(round(cell.value * scale)) / scale
        for key, cell in table.cells.items()
    }
