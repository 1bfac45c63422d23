"""Silver taken further delivery by delivery is silver made anew, row for row; and it is right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from sqlalchemy.engine.default import DefaultDialect

from bercail.cohorts.views import DCIR_KEY
from bercail.foundation import Missing, Refused
from bercail.ingest.silver.bronze import family_of
from bercail.ingest.silver.concepts import concept
from bercail.ingest.silver.session import SessionSettings
from bercail.ledger import MemoryJournal
from bercail.storage.memory import MemoryStore
from bercail.testing.silver_world import OPERATOR, Row, World, sequences

CONCEPTS = ("dispensings", "acts", "stays", "deaths", "residence")


def built(world: World, seed: int, months: int, concepts: tuple[str, ...]) -> None:
    """Every delivery, and after it each concept whose bronze is there."""
    read = {"IR_BEN_R", *(name for one in concepts for name in concept(one).tables)}
    for name, tables, corrects in sequences(seed, months):
        kept = {table: rows for table, rows in tables.items() if family_of(table)[0] in read}
        if not kept:
            continue
        world.bring(name, kept, corrects)
        for one in concepts:
            # Until its bronze is there.
            with suppress(Missing):
                world.silver.build(OPERATOR, one)


@pytest.mark.parametrize(("seed", "concepts"), [(1, CONCEPTS[:2]), (2, CONCEPTS[2:])])
def test_incremental_equals_anew(tmp_path: Path, seed: int, concepts: tuple[str, ...]) -> None:
    world = World.build(tmp_path / "world")
    built(world, seed, 4, concepts)
    incremental = {one: world.rows(one) for one in concepts}
    assert all(incremental.values()), "the deliveries make events of every concept"
    # In slices of few buckets, as a large table is made.
    sliced = evolve(world.silver, settings=SessionSettings(lines_at_once=5))
    for one in concepts:
        (report,) = sliced.rebuild(OPERATOR, one)
        assert (report.state, report.persons) == ("built", None)
        assert world.rows(one) == incremental[one]
        assert incremental[one] == sorted(incremental[one], key=_order)
    if "dispensings" in concepts:
        whose = world.whose()
        rows = incremental["dispensings"]
        found = {(whose[row[1]], row[2], row[3]): (row[4], row[5], row[8]) for row in rows}
        assert found == plain_dispensings(world)
        assert len(found) == len(rows) > 3
    world.close()


def _order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((value is not None, value) for value in row[:3])


def plain_dispensings(world: World) -> dict[tuple[str, date, str], tuple[int, int, int]]:
    """The same by loops over rows: (identity, day, drug) -> (packs, units, lines)."""
    leads: dict[tuple[str, int], set[str]] = defaultdict(set)
    for row in world.bronze("IR_BEN_R"):
        leads[row["BEN_NIR_PSA"], row["BEN_RNG_GEM"]].add(row["BEN_IDT_ANO"])
    care = {_key(row): row for row in world.bronze("ER_PRS_F")}
    totals: dict[tuple[str, date, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for drug in world.bronze("ER_PHA_F"):
        line = care[_key(drug)]
        persons = leads[line["BEN_NIR_PSA"], line["BEN_RNG_GEM"]]
        if len(persons) != 1 or not _kept(line):
            continue
        (who,) = persons
        total = totals[who, line["EXE_SOI_DTD"], str(drug["PHA_PRS_C13"])]
        total[0] += drug["PHA_ACT_QSN"]
        total[1] += drug["PHA_DEC_QSU"] if drug["PHA_DEC_TOP"] == "D" else 0
        total[2] += 1
    return {
        key: (packs, units, lines)
        for key, (packs, units, lines) in totals.items()
        if packs > 0 or units > 0
    }


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in DCIR_KEY)


def _kept(line: Row) -> bool:
    return (
        line["CPL_MAJ_TOP"] < 2
        and line["DPN_QLF"] not in (71, 72)
        and line["BEN_CDI_NIR"] in ("00", "03", "04")
    )


def test_only_the_persons_that_a_delivery_names_are_made_anew(tmp_path: Path) -> None:
    world = World.build(tmp_path / "world")
    built(world, 6, 2, ("dispensings",))
    named = world.bring_care_of_one("DCIR-LATE")
    (report,) = world.silver.build(OPERATOR, "dispensings")
    assert (report.state, report.persons) == ("built", 1)
    whose = world.whose()
    late = [row for row in world.rows("dispensings") if row[7] == date(2024, 1, 1)]
    assert {whose[row[1]] for row in late} == {named}
    (again,) = world.silver.build(OPERATOR, "dispensings")
    assert (again.state, again.snapshot) == ("current", report.snapshot)
    world.close()


def test_what_was_known_at_a_flux_month(tmp_path: Path) -> None:
    world = World.build(tmp_path / "world")
    built(world, 6, 2, ("dispensings",))
    then = world.rows("dispensings")
    world.bring_care_of_one("DCIR-LATE")
    world.silver.build(OPERATOR, "dispensings")
    assert len(world.rows("dispensings")) > len(then)
    _, batches = world.silver.as_at("dispensings", date(2023, 12, 31))
    known = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    assert known == then
    counted = world.silver.count_at("dispensings", date(2023, 12, 31))
    assert (counted["rows"], counted["persons"]) == (len(then), len({row[1] for row in then}))
    with pytest.raises(Refused, match="without flux months"):
        world.silver.as_at("stays", date(2023, 12, 31))
    world.close()


class Killed(BaseException):
    """The process ends here: no handler of the program sees it."""


class Fate:
    """Counts lasting effects (a put, a commit, an event) and dies around one of them."""

    def __init__(self) -> None:
        self.steps = 0
        self.die_at = 0
        self.after = False

    def around(self, act: Callable[..., Any], *given: Any, **named: Any) -> Any:
        self.steps += 1
        if self.steps == self.die_at and not self.after:
            raise Killed
        done = act(*given, **named)
        if self.steps == self.die_at:
            raise Killed
        return done


@pytest.fixture
def fate(monkeypatch: pytest.MonkeyPatch) -> Fate:
    made = Fate()
    for owner, name in (
        (DefaultDialect, "do_commit"),
        (MemoryStore, "put"),
        (MemoryJournal, "append"),
    ):
        real = getattr(owner, name)
        monkeypatch.setattr(owner, name, _watched(made, real))
    return made


def _watched(fate: Fate, real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given, **named: fate.around(real, *given, **named)


def test_killed_anywhere_the_table_is_whole_and_the_next_run_finishes_it(
    tmp_path: Path, fate: Fate
) -> None:
    world = World.build(tmp_path / "world")
    built(world, 3, 2, ("dispensings",))
    total = _steps(world, fate, "LATE-00")
    assert total > 8
    # Before and after every third effect; a new delivery each time, of the same shape.
    for number, die_at in enumerate(range(1, total + 1, 3), start=1):
        before = world.rows("dispensings")
        world.bring_care_of_one(f"LATE-{number:02}", line=number)
        fate.steps, fate.die_at, fate.after = 0, die_at, number % 2 == 0
        with pytest.raises(Killed):
            world.silver.build(OPERATOR, "dispensings")
        fate.die_at = 0
        left = world.rows("dispensings")
        world.silver.build(OPERATOR, "dispensings")
        finished = world.rows("dispensings")
        assert left in (before, finished)
        assert finished != before
        assert world.silver.build(OPERATOR, "dispensings")[0].state == "current"
    world.silver.rebuild(OPERATOR, "dispensings")
    assert world.rows("dispensings") == finished
    assert world.lake.verify("silver_dispensings").rows == len(finished)
    world.close()


def _steps(world: World, fate: Fate, delivery: str) -> int:
    world.bring_care_of_one(delivery)
    fate.steps = 0
    world.silver.build(OPERATOR, "dispensings")
    return fate.steps
