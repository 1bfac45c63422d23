"""The fold of a migration's events: total, one canonical side, default deny."""

from __future__ import annotations

from itertools import product

import pytest

from bercail.foundation import Actor, Refused, Role, Unproven
from bercail.hosting.events import (
    MIGRATION_EVENTS,
    CopyFinished,
    CutOver,
    DeltasLogged,
    ErasureBegun,
    ErasureEvidenced,
    ErasureNotified,
    ErasurePlanned,
    PlanMade,
    ProofFailed,
    ProofMade,
    RolledBack,
    SidesCompared,
    SourceErased,
    SourceFrozen,
    SurveyTaken,
)
from bercail.hosting.migration import rules
from bercail.hosting.migration.entry import Delta
from bercail.hosting.migration.rules import LEADS_TO, NEXT_STEP, Act, Readiness
from bercail.hosting.migration.state import (
    TRANSITIONS,
    MigrationState,
    Phase,
    Side,
    after,
    fold,
)

OPERATOR = Actor(id="op", roles={Role.OPERATOR})
SURVEY = SurveyTaken(survey=1, objects=2, bytes=3, new=2, changed=0, gone=0)
PLAN = PlanMade(plan=1, survey=1, digest="d", to_copy=2, to_copy_bytes=3, not_carried=0)
COPY = CopyFinished(run=1, plan="d", copied=2, copied_bytes=3, carried=2, carried_bytes=3, failed=0)
PROOF = ProofMade(
    proof=1, basis="independent-reread", lines=2, bytes=3, root="r", manifest="m", envelope="e"
)
FAILED = ProofFailed(proof=1, failures=1, digest="f")
SWITCH = CutOver(proof=1, root="r", left_behind=0)
BACK = RolledBack(reason="why")
COMPARED = SidesCompared(
    comparison=1,
    depth="listing-and-heads",
    objects=2,
    reread=0,
    same=2,
    differences={},
    digest="c",
    quiet_rounds=2,
)
LOGGED = DeltasLogged(size=2, root="r", earlier=0, earlier_root="e", proof="p")
FROZEN = SourceFrozen(how="attestation", by="someone", statement="nobody writes")
PLANNED = ErasurePlanned(
    plan=1, objects=2, bytes=3, not_carried=0, subjects=("contents",), digest="l"
)
NOTIFIED = ErasureNotified(plan=1, given_by="a", given_to="b", not_before="z", source="s")
BEGUN = ErasureBegun(plan=1, digest="l", reread=2)
EVIDENCED = ErasureEvidenced(plan=1, subject="contents", basis="seen-by-us", by="op")
ERASED = SourceErased(plan=1, objects=2, seen=1, on_word=0, certificate="c")
EVENTS = {
    type(e): e
    for e in (
        *(SURVEY, PLAN, COPY, PROOF, FAILED, COMPARED, LOGGED, FROZEN, SWITCH, BACK),
        *(PLANNED, NOTIFIED, BEGUN, EVIDENCED, ERASED),
    )
}
PROVEN = (SURVEY, PLAN, COPY, PROOF)
READY_TO_SWITCH = (*PROVEN, FROZEN)
READY = Readiness(delta=Delta(), pending=0, left_behind=0, absent=0)


def test_every_phase_has_its_row_and_its_next_step() -> None:
    assert set(TRANSITIONS) == set(Phase) == set(NEXT_STEP)
    assert set(EVENTS) == set(MIGRATION_EVENTS)
    assert set(LEADS_TO) == set(Act)


@pytest.mark.parametrize("act", [Act.EVIDENCE_ERASURE, Act.CERTIFY_ERASURE, Act.FREEZE, Act.COPY])
def test_after_the_cut_over_the_next_step_is_the_erasure_not_only_the_way_back(act: Act) -> None:
    with pytest.raises(Refused) as refusal:
        rules.require_may(act, MigrationState(phase=Phase.CUT_OVER), OPERATOR)
    assert "bercail erase plan" in refusal.value.remedy
    assert "`freeze`" not in refusal.value.message


@pytest.mark.parametrize(("phase", "kind"), list(product(Phase, MIGRATION_EVENTS)))
def test_the_fold_is_total_and_denies_what_the_table_does_not_allow(
    phase: Phase, kind: type
) -> None:
    state = MigrationState(phase=phase)
    allowed = TRANSITIONS[phase].get(kind)
    if allowed is None:
        with pytest.raises(Unproven, match=kind.__name__):
            after(state, EVENTS[kind])
    else:
        assert after(state, EVENTS[kind]).phase is allowed


def test_only_a_switch_moves_the_canonical_side() -> None:
    sides = []
    state = MigrationState()
    for event in (*PROVEN, COMPARED, LOGGED, FROZEN, SWITCH, PLANNED, NOTIFIED, BACK, SURVEY):
        state = after(state, event)
        sides.append(state.canonical)
    assert sides == [Side.SOURCE] * 7 + [Side.TARGET] * 3 + [Side.SOURCE] * 2


@pytest.mark.parametrize("beside", [COMPARED, LOGGED, FROZEN])
def test_looking_and_saying_leave_the_proof_standing(beside: object) -> None:
    assert fold((*PROVEN, beside)).proof == PROOF
    assert fold((*PROVEN, beside)).phase is Phase.PROVEN


def test_a_roll_back_withdraws_the_freeze_and_the_erasure() -> None:
    before = fold((*READY_TO_SWITCH, SWITCH, PLANNED, NOTIFIED))
    assert (before.frozen, before.erasure, before.notice) == (FROZEN, PLANNED, NOTIFIED)
    assert before.proof == PROOF
    rolled = after(before, BACK)
    assert (rolled.frozen, rolled.erasure, rolled.notice) == (None, None, None)


def test_a_new_plan_of_erasure_takes_the_notice_of_the_former_away() -> None:
    state = fold((*READY_TO_SWITCH, SWITCH, PLANNED, NOTIFIED, PLANNED))
    assert state.notice is None


@pytest.mark.parametrize("erasing", [(BEGUN,), (BEGUN, EVIDENCED), (BEGUN, EVIDENCED, ERASED)])
def test_there_is_no_way_back_once_the_erasure_began(erasing: tuple[object, ...]) -> None:
    state = fold((*READY_TO_SWITCH, SWITCH, PLANNED, NOTIFIED, *erasing))
    assert state.canonical is Side.TARGET
    with pytest.raises(Refused) as caught:
        rules.require_reason(state, OPERATOR, "a mistake")
    assert caught.value.rule == "migration-erased"


@pytest.mark.parametrize("later", [SURVEY, PLAN, COPY, FAILED])
def test_whatever_comes_after_a_proof_takes_it_away(later: object) -> None:
    assert fold(PROVEN).proof == PROOF
    assert fold((*PROVEN, later)).proof is None


def test_a_cut_over_needs_a_proof() -> None:
    with pytest.raises(Refused) as caught:
        rules.decide_cut_over(fold(PROVEN[:3]), OPERATOR, READY, accept_left_behind=False)
    assert caught.value.rule == "migration-order"


@pytest.mark.parametrize(
    ("ready", "rule"),
    [
        (Readiness(delta=Delta(new=1), pending=0, left_behind=0, absent=0), "migration-delta"),
        (Readiness(delta=Delta(changed=1), pending=0, left_behind=0, absent=0), "migration-delta"),
        (Readiness(delta=Delta(gone=1), pending=0, left_behind=0, absent=0), "migration-delta"),
        (Readiness(delta=Delta(), pending=1, left_behind=0, absent=0), "migration-delta"),
        (Readiness(delta=Delta(), pending=0, left_behind=0, absent=1), "migration-target"),
        (Readiness(delta=Delta(), pending=0, left_behind=1, absent=0), "migration-left-behind"),
    ],
)
def test_a_cut_over_needs_both_sides_as_they_were_proved(ready: Readiness, rule: str) -> None:
    with pytest.raises(Refused) as caught:
        rules.decide_cut_over(fold(READY_TO_SWITCH), OPERATOR, ready, accept_left_behind=False)
    assert caught.value.rule == rule


def test_a_cut_over_needs_a_freeze() -> None:
    with pytest.raises(Refused) as caught:
        rules.decide_cut_over(fold(PROVEN), OPERATOR, READY, accept_left_behind=False)
    assert caught.value.rule == "migration-freeze"
    with pytest.raises(Refused) as caught:
        rules.require_freeze(None)
    assert caught.value.rule == "migration-freeze"
    switch = rules.decide_cut_over(fold(READY_TO_SWITCH), OPERATOR, READY, accept_left_behind=False)
    assert switch == SWITCH


def test_a_cut_over_begins_proven_or_where_it_was_interrupted() -> None:
    for events in (PROVEN, (*READY_TO_SWITCH, SURVEY), (*READY_TO_SWITCH, SURVEY, PLAN, COPY)):
        rules.require_may_begin_cut_over(fold(events), OPERATOR)
    for events in (PROVEN[:3], (*PROVEN, FAILED), (*READY_TO_SWITCH, FAILED)):
        with pytest.raises(Refused) as caught:
            rules.require_may_begin_cut_over(fold(events), OPERATOR)
        assert caught.value.rule == "migration-order"


def test_what_stays_behind_may_be_accepted_and_is_counted() -> None:
    ready = Readiness(delta=Delta(), pending=0, left_behind=3, absent=0)
    event = rules.decide_cut_over(fold(READY_TO_SWITCH), OPERATOR, ready, accept_left_behind=True)
    assert event == CutOver(proof=1, root="r", left_behind=3)


@pytest.mark.parametrize("act", list(Act))
def test_only_an_operator_acts(act: Act) -> None:
    outsider = Actor(id="someone", roles={Role.AUDITOR, Role.ACCESS_OFFICER})
    with pytest.raises(Refused) as caught:
        rules.require_may(act, fold(PROVEN), outsider)
    assert caught.value.rule == "migration-operator"


def test_a_roll_back_needs_a_cut_over_and_a_reason() -> None:
    with pytest.raises(Refused, match="roll-back"):
        rules.require_reason(fold(PROVEN), OPERATOR, "why")
    with pytest.raises(Refused, match="reason"):
        rules.require_reason(fold((*PROVEN, SWITCH)), OPERATOR, "  ")
    rules.require_reason(fold((*PROVEN, SWITCH)), OPERATOR, " why ")


def test_what_landed_is_not_for_use_before_the_cut_over() -> None:
    with pytest.raises(Refused) as caught:
        rules.require_canonical_target(fold(PROVEN))
    assert caught.value.rule == "migration-one-canonical"
    rules.require_canonical_target(fold((*PROVEN, SWITCH)))


def test_a_proven_phase_without_its_proof_is_no_ground_to_cut_over() -> None:
    broken = MigrationState(phase=Phase.PROVEN)
    with pytest.raises(Refused, match="no proof that still stands"):
        rules.decide_cut_over(broken, OPERATOR, READY, accept_left_behind=False)
