"""How fast deliveries are made, against writing the same tables as CSV and nothing else.

Prints one JSON line. `ours` is the time of a whole population: drawn, cut in
lines, written, digested. `against` is what pyarrow needs to write those same
tables to CSV. Both in seconds of one process, in the same run.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from pyarrow import csv as arrow_csv

from bercail.ingest.synth import SynthProfile, make

PERSONS = 10_000
GOAL = 4.0


def _write_again(folder: Path) -> float:
    """Seconds to write every table of the folder once more, parsing left out."""
    parse = arrow_csv.ParseOptions(delimiter=";")
    tables = [arrow_csv.read_csv(path, parse_options=parse) for path in folder.rglob("*.csv")]
    started = time.process_time()
    for place, table in enumerate(tables):
        arrow_csv.write_csv(table, folder / f"again-{place}.csv")
    return time.process_time() - started


def main() -> None:
    """Measure both sides and print the line."""
    with tempfile.TemporaryDirectory() as name:
        started = time.process_time()
        make(SynthProfile(persons=PERSONS), Path(name))
        ours = time.process_time() - started
        against = _write_again(Path(name))
    ratio = ours / against
    line = {
        "bench": f"synth: {PERSONS} persons, against writing the same tables with pyarrow",
        "ours": round(ours, 2),
        "against": round(against, 2),
        "ratio": round(ratio, 2),
        "goal": GOAL,
        "met": ratio <= GOAL,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
