"""A study's own examples, and synthetic persons found by solving it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bercail.cli import cohort
from bercail.cohorts import (
    Cohort,
    DuckdbEngine,
    MemoryEngine,
    Model,
    acts,
    biology,
    case,
    consultations,
    deaths,
    devices,
    diagnoses,
    dispensings,
    interval,
    long_term_illnesses,
    measure,
    other_stays,
    periods,
    persons,
    residence,
    stays,
)
from bercail.cohorts.dummy import solve, sources_in, sources_of, try_examples
from bercail.cohorts.study_files.examples import Example, example
from bercail.cohorts.study_files.loader import load_examples
from bercail.foundation import Invalid, Missing

STUDY = Path(__file__).resolve().parents[3] / "studies" / "treated_diabetes.py"
runner = CliRunner()


def _model(population: Any, **given: Any) -> Model:
    return Cohort(name="s", title="s", population=population, **given).model


_statins = dispensings.cleaned().where(dispensings.atc.starts_with("C10AA"))
_first = _statins.first().date
_stroke = (
    stays.cleaned()
    .where(stays.diagnoses.any_starts_with("I63"))
    .between(_first.plus(years=-1), _first)
)
NARROW = {
    "several dates, a stay before, an age": _model(
        (_statins.during(2024).count_dates() >= 3)
        & _stroke.exists()
        & (persons.age_on("2024-12-31") >= 65)
        & (persons.sex == "female"),
        exclude={
            "dead": persons.dead_on("2024-12-31"),
            "ill": long_term_illnesses.exists(),
        },
    ),
    "a comorbidity index": _model(diagnoses.score("charlson-quan-2005", diagnoses.code) >= 4),
    "an exposure": _model(_statins.periods(days=30).total(periods.days) >= 60),
    "one short window": _model(_statins.between("2024-02-28", "2024-03-01").exists()),
    "many code lists": _model(
        dispensings.where(dispensings.cip13.is_in(["3400930000001", "3400930000004"])).exists()
        & acts.where((acts.code == "DEQP003") & (acts.activity == "1")).exists()
        & biology.where(biology.code.is_in(["1577"])).during(2023).exists()
        & (consultations.where(consultations.specialty == "22").count() >= 2)
        & devices.where(devices.quantity > 2).exists()
        & other_stays.where(other_stays.sector == "ssr").exists()
    ),
    "a place and a death": _model(
        residence.where(residence.department == "013").exists()
        & deaths.where(deaths.cause.starts_with("C")).exists()
        & (persons.death_date >= "2024-01-01")
        & persons.department.is_in(["2A", "02A"])
    ),
    "an illness and a group of age": _model(
        long_term_illnesses.cleaned().where(long_term_illnesses.icd10.starts_with("E11")).exists()
        & (persons.age_on("2024-12-31").groups(0, 18, 65) == "18-64")
    ),
    "a sum and a case": _model(
        (dispensings.cleaned().total(dispensings.quantity) >= 7)
        & (case((persons.sex == "male", 1), otherwise=0) == 1).if_unknown(False)
    ),
}


@pytest.mark.parametrize("name", NARROW)
def test_a_narrow_study_gets_persons(name: str) -> None:
    data = solve(NARROW[name], 8, 4, seed=3)
    assert data.result.persons.num_rows == 8
    assert len(data.drafts) == 12
    # What was checked on the memory engine holds on another one.
    other = DuckdbEngine(sources_of(data.drafts)).run(NARROW[name])
    assert other.persons["person"].to_pylist() == data.result.persons["person"].to_pylist()


def test_persons_get_some_of_what_the_study_looks_at() -> None:
    bleeding = stays.cleaned().where(stays.principal_diagnosis.starts_with("K92"))
    users = dispensings.cleaned().where(dispensings.atc.starts_with("J01"))
    model = _model(
        _statins.during(2024).exists(),
        exclude={"dead": persons.dead_on("2024-12-31")},
        index_date=_first,
        attributes={
            "bled": bleeding.between(_first.plus(days=1), _first.plus(days=365)).exists(),
            "antibiotic": _first.days_until(users.between(_first).first().date),
            "dies": persons.dead_on("2024-12-31"),
        },
        event_rows={"stays": (bleeding.between(_first), ["entry"])},
        measures=[
            measure(
                "users",
                first="2024-01-01",
                count=3,
                numerator=users.between(interval.start, interval.end).exists(),
                denominator=persons.alive_on(interval.start),
            )
        ],
    )
    result = solve(model, 20, seed=4).result
    columns = result.persons.to_pydict()
    assert 0 < sum(columns["bled"]) < 20
    assert any(days is not None and days > 0 for days in columns["antibiotic"])
    # What would take a person out again is not given.
    assert not any(columns["dies"])
    assert result.events["stays"].num_rows > 0
    assert sum(row[-2] for row in result.measures[0].rows) > 0


def test_the_same_seed_makes_the_same_persons() -> None:
    model = NARROW["an exposure"]
    one, again, other = (solve(model, 5, 5, seed=seed) for seed in (1, 1, 2))
    assert one.drafts == again.drafts
    assert one.drafts != other.drafts


def test_a_study_that_nobody_fits_is_told_with_the_step() -> None:
    model = _model((persons.birth_year == 1950) & (persons.birth_year == 1960), label="Two births")
    with pytest.raises(Invalid, match=r"No person fits.*Two births"):
        solve(model, 1)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(Invalid, match="`0`"):
        solve(NARROW["an exposure"], 0)


def test_the_examples_of_a_study_are_tried() -> None:
    model, examples = load_examples(STUDY)
    assert len(examples) == 5
    assert not any(one.differs for one in try_examples(model, examples))
    wrong = Example(title="wrong", person={"birth_year": 1950}, expect={"in_cohort": True})
    (outcome,) = try_examples(model, [wrong])
    assert outcome.differs == ("`in_cohort`: expected `True`, found `False`",)
    absent = Example(title="absent", expect={"sex": "male"})
    assert try_examples(model, [absent])[0].differs == ("`sex`: not in the cohort",)


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (example("x", expect={"colour": "red"}), "expects `colour`"),
        (example("x", expect={}), "expects ``"),
        (example("x", feathers=[{}], expect={"in_cohort": True}), "no event view `feathers`"),
        (example("x", stays=[{"day": 1}], expect={"in_cohort": True}), "no `stays.day`"),
        (example("x", person={"birth_year": "1950"}, expect={"in_cohort": True}), "`1950`"),
        (example("x", stays=[{"entry": "soon"}], expect={"in_cohort": True}), "`soon` is no date"),
    ],
)
def test_a_wrong_example_is_told(one: Example, message: str) -> None:
    model, _ = load_examples(STUDY)
    with pytest.raises(Invalid, match=message):
        try_examples(model, [one])


def test_a_study_without_examples_says_so(tmp_path: Path) -> None:
    text = STUDY.read_text(encoding="utf-8")
    study = tmp_path / "study.py"
    study.write_text(text[: text.index("three_dates")], encoding="utf-8")
    model, examples = load_examples(study)
    with pytest.raises(Invalid, match="0 examples"):
        try_examples(model, examples)
    study.write_text(text + "\nexamples = 3\n", encoding="utf-8")
    with pytest.raises(Invalid, match="no list of examples"):
        load_examples(study)


def _ask(*words: str, code: int = 0) -> Any:
    result = runner.invoke(cohort.app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == code
    return json.loads(result.stdout)


def test_the_commands_try_make_and_run(tmp_path: Path) -> None:
    assert _ask("test", str(STUDY))["passed"] is True
    wrong = tmp_path / "wrong.py"
    text = STUDY.read_text(encoding="utf-8").replace('"70-79"', '"60-69"')
    wrong.write_text(text, encoding="utf-8")
    told = _ask("test", str(wrong), code=1)
    assert [one["title"] for one in told["examples"] if one["differs"]] == [
        "treated on three dates"
    ]
    folder = tmp_path / "tables"
    made = _ask("dummy", str(STUDY), "--out", str(folder), "--persons", "6", "--others", "3")
    assert (made["persons"], made["in_cohort"]) == (9, 6)
    assert (made["outside"], made["wanted_outside"]) == (3, 3)
    out = ("--out", str(tmp_path / "counts"))
    for engine in ("memory", "duckdb"):
        ran = _ask("run", str(STUDY), "--data", str(folder), *out, "--engine", engine)
        assert ran["persons"] == 6


def test_a_study_runs_on_one_extract(tmp_path: Path) -> None:
    words = ["run", str(STUDY), "--out", str(tmp_path)]
    with pytest.raises(Invalid, match="runs on one extract"):
        runner.invoke(cohort.app, words, catch_exceptions=False)
    with pytest.raises(Missing, match="no tables"):
        sources_in(tmp_path)


def test_synthetic_events_pass_the_rules_that_a_study_asks_for() -> None:
    everything = _model(
        dispensings.cleaned().exists()
        & stays.cleaned("mco-no-sessions").exists()
        & long_term_illnesses.cleaned().exists(),
        person_rules=["person-real-identifier", "person-plausible-death"],
    )
    data = solve(everything, 3)
    assert MemoryEngine(sources_of(data.drafts)).run(everything).persons.num_rows == 3
