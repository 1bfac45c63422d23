"""The second look at files of the lake: from the host's bytes, past every cache.

Imports no writer: what it says of a file does not depend on who wrote it.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io import FileIO, InputFile, OutputFile
from pyiceberg.manifest import read_manifest_list
from pyiceberg.table.metadata import TableMetadataUtil

from bercail.foundation import Missing, Refused, Unproven, sha256_hex
from bercail.lake.sealed_file import SealedFile
from bercail.lake.shares import shares_of
from bercail.lake.snapshot import Part

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyiceberg.io import InputStream
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

    from bercail.lake.snapshot import Statement
    from bercail.vault import SealedReader

    OpenReader = Callable[[str], SealedReader]

PIECE = 4 * 1024 * 1024


def reread_part(open_reader: OpenReader, url: str, delivery: str) -> Part:
    """The part at `url` as the host holds it: every byte opened and hashed, its rows counted.

    Raises `Unproven` when it is gone, does not open, or is not a Parquet file.
    """
    reader = require_there(open_reader, url)
    digest = hashlib.sha256()
    for offset in range(0, reader.size, PIECE):
        digest.update(reader.read_at(offset, PIECE))
    footer = _footer(reader, url)
    try:
        holds = shares_of(footer.metadata)
    except ValueError as error:
        raise _unlike(url, "does not say whose rows it holds") from error
    return Part(
        url=url,
        delivery=delivery,
        rows=footer.num_rows,
        size=reader.size,
        sha256=digest.hexdigest(),
        holds=holds,
    )


def footer_rows(reader: SealedReader, url: str) -> int:
    """Rows of a Parquet file by its footer; `Unproven` when it has none."""
    return int(_footer(reader, url).num_rows)


def _footer(reader: SealedReader, url: str) -> pq.FileMetaData:
    try:
        source = pa.PythonFile(SealedFile(reader.read_at, reader.size, url), mode="r")
        return pq.ParquetFile(source).metadata
    except (pa.ArrowInvalid, OSError) as error:
        raise _unlike(url, "is not a Parquet file") from error


def require_there(open_reader: OpenReader, url: str) -> SealedReader:
    """A reader of `url`; `Unproven` when the host has lost it."""
    try:
        return open_reader(url)
    except Missing as error:
        raise _unlike(url, "is gone from the host") from error


def require_metadata(open_reader: OpenReader, statement: Statement) -> None:
    """The table metadata is the file signed, and its manifests name the parts signed.

    Raises `Unproven` otherwise.
    """
    named = statement.metadata
    data = require_there(open_reader, named.url).read_all()
    if sha256_hex(data) != named.sha256 or len(data) != named.size:
        raise _unlike(named.url, "is not the metadata that was signed")
    metadata = TableMetadataUtil.parse_raw(data.decode("utf-8"))
    if str(metadata.current_snapshot_id) != statement.snapshot:
        raise _unlike(named.url, f"does not make snapshot `{statement.snapshot}` current")
    snapshot = require_snapshot(metadata, statement.snapshot)
    files = _HostFiles(open_reader)
    found = {
        entry.data_file.file_path
        for manifest in read_manifest_list(files.new_input(snapshot.manifest_list))
        for entry in manifest.fetch_manifest_entry(files)
    }
    if found != {part.url for part in statement.parts}:
        raise _unlike(snapshot.manifest_list, "names other parts than were signed")


def require_snapshot(metadata: TableMetadata, snapshot_id: str) -> IcebergSnapshot:
    """The Iceberg snapshot of this id; `Unproven` when the table metadata does not have it."""
    found = metadata.snapshot_by_id(int(snapshot_id))
    if found is None:
        raise _unlike(metadata.location, f"does not have the signed snapshot `{snapshot_id}`")
    return found


def _unlike(url: str, how: str) -> Unproven:
    return Unproven(
        f"`{url}` {how}.",
        remedy="Restore it from a copy of the host; do not use the snapshot until then.",
        rule="lake-parts",
    )


class _HostFiles(FileIO):
    """Files for pyiceberg's manifest reader, straight from the host; writes nothing."""

    def __init__(self, open_reader: OpenReader) -> None:
        super().__init__({})
        self._open_reader = open_reader

    def new_input(self, location: str) -> InputFile:
        return _HostFile(location, self._open_reader)

    def new_output(self, location: str) -> OutputFile:
        raise _read_only(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        raise _read_only(str(location))


class _HostFile(InputFile):
    def __init__(self, location: str, open_reader: OpenReader) -> None:
        super().__init__(location)
        self._open_reader = open_reader

    def __len__(self) -> int:
        return require_there(self._open_reader, self.location).size

    def exists(self) -> bool:
        return len(self) >= 0

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002  # pyiceberg's shape
        return io.BytesIO(require_there(self._open_reader, self.location).read_all())


def _read_only(location: str) -> Refused:
    return Refused(
        f"`{location}` cannot be changed by a second look.",
        remedy="Use the lake itself.",
        rule="lake-read-only",
    )
