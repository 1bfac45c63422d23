"""Compare both sides object by object, as deep as asked, and write down every difference."""

from __future__ import annotations

import hashlib
import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import Missing, canonical_json, sha256_hex
from bercail.hosting.migration.copy_run import Progress
from bercail.hosting.migration.entry import Entry, ObjectState, entry_of
from bercail.hosting.migration.ground import Ground
from bercail.hosting.migration.object_table import WorkRow
from bercail.hosting.migration.pool import Gauge, run_bounded
from bercail.hosting.migration.proving import Basis, Prover
from bercail.hosting.migration.worktable import WorkTable

_LIVE = tuple(state for state in ObjectState if state is not ObjectState.GONE)
_GONE = "gone from the source"
_UNCARRIED = {
    ObjectState.NOT_CARRIED: "left behind",
    ObjectState.PENDING: "to be carried",
    ObjectState.FAILED: "to be carried",
}


class Depth(StrEnum):
    """How deep a comparison looks; every depth asks both sides for every object by name."""

    HEADS = "listing-and-heads"
    SAMPLE = "heads-and-sampled-contents"
    FULL = "heads-and-all-contents"


@frozen(kw_only=True)
class Comparison:
    """What comparing both sides showed.

    `differences` maps `class/kind` to a number of objects; `file` names each on the trust
    side, `digest` is its SHA-256. `reread` objects were read whole on both sides.
    """

    number: int
    depth: Depth
    objects: int
    reread: int
    same: int
    differences: dict[str, int]
    file: Path
    digest: str

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        return {
            "comparison": self.number,
            "depth": self.depth.value,
            "objects": self.objects,
            "reread": self.reread,
            "same": self.same,
            "differences": dict(self.differences),
            "names": str(self.file),
            "digest": self.digest,
        }


@frozen(kw_only=True)
class _Task:
    row: WorkRow
    reread: bool


@frozen(kw_only=True)
class _Seen:
    """One object looked at; `kind` is None when both sides agree."""

    row: WorkRow
    reread: bool
    kind: str | None
    why: str = ""


class Comparer:
    """Compares the sides of `ground` with what its work table says was carried."""

    def __init__(self, ground: Ground, *, threads: int) -> None:
        self._ground = ground
        self._threads = threads
        self._gauge = Gauge()
        self._prover = Prover(
            source=ground.source, target=ground.target, gauge=self._gauge, basis=Basis.REREAD
        )

    def compare(
        self,
        table: WorkTable,
        number: int,
        depth: Depth,
        *,
        sample: int,
        progress: Progress | None = None,
    ) -> Comparison:
        """Look at every object of both sides; `sample` objects are re-read at `Depth.SAMPLE`.

        1. The source is listed, for what is new there.
        2. Every known object is asked for by name on both sides, and re-read if chosen.
        3. Differences are written in the order of the names.

        Raises:
            Unavailable: a host does not answer; nothing is reported then.
        """
        folder = self._ground.work / "dual-run"
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"comparison-{number}.draft"
        draft.unlink(missing_ok=True)
        counted = {"same": 0, "reread": 0, "objects": 0}
        file = folder / f"comparison-{number}.jsonl"
        with closing(sqlite3.connect(draft, isolation_level=None)) as db:
            _note_listing(db, self._ground.listing())  # 1
            self._look(db, table, _Chosen.of(table, number, depth, sample), counted, progress)  # 2
            new = "INSERT INTO found SELECT name, class, 'new on the source', '' FROM listed"
            counted["objects"] += db.execute(new).rowcount
            differences, digest = _write(db, file)  # 3
        draft.unlink()
        return Comparison(
            number=number,
            depth=depth,
            differences=differences,
            file=file,
            digest=digest,
            **counted,
        )

    def _look(
        self,
        db: sqlite3.Connection,
        table: WorkTable,
        chosen: _Chosen,
        counted: dict[str, int],
        progress: Progress | None,
    ) -> None:
        total = sum(table.objects.tallies()[state].objects for state in _LIVE)

        def taken(seen: _Seen) -> None:
            counted["objects"] += 1
            counted["reread"] += seen.reread
            counted["same"] += seen.kind is None
            entry = seen.row.entry
            shown = db.execute("DELETE FROM listed WHERE name = ?", (entry.name,)).rowcount
            kind = seen.kind
            if kind == _GONE and shown and seen.row.state is ObjectState.NOT_CARRIED:
                # A link or a pipe is listed, and no object that one could ask for.
                kind = _UNCARRIED[seen.row.state]
            if kind is not None:
                found = (entry.name, class_of(entry), kind, seen.why)
                db.execute("INSERT INTO found VALUES (?, ?, ?, ?)", found)

        def tick() -> None:
            if progress is not None:
                progress("dual-run", counted["objects"], total)

        tasks = (_Task(row=row, reread=chosen.has(row)) for row in table.objects.rows(*_LIVE))
        run_bounded(
            tasks,
            self._one,
            threads=self._threads,
            gauge=self._gauge,
            on_result=taken,
            on_tick=tick,
        )

    def _one(self, task: _Task) -> _Seen:
        row = task.row
        kind = self._heads(row)
        if kind is not None or not task.reread or row.state is not ObjectState.CARRIED:
            return _Seen(row=row, reread=False, kind=kind)
        check = self._prover.check(row)
        kind = None if check.wrong is None else "contents"
        return _Seen(row=row, reread=True, kind=kind, why=check.wrong or "")

    def _heads(self, row: WorkRow) -> str | None:
        """What differs by what both sides say of one object; None when nothing does."""
        entry = row.entry
        try:
            now = entry_of(self._ground.source.head(entry.name))
        except Missing:
            return _GONE
        if row.state in _UNCARRIED:
            return _UNCARRIED[row.state]
        if now.binding_version != entry.binding_version:
            return "changed on the source"
        if now != entry:
            return "other metadata on the source"
        try:
            size = self._ground.home.head(row.opaque).size
        except Missing:
            return "absent from the target"
        return None if size == row.sealed_size else "other size on the target"


@frozen(kw_only=True)
class _Chosen:
    """Which objects are re-read: all, none, or the names of a sample."""

    all: bool = False
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, table: WorkTable, number: int, depth: Depth, sample: int) -> _Chosen:
        """The choice for comparison `number`: another sample each time, the same when repeated."""
        if depth is not Depth.SAMPLE:
            return cls(all=depth is Depth.FULL)
        names = (row.entry.name for row in table.objects.rows(ObjectState.CARRIED))
        ranked = heapq.nsmallest(sample, ((sha256_hex(f"{number} {n}".encode()), n) for n in names))
        return cls(names=frozenset(name for _, name in ranked))

    def has(self, row: WorkRow) -> bool:
        """Whether the object of `row` is re-read."""
        return self.all or row.entry.name in self.names


def class_of(entry: Entry) -> str:
    """The class that differences are counted in: the source's kind of blob, else `object`."""
    return entry.facts.blob_type or "object"


def _note_listing(db: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    db.execute("PRAGMA synchronous = OFF")
    db.execute("CREATE TABLE listed (name TEXT PRIMARY KEY, class TEXT) WITHOUT ROWID")
    db.execute("CREATE TABLE found (name TEXT, class TEXT, kind TEXT, why TEXT)")
    db.execute("BEGIN")
    rows = ((entry.name, class_of(entry)) for entry in entries)
    db.executemany("INSERT OR IGNORE INTO listed VALUES (?, ?)", rows)


def _write(db: sqlite3.Connection, file: Path) -> tuple[dict[str, int], str]:
    digest = hashlib.sha256()
    with file.open("wb") as out:
        for line in _lines(db):
            digest.update(line)
            out.write(line)
    counted = db.execute("SELECT class || '/' || kind, count(*) FROM found GROUP BY 1 ORDER BY 1")
    return dict(counted.fetchall()), digest.hexdigest()


def _lines(db: sqlite3.Connection) -> Iterator[bytes]:
    for name, kind_of, kind, why in db.execute("SELECT * FROM found ORDER BY name"):
        said = {"name": name, "class": kind_of, "difference": kind, "why": why}
        yield canonical_json(said) + b"\n"
