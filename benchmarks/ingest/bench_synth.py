"""How many persons a CPU second gives, and how little memory more persons need.

Prints two JSON lines. The first: persons per CPU second of a whole population
(drawn, cut in lines, written, digested), against what pyarrow needs to read
those files and write them again. The second: peak memory of 20,000 and of
100,000 persons, each in a process of its own; `ratio` is the slope between
them, in bytes for each person more.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pyarrow import csv as arrow_csv

from bercail.ingest.synth import SynthProfile, make

SMALL, LARGE = 20_000, 100_000
SPEED_GOAL, SLOPE_GOAL = 0.15, 4_000
_CHILD = """
import resource, sys
from pathlib import Path
from bercail.ingest.synth import SynthProfile, make
make(SynthProfile(persons=int(sys.argv[1])), Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def _seconds_to_copy(folder: Path) -> float:
    """CPU seconds to read every table and write it once more."""
    parse = arrow_csv.ParseOptions(delimiter=";")
    started = time.process_time()
    for path in sorted(folder.glob("*/*.csv")):
        arrow_csv.write_csv(arrow_csv.read_csv(path, parse_options=parse), path.with_suffix(".x"))
    return time.process_time() - started


def _peak(persons: int) -> int:
    """Peak memory in bytes of a process that makes so many persons."""
    with tempfile.TemporaryDirectory() as name:
        words = [sys.executable, "-c", _CHILD, str(persons), name]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
    return int(done.stdout)


def main() -> None:
    """Measure both and print the lines."""
    with tempfile.TemporaryDirectory() as name:
        started = time.process_time()
        make(SynthProfile(persons=SMALL), Path(name))
        ours = SMALL / (time.process_time() - started)
        against = SMALL / _seconds_to_copy(Path(name))
    speed = {
        "bench": f"synth: persons per CPU second ({SMALL}), against pyarrow copying the files",
        "ours": round(ours),
        "against": round(against),
        "ratio": round(ours / against, 2),
        "goal": SPEED_GOAL,
        "met": ours / against >= SPEED_GOAL,
    }
    print(json.dumps(speed))
    small, large = _peak(SMALL), _peak(LARGE)
    slope = (large - small) / (LARGE - SMALL)
    memory = {
        "bench": f"synth: peak memory in MB, {LARGE} persons against {SMALL}; bytes a person more",
        "ours": round(large / 1e6),
        "against": round(small / 1e6),
        "ratio": round(slope),
        "goal": SLOPE_GOAL,
        "met": slope <= SLOPE_GOAL,
    }
    print(json.dumps(memory))


if __name__ == "__main__":
    main()
