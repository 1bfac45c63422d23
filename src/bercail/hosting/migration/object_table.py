"""The objects of one migration, in the trust side's work table."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from bercail.foundation import canonical_json
from bercail.hosting.migration.entry import Delta, Entry, ObjectState, SourceFacts

_PAGE = 500
_STATES = {state.value: state for state in ObjectState}

UNTOLD = "untold"
"""The remark that lists what a survey was not told of an object: `headers`, `tags`."""
NEVER_TOLD = {UNTOLD: ["headers", "tags"]}
"""The remarks on a state that no survey has seen."""

_COLUMNS = (
    "name, size, facts, opaque, state, reason, there, distrust, sha256, sealed_size, crc, remarks"
)
_OUTLOOK = (
    "name, size, version, json_extract(facts, '$.tier'), state, reason, there, distrust, "
    "json_extract(remarks, '$.cautions')"
)
# Where many match, the plus keeps the index of states out: with it, every page would sort all
# objects by name.
_NOT_MANY = (
    "SELECT count(*) FROM "
    "(SELECT 1 FROM objects WHERE state IN (SELECT value FROM json_each(?)) LIMIT ?)"
)
_FEW = (
    "SELECT {} FROM objects WHERE state IN (SELECT value FROM json_each(?)) ORDER BY name LIMIT ?"
)
PAGE = (
    "SELECT {} FROM objects WHERE +state IN (SELECT value FROM json_each(?)) AND name > ? "
    "ORDER BY name LIMIT ?"
)
"""One page of objects in some states, by name."""


@frozen(kw_only=True)
class WorkRow:
    """One object as the work table knows it.

    `there` says that the target's listing showed an object under `opaque`;
    `distrust` that what stands there was found wrong, so that it is written again.
    `sha256`, `sealed_size` and `crc` (of the sealed bytes) are set once carried.
    `remarks` is what the last survey was told beyond the facts of the entry: index tags,
    headers, lease, lock, kind of former state.
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
    remarks: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class Outlook:
    """What a plan looks at of one object; `version` and the flags are those of its row."""

    name: str
    size: int
    version: str
    tier: str | None = None
    state: ObjectState
    reason: str | None = None
    there: bool = False
    distrust: bool = False
    cautions: tuple[str, ...] = ()


@frozen(kw_only=True)
class Tally:
    """Number of objects, and their plaintext bytes."""

    objects: int = 0
    bytes: int = 0


class ObjectTable:
    """One row per object of the source. Used by one thread, inside a transaction of the table."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def compare(self, entries: Iterable[Entry], again: Iterable[Entry] = ()) -> Delta:
        """How `entries`, a whole listing of the source, differ from the last survey.

        `again` may be a second listing: an object counts when either shows it, and
        those on which the two do not agree are counted as unsteady.
        """
        self._db.execute(
            "CREATE TEMP TABLE looked (name BLOB PRIMARY KEY, version TEXT, second INTEGER) "
            "WITHOUT ROWID"
        )
        try:
            sums = [0, 0]
            for entry in entries:
                self._look(entry, 0, sums)
            unsteady = 0
            second = False
            for entry in again:
                second = True
                unsteady += self._look(entry, 1, sums)
            if second:
                unsteady += self._count("SELECT count(*) FROM looked WHERE NOT second")
            self._db.create_function("name_digest", 1, _name_digest, deterministic=True)
            gone = self._count(
                "SELECT count(*) FROM objects WHERE state <> 'gone' "
                "AND name_digest(name) NOT IN (SELECT name FROM looked)"
            )
        finally:
            self._db.execute("DROP TABLE looked")
        return Delta(new=sums[0], changed=sums[1], gone=gone, unsteady=unsteady)

    def look_at_target(self, listing: Iterable[tuple[str, int]]) -> int:
        """Note which objects the target shows, from (opaque name, sealed size).

        A carried object that is absent or has another size must be carried again.
        Returns how many were.
        """
        self._db.execute("CREATE TEMP TABLE shown (opaque TEXT PRIMARY KEY, size INTEGER)")
        try:
            self._db.executemany("INSERT OR REPLACE INTO shown VALUES (?, ?)", listing)
            self._db.execute(
                # A row that is right already is not written.
                "UPDATE objects SET there = NOT there WHERE there <> EXISTS "
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

    def carried(self, *rows: WorkRow) -> None:
        """Record that `rows` (with their digests) are on the target; one may be a newer state."""
        self._db.executemany(
            # What a survey printed of another state says nothing of this one.
            "UPDATE objects SET "
            "metadata = iif(version = ?1, metadata, ''), tier = iif(version = ?1, tier, ''), "
            "md5 = iif(version = ?1, md5, ''), modified = iif(version = ?1, modified, ''), "
            "remarks = iif(version = ?1, remarks, ?9), "
            "size = ?2, facts = ?3, version = ?1, opaque = ?4, state = 'carried', "
            "reason = NULL, there = 1, distrust = 0, sha256 = ?5, sealed_size = ?6, crc = ?7 "
            "WHERE name = ?8",
            [
                (
                    row.entry.binding_version,
                    row.entry.size,
                    row.entry.facts.text,
                    row.opaque,
                    row.sha256,
                    row.sealed_size,
                    row.crc,
                    row.entry.name,
                    _NEVER_TOLD,
                )
                for row in rows
            ],
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
        return map(_row, self._pages(_COLUMNS, states))

    def outlooks(self, *states: ObjectState) -> Iterator[Outlook]:
        """The same as a plan looks at them."""
        return map(_outlook, self._pages(_OUTLOOK, states))

    def work(self) -> Iterator[WorkRow]:
        """The objects still to carry, largest first, so that no large one is left for the end."""
        size, name = 1 << 62, ""
        while page := self._db.execute(
            f"SELECT {_COLUMNS} FROM objects "  # noqa: S608  # a constant of this file
            "WHERE state = 'pending' AND (size < ? OR (size = ? AND name > ?)) "
            "ORDER BY size DESC, name LIMIT ?",
            (size, size, name, _PAGE),
        ).fetchall():
            yield from map(_row, page)
            size, name = page[-1][1], page[-1][0]

    def tallies(self) -> dict[ObjectState, Tally]:
        """Objects and bytes by state."""
        found = self._db.execute("SELECT state, count(*), sum(size) FROM objects GROUP BY state")
        counted = {ObjectState(s): Tally(objects=n, bytes=b) for s, n, b in found}
        return {state: counted.get(state, Tally()) for state in ObjectState}

    def _pages(self, columns: str, states: tuple[ObjectState, ...]) -> Iterator[tuple[Any, ...]]:
        """Rows by name; one may be changed once it was given."""
        wanted, after = json.dumps([state.value for state in states]), ""
        if self._count(_NOT_MANY, wanted, _PAGE + 1) <= _PAGE:
            yield from self._db.execute(_FEW.format(columns), (wanted, _PAGE)).fetchall()
            return
        while page := self._db.execute(PAGE.format(columns), (wanted, after, _PAGE)).fetchall():
            yield from page
            after = page[-1][0]

    def _look(self, entry: Entry, second: int, sums: list[int]) -> bool:
        """Take one entry of a comparison in; whether the other listing says something else."""
        digest, version = _name_digest(entry.name), entry.binding_version
        former = self._db.execute("SELECT version FROM looked WHERE name = ?", (digest,)).fetchone()
        if former is not None:
            self._db.execute("UPDATE looked SET second = ? WHERE name = ?", (second, digest))
            return bool(second and former[0] != version)
        self._db.execute("INSERT INTO looked VALUES (?, ?, ?)", (digest, version, second))
        known = self._known(entry.name)
        sums[0] += known is None
        sums[1] += known is not None and known != version
        return bool(second)

    def _count(self, query: str, *values: object) -> int:
        return int(self._db.execute(query, values).fetchone()[0])

    def _known(self, name: str) -> str | None:
        """The version last seen of `name`; None when the source did not show it."""
        row = self._db.execute(
            "SELECT version FROM objects WHERE name = ? AND state <> 'gone'", (name,)
        ).fetchone()
        return None if row is None else str(row[0])


def _name_digest(name: str) -> bytes:
    """Stands for a name in a scratch table, in 16 bytes and without telling it."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _row(row: tuple[Any, ...]) -> WorkRow:
    name, size, facts, opaque, state, reason, there, distrust, sha256, sealed, crc, remarks = row
    return WorkRow(
        entry=Entry(name=name, size=size, facts=SourceFacts.from_text(facts)),
        opaque=opaque,
        state=_STATES[state],
        reason=reason,
        there=bool(there),
        distrust=bool(distrust),
        sha256=sha256,
        sealed_size=sealed,
        crc=crc,
        remarks=_remarks(remarks),
    )


@lru_cache(maxsize=256)
def _remarks(text: str) -> Mapping[str, Any]:
    """Remarks, which most objects share: nobody may change what is inside."""
    return MappingProxyType(json.loads(text))


def _outlook(row: tuple[Any, ...]) -> Outlook:
    name, size, version, tier, state, reason, there, distrust, cautions = row
    return Outlook(
        name=name,
        size=size,
        version=version,
        tier=tier,
        state=_STATES[state],
        reason=reason,
        there=bool(there),
        distrust=bool(distrust),
        cautions=tuple(json.loads(cautions)) if cautions else (),
    )


def _text(value: Any) -> str:
    return canonical_json(value).decode("utf-8")


_NEVER_TOLD = _text(NEVER_TOLD)
