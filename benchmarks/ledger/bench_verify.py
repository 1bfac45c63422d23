"""The second reader on a log and its export, against plain SHA-256 of the same bytes.

The bytes are those of the export. Plain hashes each line as a whole and nothing else, in the same
Python loop; the second reader also parses, checks the form, the order, the tiles and the root.
Best of three, in CPU seconds.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bercail.ledger.verify import verify
from bercail.testing.ledger_desk import Desk

EVENTS, ROUNDS, GOAL = 40_000, 3, 25


def seconds(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        desk.record(EVENTS)
        desk.publish()
        export = desk.exported()

        def plain() -> list[bytes]:
            return [hashlib.sha256(line).digest() for line in export.read_bytes().splitlines()]

        theirs = seconds(plain)
        for name, given in (("log", None), ("log and export", export)):
            mine = seconds(lambda g=given: verify(desk.log, desk.keys, g))  # type: ignore[misc]
            line = {
                "bench": f"ledger verify {name}, seconds for {EVENTS} events, against SHA-256",
                "ours": round(mine, 3),
                "against": round(theirs, 3),
                "ratio": round(mine / theirs, 1),
                "goal": GOAL,
                "met": mine / theirs <= GOAL,
            }
            print(json.dumps(line))


if __name__ == "__main__":
    main()
