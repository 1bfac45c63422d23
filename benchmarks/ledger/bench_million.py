"""A million entries verified from raw tiles, against plain SHA-256 of the same bytes.

Ours reads 3,907 bundles and 3,923 tiles, hashes every entry and every node, compares each with its
tile and the root with the signed head. Plain reads the same files and gives each to one SHA-256.
In CPU seconds; the goal is 30 seconds for ours, and the ratio is printed.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bercail.ledger import Checkpoint
from bercail.ledger.folder import ENTRIES, FULL, LogFolder, tile_name
from bercail.ledger.growth import Growth
from bercail.ledger.verify import verify
from bercail.testing.ledger_desk import ORIGIN, Desk

ENTRY_COUNT, GOAL = 1_000_000, 30


class QuickFolder(LogFolder):
    """Writes tiles without asking the disk to flush each: the log of a benchmark is thrown away."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.place = root

    def write_tile(self, level: int | str, index: int, rows: list[bytes]) -> None:
        path = self.place / tile_name(level, index, len(rows))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(rows))


def write_log(desk: Desk) -> None:
    folder = QuickFolder(desk.log)
    with folder.locked():
        growth = Growth(folder, 0)
        for number in range(ENTRY_COUNT):
            growth.add(hashlib.sha256(number.to_bytes(8, "big")).digest())
        growth.finish()
        head = Checkpoint(origin=ORIGIN, size=growth.size, root=growth.root())
        folder.write_note(desk.signer.sign_note(head.text()))
    assert (desk.log / tile_name(ENTRIES, ENTRY_COUNT // FULL - 1)).exists()


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        desk = Desk(Path(place))
        write_log(desk)
        files = sorted(path for path in (desk.log / "tile").rglob("*") if path.is_file())

        def plain() -> list[bytes]:
            return [hashlib.sha256(path.read_bytes()).digest() for path in files]

        theirs = min(seconds(plain) for _ in range(3))
        keys = desk.ledger.public_keys()
        mine = min(seconds(lambda: verify(desk.log, keys)) for _ in range(3))
    line = {
        "bench": "ledger verify of 1,000,000 entries from raw tiles, seconds, against SHA-256",
        "ours": round(mine, 2),
        "against": round(theirs, 3),
        "ratio": round(mine / theirs, 1),
        "goal": GOAL,
        "met": mine <= GOAL,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
