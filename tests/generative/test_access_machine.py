"""Anybody tries any act at any moment: only the right person at the right moment changes a thing.

The machine keeps its own, much shorter account of what should happen; whatever it does not
foresee must be refused and leave the journal as it was.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bercail.foundation import Actor, Missing, Refused, Role
from bercail.testing.access_desk import (
    BEN,
    CAMILLE,
    AccessDesk,
    application,
    scope,
    stock_register,
)

MEMBERS = {"camille", "noor"}
# state -> act -> (who, next state for a yes, next state for a no).
WAYS = {
    "awaiting_additional_information": {
        "complete": (Role.APPLICANT, "processing", "processing"),
        "refuse": (Role.ACCESS_OFFICER, "refused", "refused"),
    },
    "processing": {
        "give_opinion": (Role.COMMITTEE, "opinion_given", "refused"),
        "refuse": (Role.ACCESS_OFFICER, "refused", "refused"),
    },
    "opinion_given": {
        "authorise": (Role.REGULATOR, "authorised", "refused"),
        "refuse": (Role.ACCESS_OFFICER, "refused", "refused"),
    },
    "authorised": {
        "grant": (Role.ACCESS_OFFICER, "granted", "granted"),
        "refuse": (Role.ACCESS_OFFICER, "refused", "refused"),
    },
    "granted": {"revoke": (Role.ACCESS_OFFICER, "revoked", "revoked")},
    "refused": {},
    "revoked": {},
}
ACTS = ("complete", "give_opinion", "authorise", "grant", "refuse", "revoke")
NAMES = ("camille", "noor", "axel", "cesrees", "cnil", "odile", "somebody")
ACTORS = st.builds(
    Actor, id=st.sampled_from(NAMES), roles=st.frozensets(st.sampled_from(Role), max_size=3)
)


class AccessMachine(RuleBasedStateMachine):
    """One dossier from its filing on."""

    desk: AccessDesk

    @initialize(whole=st.booleans(), days=st.integers(0, 60))
    def file(self, whole: bool, days: int) -> None:
        today = self.desk.house.clock.now().date()
        # The period begins soon and ends soon, so that the clock walks through it.
        self.starts, self.ends = today + timedelta(5), today + timedelta(5 + days)
        self.content = application(scope=scope(BEN), starts=self.starts, ends=self.ends)
        asked = self.content if whole else evolve(self.content, tools="")
        self.identifier = self.desk.access.file(asked, CAMILLE)
        self.permit = self.identifier.replace("application-", "permit-")
        self.due = None if whole else today + timedelta(28)
        self.state = "processing" if whole else "awaiting_additional_information"
        self.extracted = False

    @rule(actor=ACTORS, act=st.sampled_from(ACTS), answer=st.booleans())
    def anybody_acts(self, actor: Actor, act: str, answer: bool) -> None:
        self.act(actor, act, answer)

    @rule(answer=st.sampled_from((True, True, True, False)))
    def the_right_person_acts(self, answer: bool) -> None:
        for act, (role, *_) in WAYS[self.state].items():
            if act not in ("refuse", "revoke"):
                name = "camille" if role is Role.APPLICANT else "somebody"
                self.act(Actor(id=name, roles={role}), act, answer)
                return

    @rule(actor=ACTORS)
    def anybody_extracts(self, actor: Actor) -> None:
        self.extract(actor)

    @precondition(lambda self: self.state == "granted")
    @rule()
    def the_operator_extracts(self) -> None:
        self.extract(Actor(id="odile", roles={Role.OPERATOR}))

    @rule(actor=ACTORS)
    def anybody_opens(self, actor: Actor) -> None:
        allowed = self.live and self.extracted and actor.id in MEMBERS
        done = self.tried(lambda: self.desk.access.open_extract(self.permit, actor))
        assert done == allowed

    @rule(days=st.integers(0, 20))
    def days_pass(self, days: int) -> None:
        self.desk.house.clock.advance(timedelta(days))

    @invariant()
    def the_dossier_is_where_it_should_be(self) -> None:
        if not hasattr(self, "identifier"):
            return
        shown = self.desk.access.show(self.identifier)
        assert shown["state"] == self.state
        assert shown["live"] == self.live
        assert (shown["extract"] is not None) == self.extracted

    @property
    def live(self) -> bool:
        today = self.desk.house.clock.now().date()
        return self.state == "granted" and self.starts <= today <= self.ends

    def act(self, actor: Actor, act: str, answer: bool) -> None:
        role, yes, no = WAYS[self.state].get(act, (None, "", ""))
        today = self.desk.house.clock.now().date()
        in_time = self.due is not None and today <= self.due
        allowed = role in actor.roles and (
            (act == "complete" and actor.id == "camille" and in_time)
            or (act != "complete" and actor.id not in MEMBERS)
        )
        if act == "refuse" and self.state == "awaiting_additional_information" and in_time:
            allowed = False
        assert self.tried(lambda: self.do(act, actor, answer)) == allowed
        if allowed:
            self.state = yes if answer else no

    def do(self, act: str, actor: Actor, answer: bool) -> None:
        access = self.desk.access
        if act == "complete":
            access.complete(self.identifier, self.content, actor)
            return
        given = {"reasons": "r", "reference": "n", "favourable": answer, "authorised": answer}
        access.decide(self.identifier, act, actor, **given)

    def extract(self, actor: Actor) -> None:
        allowed = self.live and actor.has(Role.OPERATOR) and actor.id not in MEMBERS
        done = self.tried(lambda: self.desk.access.extract(self.permit, actor))
        assert done == allowed
        self.extracted = self.extracted or allowed

    def tried(self, act) -> bool:
        """Whether the act was done; refused, it must leave the journal as it was."""
        ledger = self.desk.house.ledger
        before, refusal = ledger.history(limit=1), None
        try:
            act()
        except (Refused, Missing) as error:
            refusal = error
        if refusal is None:
            return True
        assert refusal.remedy
        assert ledger.history(limit=1) == before
        return False


def test_the_machine_of_permits() -> None:
    with tempfile.TemporaryDirectory() as folder:
        AccessMachine.desk = stock_register(AccessDesk(Path(folder)))
        try:
            run = settings(max_examples=25, stateful_step_count=25, deadline=None)
            run_state_machine_as_test(AccessMachine, settings=run)
        finally:
            AccessMachine.desk.close()
