"""The operator's own copy of the public SNDS schema, as a value, and laid over the registry.

The built-in facts stand: a type that the copy gives otherwise becomes a conflict told beside it.
The copy adds official labels, code lists, and the tables and columns that the registry lacks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from attrs import evolve, frozen
from cattrs import Converter
from cattrs.errors import BaseValidationError

from bercail.catalogue.conflict import Conflict, physical_of, type_conflict
from bercail.catalogue.registry import Code, Registry
from bercail.catalogue.table import Column, PhysicalType, Table
from bercail.foundation import Invalid, Missing

FORMAT = "bercail imported catalogue 1"
IMPORTED = "imported"
Complete = Callable[[str, Column], Column]
_CONVERTER = Converter()


@frozen(kw_only=True)
class ImportedColumn:
    """One field of a Table Schema file."""

    name: str
    label: str
    type: str
    length: int | None
    code_list: str | None


@frozen(kw_only=True)
class ImportedTable:
    """One Table Schema file: `file` is its place in the checkout."""

    name: str
    product: str
    title: str
    key: tuple[str, ...]
    columns: tuple[ImportedColumn, ...]
    file: str


@frozen(kw_only=True)
class ImportedList:
    """One nomenclature file: its codes with the official labels."""

    name: str
    codes: tuple[tuple[str, str], ...]
    file: str


@frozen(kw_only=True)
class ImportedCatalogue:
    """All that a checkout says. `digest` is over the names and bytes of the files read."""

    source: str
    digest: str
    tables: tuple[ImportedTable, ...]
    lists: tuple[ImportedList, ...]

    def as_bytes(self) -> bytes:
        """The file that `read_imported` reads: JSON, the same bytes for the same checkout."""
        whole = {"format": FORMAT, **_CONVERTER.unstructure(self)}
        return json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def read_imported(path: Path) -> ImportedCatalogue:
    """The imported catalogue in a file.

    Raises:
        Missing: no file there.
        Invalid: it is not one, or is damaged.
    """
    try:
        raw: dict[str, Any] = json.loads(path.read_bytes())
        if not isinstance(raw, dict) or raw.pop("format", None) != FORMAT:
            raise ValueError("no such format")
        return _CONVERTER.structure(raw, ImportedCatalogue)
    except OSError as error:
        raise Missing(
            f"The imported catalogue `{path}` cannot be read: {error.strerror}.",
            remedy="Make it with `bercail catalogue import-schema`, or correct the configuration.",
        ) from error
    except (ValueError, TypeError, KeyError, BaseValidationError) as error:
        raise Invalid(
            f"`{path}` is not an imported catalogue.",
            remedy="Make it again with `bercail catalogue import-schema`.",
        ) from error


def overlay(registry: Registry, imported: ImportedCatalogue, complete: Complete) -> Registry:
    """The registry with what the copy adds and disputes; the built-in lists keep their labels.

    `complete` gives a new column the model's own labels and marks, so that a birth month is a
    potential identifier in a table that only the copy has.
    """
    tables = dict(registry.tables)
    for found in imported.tables:
        known = tables.get(found.name)
        laid = _new_table(found, complete) if known is None else _told(known, found, complete)
        tables[found.name] = laid
    added = {found.name: _codes(found) for found in imported.lists}
    sources = {found.name: found.file for found in imported.lists}
    own = registry.code_lists()
    return evolve(
        registry,
        tables=tables,
        codes={**added, **own},
        code_sources={**sources, **registry.code_sources},
    )


def _codes(found: ImportedList) -> tuple[Code, ...]:
    return tuple(Code(code=code, label=label) for code, label in found.codes)


def _new_table(found: ImportedTable, complete: Complete) -> Table:
    return Table(
        name=found.name,
        product=found.product,
        label="",
        official_label=found.title,
        columns=tuple(
            complete(found.name, _new_column(column, found.key)) for column in found.columns
        ),
    )


def _new_column(found: ImportedColumn, key: tuple[str, ...]) -> Column:
    return Column(
        name=found.name,
        physical_type=cast("PhysicalType", physical_of(found.type)),
        length=found.length if physical_of(found.type) == "char" else None,
        declared_type=found.type,
        type_source=IMPORTED,
        is_key=found.name in key,
        references=None,
        code_list=found.code_list,
        sensitivity=None,
        sensitivity_category=None,
        years=(),
        official_label=found.label,
    )


def _told(known: Table, found: ImportedTable, complete: Complete) -> Table:
    by_name: Mapping[str, ImportedColumn] = {column.name: column for column in found.columns}
    columns = [
        _told_column(column, by_name[column.name], found) if column.name in by_name else column
        for column in known.columns
    ]
    columns += [
        complete(known.name, _new_column(column, ()))
        for column in found.columns
        if not known.has_column(column.name)
    ]
    return evolve(known, official_label=found.title, columns=tuple(columns))


def _told_column(column: Column, found: ImportedColumn, table: ImportedTable) -> Column:
    return evolve(
        column,
        official_label=found.label,
        code_list=column.code_list or found.code_list,
        conflicts=(*column.conflicts, *disagreements(column, found, table)),
    )


def disagreements(column: Column, found: ImportedColumn, table: ImportedTable) -> list[Conflict]:
    """Where a copy of the schema says otherwise than the registry about one column.

    What the registry knows already, because its own facts come from an earlier copy, is not
    told again.
    """
    told = [_type(column, found, table.file), _length(column, found, table.file)]
    if table.key and (column.name in table.key) != column.is_key:
        said = ("no part of the key", "part of the key")
        key = Conflict(
            kind="key",
            stands=said[column.is_key],
            stands_by=column.type_source,
            other=said[not column.is_key],
            other_by=table.file,
        )
        told.append(key)
    return [conflict for conflict in told if conflict]


def _type(column: Column, found: ImportedColumn, file: str) -> Conflict | None:
    if found.type == column.declared_type:
        return None
    physical, source = column.physical_type, column.type_source
    conflict = type_conflict(physical, column.length, found.type, source)
    if conflict is None and physical_of(found.type) != physical:
        conflict = Conflict(
            kind="type", stands=column.kind, stands_by=source, other=found.type, other_by=file
        )
    return evolve(conflict, other_by=file) if conflict else None


def _length(column: Column, found: ImportedColumn, file: str) -> Conflict | None:
    both = found.length and column.length and column.physical_type == "char"
    if not both or found.length == column.length:
        return None
    return Conflict(
        kind="length",
        stands=str(column.length),
        stands_by=column.type_source,
        other=str(found.length),
        other_by=file,
    )
