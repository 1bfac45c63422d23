"""Which columns of a project's table hold pseudonyms, and which may hold some undeclared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
from attrs import field, frozen

from bercail.access.rotation.tables import (
    ProjectTable,
    TakenColumn,
    batches,
    is_text,
    rows_of,
    schema_of,
    texts_of,
)
from bercail.catalogue import Registry
from bercail.cohorts.sources import PROJECT_NAMES
from bercail.lake import SealedStore
from bercail.lake.identities import Texts
from bercail.lake.pseudonym_search import Kind, count, heads, identity_names, shaped
from bercail.lake.rules import LINEAGE


class ColumnVerdicts(Protocol):
    """What access officers said of columns, by table and column."""

    @property
    def declared(self) -> Mapping[tuple[str, str], Kind]:
        """The kinds of the declared columns."""
        ...

    @property
    def excluded(self) -> frozenset[tuple[str, str]]:
        """The columns that only look as if they held pseudonyms."""
        ...


@frozen(kw_only=True)
class PlannedTable:
    """One table that is to be turned.

    `columns` tells how each taken column was found; `doubtful` counts the values of each column
    that look like pseudonyms, or cannot be searched, where nobody declared any.
    """

    project: str
    table: ProjectTable
    rows: int
    taken: tuple[TakenColumn, ...]
    doubtful: Mapping[str, int] = field(factory=dict)

    @property
    def label(self) -> str:
        """`EXTRACT/TABLE`, or the table of the project's own."""
        return f"{self.table.extract}/{self.table.table}".lstrip("/")

    @property
    def columns(self) -> Mapping[str, str]:
        """Column to how it was found."""
        return {column.name: column.found_by for column in self.taken}


def project_identities(registry: Registry) -> Mapping[str, Kind]:
    """The names of pseudonym columns in the lake and in projects (CNAM), and their kinds."""
    lake = identity_names(registry)
    named = {new.upper(): lake[old] for old, new in PROJECT_NAMES.items() if old in lake}
    return {**lake, **named}


def taken_columns(
    table: ProjectTable,
    schema: pa.Schema,
    identities: Mapping[str, Kind],
    verdicts: ColumnVerdicts,
) -> tuple[TakenColumn, ...]:
    """By name, by the lineage in the field's metadata, by the writer's word or an officer's."""
    found = []
    for one in schema:
        if not is_text(one.type):
            continue
        lineage = (one.metadata or {}).get(LINEAGE, b"").decode()
        source = lineage.rpartition(".")[2].upper()
        said = table.declared.get(one.name) or verdicts.declared.get((table.table, one.name))
        if kind := identities.get(one.name.upper()):
            found.append(TakenColumn(name=one.name, kind=kind, found_by="catalogue"))
        elif kind := identities.get(source):
            found.append(TakenColumn(name=one.name, kind=kind, found_by="lineage"))
        elif said:
            found.append(TakenColumn(name=one.name, kind=said, found_by="declared"))
    return tuple(found)


def planned(
    store: SealedStore,
    table: ProjectTable,
    identities: Mapping[str, Kind],
    verdicts: ColumnVerdicts,
) -> PlannedTable:
    """What is to be done with `table`; reads every text column that is not taken."""
    schema = schema_of(store, table)
    taken = taken_columns(table, schema, identities, verdicts)
    return PlannedTable(
        project=store.scope,
        table=table,
        rows=rows_of(store, table),
        taken=taken,
        doubtful=doubtful_columns(store, table, schema, taken, verdicts),
    )


def doubtful_columns(
    store: SealedStore,
    table: ProjectTable,
    schema: pa.Schema,
    taken: tuple[TakenColumn, ...],
    verdicts: ColumnVerdicts,
) -> dict[str, int]:
    """Values of the shape of a pseudonym by column, where nobody judged it.

    A column of bytes or of nested values cannot be searched: all its rows are in doubt.
    """
    judged = {column.name for column in taken}
    judged |= {name for name in schema.names if (table.table, name) in verdicts.excluded}
    left = [one for one in schema if one.name not in judged]
    texts = [one.name for one in left if is_text(one.type)]
    found = dict.fromkeys(texts, 0)
    for batch in batches(store, table, texts):
        for name in texts:
            found[name] += sum(shaped(texts_of(batch, name)))
    blind = [one.name for one in left if _cannot_be_searched(one.type)]
    rows = rows_of(store, table) if blind else 0
    return {name: many for name, many in {**found, **dict.fromkeys(blind, rows)}.items() if many}


def holding(
    store: SealedStore, table: ProjectTable, columns: list[str], known: Texts
) -> dict[str, int]:
    """How many values of each of `columns` are, or begin with, one of `known`; where there are."""
    found = dict.fromkeys(columns, 0)
    for batch in batches(store, table, columns):
        for name in columns:
            found[name] += count(pc.is_in(heads(texts_of(batch, name)), value_set=known))
    return {name: many for name, many in found.items() if many}


def text_columns(schema: pa.Schema) -> list[str]:
    """The names of the columns of text."""
    return [one.name for one in schema if is_text(one.type)]


def _cannot_be_searched(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _cannot_be_searched(kind.value_type)
    return bool(
        pa.types.is_nested(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )
