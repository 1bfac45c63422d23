"""Five study shapes through the DuckDB engine on sealed silver, against SQL written by hand.

Incident users with a washout, stays by diagnosis, prevalence by month, exposure nested before a
stay, matched controls; on `--lines` dispensing lines (one million unless said otherwise; 60 million
is possible). The hand-written SQL reads plain Parquet: bronze alone, and silver alone, with the
register of silver, which names each person, so that no numbers are joined. All sides give the same
persons with the same values, the same counts and pairs, which is checked first. Time is CPU seconds
of this process, all threads, the least of the rounds, up to Arrow tables on every side; the
engine's holds its compiling, its reading of schemas and the opening of seals. One line for each
shape and side, with wall seconds beside, and the highest resident memory last. All get 6 GB; only
the hand-written SQL may spill to a disk, which it needs from some 20 million lines on. `--shape`
chooses shapes, where not all five are asked for.
"""

from __future__ import annotations

import argparse
import resource
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import shapes_by_hand
from shapes_by_hand import ByHand
from shapes_data import BRONZE, SILVER, Data, made
from shapes_measuring import spent, tell, tell_both
from shapes_models import models, require_same

from bercail.cohorts import DuckdbEngine, DuckdbSettings, Model

LINES, ROUNDS = 1_000_000, 3
OF_BRONZE, OF_SILVER, MEMORY_GB = 0.4, 1.3, 8
SETTINGS = DuckdbSettings(threads=2, memory_limit="6GB")


def by_hand(data: Data, tables: tuple[str, ...], study: ByHand) -> dict[str, pa.Table]:
    """What the queries of a study find over plain tables."""
    spilling = {**SETTINGS.as_config(), "temp_directory": str(data.folder / "spilled")}
    with duckdb.connect(":memory:", config=spilling) as connection:
        connection.register("drugs", data.drugs)
        for name in tables:
            connection.read_parquet(data.plain(name)).create_view(name)
        for name, query in study.kept.items():
            connection.execute(f"CREATE TEMPORARY TABLE {name} AS {query}")
        return {
            name: connection.sql(query).to_arrow_table() for name, query in study.outputs.items()
        }


def measured(shape: str, model: Model, data: Data, rounds: int) -> bool:
    """Both comparisons of one shape; what both sides found is the same, or an error."""
    sides = {
        "bronze": (BRONZE, shapes_by_hand.bronze(shape), OF_BRONZE),
        "silver": (SILVER, shapes_by_hand.silver(shape), OF_SILVER),
    }
    result = DuckdbEngine(data.sealed, SETTINGS).run(model)
    ours = spent(lambda: DuckdbEngine(data.sealed, SETTINGS).run(model), rounds)
    met = True
    for side, (tables, study, goal) in sides.items():
        found = {
            name: [tuple(row.values()) for row in table.to_pylist()]
            for name, table in by_hand(data, tables, study).items()
        }
        require_same(side, shape, result, found)
        against = spent(lambda: by_hand(data, tables, study), rounds)  # noqa: B023
        met &= tell_both(f"shapes {shape} against {side} by hand", ours, against, goal)
    return met


def main() -> int:
    """Make the data, measure, exit 1 when a goal is missed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--lines", type=int, default=LINES)
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--shape", choices=models(), action="append")
    asked.add_argument("--folder", type=Path, default=None)
    given = asked.parse_args()
    with made(given.lines, given.folder) as data:
        met = [
            measured(shape, model, data, given.rounds)
            for shape, model in models().items()
            if shape in (given.shape or models())
        ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    met.append(tell("shapes memory in GB", peak, MEMORY_GB, 1.0))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
