"""The log of deltas: one line whenever an object's carried state changes; nothing is taken out.

A manifest is in the order of names, so a later manifest is no continuation of an earlier one
and no consistency proof between the two exists. What can be proven is said here: the *log* only
grows (RFC 9162, section 2.1.4, between any two sizes that the journal holds), and the last line
of every name in it is the line of the present manifest. So whoever holds an earlier root knows
that no former state was rewritten, and can follow how one manifest became the next.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import Unproven, canonical_json, sha256_hex
from bercail.hosting.events import DeltasLogged
from bercail.hosting.migration.manifest import line_of, write_whole
from bercail.hosting.migration.object_table import WorkRow
from bercail.ledger import verify_consistency
from bercail.ledger.merkle import Nodes, consistency_path, leaf_hash, node_hash, subtree_root

FORMAT = "bercail-migration-deltas/1"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS leaves (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, line BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS leaves_by_name ON leaves (name, number);
CREATE TEMP TABLE present (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_LINES = "SELECT line FROM leaves WHERE number > ? AND number <= ? ORDER BY number"


@frozen(kw_only=True)
class Growth:
    """How far the log grew. `event` is None when it did not; `proof` is the file of its proof."""

    added: int
    event: DeltasLogged | None = None
    proof: Path | None = None


class DeltaLog:
    """The log in the folder `folder`; a process killed while it grows leaves the former log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def grow(self, rows: Iterable[WorkRow], earlier: int) -> Growth:
        """Add what `rows` (carried or left behind) changed; prove it continues `earlier` lines.

        `earlier` is the size that the journal holds. Lines that a killed process added
        beyond it are kept and told now.

        Raises:
            Unproven: the log is not a continuation of itself: it was tampered with.
        """
        with self._open() as db:
            self._append(db, rows)
            (size,) = db.execute("SELECT count(*) FROM leaves").fetchone()
            if size == earlier:
                return Growth(added=0)
            if size < earlier:
                raise _shortened(size, earlier)
            nodes = _nodes(db)
            path = consistency_path(nodes, earlier, size)
            roots = (subtree_root(nodes, 0, earlier), subtree_root(nodes, 0, size))
        verify_consistency(earlier, size, *roots, path)
        return self._told((earlier, size), roots, [node.hex() for node in path])

    def require_root(self, size: int, root: str) -> None:
        """Compare the first `size` lines, hashed anew, with what the journal holds.

        Raises:
            Unproven: they are not the lines that were logged.
        """
        with self._open() as db:
            found = subtree_root(_nodes(db), 0, size)
        verify_consistency(size, size, found, bytes.fromhex(root), ())

    def lines(self, size: int | None = None) -> Iterator[tuple[str, bytes]]:
        """Name and canonical line of the first `size` entries, all of them by default."""
        with self._open() as db:
            most = -1 if size is None else size
            found = db.execute("SELECT name, line FROM leaves ORDER BY number LIMIT ?", (most,))
            for name, line in found:
                yield name, bytes(line)

    def _append(self, db: sqlite3.Connection, rows: Iterable[WorkRow]) -> None:
        with db:
            for row in rows:
                db.execute("INSERT OR IGNORE INTO present VALUES (?)", (row.entry.name,))
                _add_if_new(db, row.entry.name, line_of(row))
            gone = db.execute(
                "SELECT DISTINCT name FROM leaves WHERE name NOT IN (SELECT name FROM present) "
                "ORDER BY name"
            ).fetchall()
            for (name,) in gone:
                _add_if_new(db, name, {"name": name, "state": "gone"})

    def _told(self, sizes: tuple[int, int], roots: tuple[bytes, bytes], path: list[str]) -> Growth:
        (earlier, size), (earlier_root, root) = sizes, (found.hex() for found in roots)
        proof = {
            "format": FORMAT,
            "size": size,
            "root": root,
            "earlier": earlier,
            "earlier_root": earlier_root,
            "proof": path,
        }
        written = canonical_json(proof)
        file = self._folder / f"deltas-{earlier}-{size}.json"
        write_whole(file, written)
        event = DeltasLogged(
            size=size,
            root=root,
            earlier=earlier,
            earlier_root=earlier_root,
            proof=sha256_hex(written),
        )
        return Growth(added=size - earlier, event=event, proof=file)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._folder.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._folder / "deltas.sqlite")
        try:
            db.executescript(_SCHEMA)
            yield db
        finally:
            db.close()


def _nodes(db: sqlite3.Connection) -> Nodes:
    """The tree over the lines, of which nothing is held: a node is computed when it is asked for.

    Only the roots of the complete subtrees to the left are in memory, one for each height.
    """

    def node(height: int, index: int) -> bytes:
        first, last = index << height, (index + 1) << height
        left: list[tuple[int, bytes]] = []
        count = 0
        for (line,) in db.execute(_LINES, (first, last)):
            count += 1
            level, reached = 0, leaf_hash(line)
            while left and left[-1][0] == level:
                level, reached = level + 1, node_hash(left.pop()[1], reached)
            left.append((level, reached))
        if count != last - first:
            raise _shortened(first + count, last)
        return left[0][1]

    return node


def _shortened(size: int, expected: int) -> Unproven:
    return Unproven(
        f"The log of deltas has {size} lines where {expected} were logged.",
        remedy="Lines were taken out of it: find out by whom, and begin a new dual run.",
    )


def _add_if_new(db: sqlite3.Connection, name: str, said: dict[str, Any]) -> None:
    line = canonical_json(said)
    last = db.execute(
        "SELECT line FROM leaves WHERE name = ? ORDER BY number DESC LIMIT 1", (name,)
    ).fetchone()
    if last is None or bytes(last[0]) != line:
        db.execute("INSERT INTO leaves (name, line) VALUES (?, ?)", (name, line))
