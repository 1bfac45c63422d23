"""The fold of a migration's events: total, one canonical side, default deny."""

from __future__ import annotations

from itertools import product

import pytest

from bercail.foundation import Actor, Refused, Role, Unproven
from bercail.hosting.events import (
    MIGRATION_EVENTS,
    CopyFinished,
    CutOver,
    PlanMade,
    ProofFailed,
    ProofMade,
    RolledBack,
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
EVENTS = {type(e): e for e in (SURVEY, PLAN, COPY, PROOF, FAILED, SWITCH, BACK)}
PROVEN = (SURVEY, PLAN, COPY, PROOF)
READY = Readiness(delta=Delta(), pending=0, left_behind=0, absent=0)


def test_every_phase_has_its_row_and_its_next_step() -> None:
    assert set(TRANSITIONS) == set(Phase) == set(NEXT_STEP)
    assert set(EVENTS) == set(MIGRATION_EVENTS)
    assert set(LEADS_TO) == set(Act)


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
    for event in (*PROVEN, SWITCH, BACK, SURVEY):
        state = after(state, event)
        sides.append(state.canonical)
    assert sides == [Side.SOURCE] * 4 + [Side.TARGET] + [Side.SOURCE] * 2


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
        rules.decide_cut_over(fold(PROVEN), OPERATOR, ready, accept_left_behind=False)
    assert caught.value.rule == rule


def test_what_stays_behind_may_be_accepted_and_is_counted() -> None:
    ready = Readiness(delta=Delta(), pending=0, left_behind=3, absent=0)
    event = rules.decide_cut_over(fold(PROVEN), OPERATOR, ready, accept_left_behind=True)
    assert event == CutOver(proof=1, root="r", left_behind=3)


@pytest.mark.parametrize("act", list(Act))
def test_only_an_operator_acts(act: Act) -> None:
    outsider = Actor(id="someone", roles={Role.AUDITOR, Role.ACCESS_OFFICER})
    with pytest.raises(Refused) as caught:
        rules.require_may(act, fold(PROVEN), outsider)
    assert caught.value.rule == "migration-operator"


def test_a_roll_back_needs_a_cut_over_and_a_reason() -> None:
    with pytest.raises(Refused, match="roll-back"):
        rules.decide_roll_back(fold(PROVEN), OPERATOR, "why")
    with pytest.raises(Refused, match="reason"):
        rules.decide_roll_back(fold((*PROVEN, SWITCH)), OPERATOR, "  ")
    assert rules.decide_roll_back(fold((*PROVEN, SWITCH)), OPERATOR, " why ") == BACK


def test_what_landed_is_not_for_use_before_the_cut_over() -> None:
    with pytest.raises(Refused) as caught:
        rules.require_canonical_target(fold(PROVEN))
    assert caught.value.rule == "migration-one-canonical"
    rules.require_canonical_target(fold((*PROVEN, SWITCH)))


def test_a_proven_phase_without_its_proof_is_no_ground_to_cut_over() -> None:
    broken = MigrationState(phase=Phase.PROVEN)
    with pytest.raises(Refused, match="no proof that still stands"):
        rules.decide_cut_over(broken, OPERATOR, READY, accept_left_behind=False)
