"""How the DuckDB engine is kept in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import duckdb
import pyarrow.parquet as pq
import pytest
import sqlglot
from fsspec.implementations.memory import MemoryFileSystem

from bercail.cohorts import (
    Cohort,
    DuckdbEngine,
    DuckdbSettings,
    Model,
    Source,
    Sources,
    dispensings,
    duckdb_engine,
    match,
    persons,
)
from bercail.cohorts.duckdb_engine import to_sql
from bercail.cohorts.plan import RunPlan, plan_run
from bercail.cohorts.sql.cohort import compile_decided
from bercail.foundation import Unavailable, Unproven
from bercail.testing.small_snds import DRUGS, SmallSnds


def _model(code: str = "A10") -> Model:
    found = dispensings.where(dispensings.atc.starts_with(code))
    return Cohort(name="s", title="s", population=found.exists()).model


def _sql(plan: RunPlan) -> str:
    return to_sql(compile_decided(plan).query)


def test_a_code_stays_a_value() -> None:
    code = "x'); DROP TABLE drugs; --"
    sources = SmallSnds().sources()
    assert DuckdbEngine(sources).run(_model(code)).persons.num_rows == 0
    assert "'x''); DROP TABLE drugs; --'" in _sql(plan_run(_model(code), sources))


def test_a_study_is_one_query() -> None:
    sql = _sql(plan_run(_model(), SmallSnds().sources()))
    assert sql.startswith("WITH ")
    assert ";" not in sql


def test_no_extension_is_loaded_and_nothing_is_spilled() -> None:
    with duckdb.connect(":memory:", config=DuckdbSettings().as_config()) as connection:
        names = {
            row[0]: row[1]
            for row in connection.sql("SELECT name, value FROM duckdb_settings()").fetchall()
        }
    assert names["autoinstall_known_extensions"] == "false"
    assert names["autoload_known_extensions"] == "false"
    assert names["python_enable_replacements"] == "false"
    assert names["temp_directory"] == ""
    assert names["threads"] == "2"


def test_too_little_memory_is_unavailable() -> None:
    data = SmallSnds()
    for number in range(20_000):
        data.person(f"p{number:016}")
    engine = DuckdbEngine(data.sources(), DuckdbSettings(memory_limit="1MB"))
    with pytest.raises(Unavailable, match="`OutOfMemoryException`"):
        engine.run(_model())


def test_an_error_in_a_table_that_is_read_as_it_comes_tells_no_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Arrow tells an error of DuckDB as its own, with DuckDB's words.
    everyone = persons.birth_year.is_known()
    study = Cohort(
        name="s",
        title="s",
        population=everyone,
        attributes={"sex": persons.sex},
        matching=match(everyone, on=["sex"]),
    )
    failing = (
        "SELECT CAST('p' || CAST(i AS TEXT) AS INT) AS stratum, '' AS person FROM RANGE(9) AS t(i)"
    )
    monkeypatch.setattr(duckdb_engine, "matched_pool", lambda _: sqlglot.parse_one(failing))
    with pytest.raises(Unavailable) as caught:
        DuckdbEngine(SmallSnds().sources()).run(study.model)
    assert "p0" not in f"{caught.value}"


class _Breaking(MemoryFileSystem):
    """A filesystem whose files are found to be tampered with, from a moment on."""

    protocol = "breaking"
    broken = ""

    def open(self, path: str, mode: str = "rb", **named: Any) -> Any:
        if self.broken == "open":
            raise Unproven("Segment 0 of `x` does not open.", rule="segment")
        handle = super().open(path, mode, **named)
        if self.broken == "read":
            handle.read = _fail
        return handle


def _fail(*_: Any) -> NoReturn:
    raise Unproven("Segment 3 of `x` does not open.", rule="segment")


@pytest.mark.parametrize(("broken", "segment"), [("open", "Segment 0"), ("read", "Segment 3")])
def test_a_broken_seal_comes_through_as_what_it_is(broken: str, segment: str) -> None:
    disk = _Breaking(skip_instance_cache=True)
    tables: dict[str, Any] = {}
    for name, table in SmallSnds().tables().items():
        url = f"breaking:///{broken}/{name}"
        with disk.open(url, "wb") as file:
            pq.write_table(table, file)
        tables[name] = Source(urls=(url,), filesystem=disk)
    sources = Sources(tables=tables, drugs=DRUGS)
    engine, plan = DuckdbEngine(sources), plan_run(_model(), sources)
    assert engine._answer(plan).persons.num_rows == 0
    disk.broken = broken
    with pytest.raises(Unproven, match=segment):
        engine._answer(plan)
    with pytest.raises(Unproven, match=segment):
        engine.run(_model())


def test_an_error_names_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "canary.parquet"
    path.write_bytes(b"PAR1canary-of-a-personPAR1")
    tables: dict[str, Any] = dict(SmallSnds().tables())
    engine = DuckdbEngine(Sources(tables=tables, drugs=DRUGS))
    plan = plan_run(_model(), Sources(tables=tables, drugs=DRUGS))
    wrong = "SELECT CAST('canary-of-a-person' AS INT)"
    monkeypatch.setattr(duckdb_engine, "to_sql", lambda _: wrong)
    with pytest.raises(Unavailable) as caught:
        engine._answer(plan)
    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__
