"""The tables of acts are total and deny by default; the fold follows the events."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from attrs import evolve

from bercail.access.events import ExtractOpened, PermitGranted, PermitRevoked
from bercail.access.permit import DataPermit, Purpose
from bercail.access.rules import ACTS, Act, Dossier, State, fold, is_live, may, require
from bercail.foundation import Actor, Refused, Role
from bercail.testing.access_desk import application, scope, with_role

PERMIT = DataPermit(
    id="permit-1",
    project="diabetes",
    members=("camille",),
    purpose=Purpose.RESEARCH,
    scope=scope(),
    valid_from=date(2026, 11, 10),
    valid_until=date(2026, 11, 20),
)
# What may happen, by state, written out again: the table of the rules must say the same.
POSSIBLE = {
    State.NONE: {Act.FILE: Role.APPLICANT},
    State.AWAITING_ADDITIONAL_INFORMATION: {
        Act.COMPLETE: Role.APPLICANT,
        Act.REFUSE: Role.ACCESS_OFFICER,
    },
    State.PROCESSING: {Act.GIVE_OPINION: Role.COMMITTEE, Act.REFUSE: Role.ACCESS_OFFICER},
    State.OPINION_GIVEN: {Act.AUTHORISE: Role.REGULATOR, Act.REFUSE: Role.ACCESS_OFFICER},
    State.AUTHORISED: {Act.GRANT: Role.ACCESS_OFFICER, Act.REFUSE: Role.ACCESS_OFFICER},
    State.GRANTED: {Act.REVOKE: Role.ACCESS_OFFICER, Act.EXTRACT: Role.OPERATOR},
    State.REFUSED: {},
    State.REVOKED: {},
}


def dossier(state: State) -> Dossier:
    return Dossier(state=state, application=None if state is State.NONE else application())


def somebody(role: Role) -> Actor:
    """An applicant is the one of the dossier; anybody else is nobody of the project."""
    return with_role("camille" if role is Role.APPLICANT else "somebody", role)


def test_every_act_is_in_the_table_and_every_state_has_its_acts():
    assert set(ACTS) == set(Act)
    assert set(POSSIBLE) == set(State)


@pytest.mark.parametrize("state", State)
def test_in_every_state_each_role_may_do_what_is_written_and_nothing_else(state):
    for act in Act:
        for role in Role:
            allowed = may(somebody(role), act, dossier(state)) == ""
            assert allowed == (POSSIBLE[state].get(act) is role), (state, act, role)


@pytest.mark.parametrize("state", State)
def test_nobody_acts_without_a_role(state):
    for act in Act:
        with pytest.raises(Refused) as refused:
            require(Actor(id="somebody"), act, dossier(state))
        assert refused.value.rule == "IAM-05"


def test_a_wrong_moment_is_another_rule_than_a_wrong_person():
    with pytest.raises(Refused, match="`refused`") as refused:
        require(with_role("axel", Role.ACCESS_OFFICER), Act.GRANT, dossier(State.REFUSED))
    assert refused.value.rule == "PER-06"


@pytest.mark.parametrize("name", ["camille", "noor"])
def test_somebody_of_the_project_decides_nothing_about_it(name):
    for state, acts in POSSIBLE.items():
        for act, role in acts.items():
            if role is not Role.APPLICANT:
                assert "part of the project" in may(with_role(name, role), act, dossier(state))


def test_another_applicant_does_not_complete_the_application():
    stranger = with_role("someone", Role.APPLICANT)
    waiting = dossier(State.AWAITING_ADDITIONAL_INFORMATION)
    assert "not the applicant" in may(stranger, Act.COMPLETE, waiting)


def test_a_permit_lives_from_its_first_day_to_the_end_of_its_last():
    granted = fold([PermitGranted(permit=PERMIT)])
    lives = {
        datetime(2026, 11, 9, 23, 59, 59, tzinfo=UTC): False,
        datetime(2026, 11, 10, tzinfo=UTC): True,
        datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC): True,
        datetime(2026, 11, 21, tzinfo=UTC): False,
    }
    assert {now: is_live(granted, now) for now in lives} == lives
    noon = datetime(2026, 11, 15, 12, tzinfo=UTC)
    revoked = fold([PermitGranted(permit=PERMIT), PermitRevoked(reasons="r")])
    assert not is_live(revoked, noon)
    assert not is_live(evolve(granted, permit=None), noon)


def test_opening_changes_nothing_of_a_dossier():
    granted = [PermitGranted(permit=PERMIT)]
    assert fold([*granted, ExtractOpened(extract="e", member="camille")]) == fold(granted)
