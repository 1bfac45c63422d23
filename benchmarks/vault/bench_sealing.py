"""Sealing and opening 1 GiB with its digest, against the least work that could be done.

The limit is one AES-256-GCM pass and one SHA-256 pass over the same bytes, in pieces of 512 KiB
and without any copy. The sealed object is held in memory, the plaintext is one piece given again
and again. The four works take turns, in CPU seconds, so that a disturbance of the machine falls on
all; the least of five rounds counts. Two more lines tell by how much a process of its own grows
while it seals 1 GiB to a file, and while it opens that file, by the kernel's high-water mark.
`--mib` takes a smaller object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bercail.foundation import Secret, SystemRandomness
from bercail.vault import Binding, DataKey, SealedReader, seal_chunks

MIB = 1 << 20
PIECE = MIB // 2
GOAL, MEMORY_GOAL = 0.8, 64
ROUNDS = 5
RANDOM = SystemRandomness()
# Not drawn: the process that opens is another than the one that sealed.
KEY = DataKey(id=bytes(16), kind="bench", scope="b", epoch=1, secret=Secret(bytes(range(32))))
BINDING = Binding(kind="bench", store="b", name="object", version="1")


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def sealed_pieces(plain: memoryview, count: int) -> Iterator[bytes]:
    return seal_chunks(repeat(plain, count), KEY, BINDING, RANDOM)  # type: ignore[arg-type]


def digest_of(pieces: Iterable[bytes | memoryview]) -> None:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)


def compare(total: int) -> None:
    plain = memoryview(RANDOM.take(PIECE))
    count = total // PIECE
    cipher, nonce = AESGCM(RANDOM.take(32)), bytes(12)
    room = memoryview(bytearray(PIECE + 16))
    sealed = memoryview(b"".join(sealed_pieces(plain, count)))
    reader = SealedReader(
        lambda offset, length: sealed[offset : offset + length],  # type: ignore[arg-type, return-value]
        len(sealed),
        lambda _: KEY,
        BINDING,
    )
    locked = cipher.encrypt(nonce, plain, None)

    def seal() -> None:
        def hashed() -> Iterator[memoryview]:
            for _ in range(count):
                digest.update(plain)
                yield plain

        digest = hashlib.sha256()
        for _ in seal_chunks(hashed(), KEY, BINDING, RANDOM):  # type: ignore[arg-type]
            pass

    def seal_limit() -> None:
        digest = hashlib.sha256()
        for _ in range(count):
            digest.update(plain)
            cipher.encrypt_into(nonce, plain, None, room)

    def opening() -> None:
        digest_of(reader.chunks(PIECE))

    def open_limit() -> None:
        digest = hashlib.sha256()
        for _ in range(count):
            cipher.decrypt_into(nonce, locked, None, room[:PIECE])
            digest.update(room[:PIECE])

    works = (seal, seal_limit, opening, open_limit)
    rounds = [[cpu_seconds(work) for work in works] for _ in range(ROUNDS)]
    best = [total / min(times) / 1e6 for times in zip(*rounds, strict=True)]
    report("vault seal, MB per CPU second", best[0], best[1], best[0] / best[1], GOAL)
    report("vault open, MB per CPU second", best[2], best[3], best[2] / best[3], GOAL)


def report(bench: str, ours: float, against: float, ratio: float, goal: float) -> None:
    line = {
        "bench": bench,
        "ours": round(ours, 1),
        "against": round(against, 1),
        "ratio": round(ratio, 3),
        "goal": goal,
        # Memory has to stay under its goal, speed to reach it.
        "met": ratio < goal if goal == MEMORY_GOAL else ratio >= goal,
    }
    print(json.dumps(line), flush=True)


def mark(field: str) -> int:
    """One line of the kernel's account of this process, in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise RuntimeError(f"the kernel does not tell `{field}`")


def seal_to(path: str, total: int) -> None:
    plain = memoryview(RANDOM.take(PIECE))
    with Path(path).open("wb") as sink:
        for piece in sealed_pieces(plain, total // PIECE):
            sink.write(piece)


def open_from(path: str, total: int) -> None:
    with Path(path).open("rb") as source:

        def read_at(offset: int, length: int) -> bytes:
            return os.pread(source.fileno(), length, offset)

        reader = SealedReader(read_at, Path(path).stat().st_size, lambda _: KEY, BINDING)
        if reader.size != total:
            raise RuntimeError(f"{reader.size} bytes opened where {total} were sealed")
        digest_of(reader.chunks())


STREAMS = {"seal": seal_to, "open": open_from}


def grow(stream: str, path: str, total: int) -> None:
    """Print by how many KiB this process grows at most while it streams."""
    # Writing 5 here sets the high-water mark back to what the process has now.
    Path("/proc/self/clear_refs").write_text("5")
    before = mark("VmRSS")
    STREAMS[stream](path, total)
    print(mark("VmHWM") - before)


def memory(total: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for stream in STREAMS:
            told = subprocess.run(
                [
                    sys.executable,
                    __file__,
                    "--grow",
                    stream,
                    f"{folder}/x",
                    "--mib",
                    f"{total // MIB}",
                ],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            grown = int(told) / 1024
            report(
                f"vault {stream}, MiB of memory for one stream",
                grown,
                total / MIB,
                grown,
                MEMORY_GOAL,
            )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--grow", nargs=2, metavar=("STREAM", "FILE"))
    asked = parser.parse_args()
    if asked.grow:
        grow(*asked.grow, asked.mib * MIB)
        return
    compare(asked.mib * MIB)
    memory(asked.mib * MIB)


if __name__ == "__main__":
    main()
