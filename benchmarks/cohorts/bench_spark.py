"""Clusters: one worker against two, LakeSail against Spark, and DuckDB against Spark on bronze.

Synthetic lines (`--lines`, six million unless said otherwise; 60 million is possible) lie sealed
as silver and in clear as bronze. The clusters read the sealed parts through the data source, each
worker with one core and `--memory` (2g). Every side must find the same persons, which is checked.
`--only bronze` or `--only clusters` does one half; `--shape` chooses shapes (incident users alone
unless said otherwise; `--shape all` for the five).

For each shape:
- `duckdb against spark local[2] on bronze`: CPU seconds of this process against those of the Java
  process, which reads bronze in clear; 0.1 is asked;
- `two workers against one`: wall seconds of the study on Spark; below 1 the second worker helps;
- `LakeSail against Spark`: wall seconds, against the two workers.

CPU seconds of all processes of a cluster stand beside its wall seconds, which on a busy machine
tell more of the machine: two workers should need no more CPU than one.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from attrs import evolve
from bench_shapes import SETTINGS
from shapes_data import BRONZE, Data, made
from shapes_measuring import Spent, cpu_of, spent, tell, tell_both
from shapes_models import models

from bercail.cohorts import CohortResult, DuckdbEngine, Model, Source, Sources
from bercail.cohorts.spark import SparkEngine
from bercail.testing.spark_servers import (
    RunningCluster,
    start_local_spark,
    start_sail,
    start_spark,
)

LINES, ROUNDS, MEMORY = 6_000_000, 2, "2g"
HELPS, FASTER = 1.0, 0.1
LARGE = {"spark.sql.shuffle.partitions": "8"}
BOTH = ("bronze", "clusters")


def bronze(data: Data) -> Sources:
    """The bronze tables in clear."""
    tables = {
        name: Source(urls=tuple(map(str, sorted((data.folder / name).glob("*.parquet")))))
        for name in BRONZE
    }
    return Sources(tables=tables, drugs=data.drugs)


def family_seconds(heads: Sequence[int]) -> float:
    """CPU seconds of some processes and of all that they started, ended ones too."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                told = (entry / "stat").read_text(encoding="ascii", errors="replace")
            except FileNotFoundError:
                continue
            parents.setdefault(int(told.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    waiting, total = list(heads), 0.0
    while waiting:
        one = waiting.pop()
        try:
            total += cpu_of(one, ended=True)
        except FileNotFoundError:
            continue
        waiting += parents.get(one, [])
    return total


def require_same(name: str, ours: CohortResult, theirs: CohortResult) -> None:
    """Stop when two engines do not find the same."""
    same = ours.persons.equals(theirs.persons) and ours.flowchart == theirs.flowchart
    if not same or ours.as_dict() != theirs.as_dict() or ours.matches != theirs.matches:
        raise SystemExit(f"{name} does not find what DuckDB finds")


def on_cluster(
    name: str, cluster: RunningCluster, data: Data, chosen: dict[str, Model], rounds: int
) -> dict[str, Spent]:
    """What each study takes over sealed silver on a cluster, which is stopped then."""
    engine = SparkEngine(data.sealed, evolve(cluster.settings(data.store), ticket_minutes=240))
    clock = partial(family_seconds, cluster.processes())
    found = {}
    try:
        for shape, model in chosen.items():
            expected = DuckdbEngine(data.sealed, SETTINGS).run(model)
            require_same(f"{name}, {shape}:", expected, engine.run(model))
            found[shape] = spent(partial(engine.run, model), rounds, clock)
    finally:
        cluster.stop()
    return found


def clusters(folder: Path, data: Data, chosen: dict[str, Model], given: argparse.Namespace) -> bool:
    """Both comparisons of clusters."""
    found: dict[str, dict[str, Spent]] = {}
    for workers in (1, 2):
        cluster = start_spark(
            folder / f"workers-{workers}", workers=workers, memory=given.memory, options=LARGE
        )
        name = f"Spark with {workers}"
        found[str(workers)] = on_cluster(name, cluster, data, chosen, given.rounds)
    found["sail"] = on_cluster("LakeSail", start_sail(folder), data, chosen, given.rounds)
    helps = True
    for shape in chosen:
        one, two, sail = (found[name][shape] for name in ("1", "2", "sail"))
        helps &= _walls(f"two workers against one, {shape}", two, one)
        _walls(f"LakeSail against Spark, {shape}", sail, two)
    return helps


def _walls(bench: str, ours: Spent, against: Spent) -> bool:
    """Wall seconds, with CPU seconds beside, and the load of the machine."""
    cpus = {"cpu": round(ours.cpu, 2), "cpu_against": round(against.cpu, 2)}
    cpus["cpu_ratio"] = round(ours.cpu / max(against.cpu, 0.01), 3)
    load = round(os.getloadavg()[0], 1)
    return tell(bench, ours.wall, against.wall, HELPS, **cpus, load=load)


def against_bronze(
    folder: Path, data: Data, chosen: dict[str, Model], given: argparse.Namespace
) -> bool:
    """DuckDB on sealed silver against Spark local[2] on bronze in clear."""
    met = True
    local = start_local_spark(folder, memory=given.memory)
    try:
        theirs = SparkEngine(bronze(data), local.settings())
        ours = DuckdbEngine(data.sealed, SETTINGS)
        for shape, model in chosen.items():
            require_same(f"Spark on bronze, {shape}:", ours.run(model), theirs.run(model))
            clock = partial(cpu_of, local.processes()[0])
            against = spent(partial(theirs.run, model), given.rounds, clock)
            own = spent(partial(ours.run, model), given.rounds)
            name = f"duckdb against spark local[2] on bronze, {shape}"
            met &= tell_both(name, own, against, FASTER)
    finally:
        local.stop()
    return met


def main() -> int:
    """Make the data, measure, exit 1 when a goal is missed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--lines", type=int, default=LINES)
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--memory", default=MEMORY)
    asked.add_argument("--shape", choices=["all", *models()], action="append")
    asked.add_argument("--only", choices=BOTH)
    asked.add_argument("--folder", type=Path, default=None)
    given = asked.parse_args()
    shapes = given.shape or ["incident"]
    chosen = {name: one for name, one in models().items() if {name, "all"} & set(shapes)}
    with made(given.lines, given.folder) as data:
        met = True
        if given.only != "clusters":
            met &= against_bronze(data.folder, data, chosen, given)
        if given.only != "bronze":
            met &= clusters(data.folder, data, chosen, given)
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
