"""An unsealed copy of one snapshot as a standard Iceberg table, for leaving this platform.

The folder holds everything in clear, pseudonyms and health data: it is for an exit to a house that
is as well guarded, and for nothing else.

1. The parts are opened and written byte for byte, so their digests are those signed.
2. Manifest, manifest list and table metadata are written anew with the paths of the folder; ids of
   columns, of the snapshot and of the schemas stay.
3. The signed statement and the list of files are written beside them.
4. The copy is proven from the files alone: digests, rows, and the plan of another reader.
5. `metadata/version-hint.text` is written: only now does the folder say that it is a table.

Killed before 5, the folder is no table; remove it and begin again in an empty one.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import pyarrow.parquet as pq
from attrs import asdict, frozen
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import ManifestEntry, ManifestEntryStatus, write_manifest
from pyiceberg.manifest import write_manifest_list as write_list
from pyiceberg.table import StaticTable

from bercail.foundation import Missing, Refused, Unproven
from bercail.lake.filesystem import split_url
from bercail.lake.rereading import require_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

    from bercail.lake.ground import LakeGround
    from bercail.lake.shelf import SignedStatement
    from bercail.lake.snapshot import Part, Statement

    Progress = Callable[[str, int, int], None]

WARNING = (
    "This copy is NOT sealed: it holds health data and pseudonyms in clear. Whoever reads the "
    "folder reads them. Keep it only where the law lets such data be, and destroy it afterwards."
)
_PIECE = 4 * 1024 * 1024
_VERSION: Literal[2] = 2
_METADATA = "v1.metadata.json"


@frozen(kw_only=True)
class OpenCopy:
    """An unsealed copy, proven after it was written."""

    table: str
    snapshot: str
    statement_digest: str
    folder: str
    metadata: str
    parts: int
    rows: int
    bytes: int

    def as_dict(self) -> dict[str, str | int]:
        """The values as `--json` prints them."""
        return asdict(self)


class OpenCopying:
    """Writes unsealed copies of snapshots of one lake."""

    def __init__(self, ground: LakeGround) -> None:
        self._ground = ground

    def chosen(self, table: str, snapshot: str | None = None) -> Statement:
        """The snapshot that would be copied, the newest when None; `Missing` when it is gone."""
        return self._ground.statements.open(self._signed(table, snapshot))

    def write(
        self, table: str, out: Path, snapshot: str | None = None, progress: Progress | None = None
    ) -> OpenCopy:
        """Write the copy into the folder `out`, which is made, or is empty.

        Raises `Refused` for a folder that holds anything, `Missing` for a snapshot that is not
        there or was let go, `Unproven` when a part does not open or the copy does not hold.
        """
        signed = self._signed(table, snapshot)
        statement = self._ground.statements.open(signed)
        opened = self._ground.load(table)
        folder = _empty_folder(out)
        tell = progress or (lambda _label, _done, _total: None)
        paths: dict[str, Path] = {}
        for done, part in enumerate(statement.parts):  # 1
            tell(table, done, len(statement.parts))
            paths[part.url] = self._open_part(part, folder)
        tell(table, len(statement.parts), len(statement.parts))
        held = require_snapshot(opened.metadata, statement.snapshot)
        metadata = _write_metadata(opened, held, folder, paths)  # 2
        _write_beside(folder, statement, signed, paths)  # 3
        _prove(folder / "metadata" / _METADATA, statement, paths)  # 4
        _write(folder / "metadata" / "version-hint.text", b"1")  # 5
        return OpenCopy(
            table=table,
            snapshot=statement.snapshot,
            statement_digest=statement.digest(),
            folder=str(folder),
            metadata=metadata,
            parts=len(statement.parts),
            rows=statement.rows,
            bytes=sum(part.size for part in statement.parts),
        )

    def _signed(self, table: str, snapshot: str | None) -> SignedStatement:
        self._ground.completed(table)
        found = (
            self._ground.shelf.latest(table)
            if snapshot is None
            else self._ground.shelf.find(table, snapshot=snapshot)
        )
        if found is None or found.snapshot in self._ground.expiries.of(table):
            raise Missing(
                f"`{table}` has no snapshot `{snapshot or ''}` that can be read.",
                remedy="See `bercail lake snapshots`.",
            )
        return found

    def _open_part(self, part: Part, folder: Path) -> Path:
        path = folder.joinpath(*split_url(part.url)[1].split("/"))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        reader = self._ground.files.reader(part.url)
        with _private(path) as file:
            for offset in range(0, reader.size, _PIECE):
                file.write(reader.read_at(offset, _PIECE))
        return path


def _empty_folder(out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(out.iterdir()):
        raise Refused(
            f"The folder `{out}` holds something already.",
            remedy="Name an empty folder; nothing is overwritten.",
            rule="lake-open-copy",
        )
    (out / "metadata").mkdir(mode=0o700)
    return out.resolve()


def _write_metadata(
    opened: Table, held: IcebergSnapshot, folder: Path, paths: Mapping[str, Path]
) -> str:
    """Iceberg metadata of one snapshot with the paths of the folder; the place of the JSON file."""
    io, location = PyArrowFileIO(), _url(folder)
    schema = opened.schemas()[held.schema_id or 0]
    listing = f"{location}/metadata/snap-{held.snapshot_id}.avro"
    entries = [
        entry
        for manifest in held.manifests(opened.io)
        for entry in manifest.fetch_manifest_entry(opened.io)
    ]
    manifests = []
    if entries:
        output = io.new_output(f"{location}/metadata/parts-{held.snapshot_id}.avro")
        spec = opened.metadata.spec()
        with write_manifest(_VERSION, spec, schema, output, held.snapshot_id, "deflate") as writer:
            for entry in entries:
                writer.add_entry(_at(entry, paths))
        manifests.append(writer.to_manifest_file())
    with write_list(
        format_version=_VERSION,
        output_file=io.new_output(listing),
        snapshot_id=held.snapshot_id,
        parent_snapshot_id=None,
        sequence_number=held.sequence_number or 0,
        avro_compression="deflate",
    ) as lists:
        lists.add_manifests(manifests)
    document = _document(opened, held, location, listing)
    _write(folder / "metadata" / _METADATA, json.dumps(document).encode())
    return f"{location}/metadata/{_METADATA}"


def _document(opened: Table, held: IcebergSnapshot, location: str, listing: str) -> dict[str, Any]:
    """The table metadata with one snapshot, at its new place."""
    alone = json.loads(held.model_dump_json()) | {"manifest-list": listing}
    alone.pop("parent-snapshot-id", None)
    document: dict[str, Any] = json.loads(opened.metadata.model_dump_json())
    return document | {
        "location": location,
        "properties": {},
        "last-sequence-number": held.sequence_number or 0,
        "current-schema-id": held.schema_id or 0,
        "current-snapshot-id": held.snapshot_id,
        "snapshots": [alone],
        "snapshot-log": [{"snapshot-id": held.snapshot_id, "timestamp-ms": held.timestamp_ms}],
        "metadata-log": [],
        "refs": {"main": {"snapshot-id": held.snapshot_id, "type": "branch"}},
    }


def _at(entry: ManifestEntry, paths: Mapping[str, Path]) -> ManifestEntry:
    """The entry of a part, at its place in the folder; bounds and counts stay."""
    file: DataFile = entry.data_file
    # Field 100 of the Iceberg specification, the second of the record after its content.
    file[1] = _url(paths[file.file_path])
    return ManifestEntry.from_args(
        status=ManifestEntryStatus.EXISTING,
        snapshot_id=entry.snapshot_id,
        sequence_number=entry.sequence_number,
        file_sequence_number=entry.file_sequence_number,
        data_file=file,
    )


def _write_beside(
    folder: Path, statement: Statement, signed: SignedStatement, paths: Mapping[str, Path]
) -> None:
    listed = [
        {
            "path": paths[part.url].relative_to(folder).as_posix(),
            "rows": part.rows,
            "size": part.size,
            "sha256": part.sha256,
        }
        for part in statement.parts
    ]
    _write(folder / "parts.json", json.dumps(listed, indent=1).encode())
    _write(folder / "statement.json", signed.statement)
    _write(folder / "statement.sig.json", json.dumps(signed.signature.as_dict()).encode())
    _write(folder / "NOT-SEALED.txt", f"{WARNING}\n".encode())


def _prove(metadata: Path, statement: Statement, paths: Mapping[str, Path]) -> None:
    """Read the folder again as a stranger would; `Unproven` when it is not the snapshot."""
    for part in statement.parts:
        path = paths[part.url]
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != part.sha256 or pq.read_metadata(path).num_rows != part.rows:
            raise _unlike(f"`{path.name}` is not the part that was signed")
    table = StaticTable.from_metadata(_url(metadata))
    planned = {task.file.file_path: task.file.record_count for task in table.scan().plan_files()}
    if planned != {_url(paths[part.url]): part.rows for part in statement.parts}:
        raise _unlike("its metadata names other files or rows")
    names = [field.name for field in table.schema().fields]
    if names != [column.name for column in statement.columns]:
        raise _unlike("its metadata names other columns")


def _unlike(how: str) -> Unproven:
    return Unproven(
        f"The unsealed copy does not hold: {how}.",
        remedy="Destroy the folder, check its disk, and write the copy again.",
        rule="lake-open-copy",
    )


def _url(path: Path) -> str:
    return f"file://{path}"


def _write(path: Path, data: bytes) -> None:
    with _private(path) as file:
        file.write(data)


def _private(path: Path) -> BinaryIO:
    """A new file that only its owner reads."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
