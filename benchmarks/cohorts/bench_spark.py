"""Clusters: one worker against two, LakeSail against Spark, and DuckDB against Spark on bronze.

Synthetic lines (`--lines`, six million unless said otherwise; 60 million is possible) lie sealed
as silver and in clear as bronze. The clusters read the sealed parts through the data source, each
worker with one core and `--memory` (2g). Every side must find the same persons, which is checked.

Three JSON lines:
- `two workers against one`: wall seconds of the study on Spark; below 1 the second worker helps;
- `LakeSail against Spark`: wall seconds, against the two workers;
- `duckdb against spark local[2] on bronze`: CPU seconds of this process against those of the Java
  process, which reads bronze in clear; 0.1 is asked.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from attrs import evolve
from bench_shapes import SETTINGS, models
from shapes_data import BRONZE, Data, make

from bercail.cohorts import CohortResult, DuckdbEngine, Model, Source, Sources
from bercail.cohorts.spark import SparkEngine
from bercail.foundation import SystemClock, SystemRandomness
from bercail.lake import SealedStore
from bercail.storage import Credentials, Location, open_store
from bercail.testing.spark_servers import (
    RunningCluster,
    start_local_spark,
    start_sail,
    start_spark,
)
from bercail.vault import Keyring, MemoryCustodian

LINES, ROUNDS, MEMORY = 6_000_000, 2, "2g"
HELPS, FASTER = 1.0, 0.1
LARGE = {"spark.sql.shuffle.partitions": "8"}


def bronze(data: Data) -> Sources:
    """The bronze tables in clear."""
    tables = {
        name: Source(urls=tuple(map(str, sorted((data.folder / name).glob("*.parquet")))))
        for name in BRONZE
    }
    return Sources(tables=tables, drugs=data.drugs)


def wall(act: Callable[[], object], rounds: int) -> float:
    """The least wall seconds of `act`, after one turn that is not told."""
    act()
    found = []
    for _ in range(rounds):
        start = time.monotonic()
        act()
        found.append(time.monotonic() - start)
    return min(found)


def cpu(act: Callable[[], object], clock: Callable[[], float], rounds: int) -> float:
    """The least CPU seconds of `act` by `clock`, after one turn that is not told."""
    act()
    found = []
    for _ in range(rounds):
        start = clock()
        act()
        found.append(clock() - start)
    return min(found)


def cpu_of(process: int) -> float:
    """CPU seconds, user and system, of all threads of a process."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def on_cluster(
    cluster: RunningCluster, data: Data, store: Location, model: Model, rounds: int
) -> tuple[float, CohortResult]:
    """Wall seconds of a study over sealed silver on a cluster, and what it found."""
    engine = SparkEngine(data.sealed, evolve(cluster.settings(store), ticket_minutes=600))
    return wall(lambda: engine.run(model), rounds), engine.run(model)


def tell(bench: str, ours: float, against: float, goal: float) -> bool:
    """Print one line; whether the goal is met."""
    ratio = ours / against
    line = {"bench": f"cohorts/{bench}", "ours": round(ours, 2), "against": round(against, 2)}
    print(
        json.dumps({**line, "ratio": round(ratio, 3), "goal": goal, "met": ratio < goal}),
        flush=True,
    )
    return ratio < goal


def require_same(name: str, ours: CohortResult, theirs: CohortResult) -> None:
    """Stop when two engines do not find the same persons."""
    if not ours.persons.equals(theirs.persons) or ours.flowchart != theirs.flowchart:
        raise SystemExit(f"{name} does not find what DuckDB finds")


def clusters(
    folder: Path, data: Data, store: Location, model: Model, given: argparse.Namespace
) -> bool:
    """Both comparisons of clusters."""
    expected = DuckdbEngine(data.sealed, SETTINGS).run(model)
    seconds: dict[str, float] = {}
    for workers in (1, 2):
        cluster = start_spark(
            folder / f"workers-{workers}", workers=workers, memory=given.memory, options=LARGE
        )
        try:
            seconds[str(workers)], found = on_cluster(cluster, data, store, model, given.rounds)
        finally:
            cluster.stop()
        require_same(f"Spark with {workers}", expected, found)
    cluster = start_sail(folder)
    try:
        seconds["sail"], found = on_cluster(cluster, data, store, model, given.rounds)
    finally:
        cluster.stop()
    require_same("LakeSail", expected, found)
    helps = tell("two workers against one", seconds["2"], seconds["1"], HELPS)
    tell("LakeSail against Spark", seconds["sail"], seconds["2"], HELPS)
    return helps


def against_bronze(folder: Path, data: Data, model: Model, given: argparse.Namespace) -> bool:
    """DuckDB on sealed silver against Spark local[2] on bronze in clear."""
    local = start_local_spark(folder, memory=given.memory)
    try:
        theirs = SparkEngine(bronze(data), local.settings())
        ours = DuckdbEngine(data.sealed, SETTINGS)
        require_same("Spark on bronze", ours.run(model), theirs.run(model))
        java = local.processes()[0]
        against = cpu(lambda: theirs.run(model), lambda: cpu_of(java), given.rounds)
        own = cpu(lambda: ours.run(model), time.process_time, given.rounds)
    finally:
        local.stop()
    return tell("duckdb against spark local[2] on bronze", own, against, FASTER)


def main() -> int:
    """Make the data, measure, exit 1 when a goal is missed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--lines", type=int, default=LINES)
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--memory", default=MEMORY)
    asked.add_argument("--shape", default="incident")
    asked.add_argument("--folder", type=Path, default=None)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder, randomness = Path(name), SystemRandomness()
        location = Location.folder(folder / "store")
        Path(location.path).mkdir()
        keys = Keyring(
            folder / "keys.sqlite", MemoryCustodian(randomness), randomness, SystemClock()
        )
        store = SealedStore(
            open_store(location, Credentials()),
            keys,
            kind="project",
            scope="p1",
            randomness=randomness,
        )
        data, model = make(folder, given.lines, store), models()[given.shape]
        met = against_bronze(folder, data, model, given)
        met &= clusters(folder, data, location, model, given)
        keys.close()
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
