"""A survey while it is being taken: a scratch file beside the work table, thrown away after.

Rows stream into it in transactions of a few thousand; the work table changes in one
transaction at the end, or not at all. Memory holds neither the listing nor its names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from bercail.foundation import canonical_json
from bercail.hosting.migration.entry import Delta
from bercail.hosting.migration.sighting import Sighting

# Rows a transaction, and the most names that the source is asked about one by one.
ROWS = 5_000
MOST_ASKED = 10_000
_CACHE_KIB = 32 * 1024
_FIRST, _SECOND, _HIDDEN, _UNSTEADY = 1, 2, 4, 8

_SEEN = """
CREATE TABLE stage.seen (
    name TEXT PRIMARY KEY, size INTEGER NOT NULL, facts TEXT NOT NULL, version TEXT NOT NULL,
    opaque TEXT NOT NULL, obstacle TEXT, remarks TEXT NOT NULL, metadata TEXT NOT NULL,
    tags TEXT NOT NULL, tier TEXT NOT NULL, md5 TEXT NOT NULL, modified TEXT NOT NULL,
    looks INTEGER NOT NULL, again INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID
"""
_PUT = f"""
INSERT INTO stage.seen VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
ON CONFLICT (name) DO UPDATE SET
    looks = looks | excluded.looks | iif(version = excluded.version, 0, {_UNSTEADY}),
    again = again + (looks & excluded.looks <> 0)
"""  # noqa: S608  # constants of this file

# An entity tag may change with the metadata alone; the source's own MD5 then tells that the
# content did not. That decides what is shown, never what is copied.
_DIFFERENCES = """
SELECT s.looks AS looks, old.name IS NULL OR old.state = 'gone' AS new,
    s.version <> old.version
        AND NOT (s.md5 <> '' AND s.md5 = old.md5 AND s.size = old.size) AS content,
    (s.metadata <> '' AND old.metadata <> '' AND s.metadata <> old.metadata)
        OR (s.version <> old.version AND s.md5 <> '' AND s.md5 = old.md5 AND s.size = old.size)
        OR (s.version = old.version AND old.modified <> '' AND s.modified <> old.modified)
        AS metadata,
    s.tags <> '' AND old.tags <> '' AND s.tags <> old.tags AS tags,
    s.tier <> '' AND old.tier <> '' AND s.tier <> old.tier AS tier
FROM stage.seen AS s LEFT JOIN objects AS old ON old.name = s.name
"""
_COUNTS = f"""
SELECT total(new), total(NOT new AND (content OR metadata OR tags OR tier)),
    total(NOT new AND content), total(NOT new AND metadata), total(NOT new AND tags),
    total(NOT new AND tier),
    total(looks & {_UNSTEADY} <> 0 OR (:twice AND looks IN ({_FIRST}, {_SECOND}))),
    total(looks & {_HIDDEN} <> 0)
FROM ({_DIFFERENCES})
"""  # noqa: S608  # constants of this file

# A carried object stays carried while the source still shows the state it was made from, and
# keeps what was learnt of it while copying: a listing tells less. One whose metadata or tier
# changed is read back, so that the manifest says what the source says now; one that became
# unreadable since is carried all the same.
_STAYS = """
objects.state = 'carried' AND objects.version = excluded.version AND (
    excluded.reason IS NOT NULL OR NOT (
        (excluded.metadata <> '' AND objects.metadata <> ''
            AND excluded.metadata <> objects.metadata)
        OR (objects.modified <> '' AND excluded.modified <> objects.modified)
        OR (excluded.tier <> '' AND objects.tier <> '' AND excluded.tier <> objects.tier)
    )
)
"""
_SETTLE = f"""
INSERT INTO objects (
    name, size, facts, version, opaque, seen, state, reason, remarks, metadata, tags, tier, md5,
    modified
)
SELECT name, size, facts, version, opaque, :number,
    CASE WHEN obstacle IS NULL THEN 'pending' ELSE 'not_carried' END, obstacle, remarks,
    metadata, tags, tier, md5, modified
FROM stage.seen WHERE true
ON CONFLICT (name) DO UPDATE SET
    facts = CASE WHEN {_STAYS} THEN objects.facts ELSE excluded.facts END,
    state = CASE WHEN {_STAYS} THEN 'carried' ELSE excluded.state END,
    reason = CASE WHEN {_STAYS} THEN NULL ELSE excluded.reason END,
    size = excluded.size, opaque = excluded.opaque, seen = excluded.seen,
    remarks = excluded.remarks,
    metadata = CASE WHEN excluded.metadata = '' AND objects.version = excluded.version
        THEN objects.metadata ELSE excluded.metadata END,
    tags = CASE WHEN excluded.tags = '' THEN objects.tags ELSE excluded.tags END,
    tier = excluded.tier, md5 = excluded.md5, modified = excluded.modified,
    distrust = CASE WHEN objects.version = excluded.version THEN objects.distrust ELSE 0 END,
    there = CASE WHEN objects.version = excluded.version THEN objects.there ELSE 0 END,
    version = excluded.version
"""  # noqa: S608  # constants of this file


class SurveyStage:
    """What one survey has seen so far; `with` gives it and throws it away.

    Entered outside a transaction.
    """

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path
        self._twice = False
        self._remarks: tuple[Mapping[str, Any], str] = ({}, "{}")

    @property
    def repeated(self) -> int:
        """How many entries one listing gave again."""
        return int(self._db.execute("SELECT total(again) FROM stage.seen").fetchone()[0])

    def __enter__(self) -> SurveyStage:
        # A survey that was killed leaves its file, which nobody can use.
        self._path.unlink(missing_ok=True)
        self._db.execute("ATTACH DATABASE ? AS stage", (str(self._path),))
        for pragma in ("journal_mode = MEMORY", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._db.execute(f"PRAGMA stage.{pragma}")
        self._db.execute(_SEEN)
        return self

    def __exit__(self, *_: object) -> None:
        self._db.execute("DETACH DATABASE stage")
        self._path.unlink(missing_ok=True)

    def take(self, sightings: Iterable[tuple[Sighting, str]], *, again: bool = False) -> None:
        """Take in a whole listing of (sighting, opaque name); `again`: the second one."""
        self._twice = self._twice or again
        look, left = _SECOND if again else _FIRST, iter(sightings)
        # One at a time: the listing is never held.
        for first in left:
            self._db.execute("BEGIN")
            try:
                self._put(chain([first], islice(left, ROWS - 1)), look)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def missing(self) -> list[str]:
        """Names that the work table has and the listing did not show, ten thousand at most."""
        found = self._db.execute(
            "SELECT name FROM objects WHERE state <> 'gone' AND NOT EXISTS "
            "(SELECT 1 FROM stage.seen WHERE seen.name = objects.name) LIMIT ?",
            (MOST_ASKED,),
        )
        return [name for (name,) in found]

    def take_hidden(self, sightings: Iterator[tuple[Sighting, str]]) -> None:
        """Take in objects that the source has although its listing did not show them."""
        self._put(sightings, _HIDDEN)

    def settle(self, number: int) -> Delta:
        """Make this survey `number` of the work table, inside a transaction of the table.

        What it does not show is marked as gone. Returns what differs from the one before.
        """
        found = self._db.execute(_COUNTS, {"twice": self._twice}).fetchone()
        counts = [int(value) for value in found]
        self._db.execute(_SETTLE, {"number": number})
        gone = self._db.execute(
            "UPDATE objects SET state = 'gone' WHERE seen <> ? AND state <> 'gone'", (number,)
        )
        new, changed, content, metadata, tags, tier, unsteady, hidden = counts
        return Delta(
            new=new,
            changed=changed,
            gone=gone.rowcount,
            content=content,
            metadata=metadata,
            tags=tags,
            tier=tier,
            unsteady=unsteady,
            hidden=hidden,
        )

    def _put(self, sightings: Iterable[tuple[Sighting, str]], look: int) -> None:
        self._db.executemany(_PUT, (self._row(one, opaque, look) for one, opaque in sightings))

    def _row(self, sighting: Sighting, opaque: str, look: int) -> tuple[Any, ...]:
        entry, prints = sighting.entry, sighting.prints
        if sighting.remarks != self._remarks[0]:
            # Most objects have the remarks of the one before.
            text = canonical_json(dict(sighting.remarks)).decode("utf-8")
            self._remarks = (sighting.remarks, text)
        return (
            entry.name,
            entry.size,
            entry.facts.text,
            entry.binding_version,
            opaque,
            sighting.obstacle,
            self._remarks[1],
            prints.metadata,
            prints.tags,
            prints.tier,
            prints.md5,
            prints.modified,
            look,
        )
