"""Appends in batches, through the ledger, against plain inserts of the same rows in SQLite.

Both write 20,000 events in transactions of 500 to a file with the same pragmas. Ours also
encodes, salts, checks, numbers, and lets the triggers look at each row. Best of three, wall clock.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bercail.foundation import Actor
from bercail.ledger import SqlJournal
from bercail.testing.ledger_desk import Desk, NoteTaken

EVENTS, BATCH, ROUNDS, GOAL = 20_000, 500, 3, 0.1


def per_second(work: Callable[[Path], None]) -> float:
    best = 0.0
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            work(Path(folder))
            best = max(best, EVENTS / (time.perf_counter() - start))
    return best


def ours(folder: Path) -> None:
    ledger = Desk(folder, SqlJournal(f"sqlite:///{folder}/journal.db")).ledger
    version = 0
    while version < EVENTS:
        events = [NoteTaken(number=version + n) for n in range(BATCH)]
        version = ledger.append("notes/one", version, events, Actor(id="bench"))


def plain(folder: Path) -> None:
    connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE t (position INTEGER PRIMARY KEY, stream, number, kind, body, actor, at, salt)"
    )
    for start in range(0, EVENTS, BATCH):
        rows = [
            (n + 1, "notes/one", n + 1, "NoteTaken", '{"number":1}', "bench", "now", bytes(16))
            for n in range(start, start + BATCH)
        ]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    connection.close()


def main() -> None:
    mine, theirs = per_second(ours), per_second(plain)
    line = {
        "bench": "ledger append, thousand events/s, batches of 500, against bare SQLite",
        "ours": round(mine / 1e3, 1),
        "against": round(theirs / 1e3, 1),
        "ratio": round(mine / theirs, 2),
        "goal": GOAL,
        "met": mine / theirs >= GOAL,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
