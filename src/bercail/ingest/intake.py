"""One delivery read twice: once to check all of it, once to load it.

Nothing is committed before every file of the delivery has passed.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from attrs import frozen

from bercail.catalogue import Registry, Table, arrow_type
from bercail.foundation import BercailError, Invalid
from bercail.ingest import checks, pseudonymise
from bercail.ingest.delivery import Delivery, DeliveryFile, Files, Stream
from bercail.ingest.dialect import BLOCK_BYTES, locate, read_batches, read_header
from bercail.ingest.events import FindingCounted
from bercail.lake.identities import Turn


@frozen(kw_only=True)
class FileReading:
    """One file of a delivery with what the catalogue says of it."""

    file: DeliveryFile
    table: Table
    year: int | None
    header: tuple[str, ...]

    def type_of(self, column: str) -> pa.DataType:
        """The lake type of `column`; text where the catalogue does not know it."""
        if column not in {known.name for known in self.table.columns}:
            return pa.string()
        return arrow_type(self.table.column(column))

    @property
    def schema(self) -> pa.Schema:
        """The lake schema of this file."""
        return pa.schema([pa.field(name, self.type_of(name)) for name in self.header])


def check_delivery(
    delivery: Delivery, files: Files, registry: Registry
) -> tuple[tuple[FileReading, ...], tuple[FindingCounted, ...]]:
    """Read and check every file; the readings, and everything found.

    Raises:
        Missing: a table the catalogue does not know, or a file that is not there.
        Invalid: a malformed line, named by file and line.
    """
    readings: list[FileReading] = []
    found: list[FindingCounted] = []
    keys: dict[str, pa.Table] = {}
    for file in delivery.files:
        reading, findings, key_rows = _check_file(file, files, registry)
        readings.append(reading)
        found += findings
        if key_rows is not None:
            keys[file.table] = key_rows
            if repeated := checks.repeated_keys(key_rows):
                found.append(_whole("repeated-key", file, repeated))
    found += _orphans(readings, keys, files)
    return tuple(readings), tuple(found)


def _check_file(
    file: DeliveryFile, files: Files, registry: Registry
) -> tuple[FileReading, list[FindingCounted], pa.Table | None]:
    table = registry.table(file.table)
    digest = hashlib.sha256()
    with files.open(file.name) as raw:
        stream = _Hashing(raw, digest)
        header = read_header(stream, file.name)
        year = registry.year_of(file.table)
        reading = FileReading(file=file, table=table, year=year, header=header)
        found = list(checks.column_findings(file.name, table, year, header))
        if found:
            return reading, found, None
        pseudonyms = [c for c in registry.pseudonyms(table.name) if c.name in header]
        findings = checks.FileFindings(file.name, table, pseudonyms)
        key = [column.name for column in table.columns if column.is_key and column.name in header]
        batches = []
        for batch in _batches(stream, reading, files):
            findings.look(batch)
            if key and not pseudonyms_only(key, pseudonyms):
                batches.append(batch.select(key))
        found += findings.findings()
    if findings.rows != file.rows:
        found.append(_whole("row-count", file, abs(findings.rows - file.rows)))
    if digest.hexdigest() != file.sha256:
        found.append(_whole("digest", file, 1))
    return reading, found, pa.Table.from_batches(batches) if batches else None


def pseudonyms_only(key: Sequence[str], pseudonyms: Sequence[Any]) -> bool:
    """Whether a key is made of pseudonyms and ranks, as in IR_BEN_R, where twins may share it."""
    return bool({column.name for column in pseudonyms} & set(key))


def _orphans(
    readings: Sequence[FileReading], keys: dict[str, pa.Table], files: Files
) -> list[FindingCounted]:
    """Detail lines whose ER_PRS_F line is not in the same delivery (9-column key)."""
    parent = keys.get("ER_PRS_F")
    if parent is None:
        return []
    found = []
    for reading in readings:
        joins = reading.table.product == "DCIR" and reading.table.name != "ER_PRS_F"
        if not joins or not set(parent.column_names) <= set(reading.header):
            continue
        with files.open(reading.file.name) as raw:
            stream = _Hashing(raw, hashlib.sha256())
            read_header(stream, reading.file.name)
            batches = [
                batch.select(parent.column_names) for batch in _batches(stream, reading, files)
            ]
        if batches and (count := checks.orphans(pa.Table.from_batches(batches), parent)):
            found.append(_whole("line-without-parent", reading.file, count))
    return found


def load_batches(
    reading: FileReading, files: Files, registry: Registry, turn: Turn
) -> Iterator[pa.RecordBatch]:
    """The file's batches under the platform's pseudonyms, ready for the lake."""
    columns = [c for c in registry.pseudonyms(reading.table.name) if c.name in reading.header]
    with files.open(reading.file.name) as raw:
        stream = _Hashing(raw, hashlib.sha256())
        read_header(stream, reading.file.name)
        for batch in _batches(stream, reading, files):
            yield pseudonymise.platform_level(batch, columns, turn)
        if stream.hexdigest() != reading.file.sha256:
            raise Invalid(
                f"The file `{reading.file.name}` changed between its check and its load.",
                remedy="Load the delivery again.",
            )


def _batches(stream: _Hashing, reading: FileReading, files: Files) -> Iterator[pa.RecordBatch]:
    try:
        yield from read_batches(stream, reading.header, reading.type_of)
    except pa.ArrowInvalid:
        # pyarrow's message quotes the value; ours gives the place and nothing of the line.
        raise _malformed(reading, files) from None
    while stream.read(BLOCK_BYTES):
        continue


def _malformed(reading: FileReading, files: Files) -> BercailError:
    with files.open(reading.file.name) as raw:
        raw.readline()
        bad = locate(raw, reading.header, reading.type_of, reading.file.name)
    column = f", column `{bad.column}`," if bad.column else ""
    return Invalid(
        f"`{bad.file}` line {bad.line}{column} {bad.reason}.",
        remedy="Nothing of the delivery was loaded. Ask the holder for a corrected delivery.",
        rule="malformed-line",
    )


def _whole(check: str, file: DeliveryFile, count: int) -> FindingCounted:
    return FindingCounted(check=check, file=file.name, column="", count=count, first_line=0)


class _Hashing(io.RawIOBase):
    """A stream whose SHA-256 is known once it has been read to the end."""

    def __init__(self, raw: Stream, digest: Any) -> None:
        self._raw = raw
        self._digest = digest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size) or b""
        self._digest.update(data)
        return data

    def readline(self, size: int | None = -1) -> bytes:
        data = self._raw.readline(-1 if size is None else size)
        self._digest.update(data)
        return data

    def hexdigest(self) -> str:
        return str(self._digest.hexdigest())
