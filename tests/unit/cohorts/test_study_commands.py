"""`bercail study`: one service call each, counts beside every figure, a reminder at the end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from bercail.cli.main import app
from bercail.cli.study_answer import _figure_of
from bercail.cohorts.analysis import REMINDER
from bercail.foundation import Invalid, Missing

Run = Callable[..., Any]


@pytest.fixture
def run() -> Run:
    def told(*words: str) -> Any:
        done = CliRunner().invoke(app, ["study", *words, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return told


def write(folder: Path, name: str, **columns: Any) -> str:
    path = folder / name
    table = pa.table(columns)
    if path.suffix == ".csv":
        pcsv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    return str(path)


@pytest.fixture
def persons(tmp_path: Path) -> str:
    rng = np.random.default_rng(1)
    treated = rng.integers(0, 2, 120)
    return write(
        tmp_path,
        "persons.parquet",
        person=[f"p{n}" for n in range(120)],
        birth=[1940 + n % 60 for n in range(120)],
        start=[date(2020, 1, 1)] * 120,
        end=[date(2020, 12, 31)] * 120,
        event=rng.integers(0, 2, 120).astype(bool),
        state=rng.integers(0, 3, 120),
        time=rng.integers(1, 400, 120),
        treated=treated,
        age=rng.normal(60, 10, 120) + 3 * treated,
        sex=["f" if n % 2 else "m" for n in range(120)],
    )


def test_persons_become_person_years_and_rates(run: Run, persons: str, tmp_path: Path) -> None:
    out = str(tmp_path / "strata.csv")
    asked = ["--birth", "birth", "--entry", "start", "--exit", "end", "--event", "event"]
    cells = run(
        "person-years", persons, *asked, "--ages", "0,30,50,65", "--by", "sex", "--out", out
    )
    assert cells["persons"] == 120
    assert {row["age"] for row in cells["rows"]} == {"0-29", "30-49", "50-64", "65+"}
    rates = run("rates", out, "--by", "sex", "--plot", str(tmp_path / "rates.svg"))
    assert (tmp_path / "rates.svg").read_text("utf-8").startswith("<svg")
    assert sum(row["events"] for row in rates["rows"]) == cells["events"]
    standard = run("standardise", out, "--by", "sex")
    assert {"events", "crude", "standardised", "low", "high"} <= set(standard["rows"][0])
    assert standard["reminder"] == REMINDER
    own = run("smr", out, "--reference", out, "--strata", "age", "--strata", "sex")
    assert own["rows"][0]["ratio"] == pytest.approx(1.0)


def test_models_of_persons(run: Run, persons: str, tmp_path: Path) -> None:
    figures = {
        "prevalence": run("prevalence", persons, "--case", "event", "--by", "sex"),
        "survival": run("survival", persons, "--by", "sex", "--plot", str(tmp_path / "s.png")),
        "competing": run("competing", persons, "--plot", str(tmp_path / "c.svg")),
        "cox": run("cox", persons, "--column", "age", "--column", "sex", "--reference", "sex=m"),
    }
    for name, found in figures.items():
        assert found["persons"] == 120, name
        assert found["events"] > 0, name
        assert found["source"], name
    assert figures["cox"]["rows"][1]["term"] == "sex=f"
    assert (tmp_path / "s.png").stat().st_size > 1000
    counted = run("regression", persons, "--events", "state", "--column", "treated")
    assert counted["rows"][1]["term"] == "treated"
    kept = tmp_path / "weighted.parquet"
    weighed = run(
        "propensity",
        persons,
        "--treatment",
        "treated",
        "--column",
        "age",
        "--persons-out",
        str(kept),
    )
    assert abs(weighed["rows"][0]["after"]) < abs(weighed["rows"][0]["before"])
    assert "weight" in pq.read_schema(kept).names


def test_a_probability_that_is_all_but_0_is_shown_by_its_bound() -> None:
    assert _figure_of("p_value", 1.422e-38) == "<0.0001"
    assert _figure_of("p_value", 0.0001) == "0.0001"
    assert _figure_of("p_value", None) is None
    assert _figure_of("rate", 1.5e-05) == "1.5e-05"


def test_series(run: Run, tmp_path: Path) -> None:
    series = write(tmp_path, "series.csv", value=[float(n + 5 * (n > 9)) for n in range(20)])
    found = run("its", series, "--start", "10", "--plot", str(tmp_path / "its.svg"))
    step = next(row for row in found["rows"] if row["term"] == "level_change")
    assert step["estimate"] == pytest.approx(5.0)
    cases = write(
        tmp_path,
        "cases.csv",
        person=[1, 2, 3],
        start=[0] * 3,
        end=[99] * 3,
        event=[12, 15, 70],
        exposure=[5, 5, 5],
    )
    series_found = run("sccs", cases, "--window", "1-20")
    assert series_found["rows"][0]["relative_incidence"] == pytest.approx((2 / 20) / (1 / 80))


def test_surveillance(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    first = date(2016, 1, 4)
    day = [first + timedelta(days=int(n)) for n in rng.integers(0, 7 * 364, 4000)]
    events = write(tmp_path, "events.parquet", date=day)
    weeks = str(tmp_path / "weeks.csv")
    assert run("weeks", events, "--out", weeks)["events"] == 4000
    found = run("alarms", weeks, "--last-weeks", "10", "--plot", str(tmp_path / "a.svg"))
    assert len(found["rows"]) == 10
    base = run("serfling", weeks)
    assert {"expected", "bound", "alarm"} <= set(base["rows"][0])
    daily = write(
        tmp_path, "daily.csv", date=[first + timedelta(days=n) for n in range(20)], cases=[5] * 20
    )
    number = run("reproduction", daily, "--mean", "4", "--spread", "2")
    # Constant incidence: one infects one.
    assert number["rows"][-1]["reproduction"] == pytest.approx(1.0, abs=0.1)


def test_pictures_of_what_a_run_wrote(run: Run, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    result.write_text(json.dumps({"flowchart": [{"label": "all", "persons": 7}]}), "utf-8")
    assert run("flowchart", str(result), "--plot", str(tmp_path / "f.svg"))["steps"] == [
        {"label": "all", "persons": 7}
    ]
    sides = [("age_group", ["0-9", "10+"]), ("sex", ["f", "m"])]
    cells = [([a, s], 3) for a in sides[0][1] for s in sides[1][1]]
    table = {
        "dimensions": [{"name": n, "categories": c} for n, c in sides],
        "cells": [{"categories": c, "persons": n} for c, n in cells],
    }
    (tmp_path / "table-1.json").write_text(json.dumps(table), "utf-8")
    made = run("pyramid", str(tmp_path / "table-1.json"), "--plot", str(tmp_path / "p.svg"))
    assert sum(row["persons"] for row in made["rows"]) == 12
    by_place = write(tmp_path, "places.csv", departement=["75", "13"], rate=[1.5, 2.5])
    drawn = run("map", by_place, "--plot", str(tmp_path / "m.svg"), "--language", "fr")
    assert drawn["values"] == {"75": 1.5, "13": 2.5}


def test_files_for_machine_learning(run: Run, persons: str, tmp_path: Path) -> None:
    events = write(
        tmp_path,
        "events.csv",
        person=["p1", "p1", "p2"],
        code=["A", "B", "A"],
        date=[date(2020, 2, 1), date(2020, 5, 1), date(2020, 3, 1)],
    )
    split = run("split", persons, "--seed", "x", "--out", str(tmp_path / "splits.parquet"))
    shown = CliRunner().invoke(
        app, ["study", "split", persons, "--seed", "x", "--out", str(tmp_path / "again.parquet")]
    )
    # Cells of a narrow terminal are folded.
    assert split["digest"] in re.sub(r"[\s│]", "", shown.output)
    folder = str(tmp_path / "meds")
    meds = run(
        "meds", persons, events, "--out", folder, "--name", "n", "--seed", "x", "--static", "sex"
    )
    assert meds["splits"]["digest"] == split["digest"]
    assert run("check-meds", folder)["events"] == 120 + 3
    matrix = run(
        "matrix",
        persons,
        events,
        "--out",
        str(tmp_path / "m"),
        "--period",
        "90",
        "--seed",
        "x",
        "--label",
        "B",
    )
    assert matrix["splits"]["digest"] == split["digest"]
    assert matrix["rows"] == 120 * 5


def test_a_person_reads_counts_source_and_reminder(persons: str) -> None:
    done = CliRunner().invoke(app, ["study", "survival", persons, "--by", "sex"])
    assert done.exit_code == 0, done.output
    assert "persons: 120" in done.stdout
    assert "source: Kaplan and Meier" in done.stdout
    assert "airlock only" in done.stdout
    assert "more rows" in done.stdout


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["rates", "none.csv"], Missing, "There is no `none.csv`"),
        (["rates", "x.txt"], Invalid, "neither Parquet nor CSV"),
        (["rates", "bad.parquet"], Invalid, "cannot be read"),
        (["rates", "x.csv", "--plot", "x.pdf"], Invalid, "no picture"),
        (["rates", "x.csv", "--out", "x.xlsx"], Invalid, "no table"),
        (["rates", "x.csv", "--language", "de"], Invalid, "no language"),
        (["cox", "x.csv", "--column", "a", "--reference", "a"], Invalid, "names no level"),
        (["sccs", "x.csv", "--window", "15"], Invalid, "no window"),
        (["serfling", "x.csv", "--season", "winter"], Invalid, "no whole number"),
        (["flowchart", "x.csv", "--plot", "f.svg"], Invalid, "is not JSON"),
        (["check-meds", "."], Missing, "no MEDS data set"),
    ],
)
def test_wrong_words_are_refused(
    words: list[str],
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "x.csv", a=[1.0], time=[1.0], event=[True], monday=[date(2024, 1, 1)])
    (tmp_path / "x.txt").write_text("a", "utf-8")
    (tmp_path / "bad.parquet").write_text("a", "utf-8")
    done = CliRunner().invoke(app, ["study", *words])
    assert isinstance(done.exception, error)
    assert message in str(done.exception)
