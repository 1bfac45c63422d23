"""Silver taken further delivery by delivery is silver made anew, row for row; and it is right."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from sqlalchemy.engine.default import DefaultDialect

from bercail.cohorts.views import DCIR_KEY
from bercail.foundation import Missing
from bercail.ingest.silver.bronze import family_of
from bercail.ingest.silver.concepts import concept
from bercail.ingest.silver.definition import BUCKETS
from bercail.ingest.silver.service import SilverService
from bercail.ingest.silver.session import SessionSettings
from bercail.lake.renewing import Renewing
from bercail.ledger import MemoryJournal
from bercail.storage.memory import MemoryStore
from bercail.testing.fate import Fate
from bercail.testing.silver_world import OPERATOR, Row, World, Writer, sequences

CONCEPTS = ("dispensings", "acts", "stays", "deaths", "residence", "register")


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
    world = World.build(tmp_path / "world", part_rows=1)
    built(world, seed, 4, concepts)
    incremental = {one: world.rows(one) for one in concepts}
    assert all(incremental.values()), "the deliveries make events of every concept"
    # In slices of few buckets, as a large table is made.
    sliced = evolve(world.silver, settings=SessionSettings(lines_at_once=5, part_rows=3))
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


def test_only_the_parts_that_hold_them_are_written_again(tmp_path: Path) -> None:
    world = World.build(tmp_path / "world", part_rows=1)
    built(world, 6, 4, ("dispensings",))
    before = world.lake.parts("silver_dispensings")
    named = world.bring_care_of_one("DCIR-LATE")
    (report,) = world.silver.build(OPERATOR, "dispensings")
    after = world.lake.parts("silver_dispensings")
    spans = world.lake.renewing.spans("silver_dispensings", "bucket")
    (number,) = [number for number, who in world.whose().items() if who == named]
    fresh = [part for part in after if part not in before]
    assert [spans[part.url] for part in fresh] == [(number % BUCKETS, number % BUCKETS)]
    assert (report.parts_made, report.parts_kept) == (1, len(after) - 1)
    assert report.parts_kept > 2
    found = world.rows("dispensings")
    world.silver.rebuild(OPERATOR, "dispensings")
    assert world.rows("dispensings") == found
    world.close()


def test_of_two_builds_at_once_the_second_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World.build(tmp_path / "world", part_rows=1)
    built(world, 6, 2, ("dispensings",))
    for number, act in enumerate((world.silver.build, world.silver.rebuild)):
        world.bring_care_of_one(f"LATE-{number}", line=number)
        turns = overtaken_once(world, monkeypatch, f"MORE-{number}", line=10 + number)
        (report,) = act(OPERATOR, "dispensings")
        monkeypatch.undo()
        # A second build finds nothing left to do; a rebuild is done again in full.
        assert (report.state, len(turns)) == (("current", 1), ("built", 2))[number]
        found = world.rows("dispensings")
        assert len({row[8:10] for row in found}) == len(found) > 0
        world.silver.rebuild(OPERATOR, "dispensings")
        assert world.rows("dispensings") == found
        assert world.silver.build(OPERATOR, "dispensings")[0].state == "current"
    world.close()


def overtaken_once(
    world: World, monkeypatch: pytest.MonkeyPatch, delivery: str, line: int = 0
) -> list[str]:
    """Between what the next build works out and its commit, another process builds.

    Returns a list that each commit which is tried adds its delivery to.
    """
    real, turns = Renewing.renew, list[str]()

    def overtaken(desk: Renewing, *given: Any, **named: Any) -> Any:
        turns.append(named["delivery"])
        if len(turns) == 1:
            world.bring_care_of_one(delivery, line=line)
            with monkeypatch.context() as patch:
                patch.setattr(Renewing, "renew", real)
                assert world.silver.build(OPERATOR, "dispensings")[0].state == "built"
        return real(desk, *given, **named)

    monkeypatch.setattr(Renewing, "renew", overtaken)
    return turns


def test_a_build_that_ends_while_another_looks_is_no_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process begins and commits between the two looks of this one, at both."""
    world = World.build(tmp_path / "world", part_rows=1)
    built(world, 6, 2, ("dispensings",))
    world.bring_care_of_one("LATE", line=1)
    for number, look in enumerate(("_settled", "_standing_on")):
        real, looks = getattr(SilverService, look), list[int]()

        def overtaken(
            desk: SilverService, *given: Any, number: int = number, real: Any = real, **named: Any
        ) -> Any:
            seen = real(desk, *given, **named)
            looks.append(number)  # noqa: B023
            if len(looks) == 1:  # noqa: B023
                world.bring_care_of_one(f"MORE-{number}", line=10 + number)
                assert world.silver.build(OPERATOR, "dispensings")[0].state == "built"
            return seen

        monkeypatch.setattr(SilverService, look, overtaken)
        assert world.silver.build(OPERATOR, "dispensings")[0].state in {"built", "current"}
        monkeypatch.undo()
    found = world.rows("dispensings")
    assert world.silver.build(OPERATOR, "dispensings")[0].state == "current"
    world.silver.rebuild(OPERATOR, "dispensings")
    assert world.rows("dispensings") == found
    world.close()


def test_two_first_builds_at_once_make_the_table_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World.build(tmp_path / "world")
    writer = Writer(3)
    world.bring("BEN-1", {"IR_BEN_R": writer.register(1)})
    world.bring("DCIR-0", writer.month(0))
    turns = overtaken_once(world, monkeypatch, "LATE")
    assert world.silver.build(OPERATOR, "dispensings")[0].state == "current"
    assert len(turns) == 1
    found = world.rows("dispensings")
    world.silver.rebuild(OPERATOR, "dispensings")
    assert world.rows("dispensings") == found
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
    world.close()


@pytest.fixture
def fate(monkeypatch: pytest.MonkeyPatch) -> Fate:
    made = Fate()
    made.watch(
        monkeypatch, (DefaultDialect, "do_commit"), (MemoryStore, "put"), (MemoryJournal, "append")
    )
    return made


def test_killed_anywhere_the_table_is_whole_and_the_next_run_finishes_it(
    tmp_path: Path, fate: Fate
) -> None:
    world = World.build(tmp_path / "world")
    built(world, 3, 2, ("dispensings",))
    total = _steps(world, fate, "LATE-00")
    assert total > 8
    world.settings = SessionSettings(part_rows=1)
    # Before and after every third effect; a new delivery each time, of the same shape.
    for number, die_at in enumerate(range(1, total + 1, 3), start=1):
        before = world.rows("dispensings")
        world.bring_care_of_one(f"LATE-{number:02}", line=number)
        build = partial(world.silver.build, OPERATOR, "dispensings")
        assert not fate.lives(build, die_at, after=number % 2 == 0)
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
    fate.begin()
    world.silver.build(OPERATOR, "dispensings")
    return fate.steps
