"""Silver tables as the lake keeps them: their names, their columns, where each comes from."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from attrs import evolve

from bercail.catalogue import Registry
from bercail.catalogue.table import Table
from bercail.cohorts.views import Kind
from bercail.ingest.silver.concepts import CONCEPTS
from bercail.ingest.silver.definition import FIRST, LINEAGE, STAY, Concept
from bercail.ingest.silver.numbers import NUMBERS_TABLE, PERSON_TABLES
from bercail.lake.rules import LINEAGE as LINEAGE_NOTE
from bercail.lake.rules import SILVER

_ARROW: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.INT: pa.int64(),
    Kind.BOOL: pa.bool_(),
}
_OF_WORD = {"int32": pa.int32(), "int64": pa.int64(), "text": pa.string(), "date": pa.date32()}


def lake_schema_of(concept: Concept) -> pa.Schema:
    """The Arrow schema of a silver table; each column says from which bronze column it comes."""
    return pa.schema(
        [
            *(pa.field(name, _OF_WORD[kind]) for name, kind, _ in FIRST),
            *(
                pa.field(one.name, _ARROW[one.kind], metadata=_note(concept, one.name))
                for one in concept.columns
            ),
            *(pa.field(name, _OF_WORD[kind]) for name, kind, _ in LINEAGE),
        ]
    )


def sources_of(concept: Concept, column: str) -> tuple[str, ...]:
    """The bronze columns (`TABLE.COLUMN`) that a column of a concept comes from, by branch."""
    return tuple(dict.fromkeys(_sources(concept, column)))


def _sources(concept: Concept, column: str) -> Iterator[str]:
    for branch in concept.branches:
        if column == STAY:
            for one in branch.stay:
                alias, _, source = one.partition(".")
                yield f"{branch.tables[alias]}.{source}"
        name = "date" if branch.periods and column == "end" else column
        if name in branch.fields:
            alias, _, source = branch.fields[name].source.partition(".")
            yield f"{branch.tables[alias]}.{source}"


def _note(concept: Concept, column: str) -> dict[bytes, bytes] | None:
    first = next(iter(sources_of(concept, column)), None)
    return None if first is None else {LINEAGE_NOTE: first.encode()}


def with_silver(registry: Registry) -> Registry:
    """The catalogue together with the silver tables, for what looks up every table of the lake.

    The catalogue of the SNDS does not have them, and their columns stand in the definitions.
    """
    names = (NUMBERS_TABLE, *PERSON_TABLES, *(one.table for one in CONCEPTS.values()))
    silver = {
        name: Table(name=name, product="SILVER", label=name.removeprefix(SILVER), columns=())
        for name in names
    }
    return evolve(registry, tables={**registry.tables, **silver})
