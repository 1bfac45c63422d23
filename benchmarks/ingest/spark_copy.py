"""CSV to zstd Parquet by Spark local[2], in the Python of `.peers`; `bench_load` calls it.

    .peers/bin/python benchmarks/ingest/spark_copy.py SOURCE.csv TARGET ROUNDS COLUMNS

COLUMNS is a JSON object from column to Spark type, so that Spark reads the file once and guesses
nothing. Prints one JSON line: [CPU seconds of the Java process, wall seconds] of each round. The
first round, in which Java compiles its own code, is not told.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

MEMORY = "2g"


def session(place: str) -> Any:
    """A Spark of two threads that writes nothing outside `place`."""
    return (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", MEMORY)
        .config("spark.local.dir", place)
        .config("spark.sql.warehouse.dir", place)
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )


def cpu_of(process: int) -> float:
    """CPU seconds, user and system, of all threads of a process."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(source: str, target: str, rounds: int, columns: dict[str, str]) -> None:
    """Copy `rounds` times, and once before that."""
    spark = session(str(Path(target).parent))
    # The driver starts Java through a script that becomes Java, so it is the one child.
    (java,) = map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
    schema = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
    found = []
    for _ in range(rounds + 1):
        cpu, wall = cpu_of(java), time.monotonic()
        lines = spark.read.csv(source, schema=schema, sep=";", header=True, dateFormat="dd/MM/yyyy")
        lines.write.mode("overwrite").parquet(target, compression="zstd")
        found.append([cpu_of(java) - cpu, time.monotonic() - wall])
    rows = spark.read.parquet(target).count()
    spark.stop()
    print(json.dumps({"rows": rows, "rounds": found[1:]}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4]))
