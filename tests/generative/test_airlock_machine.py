"""The airlock under random acts by everyone, with crashes: what must hold, always holds."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bercail.airlock import State, verify_package
from bercail.airlock.events import REQUEST_EVENTS, RequestApproved, RequestReleased, VoteCast
from bercail.airlock.request import fold
from bercail.airlock.rules import TRANSITIONS
from bercail.foundation import BercailError, Refused, from_iso
from bercail.ledger import decode
from bercail.testing.airlock_desk import (
    AUDITOR,
    AUTHOR,
    CHECKERS,
    COLLEAGUE,
    PERMIT,
    AirlockDesk,
)

PEOPLE = (AUTHOR, COLLEAGUE, AUDITOR, *CHECKERS)
INSIDE = {AUTHOR.id, COLLEAGUE.id}
TABLES = ([(40, 31), (20, 58)], [(41, 31), (6, 58)])


class _Crash(BaseException):
    """The process is gone; nothing catches it."""


class AirlockMachine(RuleBasedStateMachine):
    @initialize()
    def open_house(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.desk = AirlockDesk(Path(self.folder.name))
        self.out = self.desk.folder / "out"
        self.request = ""
        self.ends = self.desk.clock.now() + timedelta(days=30)

    def attempt(self, act: Any, crash_after: int | None = None) -> None:
        """Do `act`; the journal may die after some appends."""
        journal = self.desk.journal
        append, left = journal.append, crash_after

        def dying(*given: Any) -> Any:
            nonlocal left
            if left == 0:
                raise _Crash
            recorded = append(*given)
            left = None if left is None else left - 1
            if left == 0:
                raise _Crash
            return recorded

        if crash_after is not None:
            journal.append = dying  # type: ignore[method-assign]
        try:
            act()
        except (BercailError, _Crash):
            return
        finally:
            journal.__dict__.pop("append", None)

    @rule(
        who=st.sampled_from((AUTHOR, COLLEAGUE, CHECKERS[0])),
        table=st.sampled_from(TABLES),
        crash=st.none() | st.integers(0, 4),
    )
    def submit(self, who: Any, table: Any, crash: int | None) -> None:
        path = self.desk.table_file(table)
        replaces = self.request or None

        def act() -> None:
            self.request = self.desk.airlock.submit(path, PERMIT, who, replaces=replaces).id

        self.attempt(act, crash)
        found = self.desk.journal.streams("airlock/")
        if not self.request and found:
            self.request = found[0].removeprefix("airlock/")

    @rule(who=st.sampled_from(PEOPLE), yes=st.booleans(), crash=st.none() | st.integers(0, 1))
    def vote(self, who: Any, yes: bool, crash: int | None) -> None:
        if self.request:
            self.attempt(
                lambda: self.desk.airlock.review(self.request, who, approve=yes, reason="seen"),
                crash,
            )

    @rule(who=st.sampled_from(CHECKERS))
    def approve(self, who: Any) -> None:
        if self.request:
            self.attempt(lambda: self.desk.airlock.review(self.request, who, approve=True))

    @rule(who=st.sampled_from(PEOPLE), crash=st.none() | st.integers(0, 1))
    def release(self, who: Any, crash: int | None) -> None:
        if self.request:
            self.attempt(lambda: self.desk.airlock.release(self.request, who, self.out), crash)

    @rule(who=st.sampled_from(PEOPLE))
    def give_back(self, who: Any) -> None:
        if self.request:
            self.attempt(lambda: self.desk.airlock.give_back(self.request, who, "again"))

    @rule(days=st.integers(1, 12))
    def wait(self, days: int) -> None:
        self.desk.clock.advance(timedelta(days=days))

    @rule(place=st.integers(0, 30), byte=st.integers(1, 255))
    def tamper(self, place: int, byte: int) -> None:
        """A host that alters one sealed object."""
        names = sorted(info.name for info in self.desk.store.list())
        if names and place % 5 == 0:
            name = names[place % len(names)]
            data = bytearray(self.desk.store.get(name))
            data[-1] ^= byte
            self.desk.store.put(name, bytes(data))

    def events(self) -> list[tuple[Any, Any]]:
        records = self.desk.journal.read(f"airlock/{self.request}") if self.request else ()
        return [(record, decode(record, REQUEST_EVENTS)) for record in records]

    @invariant()
    def nothing_is_outside_before_the_release_is_recorded(self) -> None:
        if not hasattr(self, "desk"):
            return
        released = any(isinstance(event, RequestReleased) for _, event in self.events())
        assert released or not self.out.exists() or not any(self.out.iterdir())

    @invariant()
    def every_step_is_in_the_table(self) -> None:
        if not hasattr(self, "desk"):
            return
        request = fold(())
        for _, event in self.events():
            after = fold_one(request, event)
            reachable = {request.state}.union(*TRANSITIONS[request.state].values())
            # A vote and the decision it brings are one step of the table.
            assert after.state in reachable | {State.APPROVED, State.REJECTED}
            request = after

    @invariant()
    def a_release_has_two_strangers_who_voted_on_exactly_it(self) -> None:
        if not hasattr(self, "desk"):
            return
        before: list[Any] = []
        for record, event in self.events():
            if isinstance(event, RequestApproved | RequestReleased):
                votes = {
                    vote.checker
                    for vote in before
                    if isinstance(vote, VoteCast)
                    and vote.approve
                    and vote.set_digest == fold(before).set_digest
                }
                assert len(votes) >= 2
                assert not votes & INSIDE
                assert from_iso(record.at) < self.ends
            before.append(event)

    @invariant()
    def at_most_one_release(self) -> None:
        if not hasattr(self, "desk"):
            return
        kinds = [type(event) for _, event in self.events()]
        assert kinds.count(RequestReleased) <= 1

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        package = self.out / self.request if self.request else None
        if package is not None and package.exists():
            verify_package(package, self.desk.airlock.public_keys())
        self.desk.keys.close()
        self.folder.cleanup()


def fold_one(request: Any, event: Any) -> Any:
    from bercail.airlock.request import _apply

    return _apply(request, event)


AirlockMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=14, deadline=None)
TestAirlockMachine = AirlockMachine.TestCase


def test_the_machine_reaches_a_release(tmp_path: Path) -> None:
    """The acts above can lead to a release, so the invariants are not empty."""
    desk = AirlockDesk(tmp_path)
    request = desk.approved(TABLES[1])
    try:
        desk.airlock.release(request, evolve(CHECKERS[2], id=AUTHOR.id), desk.folder / "out")
        raise AssertionError("the author released")
    except Refused:
        desk.airlock.release(request, CHECKERS[2], desk.folder / "out")
    assert desk.kinds(request)[-1] == "RequestReleased"
    desk.keys.close()
