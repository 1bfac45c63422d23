"""The commands `bercail cohort`, and what a study is told to be."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bercail.cli import cohort, door
from bercail.cohorts import CountTable, Model, Sources
from bercail.cohorts.service import engine_named, explain_study, run_study
from bercail.cohorts.spark import SparkSettings
from bercail.foundation import Actor, Invalid, Missing
from bercail.testing.small_omop import main as write_omop
from bercail.testing.small_snds import SmallSnds

STUDY = Path(__file__).resolve().parents[3] / "studies" / "treated_diabetes.py"
PHENOTYPE = STUDY.with_name("metformin_after_diabetes.json")
runner = CliRunner()


def _ask(*words: str) -> Any:
    result = runner.invoke(cohort.app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_check_shows_identity_steps_and_needs() -> None:
    answer = _ask("check", str(STUDY))
    assert answer["study"] == "treated-diabetes"
    assert len(answer["digest"]) == 64
    assert answer["steps"][0] == "Persons in the data"
    assert "PHA_PRS_C13" in answer["reads"]["ER_PHA_F"]
    assert set(answer["reads"]) == {"ER_PHA_F", "ER_PRS_F", "IR_BEN_R"}


def test_explain_tells_the_study_in_both_languages() -> None:
    english = "\n".join(_ask("explain", str(STUDY)))
    assert "drug dispensings" in english
    assert "ATC class starts with A10" in english
    assert "from 2024-01-01 to 2024-12-31" in english
    assert "so that regularisations cancel" in english
    french = "\n".join(_ask("explain", str(STUDY), "--language", "fr"))
    assert "classe ATC commence par A10" in french
    assert "du 2024-01-01 au 2024-12-31" in french


def test_check_shows_people_the_whole_digest_and_a_table_in_a_line() -> None:
    shown = CliRunner().invoke(cohort.app, ["check", str(STUDY)], catch_exceptions=False).stdout
    answer = _ask("check", str(STUDY))
    assert f"digest: {answer['digest']}\n" in shown
    assert f"  ER_PHA_F: {', '.join(answer['reads']['ER_PHA_F'])}\n" in shown


def test_no_other_language_is_spoken() -> None:
    with pytest.raises(Invalid, match="`de`"):
        explain_study(STUDY, "de")


class _Access:
    """Stands for the desk that opens extracts."""

    def open_extract(self, permit: str, who: Actor) -> Sources:
        data = SmallSnds()
        data.person("a")
        for month in (1, 2, 3):
            data.dispensing("a", f"2024-0{month}-01")
        assert who.id == "ada"
        return data.sources("project", permit)


class _House:
    access = _Access()


@pytest.mark.parametrize("engine", ["duckdb", "memory"])
def test_run_writes_counts_and_no_person(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cohort, "house", _House)
    monkeypatch.setattr(cohort, "actor", lambda: Actor(id="ada"))
    words = ["run", str(STUDY), "--permit", "permit-1", "--engine", engine, "--out", str(tmp_path)]
    answer = _ask(*words)
    assert answer["persons"] == 1
    assert [step["persons"] for step in answer["flowchart"]] == [1, 1, 1, 1, 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model.json",
        "result.json",
        "table-1.json",
    ]
    model = Model.from_json((tmp_path / "model.json").read_bytes())
    table = CountTable.from_file(tmp_path / "table-1.json")
    assert table.model_digest == model.digest == answer["model_digest"]
    assert table.cells["70-79", "female"] == 1
    shown = runner.invoke(cohort.app, words, catch_exceptions=False)
    assert shown.stdout.splitlines()[0].split(maxsplit=1) == ["1", "Persons in the data"]


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(Invalid, match="`oracle`"):
        engine_named("oracle", Sources(tables={}))


def test_the_door_gives_no_house_without_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BERCAIL_CONFIG", raising=False)
    door.choose(config=None, actor=None)
    words = ["run", str(STUDY), "--permit", "p", "--out", "out"]
    assert runner.invoke(cohort.app, words).exit_code != 0
    assert not (tmp_path / "out").exists()


def test_a_definition_of_ohdsi_is_checked_and_run(tmp_path: Path) -> None:
    write_omop(tmp_path / "omop")
    checked = _ask("check", str(PHENOTYPE))
    assert checked["steps"][-1] == "In the cohort"
    assert checked["reads"] == [
        "concept",
        "concept_ancestor",
        "condition_occurrence",
        "drug_exposure",
        "observation_period",
        "person",
    ]
    out = tmp_path / "out"
    answer = _ask("run", str(PHENOTYPE), "--data", str(tmp_path / "omop"), "--out", str(out))
    assert answer["model_digest"] == checked["digest"]
    assert (answer["persons"], answer["event_rows"]) == (2, {"periods": 2})
    assert sorted(path.name for path in out.iterdir()) == ["model.json", "result.json"]
    told = json.loads((out / "result.json").read_bytes())
    assert (told["study"], told["engine"]) == ("metformin_after_diabetes", "duckdb")
    assert hashlib.sha256((out / "model.json").read_bytes()).hexdigest() == checked["digest"]


@pytest.mark.parametrize("engine", ["memory", "spark"])
def test_a_definition_runs_on_duckdb_alone(engine: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=f"`{engine}`"):
        run_study(PHENOTYPE, Sources(tables={}), engine, tmp_path)


def test_a_definition_is_no_study_file() -> None:
    with pytest.raises(Invalid, match="is an OHDSI definition and no study file"):
        explain_study(PHENOTYPE)


def test_a_cluster_that_nobody_named_is_missing() -> None:
    with pytest.raises(Missing, match="No cluster is known"):
        engine_named("spark", Sources(tables={}))


def test_without_the_client_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The modules of the client cannot be imported, as where it is not installed."""
    for name in [name for name in sys.modules if name.startswith("pyspark.sql.connect")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyspark.sql.connect.session", None)
    data = SmallSnds()
    data.person("a")
    settings = SparkSettings(address="sc://127.0.0.1:1")
    with pytest.raises(Missing) as missing:
        run_study(STUDY, data.sources(), "spark", tmp_path, lambda: settings)
    assert "bercail[cluster]" in str(missing.value.remedy)
    assert not (tmp_path / "result.json").exists()
