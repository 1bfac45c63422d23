"""Five study shapes through the DuckDB engine on sealed silver, against SQL written by hand.

Incident users with a washout, stays by diagnosis, prevalence by month, exposure nested before a
stay, matched controls; on `--lines` dispensing lines (one million unless said otherwise; 60 million
is possible). The hand-written SQL reads plain Parquet: bronze, and silver. All sides give the same
persons with the same values, which is checked first. Time is CPU seconds of this process, all
threads, the least of the rounds; the engine's side holds its compiling, its reading of schemas and
the opening of seals. One line for each shape and side, and the highest resident memory last.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import shapes_by_hand
from shapes_data import BRONZE, SILVER, Data, make

from bercail.cohorts import (
    Cohort,
    CohortResult,
    DuckdbEngine,
    DuckdbSettings,
    Model,
    dispensings,
    interval,
    match,
    measure,
    persons,
    stays,
)
from bercail.foundation import SystemClock, SystemRandomness
from bercail.lake import SealedStore
from bercail.storage import Location, open_store
from bercail.vault import Keyring, MemoryCustodian

LINES, ROUNDS = 1_000_000, 3
OF_BRONZE, OF_SILVER, MEMORY_GB = 0.4, 1.3, 8
SETTINGS = DuckdbSettings(threads=2, memory_limit="6GB")
KNOWN = persons.birth_year.is_known() & persons.sex.is_known()

_drugs = dispensings.cleaned().where(dispensings.atc.starts_with("C10"))
_strokes = stays.cleaned().where(stays.principal_diagnosis.starts_with("I63")).during(2024)
_fresh = _drugs.washout(365).during(2024)
_index = _strokes.first().entry


def models() -> dict[str, Model]:
    """The five studies."""
    age = persons.age_on("2024-12-31").groups_of(10, up_to=90)
    given: dict[str, dict[str, Any]] = {
        "incident": {
            "population": _fresh.exists() & KNOWN,
            "index_date": _fresh.first().date,
            "attributes": {"sex": persons.sex},
            "tables": {"By sex": ["sex"]},
        },
        "stays": {
            "population": _strokes.exists() & KNOWN,
            "index_date": _index,
            "attributes": {"sex": persons.sex, "age": age},
            "tables": {"By sex and age": ["sex", "age"]},
        },
        "prevalence": {
            "population": KNOWN,
            "attributes": {"sex": persons.sex},
            "measures": [
                measure(
                    "Users of statins",
                    first="2024-01-01",
                    count=12,
                    numerator=_drugs.between(interval.start, interval.end).exists(),
                    denominator=persons.alive_on(interval.start),
                    by=["sex"],
                )
            ],
        },
        "nested": {
            "population": _strokes.exists() & KNOWN,
            "index_date": _index,
            "attributes": {
                "sex": persons.sex,
                "lines": _drugs.between(_index.plus(days=-90), _index).count(),
            },
        },
        "matched": {
            "population": _strokes.exists() & KNOWN,
            "index_date": _index,
            "attributes": {"birth": persons.birth_year, "sex": persons.sex},
            "matching": match(
                KNOWN & persons.alive_on("2023-12-31") & ~_strokes.exists(),
                on=["birth", "sex"],
                ratio=4,
            ),
        },
    }
    return {
        name: Cohort(name=name, title=name.capitalize(), **study).model
        for name, study in given.items()
    }


def by_hand(data: Data, tables: tuple[str, ...], query: str) -> list[tuple[Any, ...]]:
    """The rows of a query over plain tables."""
    with duckdb.connect(":memory:", config=SETTINGS.as_config()) as connection:
        connection.register("drugs", data.drugs)
        for name in (*tables, "IR_BEN_R"):
            connection.read_parquet(data.plain(name)).create_view(name, replace=True)
        answer = connection.sql(query).to_arrow_table()
    return list(zip(*(column.to_pylist() for column in answer.columns), strict=True))


def plainly(shape: str, result: CohortResult) -> list[tuple[Any, ...]] | dict[Any, int]:
    """A result of the engine in the shape of the query by hand."""
    sexes = {"male": 1, "female": 2}
    if shape == "matched":
        found = result.matches
    elif shape == "prevalence":
        (table,) = result.measures
        return {(row[0][5:7], sexes[row[2]]): (row[3], row[4]) for row in table.rows}  # type: ignore[misc]
    else:
        found = result.persons
    if found is None:
        raise TypeError(shape)
    rows = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
    return [tuple(sexes.get(value, value) for value in row) for row in rows]


def same(shape: str, ours: Any, rows: list[tuple[Any, ...]]) -> bool:
    """Whether both sides found the same."""
    if shape == "prevalence":
        counted: dict[Any, list[int]] = {}
        for _, sex, death, *months in rows:
            for place, used in enumerate(months, start=1):
                pair = counted.setdefault((f"{place:02}", sex), [0, 0])
                alive = death is None or (death.year, death.month, death.day) > (2024, place, 1)
                pair[0] += alive and used
                pair[1] += alive
        return bool(ours == {key: tuple(pair) for key, pair in counted.items()})
    if shape == "stays":
        rows = [
            (name, day, sex, "90+" if age == 9 else f"{age * 10}-{age * 10 + 9}")
            for name, day, sex, age in rows
        ]
    return bool(ours == rows)


def cpu(act: Callable[[], object]) -> float:
    """CPU seconds of `act`, all threads."""
    start = time.process_time()
    act()
    return time.process_time() - start


def tell(bench: str, ours: float, against: float, goal: float) -> bool:
    """Print one line; whether the goal is met."""
    ratio = ours / against
    line = {"bench": bench, "ours": round(ours, 3), "against": round(against, 3)}
    print(
        json.dumps({**line, "ratio": round(ratio, 2), "goal": goal, "met": ratio <= goal}),
        flush=True,
    )
    return ratio <= goal


def measured(shape: str, model: Model, data: Data, rounds: int) -> bool:
    """Both comparisons of one shape; what both sides found is the same, or an error."""
    queries = {
        "bronze": (BRONZE, shapes_by_hand.bronze(shape), OF_BRONZE),
        "silver": (SILVER, shapes_by_hand.silver(shape), OF_SILVER),
    }
    ours = plainly(shape, DuckdbEngine(data.sealed, SETTINGS).run(model))
    for side, (tables, query, _) in queries.items():
        if not same(shape, ours, by_hand(data, tables, query)):
            raise SystemExit(f"{shape}: the engine and the SQL over {side} do not find the same")
    best = [cpu(lambda: DuckdbEngine(data.sealed, SETTINGS).run(model)) for _ in range(rounds)]
    met = True
    for side, (tables, query, goal) in queries.items():
        against = [cpu(lambda: by_hand(data, tables, query)) for _ in range(rounds)]  # noqa: B023
        met &= tell(f"cohorts/{shape} against {side}", min(best), min(against), goal)
    return met


def main() -> int:
    """Make the data, measure, exit 1 when a goal is missed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--lines", type=int, default=LINES)
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--folder", type=Path, default=None)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder, randomness = Path(name), SystemRandomness()
        for place in ("host", "data"):
            (folder / place).mkdir()
        keys = Keyring(
            folder / "keys.sqlite", MemoryCustodian(randomness), randomness, SystemClock()
        )
        host = open_store(Location.parse(f"file://{folder / 'host'}"))
        store = SealedStore(host, keys, kind="project", scope="p1", randomness=randomness)
        data = make(folder / "data", given.lines, store)
        met = [measured(shape, model, data, given.rounds) for shape, model in models().items()]
        keys.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    met.append(tell("cohorts/shapes memory in GB", peak, MEMORY_GB, 1.0))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
