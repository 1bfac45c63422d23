"""A project's sealed table, read in batches and written again under other pseudonyms.

It is the same for a part of an extract and for a table that the project made itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import evolve, field, frozen

from bercail.catalogue import PseudonymColumn
from bercail.foundation import Unproven
from bercail.lake import SealedStore
from bercail.lake.identities import Texts, Turn, turn_identities
from bercail.lake.parquet_stream import ParquetStream
from bercail.lake.pseudonym_search import Kind

BATCH_ROWS = 65_536


@frozen(kw_only=True)
class ProjectTable:
    """One sealed Parquet table in the place of a project.

    `name` and `version` are those of the sealed object, `sha256` is that of the plaintext and
    `declared` the kind of each column that its writer says holds pseudonyms. `extract` is empty
    for a table that the project made itself.
    """

    table: str
    name: str
    sha256: str
    version: str = "1"
    extract: str = ""
    declared: Mapping[str, Kind] = field(factory=dict)


@frozen(kw_only=True)
class TakenColumn:
    """A column that holds pseudonyms, and how it was found: catalogue, lineage or declared."""

    name: str
    kind: Kind
    found_by: str


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text, however Arrow keeps it."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def texts_of(batch: pa.RecordBatch, name: str) -> Texts:
    """A column of text as plain strings."""
    return cast("Texts", batch.column(name).cast(pa.string()))


def schema_of(store: SealedStore, table: ProjectTable) -> pa.Schema:
    """The Arrow schema, with the metadata of its fields."""
    with store.open(table.name, table.version) as file:
        return _parquet(file, table).schema_arrow


def rows_of(store: SealedStore, table: ProjectTable) -> int:
    """Rows, by the footer."""
    with store.open(table.name, table.version) as file:
        return int(_parquet(file, table).metadata.num_rows)


def batches(
    store: SealedStore, table: ProjectTable, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows in these columns (all of them if None), a batch at a time; none for no column."""
    if columns is not None and not columns:
        return
    with store.open(table.name, table.version) as file:
        opened = _parquet(file, table)
        names = None if columns is None else list(columns)
        yield from opened.iter_batches(batch_size=BATCH_ROWS, columns=names)


def require_digest(store: SealedStore, table: ProjectTable) -> None:
    """`Unproven` unless the host holds the recorded bytes, every one of them."""
    digest = hashlib.sha256()
    for piece in store.stream(table.name, table.version):
        digest.update(piece)
    if digest.hexdigest() != table.sha256:
        raise Unproven(
            f"`{table.table}` of `{store.scope}` is not the table that was recorded.",
            remedy="Do not use it; tell the operator.",
            rule="extract-manifest",
        )


def rewrite(
    store: SealedStore,
    table: ProjectTable,
    target: tuple[str, str],
    columns: Sequence[TakenColumn],
    turn: Turn,
) -> ProjectTable:
    """`table` with `columns` turned, written under the name and version of `target`.

    Types, order and metadata are kept.
    """
    name, version = target
    schema = schema_of(store, table)
    turned = (turned_batch(batch, columns, turn) for batch in batches(store, table))
    stream = ParquetStream(schema, (_of_schema(batch, schema) for batch in turned))
    written = store.put(name, stream.pieces(), version)
    return evolve(table, name=name, version=version, sha256=written.sha256)


def turned_batch(
    batch: pa.RecordBatch, columns: Sequence[TakenColumn], turn: Turn
) -> pa.RecordBatch:
    """`batch` with its taken columns turned, each in the type that it has."""
    for column in columns:
        texts = pa.RecordBatch.from_arrays([texts_of(batch, column.name)], names=[column.name])
        taken = [PseudonymColumn(name=column.name, kind=column.kind)]
        values = turn_identities(texts, taken, turn).column(0)
        place = batch.schema.get_field_index(column.name)
        kind = batch.schema.field(place)
        batch = batch.set_column(place, kind, _as_type(values, kind.type))
    return batch


def _as_type(values: pa.Array[Any], kind: pa.DataType) -> pa.Array[Any]:
    given = values.dictionary_encode() if pa.types.is_dictionary(kind) else values
    return cast("pa.Array[Any]", given.cast(kind))


def _of_schema(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(batch.columns, schema=schema)


def _parquet(file: Any, table: ProjectTable) -> pq.ParquetFile:
    opener: Callable[..., Any] = pa.PythonFile
    try:
        return pq.ParquetFile(opener(file, mode="r"))
    except pa.ArrowInvalid as error:
        raise Unproven(
            f"`{table.table}` is no whole Parquet file.",
            remedy="Do not use it; tell the operator.",
            rule="parquet-file",
        ) from error
