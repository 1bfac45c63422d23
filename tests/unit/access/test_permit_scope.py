"""What an opened extract lets a study read, and of whom: the permit's scope, late objections."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from bercail.access.opened import scope_of
from bercail.access.permit import Population, TableScope
from bercail.cohorts import Cohort, DuckdbEngine, MemoryEngine, Model, long_term_illnesses, persons
from bercail.cohorts.arithmetic import Registered
from bercail.cohorts.plan import plan_run
from bercail.cohorts.spark.dialect import to_spark
from bercail.cohorts.spark.tables import table_types
from bercail.cohorts.sql.cohort import compile_cohort
from bercail.foundation import Invalid, Refused
from bercail.testing.access_desk import (
    BEN,
    CAMILLE,
    CLAIRE,
    IMB,
    ODILE,
    AccessDesk,
    level_one,
    rows_of,
    scope,
)

ENGINES = [MemoryEngine, DuckdbEngine]
ILL = TableScope(table="IR_IMB_R", columns=(*IMB.columns, "IMB_ALD_DTD", "IMB_ALD_DTF"))
BORN = Cohort(name="born", title="Born", population=persons.birth_year >= 1900).model
SICK = Cohort(
    name="sick",
    title="Sick",
    population=persons.birth_year >= 1900,
    attributes={"illnesses": long_term_illnesses.count()},
).model


def opened(desk: AccessDesk, **changes: Any) -> tuple[str, Any]:
    permit = desk.permit(scope=scope(BEN, ILL, **changes))
    desk.access.extract(permit, ODILE)
    return permit, desk.access.open_extract(permit, CAMILLE)


def who(desk: AccessDesk, engine: Any, sources: Any, model: Model = BORN) -> list[str]:
    """The short names of the persons whom an engine finds."""
    back = {desk.delivered(name): name for name in ("ana-own", "bob-own", "eve-own", "eve-old")}
    return sorted(back[one] for one in engine(sources).run(model).persons["person"].to_pylist())


@pytest.mark.parametrize("engine", ENGINES)
def test_whoever_objects_later_is_counted_no_more(own: AccessDesk, engine: Any) -> None:
    permit, sources = opened(own)
    assert who(own, engine, sources, SICK) == ["ana-own", "bob-own"]
    own.access.objections.register(level_one("ana-own"), CLAIRE)
    later = own.access.open_extract(permit, CAMILLE)
    assert who(own, engine, later, SICK) == ["bob-own"]
    own.access.objections.withdraw(level_one("ana-own"), CLAIRE)
    assert who(own, engine, own.access.open_extract(permit, CAMILLE)) == ["ana-own", "bob-own"]


@pytest.mark.requirement("OPT-03")
def test_a_cluster_is_told_of_late_objections_in_the_names_of_the_extract(own: AccessDesk) -> None:
    permit, _ = opened(own)
    own.access.objections.register(level_one("bob-own"), CLAIRE)
    plan = plan_run(SICK, own.access.open_extract(permit, CAMILLE))
    assert plan.scoped.scope.objections == {own.delivered("bob-own")}
    assert "objections_persons" in to_spark(compile_cohort(plan), table_types(plan))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_late_objection_spreads_as_an_early_one_does(desk: AccessDesk, engine: Any) -> None:
    """Eve was registered under her father's number before she had her own."""
    row = {"BEN_RNG_GEM": 1, "BEN_NAI_ANN": "1950", "BEN_RES_DPT": "075"}
    desk.load(
        "BEN_202611",
        IR_BEN_R=[
            {**row, "BEN_NIR_PSA": "dad", "BEN_IDT_ANO": "eve-old"},
            {**row, "BEN_NIR_PSA": "dad", "BEN_IDT_ANO": "eve-own"},
            {**row, "BEN_NIR_PSA": "eve", "BEN_IDT_ANO": "eve-own"},
            {**row, "BEN_NIR_PSA": "ana", "BEN_IDT_ANO": "ana-own"},
        ],
    )
    permits = [desk.permit(scope=scope(BEN)) for _ in range(2)]
    desk.access.extract(permits[0], ODILE)
    desk.access.objections.register(level_one("eve-old"), CLAIRE)
    desk.access.extract(permits[1], ODILE)
    late, early = (desk.access.open_extract(permit, CAMILLE) for permit in permits)
    assert len(rows_of(late)["IR_BEN_R"]) == 4
    assert len(rows_of(early)["IR_BEN_R"]) == 1
    assert who(desk, engine, late) == who(desk, engine, early) == ["ana-own"]


def test_the_rank_of_a_twin_is_kept(desk: AccessDesk) -> None:
    row = {"BEN_NIR_PSA": "mother", "BEN_NAI_ANN": "1950", "BEN_RES_DPT": "075"}
    twins = [{**row, "BEN_RNG_GEM": n, "BEN_IDT_ANO": f"mother/{n}"} for n in (1, 2)]
    desk.load("BEN_202611", IR_BEN_R=twins)
    permit = desk.permit(scope=scope(BEN))
    desk.access.extract(permit, ODILE)
    desk.access.objections.register(level_one("mother/2"), CLAIRE)
    found = MemoryEngine(desk.access.open_extract(permit, CAMILLE)).run(BORN)
    assert found.persons["person"].to_pylist() == [desk.delivered("mother") + "1"]


@pytest.mark.requirement("PSE-04")
def test_the_secret_is_taken_only_where_somebody_objected_and_that_is_told(
    own: AccessDesk,
) -> None:
    permit, _ = opened(own)

    def purposes() -> list[str]:
        found = own.house.ledger.history("vault/uses/")
        return [str(one.body["purpose"]) for one in found if one.kind == "SecretUsed"]

    assert purposes() == ["extract"]
    own.access.objections.register(level_one("ana-own"), CLAIRE)
    own.access.open_extract(permit, CAMILLE)
    assert purposes() == ["extract", "objection", "late objections"]


def test_a_former_extract_stays_shut_after_an_objection(own: AccessDesk) -> None:
    permit, _ = opened(own)
    former = own.access.show(permit.replace("permit", "application"))["extract"]
    own.house.rotation().apply(ODILE)
    own.access.open_extract(permit, CAMILLE, former)
    own.access.objections.register(level_one("ana-own"), CLAIRE)
    with pytest.raises(Refused) as refused:
        own.access.open_extract(permit, CAMILLE, former)
    assert refused.value.rule == "OPT-03"
    newest = own.access.open_extract(permit, CAMILLE)
    assert MemoryEngine(newest).run(BORN).persons.num_rows == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_what_the_permit_does_not_name_is_refused_by_name(stocked: AccessDesk, engine: Any) -> None:
    _, sources = opened(stocked)
    sex = Cohort(name="sex", title="Sex", population=persons.sex == "female").model
    with pytest.raises(Invalid, match=r"`IR_BEN_R.BEN_SEX_COD`.*outside the scope") as refused:
        engine(sources).run(sex)
    assert "Ask for it in the permit" in str(refused.value.remedy)
    # The permit decides, and not what happens to lie in the extract.
    narrow = evolve(sources.scope, tables={"IR_BEN_R": frozenset(BEN.columns)})
    with pytest.raises(Invalid, match=r"`IR_IMB_R`.*outside the scope"):
        engine(evolve(sources, scope=narrow)).run(SICK)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_population_is_asked_again_of_each_person(stocked: AccessDesk, engine: Any) -> None:
    _, sources = opened(stocked)
    permit, _ = opened(stocked, population=Population(born_until=1960, departments=("075", "013")))
    granted, _ = stocked.access.find_permit(permit, stocked.house.clock.now())
    asked = scope_of(granted, frozenset())
    assert asked.registered == Registered(born_until=1960, departments=("075", "013"))
    # Over an extract that holds too much, the permit still says who is counted.
    assert who(stocked, engine, evolve(sources, scope=asked)) == ["ana-own"]


def test_what_the_columns_cannot_tell_is_left_to_the_cut(stocked: AccessDesk) -> None:
    blind = TableScope(table="IR_BEN_R", columns=("BEN_NIR_PSA", "BEN_RNG_GEM", "BEN_IDT_ANO"))
    population = Population(born_until=1960)
    permit = stocked.permit(scope=scope(blind, ILL, population=population))
    stocked.access.extract(permit, ODILE)
    sources = stocked.access.open_extract(permit, CAMILLE)
    assert sources.scope.registered is None
    study = Cohort(name="ill", title="Ill", population=long_term_illnesses.exists())
    assert who(stocked, DuckdbEngine, sources, study.model) == ["ana-own"]
