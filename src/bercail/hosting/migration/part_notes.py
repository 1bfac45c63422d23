"""Uploads in parts that a killed process can go on with: one small SQLite file.

Beside the work table and not in it: the threads that send parts write here, each note on
the disk before the part leaves, and never wait for the transactions of the work list.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from bercail.foundation import Unavailable
from bercail.lake.sealed_parts import Begun

_SCHEMA = """
CREATE TABLE IF NOT EXISTS uploads (
    name TEXT PRIMARY KEY, opaque TEXT NOT NULL, size INTEGER NOT NULL,
    key_id BLOB NOT NULL, seed BLOB NOT NULL, token TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    name TEXT NOT NULL, number INTEGER NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (name, number)
) WITHOUT ROWID;
"""


class UploadNotes:
    """`PartNotes` in the file `path`; used by several threads of one process.

    Every method is one transaction, on the disk when it returns.

    Raises, on making it and on any call:
        Unavailable: the file does not answer.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(
            path, timeout=60.0, isolation_level=None, check_same_thread=False
        )
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise self._silent(error) from error

    def find(self, name: str) -> Begun | None:
        """See `PartNotes.find`."""
        with self._lock:
            row = self._db.execute(
                "SELECT opaque, size, key_id, seed, token FROM uploads WHERE name = ?", (name,)
            ).fetchone()
            if row is None:
                return None
            digests = self._db.execute("SELECT number, digest FROM parts WHERE name = ?", (name,))
            opaque, size, key_id, seed, token = row
            return Begun(
                opaque=opaque,
                size=size,
                key_id=key_id,
                seed=seed,
                token=token,
                digests=dict(digests.fetchall()),
            )

    def begin(self, name: str, begun: Begun) -> None:
        """See `PartNotes.begin`."""
        row = (name, begun.opaque, begun.size, begun.key_id, begun.seed, begun.token)
        parts = [(name, number, digest) for number, digest in begun.digests.items()]
        self._write(
            ("DELETE FROM parts WHERE name = ?", [(name,)]),
            ("REPLACE INTO uploads VALUES (?, ?, ?, ?, ?, ?)", [row]),
            ("INSERT INTO parts VALUES (?, ?, ?)", parts),
        )

    def part(self, name: str, number: int, digest: str) -> None:
        """See `PartNotes.part`."""
        self._write(("REPLACE INTO parts VALUES (?, ?, ?)", [(name, number, digest)]))

    def forget(self, name: str) -> None:
        """See `PartNotes.forget`."""
        self._write(
            ("DELETE FROM parts WHERE name = ?", [(name,)]),
            ("DELETE FROM uploads WHERE name = ?", [(name,)]),
        )

    def names(self) -> list[str]:
        """The objects whose upload was begun and not finished, in order."""
        with self._lock:
            found = self._db.execute("SELECT name FROM uploads ORDER BY name")
            return [name for (name,) in found]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _write(self, *steps: tuple[str, Sequence[tuple[object, ...]]]) -> None:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                for statement, rows in steps:
                    self._db.executemany(statement, rows)
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise self._silent(error) from error

    def _silent(self, error: sqlite3.Error) -> Unavailable:
        return Unavailable(
            f"The notes of uploads `{self._path}` do not answer: {error}.",
            remedy="Check the disk's room and the permissions, then run again.",
        )
