"""One study file, the sealed parts of a project, and whichever engine the command names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve
from typer.testing import CliRunner

from bercail.cli import cohort
from bercail.cohorts import Scope, Sources
from bercail.cohorts.arithmetic import Registered
from bercail.cohorts.service import ENGINES, run_study
from bercail.config import Config, load_config
from bercail.foundation import Actor
from bercail.platform import Platform
from bercail.testing.sealed_tables import sealed_tables
from bercail.testing.small_snds import METFORMIN, METFORMIN_LARGE, STATIN, SmallSnds
from bercail.testing.spark_servers import RunningCluster

CLUSTERS = [pytest.param("sail"), pytest.param("spark", marks=pytest.mark.xdist_group("spark"))]
STUDY = '''
"""Metformin in 2023: whom, when first, how often."""
from bercail.cohorts import Cohort, dispensings, persons

lines = dispensings.cleaned().where(dispensings.atc.starts_with("A10BA")).during(2023)
study = Cohort(
    name="metformin",
    title="Metformin in 2023",
    population=lines.count_dates() >= 2,
    exclude={"born after 1980": persons.birth_year > 1980},
    index_date=lines.first().date,
    attributes={"sex": persons.sex, "packs": lines.total(dispensings.quantity)},
    tables={"By sex": ["sex"]},
    event_rows={"lines": (lines, ["date", "cip13", "quantity"])},
)
'''


@pytest.fixture(params=CLUSTERS)
def cluster(request: pytest.FixtureRequest) -> RunningCluster:
    found: RunningCluster = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "metformin.py"
    path.write_text(STUDY)
    return path


def treated() -> Sources:
    """Twelve persons of whom seven are found, one objects, and one lives elsewhere."""
    data = SmallSnds()
    for number in range(12):
        name = f"N{number:02}"
        home = "974" if number == 3 else "075"
        data.person(name, 1985 if number == 9 else 1950 + number, 1 + number % 2, BEN_RES_DPT=home)
        drug = STATIN if number == 10 else METFORMIN_LARGE if number % 3 else METFORMIN
        for month in range(1, 2 if number == 11 else 2 + number % 4 + 1):
            data.dispensing(name, f"2023-0{month}-1{number % 10}", drug, PHA_ACT_QSN=1 + number % 3)
        data.dispensing(name, "2022-12-31", METFORMIN)
    scope = Scope(
        permit="permit-1",
        first_year=2023,
        last_year=2023,
        registered=Registered(born_until=1985, departments=("075",)),
        objections=frozenset({"N05"}),
    )
    return evolve(data.sources("project", "permit-1"), scope=scope)


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[tuple[Sources, str]]:
    with sealed_tables(treated(), tmp_path / "house") as (sources, location):
        yield sources, str(location)


def configured(folder: Path, home: str, cluster: RunningCluster) -> Config:
    """The platform of an operator who wrote the cluster into the configuration."""
    (folder / "workers.party").write_bytes(cluster.key.recipient().party.as_bytes())
    text = f"""
name = "house"
trust_side = "trust"
home = {{ location = "{home}", credentials = "BERCAIL_HOME" }}
host = {{ service = "none", data_class = "synthetic" }}

[cohorts]
cluster = "{cluster.address}"
workers = "workers.party"
"""
    (folder / "bercail.toml").write_text(text)
    return load_config(folder / "bercail.toml")


def rows(result: Any) -> tuple[Any, ...]:
    return result.persons.to_pylist(), result.events["lines"].to_pylist(), result.flowchart


def test_the_same_file_gives_the_same_rows(
    cluster: RunningCluster, sealed: tuple[Sources, str], study: Path, tmp_path: Path
) -> None:
    sources, home = sealed
    here = Platform(configured(tmp_path, home, cluster))
    results = {
        engine: run_study(study, sources, engine, tmp_path / engine, lambda: here.cluster)
        for engine in ENGINES
    }
    found = results["duckdb"]
    persons = found.persons["person"].to_pylist()
    assert persons == ["N00", "N01", "N02", "N04", "N06", "N07", "N08"]
    assert len(found.events["lines"].to_pylist()) > len(persons)
    assert rows(results["spark"]) == rows(found) == rows(results["memory"])
    for name in ("model.json", "table-1.json"):
        texts = {(tmp_path / engine / name).read_bytes() for engine in ENGINES}
        assert len(texts) == 1
    told = json.loads((tmp_path / "spark" / "result.json").read_bytes())
    assert told["engine"] == "spark"


def test_the_command_names_the_engine(
    sail: RunningCluster,
    sealed: tuple[Sources, str],
    study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sources, home = sealed
    platform = Platform(configured(tmp_path, home, sail))
    access = SimpleNamespace(open_extract=lambda _permit, _actor: sources)
    here = SimpleNamespace(access=access, cluster=platform.cluster)
    monkeypatch.setattr(cohort, "house", lambda: here)
    monkeypatch.setattr(cohort, "actor", lambda: Actor(id="ada"))
    told = []
    for engine in ENGINES:
        words = ["run", str(study), "--permit", "permit-1", "--engine", engine, "--json"]
        done = CliRunner().invoke(
            cohort.app, [*words, "--out", str(tmp_path / engine)], catch_exceptions=False
        )
        assert done.exit_code == 0
        told.append(json.loads(done.stdout))
    assert told[0] == told[1] == told[2]
    assert told[0]["persons"] == 7
