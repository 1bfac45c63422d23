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
    return Sources(
        tables=tables, naming=sources.naming, permit=sources.permit, drugs=sources.drugs
    )


@pytest.fixture(params=["memory", "duckdb", "memory over files", "duckdb over files"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Run a model over small tables."""

    def run(data: SmallSnds, model: Model) -> CohortResult:
        engine = DuckdbEngine if request.param.startswith("duckdb") else MemoryEngine
        # Files use the names of a project's extract, tables those of the lake.
        if request.param.endswith("files"):
            return engine(_as_files(data.sources("project"))).run(model)
        return engine(data.sources("lake")).run(model)

    return run


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
