"""Sealing and opening 256 MiB with its digest, against the least work that could be done.

The limit is one AES-256-GCM pass and one SHA-256 pass over the same bytes, in pieces of 512 KiB
and without any copy. Both sides are measured in turn, in CPU seconds; the best of three counts.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bercail.foundation import Secret, SystemRandomness
from bercail.vault import Binding, DataKey, SealedReader, seal_chunks

TOTAL = 256 << 20
PIECE = 1 << 19
GOAL = 0.8
ROUNDS = 3
RANDOM = SystemRandomness()
KEY = DataKey(id=RANDOM.take(16), kind="bench", scope="b", epoch=1, secret=Secret(RANDOM.take(32)))
BINDING = Binding(kind="bench", store="b", name="object", version="1")


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def report(bench: str, ours: float, against: float) -> None:
    speed, limit = TOTAL / ours / 1e6, TOTAL / against / 1e6
    ratio = speed / limit
    line = {
        "bench": bench,
        "ours": round(speed),
        "against": round(limit),
        "ratio": round(ratio, 3),
        "goal": GOAL,
        "met": ratio >= GOAL,
    }
    print(json.dumps(line))


def main() -> None:
    plain = memoryview(RANDOM.take(PIECE))
    pieces = [plain] * (TOTAL // PIECE)
    cipher, nonce = AESGCM(RANDOM.take(32)), bytes(12)
    room = bytearray(PIECE + 16)
    sealed = b"".join(seal_chunks(pieces, KEY, BINDING, RANDOM))  # type: ignore[arg-type]
    reader = SealedReader(
        lambda offset, length: memoryview(sealed)[offset : offset + length],  # type: ignore[arg-type, return-value]
        len(sealed),
        lambda _: KEY,
        BINDING,
    )
    locked = cipher.encrypt(nonce, plain, None)

    def seal() -> None:
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        for _ in seal_chunks(pieces, KEY, BINDING, RANDOM):  # type: ignore[arg-type]
            pass

    def seal_limit() -> None:
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
            cipher.encrypt_into(nonce, piece, None, room)

    def opening() -> None:
        digest = hashlib.sha256()
        for piece in reader.chunks(PIECE):
            digest.update(piece)

    def open_limit() -> None:
        digest = hashlib.sha256()
        for _ in pieces:
            cipher.decrypt_into(nonce, locked, None, memoryview(room)[:PIECE])
            digest.update(memoryview(room)[:PIECE])

    works = (seal, seal_limit, opening, open_limit)
    rounds = [[cpu_seconds(work) for work in works] for _ in range(ROUNDS)]
    best = [min(times) for times in zip(*rounds, strict=True)]
    report("vault seal, MB/s", best[0], best[1])
    report("vault open, MB/s", best[2], best[3])


if __name__ == "__main__":
    main()
