"""Deliveries on disk: tables as CSV in the holder's dialect, and the manifest last.

1. A delivery whose `delivery.json` stands and whose files have its digests is
   finished, and is left alone.
2. Otherwise every file is written again under a passing name, put in place,
   and `delivery.json` is put in place last: it never names what is not there.
   Nothing waits for the disk, since digests are checked again at each run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from attrs import frozen
from pyarrow import csv as arrow_csv

from bercail.foundation import Unavailable

MANIFEST = "delivery.json"
HOLDER = "CNAM"
_PASSING = ".partial"
_BATCH = 65_536
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


def write_delivery(planned: PlannedDelivery, out: Path) -> dict[str, Any]:
    """Write one delivery and give its manifest.

    Raises:
        Unavailable: the disk is full or cannot be written.
    """
    folder = out / planned.name
    with on_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        files = [_write_table(folder, name, table) for name, table in planned.tables().items()]
        manifest = {
            "holder": HOLDER,
            "system": planned.system,
            "period": planned.period,
            "identifiers": "clear",
            "files": files,
        }
        write_json(folder / MANIFEST, manifest)
    return manifest


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Put a JSON file in place at once, whole or not at all."""
    data = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
    passing = path.with_name(path.name + _PASSING)
    passing.write_bytes(data)
    passing.replace(path)


def _write_table(folder: Path, table: str, content: pa.Table) -> dict[str, Any]:
    name = f"{table}.csv"
    passing = folder / (name + _PASSING)
    digest = hashlib.sha256()
    size = 0
    with passing.open("wb") as stream:
        header = ";".join(content.column_names).encode() + b"\n"
        for data in (header, *_batches(content)):
            digest.update(data)
            size += stream.write(data)
    passing.replace(folder / name)
    return {
        "table": table,
        "name": name,
        "rows": content.num_rows,
        "bytes": size,
        "sha256": digest.hexdigest(),
    }


def _batches(content: pa.Table) -> list[bytes]:
    parts = []
    for batch in content.to_batches(max_chunksize=_BATCH):
        sink = pa.BufferOutputStream()
        arrow_csv.write_csv(batch, sink, _OPTIONS)
        parts.append(sink.getvalue().to_pybytes())
    return parts


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
