"""The trust side's memory of a migration: one SQLite file, one writer, committed in groups.

What stands here was true of both sides when it was committed; a process killed
at any instruction leaves the last commit. It is a working list, never a proof:
`prove` reads both sides again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bercail.foundation import Invalid, Unavailable, canonical_json
from bercail.hosting.migration.object_table import ObjectTable
from bercail.hosting.migration.survey_stage import SurveyStage

SCHEMA_VERSION = 2

# What a survey tells beyond the facts of an entry; added by version 2.
_TOLD = ("remarks", "metadata", "tags", "tier", "md5", "modified")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    name TEXT PRIMARY KEY, size INTEGER NOT NULL, facts TEXT NOT NULL,
    version TEXT NOT NULL, opaque TEXT NOT NULL, seen INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT, there INTEGER NOT NULL DEFAULT 0,
    distrust INTEGER NOT NULL DEFAULT 0, sha256 TEXT, sealed_size INTEGER, crc TEXT,
    remarks TEXT NOT NULL DEFAULT '{}', metadata TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '', tier TEXT NOT NULL DEFAULT '',
    md5 TEXT NOT NULL DEFAULT '', modified TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_by_work ON objects (state, size DESC, name);
CREATE INDEX IF NOT EXISTS objects_by_opaque ON objects (opaque);
CREATE TABLE IF NOT EXISTS notes (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS failures (name TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
"""


class WorkTable:
    """The work list of one migration. Used by one thread of one process.

    `with table:` is one transaction; everything that writes stands inside one.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=60.0, isolation_level=None)
        try:
            # FULL: a commit is on the disk before an object counts as carried.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.OperationalError as error:
            raise Unavailable(
                f"The work table `{path}` does not answer: {error}.",
                remedy="Check the disk's room and the permissions, then run again.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise Invalid(
                f"`{path}` is not a work table of a migration.",
                remedy="Move it away and survey again; nothing on either side is lost.",
            ) from error
        if found not in (0, 1, SCHEMA_VERSION):
            raise Invalid(f"`{path}` has version `{found}` of the work table, unknown here.")
        if found != SCHEMA_VERSION:
            # A reader of an existing table writes nothing, so it never waits for the writer.
            self._db.executescript(_SCHEMA)
            if found == 1:
                self._add_columns()
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._scratch = path.with_name("survey.scratch")
        self.objects = ObjectTable(self._db)
        self.outbox = Outbox(self._db)
        self.failures = FailureList(self._db)

    def __enter__(self) -> WorkTable:
        self._db.execute("BEGIN")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")

    def stage(self) -> SurveyStage:
        """A place for a survey being taken; entered outside a transaction."""
        return SurveyStage(self._db, self._scratch)

    def note(self, key: str, default: Any = None) -> Any:
        """A JSON value kept beside the objects."""
        row = self._db.execute("SELECT value FROM notes WHERE key = ?", (key,)).fetchone()
        return default if row is None else json.loads(row[0])

    def set_note(self, key: str, value: Any) -> None:
        """Keep `value` under `key`."""
        self._db.execute("REPLACE INTO notes VALUES (?, ?)", (key, json.dumps(value)))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _add_columns(self) -> None:
        for column in _TOLD:
            default = "{}" if column == "remarks" else ""
            self._db.execute(
                f"ALTER TABLE objects ADD COLUMN {column} TEXT NOT NULL DEFAULT '{default}'"
            )


class Outbox:
    """Events not yet in the journal, kept in the same transaction as what they tell."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def post(self, kind: str, body: Mapping[str, Any]) -> None:
        """Put an event in, by the name of its class and its attributes."""
        text = canonical_json(dict(body)).decode("utf-8")
        self._db.execute("INSERT INTO outbox (kind, body) VALUES (?, ?)", (kind, text))

    def posted(self) -> list[tuple[int, str, dict[str, Any]]]:
        """What waits, oldest first: number, kind, attributes."""
        found = self._db.execute("SELECT number, kind, body FROM outbox ORDER BY number")
        return [(number, kind, json.loads(body)) for number, kind, body in found]

    def sent(self, number: int) -> None:
        """Take out an event that is recorded."""
        self._db.execute("DELETE FROM outbox WHERE number = ?", (number,))


class FailureList:
    """What the last proof found wrong, by object name."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def replace(self, failures: Mapping[str, str]) -> None:
        """Forget the former list, keep this one (name to reason)."""
        self._db.execute("DELETE FROM failures")
        self._db.executemany("INSERT INTO failures VALUES (?, ?)", failures.items())

    def all(self) -> dict[str, str]:
        """The whole list, in the order of the names."""
        return dict(self._db.execute("SELECT name, reason FROM failures ORDER BY name"))
