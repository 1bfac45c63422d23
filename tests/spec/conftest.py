"""Each spec test asks a question of small tables; every engine must give the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from bercail.cohorts import (
    Cohort,
    CohortResult,
    DuckdbEngine,
    MemoryEngine,
    Model,
    Source,
    Sources,
    persons,
)
from bercail.testing.small_snds import SmallSnds

Ask = Callable[[SmallSnds, Model], CohortResult]
Values = Callable[[SmallSnds, Any], dict[str, Any]]
EVERYONE = persons.birth_year.is_known() | persons.sex.is_known()


def _as_files(sources: Sources) -> Sources:
    """The same rows as Parquet files behind a registered filesystem, two files a table."""
    disk = MemoryFileSystem()
    tables: dict[str, Source | pa.Table] = {}
    for name, table in sources.tables.items():
        assert isinstance(table, pa.Table)
        half = table.num_rows // 2
        urls = []
        for number, part in enumerate((table.slice(0, half), table.slice(half))):
            path = f"/spec/{id(sources)}/{name}-{number}.parquet"
            with disk.open(path, "wb") as file:
                pq.write_table(part, file)
            urls.append(f"memory://{path}")
        tables[name] = Source(urls=tuple(urls), filesystem=disk, snapshot="s1")
    return Sources(tables=tables, naming=sources.naming, permit=sources.permit, drugs=sources.drugs)


ENGINES = {"memory": MemoryEngine, "duckdb": DuckdbEngine}


@pytest.fixture(params=list(ENGINES))
def ask(request: pytest.FixtureRequest) -> Ask:
    """Run a model over small tables in memory, under their lake names."""
    engine = ENGINES[request.param]
    return lambda data, model: engine(data.sources("lake")).run(model)


@pytest.fixture(params=list(ENGINES))
def ask_files(request: pytest.FixtureRequest) -> Ask:
    """Run a model over small Parquet files, under the names of a project's extract."""
    engine = ENGINES[request.param]
    return lambda data, model: engine(_as_files(data.sources("project"))).run(model)


@pytest.fixture
def values(ask: Ask) -> Values:
    """The value of an expression for every person."""

    def of(data: SmallSnds, value: Any) -> dict[str, Any]:
        model = Cohort(
            name="spec", title="spec", population=EVERYONE, attributes={"value": value}
        ).model
        rows = ask(data, model).persons.to_pylist()
        return {row["person"]: row["value"] for row in rows}

    return of


@pytest.fixture
def columns_of_values(ask: Ask) -> Callable[[SmallSnds, list[Any]], list[dict[str, Any]]]:
    """The values of many expressions at once, each for every person."""

    def of(data: SmallSnds, expressions: list[Any]) -> list[dict[str, Any]]:
        named = {f"v{place}": value for place, value in enumerate(expressions)}
        model = Cohort(name="spec", title="spec", population=EVERYONE, attributes=named).model
        rows = ask(data, model).persons.to_pylist()
        return [{row["person"]: row[name] for row in rows} for name in named]

    return of
