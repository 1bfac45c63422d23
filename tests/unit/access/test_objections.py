"""Whoever objects is in no extract cut afterwards, under any number; and may come back."""

from __future__ import annotations

import json

import pytest

from bercail.access.events import ObjectionRegistered
from bercail.access.objections import STREAM
from bercail.foundation import Actor, Invalid, Refused, Role, Unproven
from bercail.testing.access_desk import (
    ALL_TABLES,
    AXEL,
    BEN,
    CAMILLE,
    CHAIN,
    CLAIRE,
    ODILE,
    PRS,
    STAY,
    level_one,
    rows_of,
    scope,
    with_role,
)


def everyone(found):
    """Every pseudonym of a project in an extract."""
    return {
        row[column]
        for rows in found.values()
        for row in rows
        for column in ("NUM_ENQ", "NUM_ENQ_IDT")
        if column in row
    }


def test_an_objection_takes_every_row_of_the_person_out(own):
    """`bob` objects by his own number; he is paid under his mother's and his father's."""
    own.access.objections.register(level_one("bob-own"), CLAIRE)
    found = own.extract(scope=scope(*ALL_TABLES, first_year=2022))
    assert everyone(found) == {own.delivered("ana"), own.delivered("ana-own")}
    assert [row["DGN_PAL"] for row in found["T_MCO23B"]] == ["23-0"]
    lines = {row["DCT_ORD_NUM"] for row in found["ER_PRS_F"]}
    assert {row["DCT_ORD_NUM"] for row in found["ER_PHA_F"]} == lines


def test_an_objection_after_the_permit_is_respected_by_the_extraction(registered):
    permit = registered.permit(scope=scope(BEN))
    confirmation = registered.access.objections.register(level_one("ana-own"), CLAIRE)
    made = registered.access.extract(permit, ODILE)
    assert (made.persons, made.objections) == (1, confirmation.version)
    found = rows_of(registered.access.open_extract(permit, CAMILLE))
    assert registered.delivered("ana") not in everyone(found)


def test_an_objection_after_the_extraction_leaves_the_extract_and_binds_the_next(registered):
    permit = registered.permit(scope=scope(BEN))
    made = registered.access.extract(permit, ODILE)
    registered.access.objections.register(level_one("ana-own"), CLAIRE)
    assert registered.access.extract(permit, ODILE) == made
    assert registered.delivered("ana") not in everyone(registered.extract(scope=scope(BEN)))


def test_an_objection_is_reversible(own):
    before = own.extract(scope=scope(BEN, PRS))
    own.access.objections.register(level_one("ana-own"), CLAIRE)
    own.access.objections.withdraw(level_one("ana-own"), CLAIRE)
    assert own.extract(scope=scope(BEN, PRS)) == before


def test_a_twin_who_objects_by_rank_leaves_the_other_and_their_common_stays(desk):
    rows = [
        {"BEN_NIR_PSA": "mum", "BEN_RNG_GEM": rank, "BEN_IDT_ANO": f"mum/{rank}"} for rank in (1, 2)
    ]
    home = {"BEN_NAI_ANN": "2015", "BEN_RES_DPT": "075"}
    desk.load(
        "ONE",
        IR_BEN_R=[{**row, **home} for row in rows],
        ER_PRS_F=[desk.line("mum", "2024-01-09", rank) for rank in (1, 2)],
        T_MCO23C=[{"ETA_NUM": "E", "RSA_NUM": "1", "NIR_ANO_17": "mum"}],
        T_MCO23B=[{"ETA_NUM": "E", "RSA_NUM": "1", "DGN_PAL": "P"}],
    )
    desk.access.objections.register(level_one("mum/2"), CLAIRE)
    found = desk.extract(scope=scope(BEN, PRS, CHAIN, STAY))
    assert [row["BEN_RNG_GEM"] for row in found["IR_BEN_R"]] == [1]
    assert [row["BEN_RNG_GEM"] for row in found["ER_PRS_F"]] == [1]
    assert (found["T_MCO23C"], found["T_MCO23B"]) == ([], [])


def test_an_objection_follows_the_person_to_a_later_identifier(desk):
    """Before the own number is known, BEN_IDT_ANO is made of the parent's; then it changes.

    One objection to the old form reaches the new one, and the other parent's rows with it.
    """
    home = {"BEN_RNG_GEM": 1, "BEN_NAI_ANN": "2015", "BEN_RES_DPT": "075"}
    desk.load("OLD", IR_BEN_R=[{**home, "BEN_NIR_PSA": "mum", "BEN_IDT_ANO": "mum/1"}])
    desk.load(
        "NEW",
        IR_BEN_R=[
            {**home, "BEN_NIR_PSA": "mum", "BEN_IDT_ANO": "kid-own"},
            {**home, "BEN_NIR_PSA": "dad", "BEN_IDT_ANO": "kid-own"},
            {**home, "BEN_NIR_PSA": "zoe", "BEN_IDT_ANO": "zoe-own"},
        ],
        ER_PRS_F=[desk.line(psa, "2024-01-09") for psa in ("mum", "dad", "zoe")],
    )
    desk.access.objections.register(level_one("mum/1"), CLAIRE)
    found = desk.extract(scope=scope(BEN, PRS))
    assert everyone(found) == {desk.delivered("zoe"), desk.delivered("zoe-own")}


def test_the_person_is_told_at_once_and_twice_is_once(registered):
    objections = registered.access.objections
    first = objections.register(level_one("ana-own"), CLAIRE)
    again = objections.register(level_one("ana-own"), AXEL)
    assert (first.version, first.changed) == (1, True)
    assert again.as_dict() == {**first.as_dict(), "changed": False}
    assert objections.current() == (1, (registered.stored("ana-own"),))
    gone = objections.withdraw(level_one("ana-own"), CLAIRE)
    assert (gone.version, objections.current()) == (2, (2, ()))
    assert objections.withdraw(level_one("ana-own"), CLAIRE).changed is False


def test_the_ledger_tells_who_changed_the_registry_and_of_nobody(desk):
    desk.access.objections.register(level_one("ana-own"), CLAIRE)
    desk.access.objections.withdraw(level_one("ana-own"), AXEL)
    records = desk.house.ledger.history("objections")
    assert [(record.kind, record.actor) for record in records] == [
        ("ObjectionRegistered", "claire"),
        ("ObjectionWithdrawn", "axel"),
    ]
    told = json.dumps([record.body for record in records])
    assert level_one("ana-own") not in told
    assert desk.stored("ana-own") not in told


def test_the_digest_of_a_list_cannot_be_found_by_trying(tmp_path):
    """Two houses with the same pseudonym secrets would still give other digests: it is keyed."""
    from bercail.testing.access_desk import AccessDesk

    digests = set()
    for seed in (1, 2):
        (tmp_path / str(seed)).mkdir()
        desk = AccessDesk(tmp_path / str(seed), seed)
        objections = desk.access.objections
        document = b'["same"]'
        digests.add(objections._keyed_digest(document))
        desk.close()
    assert len(digests) == 2


@pytest.mark.parametrize(
    "role", [role for role in Role if role not in ("citizen", "access_officer")]
)
def test_other_roles_do_not_change_the_registry(desk, role):
    for change in (desk.access.objections.register, desk.access.objections.withdraw):
        with pytest.raises(Refused) as refused:
            change(level_one("ana-own"), with_role("somebody", role))
        assert refused.value.rule == "OPT-03"
    with pytest.raises(Refused):
        desk.access.objections.register(level_one("ana-own"), Actor(id="nobody"))
    assert desk.access.objections.current() == (0, ())


@pytest.mark.parametrize(
    "given", ["", "1620375056001", "A" * 16, "A" * 19, "a" * 17, "A" * 17 + "x", "A" * 17 + "\n"]
)
def test_what_is_no_pseudonym_is_invalid_and_not_repeated(desk, given):
    with pytest.raises(Invalid) as refused:
        desk.access.objections.register(given, CLAIRE)
    assert not given or given not in str(refused.value)


def test_two_changes_at_once_lose_nobody(desk):
    """The slower of two changes is refused, and neither list replaces the other."""
    objections, ledger = desk.access.objections, desk.house.ledger
    append, raced = ledger.append, []

    def slower(stream, expected, events, actor):
        if stream == STREAM and not raced:
            raced.append(True)
            objections.register(level_one("bob-own"), AXEL)
        return append(stream, expected, events, actor)

    ledger.append = slower
    with pytest.raises(Refused) as refused:
        objections.register(level_one("ana-own"), CLAIRE)
    assert refused.value.rule == "journal-conflict"
    assert objections.current() == (1, (desk.stored("bob-own"),))
    objections.register(level_one("ana-own"), CLAIRE)
    assert set(objections.current()[1]) == {desk.stored("ana-own"), desk.stored("bob-own")}


def test_a_change_killed_before_its_event_is_made_again(desk):
    objections, ledger = desk.access.objections, desk.house.ledger
    append = ledger.append

    def killed(*_):
        raise KeyboardInterrupt

    ledger.append = killed
    with pytest.raises(KeyboardInterrupt):
        objections.register(level_one("ana-own"), CLAIRE)
    ledger.append = append
    assert objections.current() == (0, ())
    assert objections.register(level_one("ana-own"), CLAIRE).version == 1


def test_no_extract_is_cut_over_a_registry_that_is_not_the_recorded_one(registered):
    """An operator who seals an empty list under the recorded name is found out."""
    permit = registered.permit(scope=scope(BEN))
    confirmation = registered.access.objections.register(level_one("ana-own"), CLAIRE)
    registered.house.sealed("objections", "registry").put(
        "registry.json", b"[]", confirmation.registry_digest
    )
    with pytest.raises(Unproven) as refused:
        registered.access.extract(permit, ODILE)
    assert refused.value.rule == "OPT-03"


def test_a_person_the_lake_does_not_know_yet_may_object(desk):
    desk.access.objections.register(level_one("eve-own"), CLAIRE)
    home = {"BEN_RNG_GEM": 1, "BEN_NAI_ANN": "2015", "BEN_RES_DPT": "075"}
    desk.load("ONE", IR_BEN_R=[{**home, "BEN_NIR_PSA": "eve", "BEN_IDT_ANO": "eve-own"}])
    assert desk.extract(scope=scope(BEN)) == {"IR_BEN_R": []}


def test_the_event_has_only_a_version_and_a_digest():
    fields = {field.name for field in ObjectionRegistered.__attrs_attrs__}
    assert fields == {"version", "registry_digest"}


def test_objections_and_tables_of_two_epochs_are_not_brought_together(registered, monkeypatch):
    """A whole rotation between reading the list and pinning the tables would hide the objectors."""
    registered.access.objections.register(level_one("ana-own"), CLAIRE)
    permit = registered.permit(scope=scope(BEN))
    with monkeypatch.context() as meanwhile:
        current = registered.access.objections.current

        def then_rotate():
            found = current()
            registered.house.rotation().apply(ODILE)
            return found

        meanwhile.setattr(registered.access.objections, "current", then_rotate)
        with pytest.raises(Refused) as refused:
            registered.access.extract(permit, ODILE)
    assert refused.value.rule == "pseudonym-epoch"
    assert registered.access.extract(permit, ODILE).persons == 1
