"""Read a snapshot as Arrow, part after part; all its rows, or those that were known on a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bercail.foundation import Invalid, Missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from bercail.lake.filesystem import SealedFilesystem
    from bercail.lake.history import KnownState
    from bercail.lake.shares import Ranges
    from bercail.lake.snapshot import Part, Statement

ROWS_AT_A_TIME = 65_536


def read_parts(
    filesystem: SealedFilesystem,
    statement: Statement,
    schema: pa.Schema,
    columns: Sequence[str] | None,
    known: KnownState | None = None,
) -> pa.RecordBatchReader:
    """The rows of the statement's parts, in order; columns that a part lacks are null.

    Of those rows, only what `known` selects when it is given.
    Raises `Missing` for a column that `schema` does not have, `Invalid` for no column.
    """
    names = schema.names if columns is None else list(columns)
    if not names:
        raise Invalid(
            f"No column of `{statement.table}` was asked for.",
            remedy="Name one at least; to count rows use count_rows.",
        )
    unknown = [name for name in names if name not in schema.names]
    if unknown:
        raise Missing(
            f"`{statement.table}` has no column `{unknown[0]}`.",
            remedy="See `bercail catalogue` for its columns.",
        )
    plain = pa.schema([pa.field(name, schema.field(name).type) for name in names])
    return pa.RecordBatchReader.from_batches(plain, _batches(filesystem, statement, plain, known))


def _batches(
    filesystem: SealedFilesystem,
    statement: Statement,
    schema: pa.Schema,
    known: KnownState | None,
) -> Iterator[pa.RecordBatch]:
    for part in statement.parts:
        if known is None:
            yield from rows_of_part(filesystem, part, schema)
            continue
        ranges = known.ranges_in(part)
        if ranges:
            until = (known.column, known.until) if known.column else None
            yield from rows_of_part(filesystem, part, schema, ranges, until)


def rows_of_part(
    filesystem: SealedFilesystem,
    part: Part,
    schema: pa.Schema,
    ranges: Ranges | None = None,
    until: tuple[str, date] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of one part with the columns of `schema`; those in `ranges` when given.

    A column that the part lacks is null; one that it holds in a narrower type is widened. With
    `until`, a column of dates and a day, only rows that are not after that day.
    """
    with filesystem.open_for_one(part.url) as source:
        file = pq.ParquetFile(pa.PythonFile(source, mode="r"))
        held = set(file.schema_arrow.names)
        if until is not None and until[0] not in held:
            return
        wanted = dict.fromkeys([*schema.names, *([until[0]] if until else [])])
        here = [name for name in wanted if name in held]
        for batch in _ranged(file, here, ranges):
            kept = batch
            if until is not None:
                dates = batch.column(until[0])
                kept = batch.filter(pc.less_equal(dates, pa.scalar(until[1], dates.type)))
            yield _aligned(kept, schema)


def _ranged(
    file: pq.ParquetFile, columns: list[str], ranges: Ranges | None
) -> Iterator[pa.RecordBatch]:
    if ranges is None:
        yield from file.iter_batches(ROWS_AT_A_TIME, columns=columns)
        return
    start = 0
    for group in range(file.metadata.num_row_groups):
        end = start + file.metadata.row_group(group).num_rows
        if any(first < end and last > start for first, last in ranges):
            position = start
            for batch in file.iter_batches(ROWS_AT_A_TIME, row_groups=[group], columns=columns):
                for first, last in ranges:
                    low = max(first - position, 0)
                    high = min(last - position, batch.num_rows)
                    if low < high:
                        yield batch.slice(low, high - low)
                position += batch.num_rows
        start = end


def _aligned(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    held = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = [
        _as_type(held[field.name], field.type)
        if field.name in held
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _as_type(column: pa.Array, kind: pa.DataType) -> pa.Array:  # type: ignore[type-arg]
    """The column under the type of the snapshot: a part written before a widening is narrower."""
    return column if column.type == kind else column.cast(kind)
