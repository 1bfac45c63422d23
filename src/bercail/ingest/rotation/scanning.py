"""Look for pseudonyms where nobody said that there are any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from bercail.ingest.rotation.plan import DoubtfulColumn
from bercail.ingest.rotation.rules import INSIDE, SHAPE
from bercail.lake import Lake
from bercail.lake.identities import PSEUDONYM_LENGTH, Texts


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
    shaped = dict.fromkeys(columns, 0)
    inside = dict.fromkeys(columns, 0)
    for batch in batches(lake, table, snapshot, columns):
        for name in columns:
            values = cast("Texts", batch.column(name))
            whole = count(pc.match_substring_regex(values, SHAPE))
            shaped[name] += whole
            inside[name] += count(pc.match_substring_regex(values, INSIDE)) - whole
    return tuple(
        DoubtfulColumn(table=table, column=name, values=shaped[name], inside=inside[name])
        for name in columns
        if shaped[name] or inside[name]
    )


def known_values(
    lake: Lake, table: str, snapshot: str, columns: Sequence[str], known: Texts
) -> tuple[DoubtfulColumn, ...]:
    """Those of `columns` in which a value is one of `known`, or begins with one."""
    found = dict.fromkeys(columns, 0)
    for batch in batches(lake, table, snapshot, columns):
        for name in columns:
            head = pc.utf8_slice_codeunits(batch.column(name), 0, PSEUDONYM_LENGTH)
            found[name] += count(pc.is_in(head, value_set=known))
    return tuple(
        DoubtfulColumn(table=table, column=name, values=0, inside=0, known=found[name])
        for name in columns
        if found[name]
    )


def count(mask: pa.Array[Any]) -> int:
    """How many are true."""
    return int(pc.sum(mask).as_py() or 0)
