"""Pseudonyms a second, against a Python loop of `hmac` over the same identities.

One line per function. Both sides are measured in turn, in CPU seconds; the best of three counts.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable

import pyarrow as pa

from bercail.foundation import Secret, SystemRandomness
from bercail.vault import level_one, level_two, project

ROWS = 1_000_000
LOOPED = 100_000
GOAL = 30
ROUNDS = 3


def per_second(work: Callable[[], object], rows: int) -> float:
    start = time.process_time()
    work()
    return rows / (time.process_time() - start)


def main() -> None:
    secret = Secret(SystemRandomness().take(32))
    key = secret.reveal()
    identities = pa.array([f"{i:013d}195001011" for i in range(ROWS)])
    first = level_one(secret, identities)

    def loop(values: list[bytes]) -> list[str]:
        return [hmac.digest(key, value, hashlib.sha256).hex()[:17] for value in values]

    for function, given in ((level_one, identities), (level_two, first), (project, first)):
        values = [value.encode() for value in given[:LOOPED].to_pylist() if value]
        ours = against = 0.0
        for _ in range(ROUNDS):
            ours = max(ours, per_second(lambda f=function, g=given: f(secret, g), ROWS))  # type: ignore[misc]
            against = max(against, per_second(lambda v=values: loop(v), LOOPED))  # type: ignore[misc]
        line = {
            "bench": f"vault {function.__name__}, million pseudonyms/s",
            "ours": round(ours / 1e6, 1),
            "against": round(against / 1e6, 2),
            "ratio": round(ours / against, 1),
            "goal": GOAL,
            "met": ours / against >= GOAL,
        }
        print(json.dumps(line))


if __name__ == "__main__":
    main()
