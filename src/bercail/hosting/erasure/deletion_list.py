"""What stands on the source and is to be erased, by name, in a file of the trust side."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from attrs import frozen

from bercail.foundation import canonical_json
from bercail.hosting.migration.entry import ObjectState, entry_of
from bercail.hosting.migration.worktable import WorkTable
from bercail.storage import InventoryItem, ItemKind

# Directories and containers hold nothing once what is in them is gone.
ERASABLE = (
    ItemKind.CURRENT,
    ItemKind.VERSION,
    ItemKind.SNAPSHOT,
    ItemKind.DELETED,
    ItemKind.DELETE_MARKER,
)


@frozen(kw_only=True)
class DeletionList:
    """A list that was written to `file`; `digest` is its SHA-256.

    `kinds` counts by kind; `not_carried` counts by kind what the target does not hold.
    One canonical JSON line each, in the order of the names: `name`, `kind`, `of` (the object
    that a former state belongs to), `size`, `etag`, `version`, `carried`.
    """

    file: Path
    digest: str
    objects: int
    bytes: int
    kinds: Mapping[str, int]
    not_carried: Mapping[str, int]


def write_list(items: Iterable[InventoryItem], table: WorkTable, file: Path) -> DeletionList:
    """Write the list of `items`, a whole inventory of the source, in bounded memory."""
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with closing(sqlite3.connect(draft, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute(
            "CREATE TABLE items (name TEXT, kind TEXT, logical TEXT, size INTEGER, etag TEXT, "
            "version TEXT, state TEXT)"
        )
        db.execute("CREATE TABLE carried (name TEXT PRIMARY KEY, state TEXT) WITHOUT ROWID")
        db.execute("BEGIN")
        erasable = (item for item in items if item.kind in ERASABLE)
        db.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)", map(_row, erasable))
        rows = table.objects.rows(ObjectState.CARRIED)
        carried = ((row.entry.name, row.entry.binding_version) for row in rows)
        db.executemany("INSERT INTO carried VALUES (?, ?)", carried)
        found = _written(db, file)
    draft.unlink()
    return found


def _row(item: InventoryItem) -> tuple[str | int | None, ...]:
    info = item.info
    state = entry_of(info).binding_version
    # The etag stands in the list for the deletion to be conditional on it.
    return info.name, item.kind.value, item.logical, info.size, info.etag, info.version, state


def _written(db: sqlite3.Connection, file: Path) -> DeletionList:
    digest = hashlib.sha256()
    objects = size = 0
    kinds: dict[str, int] = {}
    lost: dict[str, int] = {}
    with file.open("wb") as out:
        for line, kind, length, carried in _lines(db):
            digest.update(line)
            out.write(line)
            objects += 1
            size += length
            kinds[kind] = kinds.get(kind, 0) + 1
            if not carried:
                lost[kind] = lost.get(kind, 0) + 1
    return DeletionList(
        file=file,
        digest=digest.hexdigest(),
        objects=objects,
        bytes=size,
        kinds=kinds,
        not_carried=lost,
    )


def _lines(db: sqlite3.Connection) -> Iterator[tuple[bytes, str, int, bool]]:
    rows = db.execute(
        "SELECT items.name, kind, logical, size, etag, version, carried.name IS NOT NULL "
        "FROM items LEFT JOIN carried ON carried.name = items.name "
        "AND carried.state = items.state ORDER BY items.name, kind, version, etag"
    )
    for name, kind, logical, size, etag, version, carried in rows:
        line = {
            "name": name,
            "kind": kind,
            "of": logical,
            "size": size,
            "etag": etag,
            "version": version,
            "carried": bool(carried),
        }
        yield canonical_json(line) + b"\n", kind, size, bool(carried)
