"""Silver tables: what they are made from, when they are refused, and how they turn."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bercail.access.scope import reached
from bercail.catalogue import load
from bercail.cohorts import Cohort, DuckdbEngine, MemoryEngine, Sources, persons
from bercail.cohorts.cleaning import SECTOR_RULES
from bercail.cohorts.plan import plan_run
from bercail.cohorts.views import RAW
from bercail.foundation import Invalid, Missing, Refused, Role
from bercail.ingest.persons import PersonDesk
from bercail.ingest.silver import rules
from bercail.ingest.silver.concepts import CONCEPTS, concept
from bercail.ingest.silver.definition import Field, column_names
from bercail.ingest.silver.hospital_rules import HOSPITAL_RULES, SILVER_RULES
from bercail.ingest.silver.numbers import NUMBERS_TABLE, highest_number
from bercail.ingest.silver.pages import silver_page
from bercail.ingest.silver.service import SilverService
from bercail.ingest.silver.tables import lake_schema_of, sources_of, with_silver
from bercail.testing.silver_register import every_column
from bercail.testing.silver_world import OPERATOR, World, Writer
from bercail.testing.small_house import person


@pytest.fixture
def world(tmp_path: Path) -> Any:
    made = World.build(tmp_path / "world")
    yield made
    made.close()


@pytest.fixture
def built(world: World) -> World:
    """A register, one flux month and its dispensings."""
    writer = Writer(3)
    world.bring("BEN-1", {"IR_BEN_R": writer.register(1)})
    month = writer.month(0)
    world.bring("DCIR-0", {name: month[name] for name in ("ER_PRS_F", "ER_PHA_F")})
    world.silver.build(OPERATOR, "dispensings")
    return world


def test_every_definition_reads_columns_of_the_catalogue_and_rules_that_exist() -> None:
    registry = load()
    for one in CONCEPTS.values():
        assert set(one.rules) <= set(SILVER_RULES)
        assert lake_schema_of(one).names == list(column_names(one))
        for column in one.columns:
            assert sources_of(one, column.name), (one.name, column.name)
            for source in sources_of(one, column.name):
                table, _, name = source.partition(".")
                assert registry.table(table).has_column(name)
        for branch in one.branches:
            for rule in branch.rules:
                table = SILVER_RULES[rule].table
                assert table in (*branch.tables.values(), "ER_PHA_F")
                assert table in RAW or rule in {**SECTOR_RULES, **HOSPITAL_RULES}


def test_a_definition_that_does_not_fit_cannot_exist() -> None:
    dispensings = concept("dispensings")
    (branch,) = dispensings.branches
    strange = evolve(branch, fields={"colour": Field(source="s.EXE_SOI_DTD")})
    with pytest.raises(Invalid, match="`colour`"):
        evolve(dispensings, branches=(strange,))
    with pytest.raises(Invalid, match="`x`"):
        evolve(dispensings, branches=(evolve(branch, key=("x.FLX_DIS_DTD",)),))
    with pytest.raises(Missing, match="`feathers`"):
        concept("feathers")
    changed = evolve(dispensings, branches=(evolve(branch, rules=("dcir-net-lines",)),))
    assert changed.version != dispensings.version


def test_only_an_operator_builds(world: World) -> None:
    with pytest.raises(Refused, match="may not build") as refusal:
        world.silver.build(person("axel", Role.ACCESS_OFFICER))
    assert refusal.value.rule == "IAM-05"


def test_a_table_waits_for_its_bronze_and_says_for_what(world: World) -> None:
    with pytest.raises(Missing, match="IR_BEN_R"):
        world.silver.build(OPERATOR, "dispensings")
    writer = Writer(3)
    world.bring("BEN-1", {"IR_BEN_R": writer.register(1)})
    states = {one.concept: one.state for one in world.silver.build(OPERATOR)}
    assert {states.pop("deaths"), states.pop("register")} == {"built"}
    assert set(states.values()) == {"waiting"}
    lacking = {"ER_PRS_F": [{"BEN_NIR_PSA": "x", "BEN_RNG_GEM": 1}]}
    world.bring("DCIR-0", {**lacking, "ER_PHA_F": writer.month(0)["ER_PHA_F"]})
    with pytest.raises(Missing, match="`ER_PRS_F` has no column"):
        world.silver.build(OPERATOR, "dispensings")


def test_each_snapshot_names_what_it_was_made_from(built: World) -> None:
    records = built.house.ledger.history("silver/dispensings")
    begun, done = (record.body for record in records)
    assert [record.kind for record in records] == ["SilverBegun", "SilverBuilt"]
    pins = {pin["table"]: pin["snapshot"] for pin in begun["pins"]}
    assert pins == {name: built.lake.snapshot(name).id for name in pins}
    assert set(pins) == {"ER_PRS_F", "ER_PHA_F", "IR_BEN_R"}
    newest = built.lake.snapshot("silver_dispensings")
    assert (newest.id, newest.delivery) == (done["snapshot"], begun["delivery"])
    assert begun["delivery"].endswith(begun["recipe"][:12])
    status = {one["concept"]: one for one in built.silver.status()}
    assert status["dispensings"]["made_from"] == pins
    assert status["dispensings"]["state"] == "current"
    assert status["stays"]["state"] == "waiting"
    assert {row[-1] for row in built.rows("dispensings")} <= {concept("dispensings").version}


def test_bronze_that_was_let_go_is_refused_until_the_table_is_made_anew(built: World) -> None:
    built.bring_care_of_one("DCIR-LATE")
    built.house.clock.advance(timedelta(days=40))
    built.lake.expiring.expire("ER_PRS_F", timedelta(days=30))
    (standing,) = [o for o in built.silver.status() if o["concept"] == "dispensings"]
    assert standing["state"] == "rebuild"
    with pytest.raises(Refused, match="was let go") as refusal:
        built.silver.build(OPERATOR, "dispensings")
    assert refusal.value.rule == "silver-sources"
    assert built.silver.rebuild(OPERATOR, "dispensings")[0].state == "built"
    assert built.silver.build(OPERATOR, "dispensings")[0].state == "current"


def test_a_change_of_pseudonyms_takes_silver_and_keeps_the_numbers(built: World) -> None:
    built.silver.build(OPERATOR, "register")
    told = built.rows("register")
    before, rows = built.whose(), built.rows("dispensings")
    proven = built.house.rotation().apply(OPERATOR, reason="suspicion")
    assert proven.epoch == 2
    after = built.whose()
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
    taken = {t.table: [c.name for c in t.columns] for t in built.house.rotation().plan().tables}
    assert taken[NUMBERS_TABLE] == ["identity"]
    assert taken["silver_dispensings"] == []
    assert built.rows("dispensings") == rows
    assert taken["silver_register"] == ["identity"]
    assert [row[:2] for row in built.rows("register")] == [row[:2] for row in told]
    assert [row[3:] for row in built.rows("register")] == [row[3:] for row in told]
    assert {row[2] for row in built.rows("register")} <= set(after.values())
    for name in ("dispensings", "register"):
        kept = built.rows(name)
        with pytest.raises(Refused, match="epoch 1"):
            built.silver.build(OPERATOR, name)
        built.silver.rebuild(OPERATOR, name)
        assert built.rows(name) == kept
    assert built.rows("dispensings") == rows
    assert highest_number(built.lake) == max(before)


def test_rows_that_the_journal_does_not_tell_of_are_refused() -> None:
    one = concept("dispensings")
    rules.require_own(one, {"dispensings-1"}, {"dispensings-1", "dispensings-2"})
    with pytest.raises(Refused, match="of which the journal does not tell"):
        rules.require_own(one, {"dispensings-1", "other"}, {"dispensings-1"})


def test_extracts_see_silver_tables_and_pass_them_by(built: World) -> None:
    registry = with_silver(load())
    assert registry.table("silver_dispensings").columns == ()
    scope = _scope_of("ER_PRS_F")
    found = reached(scope, built.lake.tables(), registry)
    assert [table.name for table in found] == ["ER_PRS_F"]


def _scope_of(table: str) -> Any:
    from bercail.testing.access_desk import scope

    return evolve(scope(), tables=tuple(t for t in scope().tables if t.table == table))


def test_the_reference_page_tells_every_column() -> None:
    page = silver_page()
    for one in CONCEPTS.values():
        assert f"## `{one.table}`" in page
        for name in column_names(one):
            assert f"| `{name}` |" in page
        for rule in one.rules:
            assert f"`{rule}`" in page


def test_the_reference_page_is_up_to_date() -> None:
    kept = Path(__file__).parents[3] / "docs" / "reference" / "silver-tables.md"
    assert kept.read_text(encoding="utf-8") == silver_page()


def test_the_person_layer_gives_the_numbers_once_it_is_built(world: World) -> None:
    writer = Writer(3)
    world.bring("BEN-1", {"IR_BEN_R": writer.register(1)})
    month = writer.month(0)
    world.bring("DCIR-0", {name: month[name] for name in ("ER_PRS_F", "ER_PHA_F")})
    world.silver.build(OPERATOR, "dispensings")
    by_register = _without_numbers(world, world.whose())
    desk = SilverService(lake=world.lake, ledger=world.house.ledger)
    with pytest.raises(Missing, match="silver_identities"):
        desk.build(OPERATOR, "dispensings")
    PersonDesk(world.lake, world.house.ledger).build(OPERATOR)
    (report,) = desk.build(OPERATOR, "dispensings")
    # Numbers of another source: nothing can be carried over.
    assert (report.state, report.persons) == ("built", None)
    layer = world.lake.read("silver_persons", ["person", "BEN_IDT_ANO"]).read_all()
    whose = dict(zip(*(column.to_pylist() for column in layer.columns), strict=True))
    assert _without_numbers(world, whose) == by_register
    assert by_register


def test_who_has_no_number_stands_in_the_register_by_name(world: World) -> None:
    """A mark for `no identity` is nobody in the person layer, and a person in a study."""
    rows = Writer(3).register(1)
    nobody = {**rows[0], "BEN_NIR_PSA": "X" * 16 + "D", "BEN_IDT_ANO": "N" * 17}
    world.bring("BEN-1", {"IR_BEN_R": [*rows, nobody]})
    layer = PersonDesk(world.lake, world.house.ledger)
    desk = SilverService(lake=world.lake, ledger=world.house.ledger)
    layer.build(OPERATOR)
    (report,) = desk.build(OPERATOR, "register")
    assert report.rows == len({row["BEN_IDT_ANO"] for row in rows}) + 1
    assert [row[:3] for row in world.rows("register") if not row[1]] == [(0, 0, "N" * 17)]
    _same_persons(world)
    # The mark leaves, a name comes: the rest stays as it is.
    world.bring("BEN-2", {"IR_BEN_R": [*rows, {**nobody, "BEN_IDT_ANO": "M" * 17}]}, "BEN-1")
    layer.build(OPERATOR)
    desk.build(OPERATOR, "register")
    found = world.rows("register")
    assert [row[:3] for row in found if not row[1]] == [(0, 0, "M" * 17)]
    _same_persons(world)
    desk.rebuild(OPERATOR, "register")
    assert world.rows("register") == found


def _same_persons(world: World) -> None:
    """A study finds the same persons in the register of silver as in IR_BEN_R."""
    names = ("IR_BEN_R", "silver_identities", "silver_register")
    held = {name: world.lake.read(name).read_all() for name in names}
    asked = persons.birth_year.is_known() | persons.sex.is_known()
    model = Cohort(name="p", title="p", population=asked, attributes=every_column()).model
    bronze = Sources(tables={name: held[name] for name in names[:2]})
    expected = MemoryEngine(bronze).run(model)
    assert plan_run(model, Sources(tables=held)).register
    for engine in (MemoryEngine, DuckdbEngine):
        found = engine(Sources(tables=held)).run(model)
        assert found.persons.to_pylist() == expected.persons.to_pylist()
        assert found.flowchart == expected.flowchart


def _without_numbers(world: World, whose: dict[int, str]) -> list[tuple[Any, ...]]:
    return sorted((whose[row[1]], *row[2:]) for row in world.rows("dispensings"))
