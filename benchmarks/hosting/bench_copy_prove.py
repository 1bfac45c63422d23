"""Copy and prove, from a source to a target that cost nothing, against the cryptography alone.

One 64 MiB object four times and 500 objects of 10 KB. The limit is what nobody
can avoid: SHA-256 of the plaintext once for the copy and twice for the proof,
sealing once, opening once, in one thread. Both sides are CPU seconds of this
process, which hold on a noisy machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from null_store import NullStore

from bercail.testing.moving import MovingWorld
from bercail.vault import Binding, open_bytes, seal_bytes

GOAL = 2.5
ROUNDS = 3
LARGE, LARGE_COUNT = 64 * 1024 * 1024, 4
# Larger pieces cost page faults, on both sides.
PIECE = 4 * 1024 * 1024
SMALL, SMALL_COUNT = 10_000, 500


def cpu(act: Callable[[], object]) -> float:
    """CPU seconds of `act`, all threads."""
    start = time.process_time()
    act()
    return time.process_time() - start


def pieces_of(block: bytes) -> list[bytes]:
    """`block` as a store would stream it."""
    return [block[at : at + PIECE] for at in range(0, len(block), PIECE)]


def limit(world: MovingWorld, pieces: list[bytes]) -> float:
    """The cryptography of a copy and a proof of `pieces`, and nothing else."""
    binding = Binding(kind="landing", store="moving", name="n", version="v")
    key = world.keys.data_key("landing", "moving")

    def all_of_it() -> None:
        for block in pieces:
            hashlib.sha256(block).digest()
            sealed = seal_bytes(block, key, binding, world.randomness)
            opened = open_bytes(sealed, lambda _: key, binding)
            hashlib.sha256(opened).digest()
            hashlib.sha256(block).digest()

    return cpu(all_of_it)


def one_round(large: list[bytes], small: list[bytes]) -> tuple[float, float, float]:
    """CPU seconds of ours and of the limit, wall seconds of ours."""
    with tempfile.TemporaryDirectory() as folder:
        world = MovingWorld(Path(folder))
        world.source, world.home = NullStore("null-source"), NullStore("null-home")
        for number in range(LARGE_COUNT):
            world.source.put(f"large/{number}", large)
        for number, block in enumerate(small):
            world.source.put(f"small/{number}", block)
        service = world.service(threads=2)
        service.survey()
        service.plan()
        start = time.perf_counter()
        ours = cpu(service.copy) + cpu(service.prove)
        wall = time.perf_counter() - start
        return ours, limit(world, large * LARGE_COUNT + small), wall


def main() -> None:
    """Print one line of JSON; of each side the best of three rounds counts."""
    large = pieces_of(os.urandom(LARGE))
    small = [os.urandom(SMALL) for _ in range(SMALL_COUNT)]
    rounds = [one_round(large, small) for _ in range(ROUNDS)]
    ours, against, wall = (min(column) for column in zip(*rounds, strict=True))
    ratio = ours / against
    carried = LARGE * LARGE_COUNT + SMALL * SMALL_COUNT
    line = {
        "bench": "hosting.copy_prove",
        "ours": f"{ours:.2f} CPU seconds",
        "against": f"{against:.2f} CPU seconds, the cryptography alone",
        "ratio": round(ratio, 2),
        "goal": GOAL,
        "met": ratio <= GOAL,
        "gigabytes_per_second": round(carried / 1e9 / wall, 2),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
