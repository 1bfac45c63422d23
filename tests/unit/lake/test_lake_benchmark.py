"""The lake's benchmark runs at a small size and prints what it promises; no speed is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "lake" / "bench_duckdb.py"


def test_sealed_and_plain_are_compared_on_three_queries() -> None:
    command = [sys.executable, str(BENCHMARK), "--rows", "20000"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = [json.loads(line) for line in told.splitlines()]
    assert [line["bench"].removeprefix("lake.duckdb, ") for line in found] == [
        "grouping",
        "distinct count",
        "wide scan",
        "the worst of three",
    ]
    assert all(line["goal"] == 1.3 for line in found)
    assert found[-1]["ratio"] == max(line["ratio"] for line in found[:-1])
