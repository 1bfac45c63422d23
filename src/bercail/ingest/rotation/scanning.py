"""Look for pseudonyms where nobody said that there are any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from bercail.ingest.rotation.plan import DoubtfulColumn
from bercail.lake import Lake
from bercail.lake.identities import Texts
from bercail.lake.pseudonym_search import count, heads, shaped


def text_columns(schema: pa.Schema) -> tuple[str, ...]:
    """The names of the columns of text."""
    return tuple(field.name for field in schema if pa.types.is_string(field.type))


def batches(
    lake: Lake, table: str, snapshot: str, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The rows of one snapshot in these columns; nothing when there are none."""
    if columns:
        yield from lake.read(table, columns, snapshot)


def doubtful_columns(
    lake: Lake, table: str, snapshot: str, columns: Sequence[str]
) -> tuple[DoubtfulColumn, ...]:
    """Those of `columns` in which a value has the shape of a pseudonym, with counts."""
    whole = dict.fromkeys(columns, 0)
    inside = dict.fromkeys(columns, 0)
    for batch in batches(lake, table, snapshot, columns):
        for name in columns:
            found = shaped(cast("Texts", batch.column(name)))
            whole[name] += found[0]
            inside[name] += found[1]
    return tuple(
        DoubtfulColumn(table=table, column=name, values=whole[name], inside=inside[name])
        for name in columns
        if whole[name] or inside[name]
    )


def known_values(
    lake: Lake, table: str, snapshot: str, columns: Sequence[str], known: Texts
) -> tuple[DoubtfulColumn, ...]:
    """Those of `columns` in which a value is one of `known`, or begins with one."""
    found = dict.fromkeys(columns, 0)
    for batch in batches(lake, table, snapshot, columns):
        for name in columns:
            values = heads(cast("Texts", batch.column(name)))
            found[name] += count(pc.is_in(values, value_set=known))
    return tuple(
        DoubtfulColumn(table=table, column=name, values=0, inside=0, known=found[name])
        for name in columns
        if found[name]
    )
