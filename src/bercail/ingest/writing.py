"""How the holder's files are written at level 1: in the form in which they came, and hashed."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import IOBase
from pathlib import Path
from typing import IO, Any, Protocol, cast

import pyarrow as pa
import pyarrow.csv as pa_csv
from pyarrow import parquet

from bercail.ingest.parquet_form import PARQUET
from bercail.ingest.text_stream import PACKED

ROWS = 65_536
Put = Callable[[pa.RecordBatch], None]


class HashingFile:
    """A file that knows its size and SHA-256 as it is written."""

    closed = False

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        """Write and count."""
        view = memoryview(data)
        self._file.write(view)
        self._hash.update(view)
        self.size += view.nbytes
        return view.nbytes

    def flush(self) -> None:
        """Hand what is held to the system."""
        self._file.flush()

    def tell(self) -> int:
        """The bytes written so far."""
        return self.size

    def close(self) -> None:
        """Close once the bytes are on the disk."""
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    @property
    def digest(self) -> str:
        """SHA-256 of what was written, in hexadecimal."""
        return self._hash.hexdigest()


def writer_of(
    name: str, sink: HashingFile, header: tuple[str, ...], schema: pa.Schema
) -> AbstractContextManager[Put]:
    """What writes batches of `schema` into `sink`, in the form that the file's name says."""
    if name.endswith(PARQUET):
        return _parquet(sink, schema)
    return _packed(sink, header) if name.endswith(PACKED) else _csv(sink, header)


@contextmanager
def _parquet(sink: HashingFile, schema: pa.Schema) -> Iterator[Put]:
    target = cast("IO[Any]", pa.PythonFile(cast("IOBase", sink), mode="w"))
    with parquet.ParquetWriter(target, schema, compression="zstd") as out:
        yield out.write_batch


@contextmanager
def _packed(sink: HashingFile, header: tuple[str, ...]) -> Iterator[Put]:
    """CSV in gzip, without name and time of day: equal lines give equal bytes."""
    target = cast("IO[bytes]", sink)
    with (
        gzip.GzipFile(filename="", fileobj=target, mode="wb", mtime=0) as packed,
        _csv(packed, header) as put,
    ):
        yield put


class _Sink(Protocol):
    def write(self, data: Any, /) -> int: ...


@contextmanager
def _csv(sink: _Sink, header: tuple[str, ...]) -> Iterator[Put]:
    """The CNAM's CSV. Fields are quoted only in batches where some text needs it."""
    sink.write(";".join(header).encode("utf-8") + b"\n")
    plain, quoted = (
        pa_csv.WriteOptions(
            include_header=False, delimiter=";", quoting_style=style, batch_size=ROWS
        )
        for style in ("none", "needed")
    )

    def put(batch: pa.RecordBatch) -> None:
        for start in range(0, batch.num_rows, ROWS):
            piece, held = batch.slice(start, ROWS), pa.BufferOutputStream()
            try:
                pa_csv.write_csv(piece, held, plain)
            except pa.ArrowInvalid:
                # A separator or a quote stands in some text.
                held = pa.BufferOutputStream()
                pa_csv.write_csv(piece, held, quoted)
            sink.write(held.getvalue())

    yield put
