"""Deliveries on disk: tables as CSV in the holder's dialect or as Parquet, the manifest last.

1. A delivery whose `delivery.json` stands and whose files have its digests is
   finished, and is left alone.
2. Otherwise each block of persons writes its part, and the parts are put
   together under a passing name, block after block, so that the bytes do not
   depend on who wrote which part when. The file is put in place, and
   `delivery.json` last: it never names what is not there.
   Nothing waits for the disk, since digests are checked again at each run.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from pyarrow import csv as arrow_csv
from pyarrow import ipc, parquet

from bercail.catalogue import Registry, Table, arrow_type
from bercail.foundation import Unavailable

MANIFEST = "delivery.json"
HOLDER = "CNAM"
_PASSING = ".partial"
_BATCH = 65_536
_CHUNK = 1 << 20
_WIDE = pa.decimal128(38, 4)
_OPTIONS = arrow_csv.WriteOptions(
    include_header=False, delimiter=";", quoting_style="none", batch_size=_BATCH
)


@frozen(kw_only=True)
class PlannedDelivery:
    """A delivery to write; `tables` builds its content only when it is needed."""

    name: str
    system: str
    period: str
    tables: Callable[[], Mapping[str, pa.Table]]


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Say as `Unavailable` whatever the disk refuses at `path`."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The disk refuses `{path}`: {error.strerror}.",
            remedy="Free some space or choose another folder, then run the same command again.",
        ) from error


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a finished delivery; None when it is not finished or not whole."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        files = manifest["files"]
        whole = all(_digest(folder / file["name"]) == file["sha256"] for file in files)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return manifest if whole else None


def write_part(
    planned: PlannedDelivery, folder: Path, form: str, registry: Registry
) -> list[dict[str, Any]]:
    """Write what one block of persons gives to a delivery; name, rows, columns of each table."""
    folder.mkdir(parents=True, exist_ok=True)
    known: list[dict[str, Any]] = []
    for name, table in planned.tables().items():
        _write_table(folder, name, table, form, registry)
        known.append({"table": name, "rows": table.num_rows, "columns": table.column_names})
    return known


@frozen(kw_only=True)
class Assembly:
    """A delivery to put together; `parts` are its folders, block after block."""

    name: str
    system: str
    period: str
    form: str
    parts: tuple[Path, ...]
    tables: Mapping[str, Mapping[str, Any]]


def assemble(delivery: Assembly, out: Path) -> dict[str, Any]:
    """Put one delivery together from its parts, and give its manifest.

    Raises:
        Unavailable: the disk is full or cannot be written.
    """
    folder = out / delivery.name
    with on_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        files = [_joined(delivery, folder, table) for table in delivery.tables]
        manifest = {
            "holder": HOLDER,
            "system": delivery.system,
            "period": delivery.period,
            "identifiers": "clear",
            "files": files,
        }
        write_json(folder / MANIFEST, manifest)
        for part in delivery.parts:
            shutil.rmtree(part)
    return manifest


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Put a JSON file in place at once, whole or not at all."""
    data = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
    passing = path.with_name(path.name + _PASSING)
    passing.write_bytes(data)
    passing.replace(path)


def _write_table(
    folder: Path, table: str, content: pa.Table, form: str, registry: Registry
) -> None:
    """A part without heading: CSV as it will stand, or typed Arrow batches."""
    if form == "csv":
        with (folder / f"{table}.csv").open("wb") as stream:
            for batch in content.to_batches(max_chunksize=_BATCH):
                sink = pa.BufferOutputStream()
                arrow_csv.write_csv(batch, sink, _OPTIONS)
                stream.write(sink.getvalue())
        return
    typed = _typed(content, registry.table(table))
    options = ipc.IpcWriteOptions(compression="lz4")
    with (
        (folder / f"{table}.arrow").open("wb") as stream,
        ipc.new_file(stream, typed.schema, options=options) as writer,
    ):
        writer.write_table(typed)


def _typed(content: pa.Table, known: Table) -> pa.Table:
    """The types of the catalogue: days as dates, amounts as decimals."""
    arrays = []
    for name in content.column_names:
        column: Any = content[name]
        kind = arrow_type(known.column(name))
        if pa.types.is_date(kind) and pa.types.is_string(column.type):
            column = pc.strptime(column, format="%d/%m/%Y", unit="s")
        elif pa.types.is_decimal(kind):
            # A whole number of 64 bits does not fit in 18 digits; its value does.
            column = column.cast(_WIDE)
        arrays.append(column.cast(kind))
    return pa.table(arrays, names=content.column_names)


def _joined(delivery: Assembly, folder: Path, table: str) -> dict[str, Any]:
    name = f"{table}.{delivery.form}"
    passing = folder / (name + _PASSING)
    known = delivery.tables[table]
    if delivery.form == "csv":
        parts = [part / name for part in delivery.parts]
        digest, size = _joined_csv(passing, known["columns"], parts)
    else:
        _joined_parquet(passing, [part / f"{table}.arrow" for part in delivery.parts])
        digest, size = _digest(passing), passing.stat().st_size
    passing.replace(folder / name)
    return {
        "table": table,
        "name": name,
        "rows": known["rows"],
        "bytes": size,
        "sha256": digest,
    }


def _joined_csv(passing: Path, columns: list[str], parts: list[Path]) -> tuple[str, int]:
    digest = hashlib.sha256()
    with passing.open("wb") as stream:
        header = ";".join(columns).encode() + b"\n"
        digest.update(header)
        size = stream.write(header)
        for part in parts:
            with part.open("rb") as source:
                while data := source.read(_CHUNK):
                    digest.update(data)
                    size += stream.write(data)
    return digest.hexdigest(), size


def _joined_parquet(passing: Path, parts: list[Path]) -> None:
    """One row group or more for each block of persons: memory is that of one block."""
    writer = None
    for part in parts:
        with part.open("rb") as source, ipc.open_file(source) as reader:
            table = reader.read_all()
        if writer is None:
            writer = parquet.ParquetWriter(passing, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
