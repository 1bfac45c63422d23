"""When pseudonyms change, the tables of projects change with them, whole and proven."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bercail.access.events import ExtractMade
from bercail.access.rotation import turning
from bercail.access.rotation.turning import REPORT_TYPE, SIGNER
from bercail.access.sealed_names import extract_names
from bercail.foundation import Missing, Refused, sha256_hex
from bercail.lake.row_choice import PersonRows
from bercail.testing.access_desk import (
    AXEL,
    BEN,
    CAMILLE,
    CLAIRE,
    ODILE,
    level_one,
    rows_of,
    scope,
)
from bercail.testing.project_shelf import MemoryShelf
from bercail.vault import signer
from bercail.vault.dsse import open_envelope

SHAPED = "ABCDEFGHIJKLMNOPQ"


@pytest.fixture
def permit(registered):
    """A permit whose extract is made."""
    made = registered.permit(scope=scope(BEN))
    registered.access.extract(made, ODILE)
    return made


@pytest.fixture
def shelf(registered):
    return MemoryShelf(registered.house.sealed("project", "diabetes"))


def secrets(house):
    return [(one.scope, one.epoch) for one in house.keys.entries() if one.kind == "pseudonym"]


def opened(desk, permit, extract=""):
    return rows_of(desk.access.open_extract(permit, CAMILLE, extract))["IR_BEN_R"]


def shown(desk, permit):
    return desk.access.show(permit.replace("permit", "application"))


def kinds(desk, stream):
    return [record.kind for record in desk.house.ledger.history(stream)]


def own_rows(desk, shelf, place=0):
    table = shelf.tables("diabetes")[place]
    with desk.house.sealed("project", "diabetes").open(table.name, table.version) as file:
        return pq.read_table(pa.PythonFile(file, mode="r"))


@pytest.mark.requirement("PSE-05")
def test_a_rotation_turns_every_pseudonym_column_and_nothing_else(registered, permit):
    before = opened(registered, permit)
    registered.house.rotation().apply(ODILE)
    after = opened(registered, permit)
    fresh = registered.extract(scope=scope(BEN))["IR_BEN_R"]
    assert after == fresh
    turned = ("NUM_ENQ", "NUM_ENQ_IDT")
    for was, now in zip(before, after, strict=True):
        assert {name for name in was if was[name] != now[name]} == set(turned)


@pytest.mark.requirement("PSE-05")
def test_a_new_secret_of_a_project_takes_its_extracts_along(registered, permit):
    before = opened(registered, permit)
    first = shown(registered, permit)["extract"]
    renewed = registered.house.project_tables().renew("diabetes", ODILE, reason="suspicion")
    assert (renewed.turned.extracts, renewed.turned.tables, renewed.turned.rows) == (1, 1, 3)
    assert [key.epoch for key in renewed.certificate.keys] == [1]
    after = opened(registered, permit)
    assert after == registered.extract(scope=scope(BEN))["IR_BEN_R"]
    assert not {row["NUM_ENQ"] for row in before} & {row["NUM_ENQ"] for row in after}
    assert opened(registered, permit, first) == before
    assert shown(registered, permit)["former"] == [first]


def test_each_turn_after_the_other(registered, permit):
    """A secret, the platform's, the secret again: one person stays one person."""
    tables, rotation = registered.house.project_tables(), registered.house.rotation()
    tables.renew("diabetes", ODILE, reason="schedule")
    rotation.apply(ODILE)
    tables.renew("diabetes", ODILE, reason="schedule")
    rotation.apply(ODILE)
    assert opened(registered, permit) == registered.extract(scope=scope(BEN))["IR_BEN_R"]
    assert len(shown(registered, permit)["former"]) == 4
    names = extract_names(
        registered.house.sealed("project", "diabetes"), registered.house.ledger, "diabetes"
    )
    assert len(names) == 12  # six extracts of one part and one manifest each


def test_former_extracts_expire(registered, permit):
    first = shown(registered, permit)["extract"]
    registered.house.rotation().apply(ODILE)
    after = opened(registered, permit)
    objects = len(list(registered.house.host.list()))
    expired = registered.house.rotation().expire(ODILE)
    told = [one for one in expired if type(one).__name__ == "ProjectTablesExpired"]
    assert [(one.project, one.extracts, one.files) for one in told] == [("diabetes", 1, 2)]
    assert len(list(registered.house.host.list())) < objects
    with pytest.raises(Missing, match="expired"):
        opened(registered, permit, first)
    assert opened(registered, permit) == after
    assert shown(registered, permit)["former"] == []
    assert registered.house.project_tables().expire(ODILE, "diabetes") == ()
    with pytest.raises(Refused):
        registered.house.project_tables().expire(AXEL)


def test_an_objection_after_the_extract_does_not_stop_it(registered, permit):
    """The person stands in the extract that exists, and in the lake; not in the next one."""
    registered.access.objections.register(level_one("ana-own"), CLAIRE)
    registered.house.rotation().apply(ODILE)
    assert {row["BEN_NAI_ANN"] for row in opened(registered, permit)} == {"1950", "1990"}
    fresh = registered.extract(scope=scope(BEN))["IR_BEN_R"]
    assert {row["BEN_NAI_ANN"] for row in fresh} == {"1990"}
    assert {row["NUM_ENQ"] for row in fresh} < {
        row["NUM_ENQ"] for row in opened(registered, permit)
    }


@pytest.mark.parametrize("change", ["rotation", "renewal"])
def test_a_person_whom_the_lake_lost_stops_it_before_it_begins(registered, permit, change):
    house = registered.house
    lost = frozenset({registered.stored("ana")})
    choice = PersonRows(request="request-1", column="BEN_NIR_PSA", persons=lost)
    house.lake.erasing.erase("IR_BEN_R", choice, "decision of the access body")
    keys, events = secrets(house), kinds(registered, "application/")
    act = {
        "rotation": lambda: house.rotation().apply(ODILE),
        "renewal": lambda: house.project_tables().renew("diabetes", ODILE, reason="schedule"),
    }[change]
    with pytest.raises(Refused, match=r"IR_BEN_R` of the project `diabetes` names 2 person") as no:
        act()
    assert no.value.rule == "PSE-05"
    assert secrets(house) == keys
    assert house.rotation().status()["epoch"] == 1
    assert house.rotation().status()["under_way"] is False
    assert kinds(registered, "application/") == events
    assert len(opened(registered, permit)) == 3
    for name in ("ana", "ana-own"):
        assert registered.delivered(name) not in str(no.value)


def derived(desk, permit):
    """What a researcher makes of an extract: renamed, ranked, carried by lineage, declared."""
    rows = opened(desk, permit)
    persons = pa.array([row["NUM_ENQ"] for row in rows])
    ranked = pa.array([row["NUM_ENQ"] + str(row["BEN_RNG_GEM"]) for row in rows])
    carried = pa.field(
        "WHO", pa.dictionary(pa.int32(), pa.string()), metadata={"bercail.lineage": "X.NUM_ENQ"}
    )
    schema = pa.schema(
        [
            ("BEN_NIR_TOT", pa.large_string()),
            carried,
            ("MINE", pa.string()),
            ("score", pa.float64()),
        ]
    )
    columns = [
        ranked.cast(pa.large_string()),
        persons.dictionary_encode(),
        persons,
        pa.array([1.5, float("nan"), None]),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def test_tables_of_the_project_s_own_are_found_by_name_lineage_and_word(registered, permit, shelf):
    shelf.put("COHORT", derived(registered, permit), {"MINE": "person"})
    planned = registered.house.project_tables(shelf).plan()
    (mine,) = [one for one in planned if one.label == "COHORT"]
    assert mine.columns == {"BEN_NIR_TOT": "catalogue", "WHO": "lineage", "MINE": "declared"}
    registered.house.rotation(shelf).apply(ODILE)
    made = own_rows(registered, shelf)
    extract = opened(registered, permit)
    numbers = [row["NUM_ENQ"] for row in extract]
    assert made.schema == derived(registered, permit).schema
    assert made["MINE"].to_pylist() == made["WHO"].to_pylist() == numbers
    assert made["BEN_NIR_TOT"].to_pylist() == [
        row["NUM_ENQ"] + str(row["BEN_RNG_GEM"]) for row in extract
    ]
    assert made["score"].to_pylist()[0] == 1.5
    assert shelf.tables("diabetes")[0].version == "rotation-2"
    assert registered.house.project_tables(shelf).expire(ODILE)[0].files == 3
    assert own_rows(registered, shelf).num_rows == 3


def test_a_column_that_nobody_declared_stops_it_until_an_officer_judges(registered, permit, shelf):
    shelf.put("COHORT", derived(registered, permit))
    rotation = registered.house.rotation(shelf)
    with pytest.raises(Refused, match=r"diabetes: COHORT\.MINE"):
        rotation.apply(ODILE)
    with pytest.raises(Refused, match=r"COHORT\.MINE` \(3 values\)"):
        registered.house.project_tables(shelf).renew("diabetes", ODILE, reason="schedule")
    rotation.judge("COHORT", "MINE", AXEL, reason="codes of ours")
    with pytest.raises(Refused, match="excluded wrongly"):
        rotation.apply(ODILE)
    assert rotation.status()["epoch"] == 1
    rotation.judge("COHORT", "MINE", AXEL, kind="person")
    rotation.apply(ODILE)
    assert own_rows(registered, shelf)["MINE"].to_pylist() == [
        row["NUM_ENQ"] for row in opened(registered, permit)
    ]


def test_what_cannot_be_searched_is_in_doubt(registered, permit, shelf):
    shelf.put("NOTES", pa.table({"raw": pa.array([b"x", b"y"]), "list": pa.array([["a"], []])}))
    (plan,) = [one for one in registered.house.project_tables(shelf).plan() if one.label == "NOTES"]
    assert plan.doubtful == {"raw": 2, "list": 2}


def test_an_excluded_column_that_only_looks_so_is_kept(registered, permit, shelf):
    shelf.put("CODES", pa.table({"CODE": [SHAPED, None]}))
    rotation = registered.house.rotation(shelf)
    rotation.judge("CODES", "CODE", AXEL, reason="a product code")
    rotation.apply(ODILE)
    assert own_rows(registered, shelf)["CODE"].to_pylist() == [SHAPED, None]


@pytest.mark.requirement("PSE-04")
def test_no_event_holds_a_value_and_every_use_of_a_secret_is_told(registered, permit):
    old = {row[name] for row in opened(registered, permit) for name in ("NUM_ENQ", "NUM_ENQ_IDT")}
    registered.house.rotation().apply(ODILE)
    registered.house.project_tables().renew("diabetes", ODILE, reason="schedule")
    new = {row["NUM_ENQ"] for row in opened(registered, permit)}
    history = registered.house.ledger.history(limit=500)
    told = json.dumps([record.body for record in history])
    assert not [value for value in old | new if value in told]
    used = [r.body for r in history if r.kind == "SecretUsed" and r.body["purpose"] != "extract"]
    assert [(u["scope"], u["epoch"], u["purpose"], u["subject"]) for u in used] == [
        ("project/diabetes", 1, "rotation-2 check", "project tables"),
        ("level-2", 2, "rotation-2", "IR_BEN_R"),
        ("level-2", 2, "rotation-2", "objections"),
        ("level-2", 2, "rotation-2", "project diabetes"),
        ("project/diabetes", 1, "rotation-2", "project tables"),
        ("level-2", 2, "rotation-2", "proof"),
        ("project/diabetes", 1, "renewal-2 check", "project tables"),
        ("project/diabetes", 1, "renewal-2", "project tables"),
        ("project/diabetes", 2, "renewal-2", "project tables"),
    ]
    assert (
        kinds(registered, "project-tables/diabetes")
        == [
            "ProjectTurnBegun",
            "ProjectTablesProven",
            "ProjectTablesTurned",
        ]
        * 2
    )


def test_the_report_is_signed_and_holds_counts_alone(registered, permit):
    old = {row["NUM_ENQ"] for row in opened(registered, permit)}
    registered.house.rotation().apply(ODILE)
    (project,) = registered.house.rotation().projects()
    signed = registered.house.sealed("rotation", "project/diabetes").read("rotation-2.json")
    key = signer(registered.house.keys, SIGNER).public
    report = open_envelope(json.loads(signed), REPORT_TYPE, [key])
    assert sha256_hex(report) == project.report_sha256
    found = json.loads(report)
    (table,) = found["tables"]
    assert [(c["name"], c["values"], c["distinct"]) for c in table["columns"]] == [
        ("NUM_ENQ", 3, 3),
        ("NUM_ENQ_IDT", 3, 2),
    ]
    assert (found["persons"], found["sought"], found["found"]) == (5, 5, 0)
    assert len(found["joins"]) == 1
    for value in old | {row["NUM_ENQ"] for row in opened(registered, permit)}:
        assert value.encode() not in report


def test_while_it_is_under_way_nothing_of_the_project_opens(registered, permit):
    """A handle kept from before reads nothing either; other projects go on."""
    house = registered.house
    other = registered.permit(project="asthma", scope=scope(BEN))
    registered.access.extract(other, ODILE)
    dossiers = house.project_tables()._desk.dossiers
    dossiers.shut("diabetes", "renewal-2", ODILE)
    with pytest.raises(Refused) as refused:
        opened(registered, permit)
    assert refused.value.rule == "rotation-under-way"
    assert shown(registered, permit)["changing"] == "renewal-2"
    assert len(opened(registered, other)) == 3
    with pytest.raises(Refused) as twice:
        dossiers.shut("diabetes", "rotation-2", ODILE)
    assert twice.value.rule == "rotation-under-way"


def test_an_extract_that_was_being_cut_is_not_recorded_after_a_change(registered, permit):
    """It is wholly under the former pseudonyms, and nobody would ever turn it."""
    slow = registered.permit(scope=scope(BEN))

    def meanwhile(_label, done, _total):
        if done == 0:
            registered.house.project_tables().renew("diabetes", ODILE, reason="suspicion")

    with pytest.raises(Refused) as refused:
        registered.access.extract(slow, ODILE, meanwhile)
    assert refused.value.rule == "journal-conflict"
    assert shown(registered, slow)["extract"] is None
    assert isinstance(registered.access.extract(slow, ODILE), ExtractMade)
    assert opened(registered, slow) == opened(registered, permit)


def test_a_rotation_waits_for_a_renewal_that_came_in_between(registered, permit, monkeypatch):
    """The renewal began after the rotation had looked; it ends though the lake is shut."""
    house, tables = registered.house, registered.house.project_tables()
    gate = house.lake.rewriting.gate
    shut = gate.begin

    def in_between(rotation, target):
        with monkeypatch.context() as death:
            death.setattr(turning, "rewrite", _killed)
            with pytest.raises(KeyboardInterrupt):
                tables.renew("diabetes", ODILE, reason="schedule")
        shut(rotation, target)

    with monkeypatch.context() as patch:
        patch.setattr(gate, "begin", in_between)
        with pytest.raises(Refused) as refused:
            house.rotation().apply(ODILE)
    assert refused.value.rule == "rotation-under-way"
    with pytest.raises(Refused):
        opened(registered, permit)
    tables.renew("diabetes", ODILE, reason="schedule")
    with pytest.raises(Refused):
        tables.renew("diabetes", ODILE, reason="schedule")
    house.rotation().apply(ODILE)
    assert opened(registered, permit) == registered.extract(scope=scope(BEN))["IR_BEN_R"]


def _killed(*_, **__):
    raise KeyboardInterrupt


def test_a_project_whose_permit_is_over_stays_as_it_is(registered, permit):
    registered.access.decide(
        permit.replace("permit", "application"), "revoke", AXEL, reasons="Misuse."
    )
    registered.house.rotation().apply(ODILE)
    assert registered.house.rotation().projects() == ()
    assert shown(registered, permit)["former"] == []


def test_a_permit_without_an_extract_has_nothing_to_turn_and_gets_no_secret(registered):
    registered.permit(scope=scope(BEN))
    registered.house.rotation().apply(ODILE)
    (project,) = registered.house.rotation().projects()
    assert (project.project, project.extracts, project.tables) == ("diabetes", 0, 0)
    scopes = {one.scope for one in registered.house.keys.entries() if one.kind == "pseudonym"}
    assert "project/diabetes" not in scopes


def test_pseudonyms_of_all_columns_belong_to_persons(registered, permit):
    """The test above the tests: what is compared are pseudonyms, not something empty."""
    values = pa.array([row["NUM_ENQ"] for row in opened(registered, permit)])
    assert pc.all(pc.match_substring_regex(values, "^[A-Z2-7]{17}$")).as_py()
