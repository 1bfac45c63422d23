"""The vault's benchmarks run at a small size and print what they promise; no speed is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[3] / "benchmarks" / "vault"
FIELDS = {"bench", "ours", "against", "ratio", "goal", "met"}


def lines(name: str, *given: str) -> list[dict[str, Any]]:
    command = [sys.executable, str(BENCHMARKS / name), *given]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in told.splitlines()]


def test_pseudonyms_are_held_against_the_floor_and_against_a_loop() -> None:
    found = lines("bench_pseudonyms.py", "--rows", "20000")
    assert all(set(line) == FIELDS for line in found)
    assert [line["goal"] for line in found] == [1.0, 30] * 3
    assert [line["against"] for line in found[::2]] == [25.0] * 3


def test_sealing_is_held_against_the_limit_and_keeps_its_memory() -> None:
    found = lines("bench_sealing.py", "--mib", "96")
    assert all(set(line) == FIELDS for line in found)
    assert [line["goal"] for line in found] == [0.8, 0.8, 64, 64]
    assert all(line["met"] for line in found if line["goal"] == 64)
    # What is measured is this stream: it holds something, though not the object.
    assert all(0 < line["ours"] < 64 for line in found if line["goal"] == 64)
