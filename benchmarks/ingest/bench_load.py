"""Rows per second from CSV to checked, pseudonymised, sealed, signed parts.

One million care lines (or `--lines`), the same file on all sides in the same run. DuckDB's plain
`COPY csv TO parquet` and Spark `local[2]` write zstd Parquet; neither checks, nor pseudonymises,
nor seals, nor signs. All keep the order of the file. CPU seconds of all threads, the best of two
rounds; Spark is given the types of the columns and one round to warm up in, which is not counted.
The last line sets the clock beside the clock instead, which other work on the machine disturbs.

Spark is no dependency: `bash scripts/install.sh peers` puts it into `.peers` and asks for a Java
of 17 or newer. Where one of them is missing, the lines about DuckDB are printed, what could not be
measured is said, and the run fails.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
from attrs import frozen
from bench_national import OPERATOR, TABLE, base_lines, write_delivery

from bercail import catalogue
from bercail.catalogue import arrow_type
from bercail.ingest.folder import LocalFiles
from bercail.testing.small_house import SmallHouse

LINES, ROUNDS = 1_000_000, 2
GOAL, SPARK_GOAL = 0.35, 3.0
ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".peers" / "bin" / "python"
NAME = "DCIR_202301"


@frozen
class Took:
    """Seconds of one side; the least of its rounds."""

    cpu: float
    wall: float


def timed(work: Callable[[], object]) -> Took:
    cpu, wall = time.process_time(), time.monotonic()
    work()
    return Took(time.process_time() - cpu, time.monotonic() - wall)


def best(rounds: list[Took]) -> Took:
    return Took(min(one.cpu for one in rounds), min(one.wall for one in rounds))


def load(root: Path, turn: int) -> Took:
    (root / str(turn)).mkdir()
    house = SmallHouse.build(root / str(turn), seed=turn + 1)
    desk, landing = house.ingest(), LocalFiles(root / "landing")
    took = timed(lambda: desk.load(landing, NAME, OPERATOR))
    house.close()
    return took


def copy_plain(source: Path, target: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM read_csv('{source}', delim=';', header=true, dateformat='%d/%m/%Y')) "
            f"TO '{target}' (COMPRESSION zstd)"
        )


def why_no_spark() -> str:
    """What is missing for Spark; empty when nothing is."""
    if shutil.which("java") is None:
        return "there is no Java: on Debian, `apt-get install default-jre-headless`"
    if not PEERS.exists():
        return "there is no `.peers`: run `bash scripts/install.sh peers`"
    return ""


def spark_type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_date(kind):
        return "date"
    return "bigint" if pa.types.is_integer(kind) else "string"


def copy_with_spark(source: Path, target: Path, rows: int) -> Took:
    table = catalogue.load().table("ER_PRS_F")
    with source.open(encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split(";")
    columns = {name: spark_type(arrow_type(table.column(name))) for name in names}
    program = Path(__file__).with_name("spark_copy.py")
    words = [PEERS, program, source, target, ROUNDS, json.dumps(columns)]
    done = subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["rows"] == rows
    return best([Took(*one) for one in told["rounds"]])


def say(rows: int, name: str, ours: float, against: float, goal: float) -> None:
    more = "" if rows == LINES else f" of {rows:,} lines"
    line = {
        "bench": f"ingest load{more}: {name}",
        "ours": round(rows / ours),
        "against": round(rows / against),
        "ratio": round(against / ours, 3),
        "goal": goal,
        "met": against / ours >= goal,
    }
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=LINES)
    rows: int = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        write_delivery(root / "landing" / NAME, base_lines(root), 0, rows)
        source = root / "landing" / NAME / TABLE
        loads, plains = [], []
        for turn in range(ROUNDS):
            loads.append(load(root, turn))
            plains.append(timed(lambda: copy_plain(source, root / "plain.parquet")))
        ours, plain = best(loads), best(plains)
        say(rows, "rows per CPU second, against DuckDB COPY", ours.cpu, plain.cpu, GOAL)
        missing = why_no_spark()
        if missing:
            sys.exit(f"ingest load against Spark local[2]: not measured, for {missing}.")
        spark = copy_with_spark(source, root / "spark.parquet", rows)
        say(rows, "rows per CPU second, against Spark local[2]", ours.cpu, spark.cpu, SPARK_GOAL)
        say(
            rows,
            "rows per second by the clock, against Spark local[2]",
            ours.wall,
            spark.wall,
            SPARK_GOAL,
        )


if __name__ == "__main__":
    main()
