"""The tables of the airlock: total, default deny, and the same as the diagram in the docs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve

from bercail.airlock import SNDS, Act, PermitView, Request, State, may
from bercail.airlock.bringing.rules import BringingState
from bercail.airlock.denials import BRINGING_FR, STATES_FR
from bercail.airlock.permits import AccessPermits, MemoryPermits
from bercail.airlock.rules import NEEDS_LIVE_PERMIT, PERFORMERS, TRANSITIONS, Party, require
from bercail.foundation import Actor, Missing, Refused, Role

PERMIT = PermitView(
    id="permit-1",
    project="p",
    members={"author", "member"},
    live_until=datetime(2027, 1, 1, tzinfo=UTC),
    is_live=True,
)
AUTHOR = Actor(id="author", roles={Role.DATA_USER})
CHECKER = Actor(id="checker", roles={Role.OUTPUT_CHECKER})
EVERYBODY = [
    AUTHOR,
    CHECKER,
    Actor(id="member", roles={Role.DATA_USER, Role.OUTPUT_CHECKER}),
    Actor(id="outsider", roles={Role.DATA_USER}),
    Actor(id="operator", roles=set(Role) - {Role.OUTPUT_CHECKER, Role.DATA_USER}),
    Actor(id="nobody"),
]


def request_in(state: State) -> Request:
    return Request(id="r", state=state, permit="permit-1", project="p", author="author")


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("act", Act)
def test_every_question_has_an_answer_and_a_no_has_a_reason(state: State, act: Act) -> None:
    for actor in EVERYBODY:
        answer = may(actor, act, request_in(state), PERMIT)
        assert answer.allowed or (answer.reason and answer.rule)
        if answer.denial is not None:
            told = answer.denial.refusal(act.value, answer.rule)
            assert (told.rule, "est refusé" in told.message) == (answer.rule, True)
            assert len(told.remedy.split(" / ")) == 2
            assert "{" not in told.message + told.remedy
        if act not in TRANSITIONS[state]:
            assert not answer.allowed


@pytest.mark.parametrize("act", Act)
def test_each_act_has_its_performers_and_no_others(act: Act) -> None:
    for state, acts in TRANSITIONS.items():
        if act not in acts:
            continue
        allowed = {a.id for a in EVERYBODY if may(a, act, request_in(state), PERMIT).allowed}
        expected = {
            Party.AUTHOR: {"author", "member"} if state is State.NONE else {"author"},
            Party.CHECKERS: {"checker"},
            Party.NOBODY: {"author", "member", "checker", "operator"},
        }[PERFORMERS[act]]
        if state is State.NONE:
            # Nobody is the author yet; the empty request has none.
            expected = {"author", "member"}
            allowed = {a.id for a in EVERYBODY if may(a, act, Request(state=state), PERMIT).allowed}
        assert allowed == expected


@pytest.mark.parametrize(
    ("actor", "act", "state", "remedy"),
    [
        (AUTHOR, Act.VOTE, State.CHECKED, "An output checker outside the project does this."),
        (CHECKER, Act.WITHDRAW, State.CHECKED, "Only `author`, who opened the request, does this."),
        (
            CHECKER,
            Act.RELEASE,
            State.CHECKED,
            "one may: `review` (the checkers), `return` (the checkers), `withdraw` (the author).",
        ),
        (CHECKER, Act.VOTE, State.REJECTED, "Nothing more is done with it"),
        (Actor(id="nobody"), Act.SEE, State.CHECKED, "output checkers and auditors see it."),
    ],
)
def test_a_refusal_says_who_may_or_what_may_be_done(
    actor: Actor, act: Act, state: State, remedy: str
) -> None:
    with pytest.raises(Refused) as refused:
        require(actor, act, request_in(state), PERMIT)
    assert remedy in refused.value.remedy


def test_each_state_has_a_french_name() -> None:
    assert set(STATES_FR) == {state.value for state in State}
    assert set(BRINGING_FR) == {state.value for state in BringingState}


def test_a_dead_permit_stops_every_act_that_leads_outside() -> None:
    dead = PermitView(
        id="permit-1", project="p", members={"author"}, live_until=PERMIT.live_until, is_live=False
    )
    assert {Act.SUBMIT, Act.VOTE, Act.RELEASE} <= NEEDS_LIVE_PERMIT
    for state, acts in TRANSITIONS.items():
        for act in acts:
            answer = may(CHECKER, act, request_in(state), dead)
            if act in NEEDS_LIVE_PERMIT:
                assert answer.rule == "permit-not-live"


def test_the_diagram_in_the_docs_is_the_table() -> None:
    page = next(
        parent / "docs/explanation/airlock.md"
        for parent in Path(__file__).parents
        if (parent / "docs/explanation/airlock.md").exists()
    ).read_text()
    drawn = set(re.findall(r"^    (\w+) --> (\w+): (\w+)$", page, re.MULTILINE))
    table = {
        (state.value, after.value, act.value)
        for state, acts in TRANSITIONS.items()
        if state is not State.NONE
        for act, states in acts.items()
        for after in states
    }
    assert drawn == table


def test_permits_in_memory_end_and_are_suspended() -> None:
    permits = MemoryPermits({"permit-1": PERMIT})
    before, after = datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert permits.get("permit-1", before).is_live
    assert not permits.get("permit-1", after).is_live
    permits.suspend("permit-1")
    assert not permits.get("permit-1", before).is_live
    with pytest.raises(Missing, match="permit-2"):
        permits.get("permit-2", before)


def test_permits_of_the_access_desk_last_until_the_end_of_their_last_day() -> None:
    class Desk:
        def find_permit(self, permit_id: str, now: datetime) -> tuple[object, bool]:
            class Permit:
                id, project, members = permit_id, "p", ("author",)
                valid_until, checkers_required = datetime(2026, 12, 31, tzinfo=UTC).date(), 3
                conditions = ("disclosure-policy: rare-diseases", "no linkage")

            return Permit(), True

    view = AccessPermits(Desk()).get("permit-1", datetime(2026, 1, 1, tzinfo=UTC))
    assert view.live_until == datetime(2027, 1, 1, tzinfo=UTC)
    assert (view.checkers_required, view.members, view.is_live) == (3, {"author"}, True)
    assert view.policies == ("rare-diseases",)
    assert (view.policy(SNDS).threshold, view.policy(SNDS).zeros) == (15, "hide")
    with pytest.raises(Refused, match="`none`, unknown here"):
        evolve(view, policies=("none",)).policy(SNDS)
