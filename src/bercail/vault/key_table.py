"""The key table: one SQLite file of wrapped keys, safe for several processes.

No key is here in clear. The layout is in `docs/reference/formats/key-table.md`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from bercail.foundation import Missing, Unavailable, Unproven
from bercail.vault.keys import Purpose

_FORMAT = 1
_WAIT = 60.0
"""Seconds that a writer waits for another before the table is called unavailable."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS key (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    purpose TEXT NOT NULL,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    epoch INTEGER NOT NULL CHECK (epoch >= 1),
    custodian TEXT NOT NULL,
    root TEXT NOT NULL,
    wrapped BLOB,
    created TEXT NOT NULL,
    destroyed TEXT,
    wrapped_sha256 TEXT,
    UNIQUE (purpose, kind, scope, epoch),
    CHECK ((wrapped IS NULL) = (destroyed IS NOT NULL)),
    CHECK ((wrapped IS NULL) = (wrapped_sha256 IS NOT NULL))
) STRICT
"""
_COLUMNS = (
    "id, purpose, kind, scope, epoch, custodian, root, wrapped, created, destroyed, wrapped_sha256"
)


@frozen(kw_only=True)
class KeyRow:
    """One line of the table. `wrapped` is None once the key is destroyed."""

    id: bytes
    purpose: Purpose
    kind: str
    scope: str
    epoch: int
    custodian: str
    root: str
    wrapped: bytes | None
    created: str
    destroyed: str | None = None
    wrapped_sha256: str | None = None


def _row(values: tuple[bytes, str, str, str, int, str, str, bytes | None, str, str, str]) -> KeyRow:
    return KeyRow(
        id=values[0],
        purpose=Purpose(values[1]),
        kind=values[2],
        scope=values[3],
        epoch=values[4],
        custodian=values[5],
        root=values[6],
        wrapped=values[7],
        created=values[8],
        destroyed=values[9],
        wrapped_sha256=values[10],
    )


class _Connection:
    """One connection of one process, opened when first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._held: sqlite3.Connection | None = None
        self._inherited: list[sqlite3.Connection | None] = []

    def lock(self) -> threading.RLock:
        """The lock of this process; a lock inherited through a fork may never be released."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._lock = threading.RLock()
            # SQLite forbids using or closing here what the parent process opened.
            self._inherited.append(self._held)
            self._held = None
        return self._lock

    def get(self) -> sqlite3.Connection:
        """The connection, to use under the lock only."""
        if self._held is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            self._held = sqlite3.connect(
                self._path, timeout=_WAIT, isolation_level=None, check_same_thread=False
            )
            self._held.execute("PRAGMA secure_delete = ON")
            self._held.execute("PRAGMA synchronous = FULL")
        return self._held

    def close(self) -> None:
        """Close what this process opened."""
        with self.lock():
            if self._held is not None:
                self._held.close()
                self._held = None


class KeyTable:
    """Reads and writes the lines, one thread at a time; a forked child opens its own connection.

    Raises:
        Unproven: `key-table`, when the file is not a key table of this version or is damaged.
        Unavailable: when another process holds it for a minute, or the disk does not take it.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._here = _Connection(self.path)
        # SQLite warns of a connection that nobody closes; this closes it with the table.
        weakref.finalize(self, self._here.close)
        self._prepare()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone in writing from its start; kept whole or not at all."""
        with self._guarded() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def rows(self) -> tuple[KeyRow, ...]:
        """Every line, by purpose, kind, scope and epoch."""
        return self._select("1 ORDER BY purpose, kind, scope, epoch")

    def current(self, purpose: Purpose, kind: str, scope: str) -> KeyRow | None:
        """The line of the highest epoch, alive or destroyed."""
        found = self._select(
            "purpose = ? AND kind = ? AND scope = ? ORDER BY epoch DESC LIMIT 1",
            purpose.value,
            kind,
            scope,
        )
        return found[0] if found else None

    def of(
        self, kind: str, scope: str, epoch: int | None, purpose: Purpose | None = None
    ) -> tuple[KeyRow, ...]:
        """The lines of a kind and scope, of one epoch or of all, of one purpose or of all.

        The witness is never one.
        """
        wanted = None if purpose is None else purpose.value
        return self._select(
            "kind = ? AND scope = ? AND (? IS NULL OR epoch = ?) "
            "AND (? IS NULL OR purpose = ?) AND purpose <> 'witness' ORDER BY purpose, epoch",
            kind,
            scope,
            epoch,
            epoch,
            wanted,
            wanted,
        )

    def by_id(self, key_id: bytes) -> KeyRow:
        """The line of this id; raises Missing."""
        found = self._select("id = ?", key_id)
        if not found:
            raise Missing(
                f"The key table has no key `{key_id.hex()}`.",
                remedy="Open the object with the key table of the house that sealed it.",
            )
        return found[0]

    def insert(self, connection: sqlite3.Connection, row: KeyRow) -> None:
        """Add a living line, within a transaction of `writing`."""
        connection.execute(
            f"INSERT INTO key ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",  # noqa: S608  # constant columns
            (
                row.id,
                row.purpose.value,
                row.kind,
                row.scope,
                row.epoch,
                row.custodian,
                row.root,
                row.wrapped,
                row.created,
            ),
        )

    def sweep(self) -> None:
        """Fold the write-ahead log into the file, so that no erased byte stays on the disk."""
        with self._guarded() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        self._here.close()

    def _select(self, condition: str, *values: object) -> tuple[KeyRow, ...]:
        with self._guarded() as connection:
            found = connection.execute(
                f"SELECT {_COLUMNS} FROM key WHERE {condition}",  # noqa: S608  # constant text
                values,
            )
            return tuple(_row(line) for line in found.fetchall())

    def _prepare(self) -> None:
        """Create the table once; two processes may arrive together."""
        with self._guarded() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == _FORMAT:
                return
            if version != 0:
                raise Unproven(
                    f"`{self.path}` is a key table of version {version}, not {_FORMAT}.",
                    remedy="Open it with the release that wrote it.",
                    rule="key-table",
                )
            connection.execute("PRAGMA journal_mode = WAL")
            with self.writing() as writer:
                writer.execute(_SCHEMA)
                writer.execute(f"PRAGMA user_version = {_FORMAT}")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, to look at the tables beside the keys."""
        with self._guarded() as connection:
            yield connection

    @contextmanager
    def _guarded(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone, with SQLite's errors turned into ours."""
        try:
            with self._here.lock():
                yield self._here.get()
        except (sqlite3.OperationalError, OSError) as error:
            raise Unavailable(
                f"The key table `{self.path}` does not answer: {error}.",
                remedy="Check the disk's room, the permissions, and what else holds the file.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise Unproven(
                f"`{self.path}` is not a key table, or is damaged: {error}.",
                remedy="Restore it from its last good copy.",
                rule="key-table",
            ) from error
