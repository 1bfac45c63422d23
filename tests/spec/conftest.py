"""Each spec test asks a question of small tables; every engine must give the answer."""

from __future__ import annotations

import itertools
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from bercail.cohorts import (
    Cohort,
    CohortResult,
    DuckdbEngine,
    Engine,
    MemoryEngine,
    Model,
    Source,
    Sources,
    persons,
)
from bercail.cohorts.spark import SparkEngine
from bercail.testing.sealed_tables import sealed_tables
from bercail.testing.small_snds import SmallSnds
from bercail.testing.spark_servers import RunningCluster

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
# Clusters: the fixtures `sail` and `spark` start them.
PARAMS = [*ENGINES, "sail", pytest.param("spark", marks=pytest.mark.xdist_group("spark"))]
# Spark takes seconds for what others do in milliseconds: the cases of the language, which a
# chapter asks all at once, and of the others one in so many, unless all are asked for
# (BERCAIL_SPARK_SPEC=1). Which ones follows from their names.
SPARK_SHARE = int(os.environ.get("BERCAIL_SPARK_SPEC", "24"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the cases that this run does not give to Spark."""
    left = [item for item in items if _of_spark(item) and _drawn(item) % SPARK_SHARE]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in set(left)]


def _of_spark(item: pytest.Item) -> bool:
    params = getattr(item, "callspec", None)
    here = Path(__file__).parent in item.path.parents
    return here and params is not None and "spark" in params.params.values()


def _drawn(item: pytest.Item) -> int:
    if item.path.name == "test_cohort_language.py":
        return 0
    return zlib.crc32(f"{item.path.name}::{item.name}".encode())


def _engine(request: pytest.FixtureRequest, name: str) -> Callable[[Sources], Engine]:
    """What makes the engine called `name`; a cluster is started when first asked for."""
    if name in ENGINES:
        return ENGINES[name]
    cluster: RunningCluster = request.getfixturevalue(name)
    return lambda sources: SparkEngine(sources, cluster.settings())


@pytest.fixture(params=PARAMS)
def engine_name(request: pytest.FixtureRequest) -> str:
    """The name of an engine; what asks for it runs on all of them."""
    name: str = request.param
    return name


@pytest.fixture
def run_on(
    request: pytest.FixtureRequest, engine_name: str
) -> Callable[[Sources, Model], CohortResult]:
    """Run a model over sources, on the engine."""
    engine = _engine(request, engine_name)
    return lambda sources, model: engine(sources).run(model)


@pytest.fixture(params=PARAMS)
def ask(request: pytest.FixtureRequest) -> Ask:
    """Run a model over small tables in memory, under their lake names."""
    engine = _engine(request, request.param)
    return lambda data, model: engine(data.sources("lake")).run(model)


@pytest.fixture(params=PARAMS)
def ask_files(request: pytest.FixtureRequest, tmp_path: Path) -> Ask:
    """Run a model over small Parquet files, under the names of a project's extract.

    The workers of a cluster read sealed ones.
    """
    if request.param in ENGINES:
        engine = ENGINES[request.param]
        return lambda data, model: engine(_as_files(data.sources("project"))).run(model)
    cluster: RunningCluster = request.getfixturevalue(request.param)
    folders = (tmp_path / f"sealed-{number}" for number in itertools.count())

    def on_cluster(data: SmallSnds, model: Model) -> CohortResult:
        with sealed_tables(data.sources("project"), next(folders)) as (sources, store):
            return SparkEngine(sources, cluster.settings(store)).run(model)

    return on_cluster


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
