"""What a permit and objections take away, and that no engine is reached without it."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve

import bercail.cohorts
from bercail.cohorts import (
    Cohort,
    DuckdbEngine,
    MemoryEngine,
    Model,
    Scope,
    Sources,
    acts,
    dispensings,
    long_term_illnesses,
    persons,
    stays,
)
from bercail.cohorts.arithmetic import Listed, Registered
from bercail.cohorts.plan import plan_run
from bercail.cohorts.scope import ScopedModel, add_scope
from bercail.cohorts.spark.dialect import to_spark
from bercail.cohorts.spark.tables import table_types
from bercail.cohorts.sql.cohort import compile_cohort
from bercail.foundation import Invalid
from bercail.testing.silver_register import register_of
from bercail.testing.small_snds import DRUGS, SmallSnds

ROOM = Path(bercail.cohorts.__file__).parent
ENGINES = [MemoryEngine, DuckdbEngine]
# These compile nothing of the model: they read the answer, or sum it up.
ANSWERS = {"answer.py", "decided.py", "matching.py"}


def _data() -> SmallSnds:
    data = SmallSnds()
    for person, sex in (("a", 1), ("b", 2), ("c", 2), ("d", 2)):
        data.person(person, sex=sex, birth=1950)
        data.dispensing(person, "2022-12-31")
        data.dispensing(person, "2023-06-01")
        data.dispensing(person, "2024-01-01")
    data.illness("b", "2015-01-01", "2022-12-31")
    data.illness("c", "2015-01-01", "2023-01-01")
    data.illness("c", "2024-01-01")
    data.illness("d", "2015-01-01")
    return data


def _model() -> Model:
    return Cohort(
        name="scoped",
        title="Scoped",
        population=dispensings.exists(),
        attributes={
            "lines": dispensings.count(),
            "last": dispensings.last().date,
            "illnesses": long_term_illnesses.count(),
        },
        event_rows={"lines": (dispensings, ["date"])},
    ).model


def _run(engine: Any, scope: Scope) -> Any:
    sources = evolve(_data().sources(), scope=scope)
    return engine(sources).run(_model())


@pytest.mark.parametrize("engine", ENGINES)
def test_events_outside_the_years_are_not_there(engine: Any) -> None:
    result = _run(engine, Scope(first_year=2023, last_year=2023))
    assert result.persons["lines"].to_pylist() == [1, 1, 1, 1]
    # As an extract is cut: what lasts into the years is there, an open end is.
    assert result.persons["illnesses"].to_pylist() == [0, 0, 1, 1]
    assert {str(row["date"]) for row in result.events["lines"].to_pylist()} == {"2023-06-01"}
    assert result.model_digest == _model().digest


@pytest.mark.parametrize("engine", ENGINES)
def test_persons_who_object_are_as_if_they_did_not_exist(engine: Any) -> None:
    result = _run(engine, Scope(objections=frozenset({"b", "nobody"})))
    assert result.persons["person"].to_pylist() == ["a", "c", "d"]
    assert [step.persons for step in result.flowchart] == [3, 3]


def _merged() -> dict[str, pa.Table]:
    """The persons `b` and `c` are one, called `b`; the list knows `e`, which the register lacks."""
    numbers = pa.array([1, 2, 2, 3, 3], pa.int32())
    known = {"person": numbers, "BEN_IDT_ANO": ["a", "b", "c", "d", "e"]}
    return {**_data().tables(), "silver_identities": pa.table(known)}


@pytest.mark.parametrize(
    ("objection", "left"),
    [("b", ["a", "d"]), ("c", ["a", "d"]), ("e", ["a", "b"]), ("nobody", ["a", "b", "d"])],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_an_objection_holds_for_every_identity_of_the_person(
    engine: Any, objection: str, left: list[str]
) -> None:
    scope = Scope(objections=frozenset({objection}))
    sources = Sources(tables=_merged(), drugs=DRUGS, scope=scope)
    result = engine(sources).run(_model())
    assert result.persons["person"].to_pylist() == left
    assert {row["person"] for row in result.events["lines"].to_pylist()} == set(left)


def test_a_cluster_is_asked_the_same_of_objections() -> None:
    scope = Scope(objections=frozenset({"c"}))
    plan = plan_run(_model(), Sources(tables=_merged(), drugs=DRUGS, scope=scope))
    text = to_spark(compile_cohort(plan), table_types(plan))
    assert "`objections_persons` AS (SELECT COALESCE(`n`.`called`, `o`.`person`)" in text


@pytest.mark.parametrize("engine", ENGINES)
def test_a_silver_view_does_not_change_who_the_persons_are(engine: Any) -> None:
    days, people = pa.array([], pa.date32()), pa.array([], pa.int32())
    table = {"silver_acts": pa.table({"person": people, "date": days})}
    sources = Sources(tables={**_merged(), **table}, drugs=DRUGS)
    bronze = Cohort(name="one", title="One", population=dispensings.exists())
    silver = Cohort(
        name="two",
        title="Two",
        population=dispensings.exists(),
        attributes={"acts": acts.count()},
    )
    assert not plan_run(bronze.model, sources).silver
    assert plan_run(silver.model, sources).silver
    for study in (bronze, silver):
        assert engine(sources).run(study.model).persons["person"].to_pylist() == ["a", "b", "d"]


def test_person_numbers_beyond_the_permit_are_not_read() -> None:
    plan = plan_run(_model(), _data().sources())
    reach = {
        name: frozenset(column for one in readings for column in one.columns)
        for name, readings in plan.readings.items()
    }
    sources = Sources(tables=_merged(), drugs=DRUGS, scope=Scope(tables=reach))
    assert not plan_run(_model(), sources).numbers
    wider = {**reach, "silver_identities": frozenset({"person", "BEN_IDT_ANO"})}
    within = evolve(sources, scope=Scope(tables=wider))
    assert plan_run(_model(), within).numbers == "silver_identities"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_population_of_the_permit_comes_first(engine: Any) -> None:
    females = (persons.sex == "female").node
    result = _run(engine, Scope(population=females, objections=frozenset({"c"})))
    assert result.persons["person"].to_pylist() == ["b", "d"]
    assert [step.persons for step in result.flowchart] == [2, 2]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_population_of_the_permit_may_ask_for_events(engine: Any) -> None:
    ill = long_term_illnesses.last().icd10.starts_with("E11").node
    assert _run(engine, Scope(population=ill)).persons["person"].to_pylist() == ["b", "c", "d"]


ROWS_OF = {
    # Two rows that disagree, of which one fits; one row that half fits; no year; a fitting row.
    "moved": [("1950", "013"), ("1950", "075")],
    "half": [("1950", "013"), ("1990", "075")],
    "unknown": [(None, "075"), ("0000", "075")],
    "plain": [("1959", "075")],
    "old": [("1939", "075")],
}


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"departments": ("075",)}, ["half", "moved", "old", "plain", "unknown"]),
        ({"born_from": 1940, "born_until": 1959}, ["half", "moved", "plain"]),
        ({"born_from": 1940, "departments": ("075", "974")}, ["half", "moved", "plain"]),
        ({"born_until": 1959, "departments": ("075",)}, ["moved", "old", "plain", "unknown"]),
        ({"born_from": 1951, "departments": ("013",)}, []),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_one_row_of_the_register_that_fits_is_enough(
    engine: Any, asked: dict[str, Any], left: list[str]
) -> None:
    data = SmallSnds()
    for person, rows in ROWS_OF.items():
        for year, home in rows:
            data.person(person, birth=year, BEN_RES_DPT=home)
        data.dispensing(person, "2023-01-01")
    study = Cohort(name="some", title="Some", population=dispensings.exists())
    scope = Scope(registered=Registered(**asked))
    result = engine(evolve(data.sources(), scope=scope)).run(study.model)
    assert result.persons["person"].to_pylist() == left
    assert [step.persons for step in result.flowchart] == [len(left)] * 2


@pytest.mark.parametrize("engine", ENGINES)
def test_the_rows_of_every_identity_tell_of_a_person_of_silver(engine: Any) -> None:
    """`b` and `c` are one person, of whom only `c` was registered with the year asked for."""
    data = SmallSnds()
    for name, born in (("a", 1950), ("b", 1950), ("c", 1960), ("d", 1960)):
        data.person(name, birth=born)
    numbers = pa.array([1, 2, 2, 3], pa.int32())
    days = pa.array([date(2023, 1, 1)] * 3, pa.date32())
    tables = {
        **data.tables(),
        "silver_identities": pa.table({"person": numbers, "BEN_IDT_ANO": list("abcd")}),
        "silver_acts": pa.table({"person": pa.array([1, 2, 3], pa.int32()), "date": days}),
    }
    study = Cohort(
        name="acts",
        title="Acts",
        population=acts.exists(),
        event_rows={"acts": (acts, ["date"])},
    ).model
    for asked, left in ((1940, ["b", "d"]), (1955, ["b", "d"]), (1961, [])):
        scope = Scope(registered=Registered(born_from=asked), objections=frozenset({"a"}))
        result = engine(Sources(tables=tables, drugs=DRUGS, scope=scope)).run(study)
        assert result.persons["person"].to_pylist() == left
        assert result.events["acts"]["person"].to_pylist() == left
        assert [step.persons for step in result.flowchart] == [len(left)] * 2


def test_a_cluster_is_asked_the_same_of_the_register() -> None:
    scope = Scope(registered=Registered(born_from=1940, departments=("075",)))
    plan = plan_run(_model(), evolve(_data().sources(), scope=scope))
    text = to_spark(compile_cohort(plan), table_types(plan))
    plain = text.replace("`identities`.", "").replace("`", "")
    assert "BOOL_OR(BEN_NAI_ANN >= CAST(1940 AS BIGINT) AND BEN_RES_DPT IN ('075'))" in plain
    assert "WHERE COALESCE(people.registered, FALSE)" in plain


def test_a_population_that_asks_for_nothing_is_none() -> None:
    with pytest.raises(Invalid, match="asks for nothing"):
        Registered()
    for listed in (Registered(born_from=1950), Listed(name="objections")):
        with pytest.raises(Invalid, match="names no list"):
            Scope(population=listed)


def test_the_register_is_held_against_the_permit_as_any_table() -> None:
    tables = {"IR_BEN_R": frozenset({"BEN_NIR_PSA", "BEN_RNG_GEM", "BEN_IDT_ANO", "BEN_NAI_ANN"})}
    study = Cohort(name="born", title="Born", population=persons.birth_year >= 1900).model
    for asked, refused in ((Registered(born_from=1950), ""), (Registered(departments=("075",)), 1)):
        sources = evolve(_data().sources(), scope=Scope(tables=tables, registered=asked))
        if refused:
            with pytest.raises(Invalid, match=r"`IR_BEN_R.BEN_RES_DPT`"):
                plan_run(study, sources)
        else:
            assert plan_run(study, sources).scoped.registered == asked


def test_silver_beyond_the_permit_is_not_chosen() -> None:
    held = plan_run(_model(), _data().sources())
    reach = {
        name: frozenset(column for one in readings for column in one.columns)
        for name, readings in held.readings.items()
    }
    days, people = pa.array([], pa.date32()), pa.array([], pa.int32())
    further = {"silver_acts": pa.table({"person": people, "date": days})}
    sources = Sources(tables={**_merged(), **further}, drugs=DRUGS, scope=Scope(tables=reach))
    study = Cohort(name="acts", title="Acts", population=acts.exists()).model
    with pytest.raises(Invalid, match=r"`silver_acts`, which is outside the scope"):
        plan_run(study, sources)


def test_the_silver_register_gives_no_column_that_the_permit_lacks() -> None:
    data = SmallSnds()
    for name, sex in (("a", 1), ("b", 2)):
        data.person(name, sex=sex)
    numbers = pa.table({"person": pa.array([1, 2], pa.int32()), "identity": ["a", "b"]})
    tables = {"IR_BEN_R": data.table("IR_BEN_R"), "silver_numbers": numbers}
    tables["silver_register"] = register_of(tables)
    held = {name: frozenset(table.column_names) for name, table in tables.items()}
    born = Cohort(name="born", title="Born", population=persons.birth_year >= 1900).model
    male = Cohort(name="male", title="Male", population=persons.sex == "male").model
    asked = Registered(born_from=1900)

    def read(model: Model, lacking: str = "", registered: Registered | None = None) -> str:
        table, _, column = lacking.partition(".")
        reach = {
            name: columns - {column} if name == table else columns for name, columns in held.items()
        }
        reach = {name: columns for name, columns in reach.items() if name != lacking}
        scope = Scope(permit="p1", tables=reach, registered=registered)
        plan = plan_run(model, Sources(tables=tables, drugs=DRUGS, scope=scope))
        assert bool(plan.register) == ("IR_BEN_R" not in plan.readings)
        return plan.register

    assert read(born) == read(male) == "silver_register"
    # What it was made from is asked of the permit, whatever it says of the silver table.
    assert read(born, "IR_BEN_R.BEN_SEX_COD")
    with pytest.raises(Invalid, match=r"`IR_BEN_R.BEN_SEX_COD`, which is outside .* `p1`"):
        read(male, "IR_BEN_R.BEN_SEX_COD")
    # Beyond the permit it is not read, and one row of the register is asked of that alone.
    for lacking in ("silver_register", "silver_register.sex", "silver_numbers"):
        assert not read(male, lacking)
    assert read(born, "silver_register.sex")
    assert not read(born, registered=asked)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_objection_holds_in_the_silver_register(engine: Any) -> None:
    """`b` and `c` are one person; `d` has no number."""
    data = SmallSnds()
    for name in "abcd":
        data.person(name)
    numbers = pa.table({"person": pa.array([1, 2, 2], pa.int32()), "BEN_IDT_ANO": list("abc")})
    tables = {"IR_BEN_R": data.table("IR_BEN_R"), "silver_identities": numbers}
    tables["silver_register"] = register_of(tables)
    born = Cohort(name="born", title="Born", population=persons.birth_year >= 1900).model
    for objection, left in (("c", "ad"), ("b", "ad"), ("d", "ab"), ("nobody", "abd")):
        scope = Scope(objections=frozenset({objection}))
        sources = Sources(tables=tables, drugs=DRUGS, scope=scope)
        assert plan_run(born, sources).register
        result = engine(sources).run(born)
        assert result.persons["person"].to_pylist() == list(left)
        assert result.flowchart[0].persons == len(left)
        # A cluster is asked the same: by name for want of a number, by number for all others.
        plan = plan_run(born, sources)
        text = to_spark(compile_cohort(plan), table_types(plan)).replace("`", "")
        assert "SELECT r.identity AS person" in text
        assert "SELECT numbers.called AS person" in text
        assert "people.person IN (SELECT objections_persons.person" in text


def test_a_column_that_no_year_has_is_asked_of_nobody() -> None:
    data = SmallSnds()
    data.person("a")
    data.stay("a", "2012-01-01", "2012-01-02")
    late = {"COH_NAI_RET", "COH_SEX_RET"}
    tables = {
        name: table.drop_columns([one for one in table.column_names if one in late])
        for name, table in data.tables().items()
        if not name.startswith("T_MCO23")
    }
    study = Cohort(name="stays", title="Stays", population=stays.cleaned().exists()).model
    plan = plan_run(study, Sources(tables=tables, drugs=DRUGS))
    reach = {
        name: frozenset(column for one in readings for column in one.columns)
        for name, readings in plan.readings.items()
    }
    assert not late & reach["T_MCOaaC"]
    scope = Scope(tables=reach)
    assert plan_run(study, Sources(tables=tables, drugs=DRUGS, scope=scope)).readings
    data.stay("a", "2023-01-01", "2023-01-02")
    with pytest.raises(Invalid, match=r"`T_MCOaaC.COH_NAI_RET`, which is outside"):
        plan_run(study, evolve(data.sources(), scope=scope))


@pytest.mark.parametrize("engine", ENGINES)
def test_tables_and_columns_beyond_the_permit_are_refused(engine: Any) -> None:
    plan = plan_run(_model(), _data().sources())
    all_of_it = {
        name: frozenset(column for one in readings for column in one.columns)
        for name, readings in plan.readings.items()
    }
    assert _run(engine, Scope(permit="p1", tables=all_of_it)).persons.num_rows == 4
    less = {name: columns for name, columns in all_of_it.items() if name != "IR_IMB_R"}
    with pytest.raises(Invalid, match=r"`IR_IMB_R`.*permit `p1`"):
        _run(engine, Scope(permit="p1", tables=less))
    narrow = {**all_of_it, "ER_PRS_F": all_of_it["ER_PRS_F"] - {"EXE_SOI_DTD"}}
    with pytest.raises(Invalid, match=r"`ER_PRS_F.EXE_SOI_DTD`.*permit `p1`"):
        _run(engine, Scope(permit="p1", tables=narrow))


def test_objections_do_not_show_in_messages() -> None:
    assert "secret-person" not in repr(Scope(objections=frozenset({"secret-person"})))


def test_a_scope_that_is_none_cannot_exist() -> None:
    with pytest.raises(Invalid, match="one value per event"):
        Scope(population=dispensings.large_pack.node)
    with pytest.raises(Invalid, match="`24`"):
        Scope(first_year=24)


def test_nothing_but_add_scope_makes_a_scoped_model() -> None:
    model = _model()
    with pytest.raises(Invalid, match="in no other way"):
        ScopedModel(written=model, model=model, guards=(), scope=Scope(), seal=object())
    assert isinstance(add_scope(model, Scope()), ScopedModel)
    with pytest.raises(Invalid, match="no cohort model"):
        add_scope("a model", Scope())  # type: ignore[arg-type]


def test_a_plan_holds_a_scoped_model_or_is_none() -> None:
    plan = plan_run(_model(), _data().sources())
    with pytest.raises((Invalid, TypeError)):
        evolve(plan, scoped=_model())


def _reads(tree: ast.AST, name: str) -> list[ast.Attribute]:
    return [
        node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == name
    ]


def test_no_engine_reads_what_the_author_wrote() -> None:
    """An engine's `run` hands the model to `plan_run` and does nothing else with it."""
    port = ROOM / "engine.py"
    engines = [
        path
        for path in ROOM.rglob("*.py")
        if path != port and "def run(self, model: Model)" in path.read_text(encoding="utf-8")
    ]
    found = {str(path.relative_to(ROOM)) for path in engines}
    assert found >= {"memory/engine.py", "duckdb_engine.py", "spark/engine.py"}
    for path in engines:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or node.name != "run":
                continue
            uses = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == "model"]
            calls = [
                n
                for n in ast.walk(node)
                if isinstance(n, ast.Call)
                and isinstance(n.func, ast.Name)
                and n.func.id == "plan_run"
            ]
            assert len(uses) == len(calls) == 1, path.name


def test_what_is_compiled_is_the_scoped_model() -> None:
    """`plan.model` is what the author wrote: only labels and outputs may be read from it."""
    # What works on the answer knows its columns by the labels that the author gave.
    compilers = {path.name for path in ROOM.glob("sql/*.py")} - ANSWERS
    assert compilers >= {"cohort.py", "sets.py", "views.py", "summaries.py"}
    for name in sorted(compilers):
        tree = ast.parse((ROOM / "sql" / name).read_text(encoding="utf-8"))
        for node in _reads(tree, "model"):
            owner = node.value
            assert isinstance(owner, ast.Attribute), name
            assert owner.attr == "scoped", name
