"""The platform's secret changes: same persons, other pseudonyms, nothing missed."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from bercail.foundation import Invalid, Missing, Refused, Role, sha256_hex
from bercail.ingest.folder import LocalFiles
from bercail.ingest.rotation.service import REPORT_TYPE, SIGNER
from bercail.testing.small_house import SmallHouse, person
from bercail.vault import signer
from bercail.vault.dsse import open_envelope

OPERATOR = person("odile", Role.OPERATOR)
OFFICER = person("axel", Role.ACCESS_OFFICER)
CITIZEN = person("claire", Role.CITIZEN)
SHAPED = "ABCDEFGHIJKLMNOPQ"


@pytest.fixture
def loaded(house, write, tmp_path, texts):
    """A lake with one delivery; a second one, of the same person, waits at level one."""
    write()
    march = texts["ER_PRS_F"].replace("01/02/2024;15/01", "01/03/2024;15/02")
    write("DCIR_202403", ER_PRS_F=march)
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    landing = LocalFiles(tmp_path / "level-1")
    house.ingest().load_all(landing, OPERATOR, only="DCIR_202402")
    return landing


def persons(house: SmallHouse, table: str = "ER_PRS_F", column: str = "BEN_NIR_PSA") -> set[str]:
    return set(house.lake.read(table, [column]).read_all().column(0).to_pylist())


def level_one(landing: LocalFiles) -> str:
    with landing.open("DCIR_202402/ER_PRS_F.csv") as stream:
        header, first = stream.read().decode().splitlines()[:2]
    return first.split(";")[header.split(";").index("BEN_NIR_PSA")]


def derived(house: SmallHouse, values: list[str], name: str = "WHO", lineage: str = "") -> None:
    metadata = {b"bercail.lineage": lineage.encode()} if lineage else None
    schema = pa.schema([pa.field(name, pa.string(), metadata=metadata), ("n", pa.int64())])
    batch = pa.RecordBatch.from_arrays(
        [pa.array(values), pa.array(range(len(values)))], schema=schema
    )
    house.lake.append("IR_IMB_R", [batch], schema, delivery="made-here")


@pytest.mark.requirement("PSE-05")
def test_every_pseudonym_changes_and_a_new_delivery_lands_on_the_same_person(house, loaded):
    (before,) = persons(house)
    plan = house.rotation().plan()
    assert [(t.table, [c.name for c in t.columns]) for t in plan.tables] == [
        ("ER_PHA_F", []),
        ("ER_PRS_F", ["BEN_NIR_PSA"]),
    ]
    assert house.rotation().status()["epoch"] == 1
    proven = house.rotation().apply(OPERATOR, reason="suspicion")
    assert (proven.epoch, proven.tables, proven.columns, proven.persons) == (2, 2, 1, 1)
    (after,) = persons(house)
    assert after != before
    house.ingest().load_all(loaded, OPERATOR)
    assert persons(house) == {after}
    assert house.lake.snapshot("ER_PRS_F").rows == 4
    assert house.lake.verify("ER_PRS_F").statements == 3
    second = house.rotation().apply(OPERATOR)
    assert second.epoch == 3
    assert not persons(house) & {before, after}
    assert house.rotation().status()["under_way"] is False


def test_every_use_of_a_secret_is_an_event(house, loaded):
    house.rotation().apply(OPERATOR)
    house.ingest().load_all(loaded, OPERATOR)
    used = [r.body for r in house.ledger.history(limit=500) if r.kind == "SecretUsed"]
    first = used[0]["identifiers"]
    assert first > 0
    told = [(u["epoch"], u["purpose"], u["subject"], u["identifiers"]) for u in used]
    assert told == [
        (1, "load", "DCIR_202402", first),
        (2, "rotation-2", "ER_PRS_F", None),
        (2, "rotation-2", "objections", None),
        (2, "rotation-2", "proof", None),
        (1, "load", "DCIR_202403", first),
        (2, "load", "DCIR_202403", first),
    ]


def test_the_report_is_signed_and_holds_no_pseudonym(house, loaded):
    old = persons(house)
    proven = house.rotation().apply(OPERATOR)
    signed = house.sealed("rotation", "level-2").read("rotation-2.json")
    key = signer(house.keys, SIGNER).public
    report = open_envelope(json.loads(signed), REPORT_TYPE, [key])
    assert sha256_hex(report) == proven.report_sha256
    found = json.loads(report)
    (column,) = found["tables"][1]["columns"]
    assert (column["name"], column["values"], column["distinct"]) == ("BEN_NIR_PSA", 2, 1)
    assert (found["sought"], found["found"]) == (1, 0)
    events = json.dumps([record.body for record in house.ledger.history(limit=500)])
    for value in old | persons(house):
        assert value not in events
        assert value.encode() not in report


def test_old_snapshots_stay_until_they_are_expired_then_leave_the_host(house, loaded):
    old = persons(house)
    first = house.lake.snapshot("ER_PRS_F").id
    house.rotation().apply(OPERATOR)
    kept = house.lake.read("ER_PRS_F", ["BEN_NIR_PSA"], first).read_all().column(0)
    assert set(kept.to_pylist()) == old
    objects = len(list(house.host.list()))
    expired = house.rotation().expire(OPERATOR)
    assert {one.table: one.snapshots for one in expired} == {"ER_PHA_F": 1, "ER_PRS_F": 1}
    assert len(list(house.host.list())) < objects
    with pytest.raises(Missing, match="let go"):
        house.lake.read("ER_PRS_F", None, first)
    assert house.lake.verify("ER_PRS_F").rows == 2
    assert house.lake.verify("ER_PHA_F").rows == 2
    assert [one.files for one in house.rotation().expire(OPERATOR)] == [0, 0]
    house.ingest().load_all(loaded, OPERATOR)
    assert house.lake.verify("ER_PRS_F").rows == 4


def test_no_file_that_is_left_names_an_old_pseudonym(house, loaded):
    (old,) = persons(house)
    house.rotation().apply(OPERATOR)
    house.rotation().expire(OPERATOR)
    for file in house.lake.files._shelf.files("ER_PRS_F"):
        assert old[:16].encode() not in house.lake.files.reader(file.location).read_all()


def test_a_column_that_nobody_declared_stops_it_until_an_officer_judges(house, loaded):
    derived(house, [SHAPED, None, "short"])
    with pytest.raises(Refused, match=r"IR_IMB_R\.WHO"):
        house.rotation().apply(OPERATOR)
    assert house.rotation().status() == {
        "epoch": 1,
        "rotation": None,
        "under_way": False,
        "turned": 0,
        "report_sha256": None,
    }
    with pytest.raises(Refused, match="may not judge"):
        house.rotation().judge("IR_IMB_R", "WHO", OPERATOR, kind="person")
    with pytest.raises(Invalid):
        house.rotation().judge("IR_IMB_R", "WHO", OFFICER)
    house.rotation().judge("IR_IMB_R", "WHO", OFFICER, reason="a product code")
    house.rotation().apply(OPERATOR)
    assert persons(house, "IR_IMB_R", "WHO") == {SHAPED, None, "short"}


def test_a_declared_and_a_lineage_column_keep_their_joins(house, loaded):
    (old,) = persons(house)
    derived(house, [old + "1", old], "WHO", "ER_PRS_F.BEN_IDT_ANO")
    (table,) = [t for t in house.rotation().plan().tables if t.table == "IR_IMB_R"]
    assert [(c.name, c.kind, c.found_by) for c in table.columns] == [
        ("WHO", "person_ranked", "lineage")
    ]
    house.rotation().apply(OPERATOR)
    (new,) = persons(house)
    assert persons(house, "IR_IMB_R", "WHO") == {new, new + "1"}


def test_an_exclusion_of_a_real_pseudonym_column_is_found_out_before_it_begins(house, loaded):
    derived(house, sorted(persons(house)))
    house.rotation().judge("IR_IMB_R", "WHO", OFFICER, reason="nothing here")
    with pytest.raises(Refused, match="excluded wrongly"):
        house.rotation().apply(OPERATOR)
    house.rotation().judge("IR_IMB_R", "WHO", OFFICER, kind="person")
    house.rotation().apply(OPERATOR)
    assert persons(house, "IR_IMB_R", "WHO") == persons(house)


def test_a_composite_value_is_seen(house, loaded):
    derived(house, [f"lot-{SHAPED}-7"])
    (doubt,) = house.rotation().plan().doubtful
    assert (doubt.values, doubt.inside) == (0, 1)


def test_objections_follow_and_come_in_under_the_new_epoch(house, loaded):
    (old,) = persons(house)
    objections = house.objections()
    objections.register(level_one(loaded) + "1", CITIZEN)
    assert objections.current() == (1, (old + "1",))
    house.rotation().apply(OPERATOR)
    (new,) = persons(house)
    assert objections.current() == (2, (new + "1",))
    assert not objections.register(level_one(loaded) + "1", CITIZEN).changed
    assert objections.withdraw(level_one(loaded) + "1", CITIZEN).changed
    assert objections.current() == (3, ())
    house.rotation().expire(OPERATOR)
    assert objections.current() == (3, ())


def test_only_an_operator_rotates_and_an_empty_lake_has_nothing_to_rotate(house):
    with pytest.raises(Refused):
        house.rotation().apply(OFFICER)
    with pytest.raises(Missing):
        house.rotation().apply(OPERATOR)
    with pytest.raises(Refused, match="No rotation is proven"):
        house.rotation().expire(OPERATOR)
