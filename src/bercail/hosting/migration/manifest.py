"""Write the manifest of a proof: one canonical line per object, and their Merkle root.

The format is docs/reference/formats/migration-manifest.md; the reader is
`bercail.hosting.verify_manifest`, which shares no code with this file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from attrs import frozen

from bercail.foundation import canonical_json
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.object_table import UNTOLD, WorkRow
from bercail.ledger.merkle import MerkleTree

FORMAT = "bercail-migration-manifest/2"
PAYLOAD_TYPE = "application/vnd.bercail.migration-proof+json"
STORED_NAME = "migration-manifest.jsonl"


@frozen(kw_only=True)
class ManifestSummary:
    """What was written: counts, bytes of plaintext, digests in hexadecimal."""

    lines: int
    carried: int
    not_carried: int
    bytes: int
    sha256: str
    root: str


def line_of(row: WorkRow) -> dict[str, Any]:
    """The manifest's line for one object, carried or left behind."""
    entry = row.entry
    line: dict[str, Any] = {
        "name": entry.name,
        "state": row.state.value,
        "size": entry.size,
        "source": {
            **entry.facts.as_dict(),
            "headers": _told(row, "headers"),
            "tags": _told(row, "tags"),
        },
    }
    if row.state is ObjectState.NOT_CARRIED:
        return {**line, "reason": row.reason or ""}
    sealed = {
        "version": entry.binding_version,
        "opaque": row.opaque,
        "size": row.sealed_size,
        "crc64nvme": row.crc,
    }
    return {**line, "sha256": row.sha256, "sealed": sealed}


def _told(row: WorkRow, what: str) -> dict[str, str] | None:
    """The headers or tags of an object, None where no survey was told of them."""
    untold = what in row.remarks.get(UNTOLD, ())
    return None if untold else dict(row.remarks.get(what, {}))


def write_manifest(path: Path, rows: Iterable[WorkRow]) -> ManifestSummary:
    """Write `rows` (in the order of their names) to `path`, whole or not at all."""
    tree, whole = MerkleTree(), hashlib.sha256()
    counts = {ObjectState.CARRIED: 0, ObjectState.NOT_CARRIED: 0}
    size = 0
    draft = path.with_name(path.name + ".draft")
    with draft.open("wb") as file:
        for row in rows:
            line = canonical_json(line_of(row))
            tree.append(line)
            whole.update(line + b"\n")
            file.write(line + b"\n")
            counts[row.state] += 1
            size += row.entry.size if row.state is ObjectState.CARRIED else 0
        _settle(file)
    draft.replace(path)
    return ManifestSummary(
        lines=len(tree),
        carried=counts[ObjectState.CARRIED],
        not_carried=counts[ObjectState.NOT_CARRIED],
        bytes=size,
        sha256=whole.hexdigest(),
        root=tree.root().hex(),
    )


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`: a reader sees the former file or this one."""
    draft = path.with_name(path.name + ".draft")
    with draft.open("wb") as file:
        file.write(data)
        _settle(file)
    draft.replace(path)


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
