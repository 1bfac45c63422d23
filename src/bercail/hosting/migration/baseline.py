"""What the target held at the cut-over, so that a roll-back can say what was written since."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import canonical_json
from bercail.storage import ObjectInfo

BRING_BACK = (
    "Nothing of this is on the source. To bring it back, migrate in the other direction: a "
    "configuration with the target as [source] and an empty place as [home]."
)


@frozen(kw_only=True)
class SinceCutOver:
    """The target's objects that are not as they were at the cut-over, by number.

    `file` lists them, one canonical JSON line each (`name`, `size`, `difference`), in the
    order of their names; `digest` is its SHA-256. The names are those that the host sees.
    """

    written: int
    changed: int
    removed: int
    file: Path
    digest: str

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        return {
            "canonical": "source",
            "written_since": self.written,
            "changed_since": self.changed,
            "removed_since": self.removed,
            "names": str(self.file),
            "digest": self.digest,
            "bring_back": BRING_BACK,
        }


class TargetBaseline:
    """A listing of the target, kept in the file `path` of the trust side."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, listing: Iterable[ObjectInfo]) -> None:
        """Keep `listing` in place of a former one; a reader sees either whole."""
        draft = self._path.with_name(self._path.name + ".draft")
        draft.unlink(missing_ok=True)
        with closing(sqlite3.connect(draft)) as db, db:
            db.execute("CREATE TABLE held (name TEXT PRIMARY KEY, size INTEGER, etag TEXT)")
            _fill(db, "held", listing)
        draft.replace(self._path)

    def since(self, listing: Iterable[ObjectInfo], file: Path) -> SinceCutOver:
        """Compare `listing` with what was kept, and write `file`.

        Without a kept listing everything counts as written: nothing may be lost in silence.
        """
        counts = {"written": 0, "changed": 0, "removed": 0}
        digest = hashlib.sha256()
        with closing(sqlite3.connect(self._path)) as db, file.open("wb") as out:
            db.execute("CREATE TABLE IF NOT EXISTS held (name TEXT PRIMARY KEY, size, etag)")
            db.execute("CREATE TEMP TABLE present (name TEXT PRIMARY KEY, size INTEGER, etag TEXT)")
            _fill(db, "present", listing)
            for name, size, difference in _differences(db):
                counts[difference] += 1
                line = canonical_json({"name": name, "size": size, "difference": difference})
                digest.update(line + b"\n")
                out.write(line + b"\n")
            db.rollback()
        return SinceCutOver(file=file, digest=digest.hexdigest(), **counts)


def _fill(db: sqlite3.Connection, table: str, listing: Iterable[ObjectInfo]) -> None:
    into = {"held": "INSERT OR REPLACE INTO held VALUES (?, ?, ?)"}
    statement = into.get(table, "INSERT OR REPLACE INTO present VALUES (?, ?, ?)")
    db.executemany(statement, ((info.name, info.size, info.etag) for info in listing))


def _differences(db: sqlite3.Connection) -> Iterator[tuple[str, int, str]]:
    found: Iterator[tuple[str, int, str]] = db.execute(
        "SELECT present.name, present.size, "
        "CASE WHEN held.name IS NULL THEN 'written' ELSE 'changed' END "
        "FROM present LEFT JOIN held ON held.name = present.name "
        "WHERE held.name IS NULL OR held.size <> present.size OR held.etag <> present.etag "
        "UNION ALL SELECT held.name, held.size, 'removed' FROM held "
        "WHERE held.name NOT IN (SELECT name FROM present) ORDER BY 1"
    )
    return found
