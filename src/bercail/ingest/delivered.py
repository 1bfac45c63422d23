"""A delivered file, whatever its form: its columns, its lines in the types wanted, what is odd.

CSV, packed or not (`dialect`, `text_stream`), or Parquet (`parquet_form`), by the end of its name.
Both give the same batches of the same lines, so that every check after them is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import pyarrow as pa

from bercail.ingest.delivery import Files, Stream
from bercail.ingest.diagnosis import diagnose
from bercail.ingest.dialect import HEADER_BYTES, parse_header, read_batches, read_sample
from bercail.ingest.events import FindingCounted
from bercail.ingest.findings import Tally
from bercail.ingest.parquet_form import PARQUET, ParquetLines, diagnose_columns
from bercail.ingest.text_stream import TextStream

Types = Callable[[str], pa.DataType]
Header = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]


class Delivered(Protocol):
    """One reading of a file."""

    @property
    def trouble(self) -> str:
        """The check that ended the reading early, or empty."""
        ...

    def header(self) -> Header:
        """The column names, and what is wrong with them: checks and columns. Asked for first."""
        ...

    def batches(self, columns: tuple[str, ...], types: Types) -> Iterator[pa.RecordBatch]:
        """The lines in the types wanted; `pyarrow.ArrowInvalid` where one does not fit."""
        ...

    def sample(self, columns: tuple[str, ...], /) -> Mapping[str, pa.StringArray]:
        """The first lines as text, once the lines were read."""
        ...

    def swallowed(self, rows: int, /) -> bool:
        """Whether the file may hold more than the `rows` lines that were read."""
        ...

    def tell_into(self, tally: Tally) -> None:
        """Count what was seen in passing."""
        ...

    def digest(self) -> str:
        """SHA-256 of the whole file as it is sent, in hexadecimal."""
        ...

    def close(self) -> None:
        """Let go of it; the raw stream belongs to its opener."""
        ...


class CsvLines:
    """A reading of the CNAM's CSV."""

    def __init__(self, raw: Stream, name: str) -> None:
        self._text = TextStream(raw, name)

    @property
    def trouble(self) -> str:
        """Damage of the packing, or an endless line."""
        return self._text.trouble

    def header(self) -> Header:
        """The first line."""
        return parse_header(self._text.header(HEADER_BYTES))

    def batches(self, columns: tuple[str, ...], types: Types) -> Iterator[pa.RecordBatch]:
        """The lines after the header."""
        return read_batches(self._text, columns, types)

    def sample(self, columns: tuple[str, ...], /) -> Mapping[str, pa.StringArray]:
        """The first thousand lines at most."""
        return read_sample(self._text.sample, columns)

    def swallowed(self, rows: int, /) -> bool:
        """A quoted field that runs over lines makes one of several."""
        return rows != self._text.filled or self._text.odd_quotes

    def tell_into(self, tally: Tally) -> None:
        """Trouble, zero bytes, empty lines."""
        self._text.tell_into(tally)

    def digest(self) -> str:
        """Of the bytes as they are sent; what is not yet read is read for it."""
        return self._text.hashing.drained()

    def close(self) -> None:
        """Let go of the unpacker."""
        self._text.close()


@contextmanager
def opened(files: Files, name: str) -> Iterator[Delivered]:
    """A reading of the file `name` of a delivery; raises `Missing`."""
    with files.open(name) as raw:
        lines: Delivered = ParquetLines(raw) if name.endswith(PARQUET) else CsvLines(raw, name)
        try:
            yield lines
        finally:
            lines.close()


def diagnosed(
    files: Files, name: str, columns: tuple[str, ...], types: Types
) -> tuple[FindingCounted, ...]:
    """Why the lines of a file do not fit, looked at slowly; at least one finding."""
    with files.open(name) as raw:
        if name.endswith(PARQUET):
            return diagnose_columns(raw, name, columns, types)
        with TextStream(raw, name) as text:
            text.header(HEADER_BYTES)
            return diagnose(text, columns, types, name)
