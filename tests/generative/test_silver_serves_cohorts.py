"""A study gets the same answer from silver as from bronze, on difficult deliveries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bercail.cohorts import (
    Cohort,
    DuckdbEngine,
    MemoryEngine,
    Model,
    Source,
    Sources,
    dispensings,
    long_term_illnesses,
    persons,
    stays,
)
from bercail.cohorts.plan import plan_run
from bercail.testing.silver_register import every_column
from bercail.testing.silver_world import OPERATOR, World, sequences
from bercail.testing.small_snds import DRUGS

CONCEPTS = ("dispensings", "stays", "diagnoses", "long_term_illnesses", "register")
BRONZE = ("IR_BEN_R", "ER_PRS_F", "ER_PHA_F", "IR_IMB_R", *(f"T_MCO23{x}" for x in ("B", "C", "D")))


def _asked() -> Model:
    drugs, hospital = dispensings.cleaned(), stays.cleaned()
    sessions = stays.cleaned("mco-no-sessions")
    illness = long_term_illnesses.cleaned()
    e11 = hospital.where(stays.diagnoses.any_starts_with("E11"))
    i10 = hospital.where(stays.associated_diagnoses.any_in(["I10"]))
    first = drugs.first()
    return Cohort(
        name="both",
        title="The same from both",
        population=drugs.exists() | hospital.exists() | illness.exists(),
        index_date=drugs.where(dispensings.atc.starts_with("A10")).first().date,
        attributes={
            "lines": drugs.count(),
            "packs": drugs.total(dispensings.quantity),
            "units": drugs.total(dispensings.units),
            "first_code": first.cip13,
            "large": drugs.where(dispensings.large_pack).exists(),
            "fresh": drugs.washout(2).count_dates(),
            "periods": drugs.periods(days=dispensings.quantity).count(),
            "stays": hospital.count(),
            "no_sessions": sessions.count(),
            "principal": hospital.last().principal_diagnosis,
            "related": hospital.first().related_diagnosis,
            "died_there": hospital.where(stays.exit_mode == "9").exists(),
            "diabetes": e11.count(),
            "secondary": i10.exists(),
            "score": hospital.score("charlson-quan-2005", stays.principal_diagnosis),
            "illnesses": illness.count(),
            "illness_end": illness.last().end,
            "near": hospital.between(first.date.plus(days=-365), first.date.plus(days=365)).count(),
            "dead": persons.death_date.is_known(),
            **every_column(),
        },
        tables={"t": ["large", "died_there", "dead"]},
        event_rows={"rows": (drugs, ["date", "cip13", "quantity"])},
    ).model


def _sources(world: World, names: tuple[str, ...]) -> Sources:
    held: dict[str, Source | pa.Table] = {}
    for name in names:
        held[name] = world.lake.read(name).read_all()
    return Sources(tables=held, drugs=DRUGS)


def _same(one: Any, other: Any) -> None:
    assert one.persons.to_pylist() == other.persons.to_pylist()
    assert one.flowchart == other.flowchart
    assert one.events["rows"].to_pylist() == other.events["rows"].to_pylist()
    assert [table.cells for table in one.tables] == [table.cells for table in other.tables]


@pytest.mark.parametrize("seed", [1, 5])
def test_silver_and_bronze_give_the_same(tmp_path: Path, seed: int) -> None:
    world = World.build(tmp_path / "world")
    try:
        for name, tables, corrects in sequences(seed, 4):
            world.bring(name, tables, corrects)
        for concept in CONCEPTS:
            world.silver.rebuild(OPERATOR, concept)
        bronze = _sources(world, (*BRONZE, "T_MCO23UM"))
        of_silver = (*(f"silver_{one}" for one in CONCEPTS), "silver_numbers", "IR_BEN_R")
        silver = _sources(world, of_silver)
        both = Sources(tables={**bronze.tables, **silver.tables}, drugs=DRUGS)
        model = _asked()
        expected = MemoryEngine(bronze).run(model)
        assert expected.persons.num_rows > 2
        assert sum(expected.persons["lines"].to_pylist()) > 2
        # What the first sequence is known to hold.
        assert seed != 1 or sum(expected.persons["diabetes"].to_pylist()) > 0
        for engine in (MemoryEngine, DuckdbEngine):
            for sources in (bronze, silver, both):
                _same(engine(sources).run(model), expected)
        assert plan_run(model, both).readings.keys() == plan_run(model, silver).readings.keys()
        assert plan_run(model, both).named
        assert not plan_run(model, bronze).silver
        for name in ("sex", "department"):
            assert None in expected.persons[name].to_pylist()
            assert len(set(expected.persons[name].to_pylist())) > 2
    finally:
        world.close()
