"""Auditing a host, against reading and hashing the same bytes once.

256 MiB of sealed-looking objects on a folder; CPU seconds of this process, the best of
three in turn. The audit reads, searches canaries in eight spellings and counts bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bercail.storage import Location, audit_host, open_store
from bercail.storage.plain_forms import SEALED_START, STREAM_MARK

OBJECTS, SIZE, GOAL = 16, 16 << 20, 5.0


def cpu(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Location.folder(Path(folder)))
        header = SEALED_START + os.urandom(80) + bytes([STREAM_MARK])
        for number in range(OBJECTS):
            name = f"{'abcdefghijklmnop'[number]}a/" + "c" * 50
            store.put(name, header + os.urandom(SIZE - len(header)))

        def audit() -> None:
            assert audit_host(store, [b"1840675123456 Dupont"]).clean

        def plain() -> None:
            for info in store.list():
                digest = hashlib.sha256()
                for piece in store.stream(info.name):
                    digest.update(piece)

        pairs = [(cpu(audit), cpu(plain)) for _ in range(3)]
    ours, against = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    line = {
        "bench": "storage.audit_host",
        "ours": f"{ours:.2f} CPU-s",
        "against": f"reading and SHA-256 {against:.2f} CPU-s",
        "ratio": round(ours / against, 2),
        "goal": f"<= {GOAL}",
        "met": ours / against <= GOAL,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
