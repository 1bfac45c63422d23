"""Through a rotation: extracts and objections stay those of the same persons."""

from __future__ import annotations

import pytest

from bercail.access.events import OBJECTION_EVENTS
from bercail.access.objections import STREAM, Objections
from bercail.foundation import Refused, Secret, Unproven
from bercail.testing.access_desk import BEN, CAMILLE, CLAIRE, ODILE, level_one, rows_of, scope

ASTHMA = {"project": "asthma", "scope": scope(BEN)}


def people(found):
    return {row["NUM_ENQ"] for row in found["IR_BEN_R"]}


def test_after_a_rotation_old_and_new_extracts_have_the_same_persons(registered):
    first = registered.permit(scope=scope(BEN))
    made = registered.access.extract(first, ODILE)
    before = rows_of(registered.access.open_extract(first, CAMILLE))
    registered.house.rotation().apply(ODILE)
    after = registered.extract(scope=scope(BEN))
    assert len(people(before)) == len(people(after)) == 3
    assert not people(before) & people(after)
    stable = [(row["BEN_RNG_GEM"], row["BEN_NAI_ANN"]) for row in before["IR_BEN_R"]]
    assert [(row["BEN_RNG_GEM"], row["BEN_NAI_ANN"]) for row in after["IR_BEN_R"]] == stable
    assert rows_of(registered.access.open_extract(first, CAMILLE)) == after
    assert rows_of(registered.access.open_extract(first, CAMILLE, made.extract)) == before


def test_whoever_objected_before_or_after_a_rotation_is_in_no_extract(registered):
    registered.access.objections.register(level_one("bob-own"), CLAIRE)
    registered.house.rotation().apply(ODILE)
    assert {row["BEN_NAI_ANN"] for row in registered.extract(scope=scope(BEN))["IR_BEN_R"]} == {
        "1950"
    }
    registered.access.objections.register(level_one("ana-own"), CLAIRE)
    registered.access.objections.withdraw(level_one("bob-own"), CLAIRE)
    assert {row["BEN_NAI_ANN"] for row in registered.extract(**ASTHMA)["IR_BEN_R"]} == {"1990"}


def test_nothing_is_cut_or_registered_while_a_rotation_is_under_way(registered):
    permit = registered.permit(scope=scope(BEN))
    registered.house.lake.rewriting.gate.begin("rotation-2", 2)
    objections = registered.access.objections
    for act in (
        lambda: registered.access.extract(permit, ODILE),
        lambda: objections.register(level_one("ana-own"), CLAIRE),
        lambda: objections.withdraw(level_one("ana-own"), CLAIRE),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.rule == "rotation-under-way"


def test_a_registry_that_knows_no_epochs_is_not_read_after_a_rotation(registered):
    house = registered.house
    house.rotation().apply(ODILE)
    simple = Objections(
        house.ledger, house.sealed("objections", "registry"), lambda: Secret(bytes(32))
    )
    with pytest.raises(Unproven):
        simple.current()
    with pytest.raises(Unproven):
        house.ledger.load(STREAM, OBJECTION_EVENTS)


def test_snapshots_of_two_epochs_are_not_pinned_together(own):
    rewriting = own.house.lake.rewriting
    old = own.house.lake.snapshot("IR_BEN_R").id
    own.house.rotation().apply(ODILE)
    new = own.house.lake.snapshot("ER_PRS_F").id
    with pytest.raises(Refused) as refused:
        rewriting.require_one_epoch({"IR_BEN_R": old, "ER_PRS_F": new})
    assert refused.value.rule == "pseudonym-epoch"
    assert rewriting.require_one_epoch({"ER_PRS_F": new}) == 2
