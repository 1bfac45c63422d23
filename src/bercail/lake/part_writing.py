"""A delivery becomes sealed Parquet parts, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import frozen
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
    schema_to_pyarrow,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.typedef import Record

from bercail.foundation import Invalid, new_id
from bercail.lake.cuts import pieces
from bercail.lake.filesystem import sealed_url
from bercail.lake.parquet_stream import GROUP_ROWS, ParquetEncoding
from bercail.lake.rules import lake_type
from bercail.lake.shares import SHARES_NOTE, shares_note
from bercail.lake.snapshot import COMPACT, Part, Share

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from pyiceberg.schema import Schema

    from bercail.foundation import Randomness
    from bercail.lake.cuts import Cut
    from bercail.lake.fileio import LakeFiles
    from bercail.lake.filesystem import SealedFilesystem

# A row group closes at GROUP_ROWS or here, whichever comes first.
GROUP_BYTES = 64 * 1024 * 1024
# A part closes after the row group that takes it past this size.
PART_BYTES = 128 * 1024 * 1024
REMEDY = "See rules.lake_type for the types of the lake."


@frozen(kw_only=True)
class WrittenPart:
    """A part on the host that no snapshot names yet, and its Iceberg entry."""

    part: Part
    entry: DataFile


def arrow_schema(schema: Schema, names: Iterable[str] | None = None) -> pa.Schema:
    """The Arrow schema of an Iceberg one, with field ids, for `names` or all its columns."""
    found = {field.name: field for field in schema_to_pyarrow(schema)}
    fields = []
    for name in found if names is None else names:
        kept = lake_type(found[name].type)
        if kept is None:
            raise Invalid(f"Column `{name}` has a type the lake does not keep.", remedy=REMEDY)
        fields.append(pa.field(name, kept, metadata=found[name].metadata))
    return pa.schema(fields)


def part_schema(filesystem: SealedFilesystem, part: Part, schema: Schema) -> pa.Schema:
    """The columns that a part has, in the order and under the types of the table's `schema`."""
    with filesystem.open_for_one(part.url) as source:
        there = set(pq.read_schema(pa.PythonFile(source, mode="r")).names)
    held = [field.remove_metadata() for field in arrow_schema(schema) if field.name in there]
    return pa.schema(held)


class PartWriter:
    """Writes the batches of one delivery as parts of about 128 MB under fresh names.

    The names hold 80 random bits, so that an interrupted delivery begun again never
    meets what it left.
    """

    def __init__(
        self,
        files: LakeFiles,
        table: str,
        delivery: str,
        schema: Schema,
        randomness: Randomness,
        stem: str | None = None,
    ) -> None:
        self._files = files
        self._table = table
        self._delivery = delivery
        self._schema = schema
        self._stem = stem or new_id("part", randomness)

    def write(
        self,
        batches: Iterable[pa.RecordBatch],
        names: list[str],
        first: int = 0,
        cut: Cut | None = None,
    ) -> tuple[WrittenPart, ...]:
        """Seal all `batches`, whose columns are `names`; no part for no rows.

        The numbers in the names of the parts begin at `first`. With `cut`, parts end there too.

        Raises `Invalid` when a batch does not have the columns announced.
        """
        written: list[WrittenPart] = []
        plain = () if cut is None else cut.plain
        for piece in [iter(batches)] if cut is None else pieces(batches, cut):
            written += self._write(piece, names, first + len(written), plain)
        return tuple(written)

    def _write(
        self,
        batches: Iterable[pa.RecordBatch],
        names: list[str],
        first: int,
        plain: Collection[str],
    ) -> list[WrittenPart]:
        groups = _row_groups(batches, arrow_schema(self._schema, names), self._table)
        written: list[WrittenPart] = []
        upcoming = next(groups, None)
        while upcoming is not None:
            encoding = ParquetEncoding(upcoming, groups, PART_BYTES, plain=plain)
            written.append(self._seal(encoding, first + len(written)))
            upcoming = next(groups, None)
        return written

    def write_one(
        self,
        batches: Iterable[pa.RecordBatch],
        names: list[str],
        holds: Sequence[Share] = (),
        index: int = 0,
    ) -> WrittenPart | None:
        """Seal all `batches` as one part, whatever its size; None for no rows.

        With `holds`, the rows are those of several deliveries, in that order; the part says so
        in its footer.
        """
        groups = _row_groups(batches, arrow_schema(self._schema, names), self._table)
        first = next(groups, None)
        if first is None:
            return None
        notes = {SHARES_NOTE: shares_note(holds)} if holds else None
        return self._seal(ParquetEncoding(first, groups, notes=notes), index, tuple(holds))

    def _seal(
        self, encoding: ParquetEncoding, index: int, holds: tuple[Share, ...] = ()
    ) -> WrittenPart:
        name = f"{self._stem}-{index:05}"
        folder = "compact" if holds else f"data/{self._delivery}"
        url = sealed_url(self._table, f"{folder}/{name}.parquet")
        sealed = self._files.write(url, encoding.pieces())
        part = Part(
            url=url,
            delivery=f"{COMPACT}{name}" if holds else self._delivery,
            rows=encoding.metadata.num_rows,
            size=sealed.size,
            sha256=sealed.sha256,
            holds=holds,
        )
        return WrittenPart(part=part, entry=self._entry(part, encoding.metadata))

    def _entry(self, part: Part, metadata: pq.FileMetaData) -> DataFile:
        statistics = data_file_statistics_from_parquet_metadata(
            parquet_metadata=metadata,
            stats_columns=compute_statistics_plan(self._schema, {}),
            parquet_column_mapping=parquet_path_to_id_mapping(self._schema),
        )
        return DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=part.url,
            file_format=FileFormat.PARQUET,
            partition=Record(),
            file_size_in_bytes=part.size,
            sort_order_id=None,
            spec_id=0,
            equality_ids=None,
            key_metadata=None,
            **statistics.to_serialized_dict(),
        )


def _row_groups(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, table: str
) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        for start in range(0, batch.num_rows, GROUP_ROWS):
            piece = _fitted(batch.slice(start, GROUP_ROWS), schema, table)
            held.append(piece)
            rows, size = rows + piece.num_rows, size + piece.nbytes
            if rows >= GROUP_ROWS or size >= GROUP_BYTES:
                yield pa.Table.from_batches(held, schema)
                held, rows, size = [], 0, 0
    if held:
        yield pa.Table.from_batches(held, schema)


def _fitted(batch: pa.RecordBatch, schema: pa.Schema, table: str) -> pa.RecordBatch:
    """The batch with exactly the columns and types of `schema`."""
    if set(batch.schema.names) != set(schema.names):
        raise Invalid(
            f"A batch for `{table}` does not have the columns announced.",
            remedy="Give append() the schema that every batch has.",
        )
    return pa.RecordBatch.from_arrays(
        [_widened(batch.column(field.name), field, table) for field in schema], schema=schema
    )


def _widened(column: pa.Array[Any], field: pa.Field[Any], table: str) -> pa.Array[Any]:
    """The column under the type the lake keeps; never a conversion (rules.lake_type)."""
    if column.type == field.type:
        return column
    if lake_type(column.type) == field.type:
        try:
            return column.cast(field.type)
        except pa.ArrowInvalid:
            # The library's message quotes the value that does not fit; ours must not.
            pass
    raise Invalid(
        f"Column `{field.name}` for `{table}` cannot be kept as `{field.type}`.",
        remedy="Give append() batches of the schema announced; moments fit microseconds.",
    )
