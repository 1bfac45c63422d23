"""The objects of one migration, in the trust side's work table."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import frozen

from bercail.foundation import canonical_json
from bercail.hosting.migration.entry import Delta, Entry, ObjectState, SourceFacts

_PAGE = 500

# A carried object stays carried while the source still shows the state it was made from, and
# keeps what was learnt of it while copying: a listing tells less.
_SEEN = """
INSERT INTO objects (name, size, facts, version, opaque, seen, state, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
    facts = CASE WHEN objects.state = 'carried' AND objects.version = excluded.version
        THEN objects.facts ELSE excluded.facts END,
    size = excluded.size, opaque = excluded.opaque, seen = excluded.seen,
    reason = excluded.reason,
    state = CASE WHEN objects.state = 'carried' AND objects.version = excluded.version
        THEN 'carried' ELSE excluded.state END,
    distrust = CASE WHEN objects.version = excluded.version THEN objects.distrust ELSE 0 END,
    there = CASE WHEN objects.version = excluded.version THEN objects.there ELSE 0 END,
    version = excluded.version
"""


@frozen(kw_only=True)
class WorkRow:
    """One object as the work table knows it.

    `there` says that the target's listing showed an object under `opaque`;
    `distrust` that what stands there was found wrong, so that it is written again.
    `sha256`, `sealed_size` and `crc` (of the sealed bytes) are set once carried.
    """

    entry: Entry
    opaque: str
    state: ObjectState
    reason: str | None = None
    there: bool = False
    distrust: bool = False
    sha256: str | None = None
    sealed_size: int | None = None
    crc: str | None = None


@frozen(kw_only=True)
class Tally:
    """Number of objects, and their plaintext bytes."""

    objects: int = 0
    bytes: int = 0


class ObjectTable:
    """One row per object of the source. Used by one thread, inside a transaction of the table."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def survey(self, number: int, entries: Iterable[tuple[Entry, str]]) -> Delta:
        """Take in survey `number`, a whole listing of (entry, opaque name).

        What it does not show is marked as gone. Returns what differs from the survey before.
        """
        new = changed = 0
        for entry, opaque in entries:
            known = self._known(entry.name)
            new += known is None
            changed += known is not None and known != entry.binding_version
            self._db.execute(_SEEN, _seen(number, entry, opaque))
        gone = self._db.execute(
            "UPDATE objects SET state = 'gone' WHERE seen <> ? AND state <> 'gone'", (number,)
        )
        return Delta(new=new, changed=changed, gone=gone.rowcount)

    def compare(self, entries: Iterable[Entry]) -> Delta:
        """How `entries`, a whole listing of the source, differ from the last survey."""
        new = changed = 0
        self._db.execute("CREATE TEMP TABLE looked (name TEXT PRIMARY KEY) WITHOUT ROWID")
        try:
            for entry in entries:
                self._db.execute("INSERT OR IGNORE INTO looked VALUES (?)", (entry.name,))
                known = self._known(entry.name)
                new += known is None
                changed += known is not None and known != entry.binding_version
            gone = self._db.execute(
                "SELECT count(*) FROM objects WHERE state <> 'gone' "
                "AND name NOT IN (SELECT name FROM looked)"
            ).fetchone()[0]
        finally:
            self._db.execute("DROP TABLE looked")
        return Delta(new=new, changed=changed, gone=gone)

    def look_at_target(self, listing: Iterable[tuple[str, int]]) -> int:
        """Note which objects the target shows, from (opaque name, sealed size).

        A carried object that is absent or has another size must be carried again.
        Returns how many were.
        """
        self._db.execute("CREATE TEMP TABLE shown (opaque TEXT PRIMARY KEY, size INTEGER)")
        try:
            self._db.executemany("INSERT OR REPLACE INTO shown VALUES (?, ?)", listing)
            self._db.execute(
                "UPDATE objects SET there = EXISTS "
                "(SELECT 1 FROM shown WHERE shown.opaque = objects.opaque)"
            )
            lost = self._db.execute(
                "UPDATE objects SET state = 'pending' WHERE state = 'carried' AND NOT EXISTS "
                "(SELECT 1 FROM shown WHERE shown.opaque = objects.opaque "
                "AND shown.size = objects.sealed_size)"
            )
            return lost.rowcount
        finally:
            self._db.execute("DROP TABLE shown")

    def carried(self, row: WorkRow) -> None:
        """Record that `row` (with its digests) is on the target; it may be a newer state."""
        self._db.execute(
            "UPDATE objects SET size = ?, facts = ?, version = ?, opaque = ?, state = 'carried', "
            "reason = NULL, there = 1, distrust = 0, sha256 = ?, sealed_size = ?, crc = ? "
            "WHERE name = ?",
            (
                row.entry.size,
                _text(row.entry.facts.as_dict()),
                row.entry.binding_version,
                row.opaque,
                row.sha256,
                row.sealed_size,
                row.crc,
                row.entry.name,
            ),
        )

    def mark(
        self, name: str, state: ObjectState, reason: str | None, *, distrust: bool = False
    ) -> None:
        """Record what became of `name` when it was not carried."""
        self._db.execute(
            "UPDATE objects SET state = ?, reason = ?, distrust = max(distrust, ?) WHERE name = ?",
            (state.value, reason, int(distrust), name),
        )

    def retry_failed(self) -> None:
        """Let what failed in an earlier run be tried again."""
        self._db.execute("UPDATE objects SET state = 'pending' WHERE state = 'failed'")

    def rows(self, *states: ObjectState) -> Iterator[WorkRow]:
        """The objects in these states in the order of their names, a page at a time."""
        wanted = json.dumps([state.value for state in states])
        after = ""
        while page := self._db.execute(
            "SELECT * FROM objects WHERE state IN (SELECT value FROM json_each(?)) AND name > ? "
            "ORDER BY name LIMIT ?",
            (wanted, after, _PAGE),
        ).fetchall():
            yield from map(_row, page)
            after = page[-1][0]

    def work(self) -> Iterator[WorkRow]:
        """The objects still to carry, largest first, so that no large one is left for the end."""
        size, name = 1 << 62, ""
        while page := self._db.execute(
            "SELECT * FROM objects WHERE state = 'pending' AND (size < ? OR (size = ? AND "
            "name > ?)) ORDER BY size DESC, name LIMIT ?",
            (size, size, name, _PAGE),
        ).fetchall():
            yield from map(_row, page)
            size, name = page[-1][1], page[-1][0]

    def tallies(self) -> dict[ObjectState, Tally]:
        """Objects and bytes by state."""
        found = self._db.execute("SELECT state, count(*), sum(size) FROM objects GROUP BY state")
        counted = {ObjectState(s): Tally(objects=n, bytes=b) for s, n, b in found}
        return {state: counted.get(state, Tally()) for state in ObjectState}

    def _known(self, name: str) -> str | None:
        """The version last seen of `name`; None when the source did not show it."""
        row = self._db.execute(
            "SELECT version FROM objects WHERE name = ? AND state <> 'gone'", (name,)
        ).fetchone()
        return None if row is None else str(row[0])


def _seen(number: int, entry: Entry, opaque: str) -> tuple[Any, ...]:
    obstacle = entry.obstacle
    state = ObjectState.PENDING if obstacle is None else ObjectState.NOT_CARRIED
    return (
        entry.name,
        entry.size,
        _text(entry.facts.as_dict()),
        entry.binding_version,
        opaque,
        number,
        state.value,
        obstacle,
    )


def _row(row: tuple[Any, ...]) -> WorkRow:
    name, size, facts, _, opaque, _, state, reason, there, distrust, sha256, sealed, crc = row
    return WorkRow(
        entry=Entry(name=name, size=size, facts=SourceFacts(**json.loads(facts))),
        opaque=opaque,
        state=ObjectState(state),
        reason=reason,
        there=bool(there),
        distrust=bool(distrust),
        sha256=sha256,
        sealed_size=sealed,
        crc=crc,
    )


def _text(value: Any) -> str:
    return canonical_json(value).decode("utf-8")
