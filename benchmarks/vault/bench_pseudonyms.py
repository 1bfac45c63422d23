"""Pseudonyms of ten million identities, per processor second and level.

Two lines for each function: identities per CPU second against the floor asked, and the ratio to a
Python loop of `hmac` over the first of the same identities. An identity has 22 characters (number,
birth date, sex), so two blocks at level 1. All sides take turns in CPU seconds, the best of five
counts. `--rows` takes fewer identities.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from bercail.foundation import Secret, SystemRandomness
from bercail.vault import level_one, level_two, project

ROWS, LOOPED = 10_000_000, 100_000
FLOOR, GOAL = 25e6, 30
ROUNDS = 5
REST = b"195001011"


def per_second(work: Callable[[], object], rows: int) -> float:
    start = time.process_time()
    work()
    return rows / (time.process_time() - start)


def identities(rows: int) -> pa.StringArray:
    """Thirteen digits that count up, a birth date and a sex, as one Arrow array."""
    width = 13 + len(REST)
    text = np.empty((rows, width), dtype=np.uint8)
    text[:, 13:] = np.frombuffer(REST, dtype=np.uint8)
    left = np.arange(rows)
    for place in range(12, -1, -1):
        left, digit = np.divmod(left, 10)
        text[:, place] = digit + ord("0")
    bounds = np.arange(rows + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(rows, pa.py_buffer(bounds), pa.py_buffer(text.reshape(-1)))


def report(bench: str, ours: float, against: float, goal: float) -> None:
    line = {
        "bench": bench,
        "ours": round(ours / 1e6, 1),
        "against": round(against / 1e6, 2),
        "ratio": round(ours / against, 2),
        "goal": goal,
        "met": ours / against >= goal,
    }
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    secret = Secret(SystemRandomness().take(32))
    key = secret.reveal()
    clear = identities(rows)
    first = level_one(secret, clear)

    def loop(values: list[bytes]) -> list[str]:
        return [hmac.digest(key, value, hashlib.sha256).hex()[:17] for value in values]

    for function, given in ((level_one, clear), (level_two, first), (project, first)):
        values = [value.encode() for value in given[:LOOPED].to_pylist() if value]
        ours = against = 0.0
        for _ in range(ROUNDS):
            ours = max(ours, per_second(lambda f=function, g=given: f(secret, g), rows))  # type: ignore[misc]
            against = max(against, per_second(lambda v=values: loop(v), len(values)))  # type: ignore[misc]
        name = f"vault {function.__name__}, million pseudonyms per CPU second"
        report(f"{name}, against the floor", ours, FLOOR, 1.0)
        report(f"{name}, against a Python HMAC loop", ours, against, GOAL)


if __name__ == "__main__":
    main()
