"""Read a snapshot as Arrow, part after part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from bercail.foundation import Invalid, Missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bercail.lake.filesystem import SealedFilesystem
    from bercail.lake.snapshot import Statement

ROWS_AT_A_TIME = 65_536


def read_parts(
    filesystem: SealedFilesystem,
    statement: Statement,
    schema: pa.Schema,
    columns: Sequence[str] | None,
) -> pa.RecordBatchReader:
    """The rows of the statement's parts, in order; columns that a part lacks are null.

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
    return pa.RecordBatchReader.from_batches(plain, _batches(filesystem, statement, plain))


def _batches(
    filesystem: SealedFilesystem, statement: Statement, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for part in statement.parts:
        with filesystem.open_for_one(part.url) as source:
            file = pq.ParquetFile(pa.PythonFile(source, mode="r"))
            here = [name for name in schema.names if name in file.schema_arrow.names]
            for batch in file.iter_batches(ROWS_AT_A_TIME, columns=here):
                yield _aligned(batch, schema)


def _aligned(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    held = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = [
        held[field.name] if field.name in held else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
