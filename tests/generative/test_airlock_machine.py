"""The airlock under random acts by everyone, with crashes: what must hold, always holds.

The process may die before or after any write of the journal and of the store, and in the middle
of a package. Permits are suspended, projects halted, members change, the clock runs, a host alters
sealed bytes. Ten invariants, each with the name of its check:

 1. `nothing_is_outside_early`: no byte stands outside before the release is recorded.
 2. `every_step_is_in_the_table`: a state is only ever left the way the table says.
 3. `strangers_decide`: an approval rests on enough distinct checkers, none of whom is the author
    or was ever a member of the project.
 4. `votes_are_bound_to_bytes`: every vote that counts names the digest of the present set, and
    what was released has the digest that was voted on.
 5. `a_dead_permit_stops_everything`: nothing that leads outside is recorded while the permit is
    expired or suspended or its project halted.
 6. `one_release_one_package`: a request is released at most once, and what is written of it is
    the same bytes each time.
 7. `revoked_is_refused`: the package of a revoked request no longer verifies; one that stands does.
 8. `tampering_voids`: once changed bytes are found, nothing is released until a new submission.
 9. `what_stays_stays`: neither a small count nor a supporting file is in anything outside.
10. `review_is_blind`: while the review is open nobody is shown the vote of another.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bercail.airlock import State, verify_package
from bercail.airlock.events import (
    REQUEST_EVENTS,
    RequestApproved,
    RequestReleased,
    RequestSubmitted,
    TamperingFound,
    VoteCast,
)
from bercail.airlock.request import Request, _apply, fold
from bercail.airlock.rules import TRANSITIONS
from bercail.foundation import Actor, BercailError, Refused, Role, Unproven
from bercail.ledger import decode
from bercail.ledger.halting import HaltBook
from bercail.testing.airlock_desk import (
    AUDITOR,
    AUTHOR,
    CHECKERS,
    COLLEAGUE,
    PERMIT,
    AirlockDesk,
)

PEOPLE = (AUTHOR, COLLEAGUE, AUDITOR, *CHECKERS)
OFFICER = Actor(id="officer-1", roles={Role.ACCESS_OFFICER})
TABLES = ([(40, 31), (20, 58)], [(41, 31), (6, 58)])
SEX = "age,sex,persons\n0-39,women,6\n0-39,men,2\n40+,women,18\n40+,men,58\n"
REGION = "age,region,persons\n0-39,north,7\n0-39,south,1\n40+,north,31\n40+,south,45\n"
DECLARED = {"sex.csv": SEX, "region.csv": REGION}
PROTECTIONS = ("suppression", "rounding", "noise")
NOTE = b"The study shows what it shows of the persons treated in 2025.\n"
BEHIND = b"age,n\n40,7\n50,6\n"
OUTWARD = ("RequestSubmitted", "RequestChecked", "VoteCast", "RequestApproved", "RequestReleased")


class _Crash(BaseException):
    """The process is gone; nothing catches it."""


class AirlockMachine(RuleBasedStateMachine):
    @initialize(checkers=st.sampled_from((2, 2, 3)), table=st.sampled_from((None, *TABLES)))
    def open_house(self, checkers: int, table: Any = None) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.desk = AirlockDesk(Path(self.folder.name), checkers=checkers)
        self.out = self.desk.folder / "out"
        self.request = ""
        self.once_inside = {AUTHOR.id, COLLEAGUE.id}
        self.live: dict[int, bool] = {}
        self.written: dict[str, bytes] = {}
        if table is not None:
            self.submit(AUTHOR, table, False, None)

    def attempt(self, act: Callable[[], Any], crash: int | None = None) -> None:
        """Do `act`; the process may die at some write."""
        before = self.desk.journal.last()
        live = self.is_live()
        writes = [(self.desk.journal, "append"), (self.desk.store, "put")]
        left = crash
        for place, name in writes:
            real = getattr(place, name)

            def dying(*given: Any, real: Any = real, **named: Any) -> Any:
                nonlocal left
                if left == 0:
                    raise _Crash
                done = real(*given, **named)
                left = None if left is None else left - 1
                if left == 0:
                    raise _Crash
                return done

            if crash is not None:
                setattr(place, name, dying)
        try:
            act()
        except (BercailError, _Crash):
            pass
        finally:
            for place, name in writes:
                place.__dict__.pop(name, None)
        for position in range(before + 1, self.desk.journal.last() + 1):
            self.live[position] = live
        self.find_request()

    def is_live(self) -> bool:
        halted = HaltBook(ledger=self.desk.ledger).is_halted("diabetes")
        return self.desk.permits.get(PERMIT, self.desk.clock.now()).is_live and not halted

    def find_request(self) -> None:
        found = self.desk.journal.streams("airlock/")
        if not self.request and found:
            self.request = found[0].removeprefix("airlock/")

    @rule(
        who=st.sampled_from((AUTHOR, AUTHOR, COLLEAGUE, CHECKERS[0])),
        table=st.sampled_from(TABLES),
        several=st.booleans(),
        crash=st.none() | st.integers(0, 12),
        protection=st.sampled_from((None, None, None, None, None, *PROTECTIONS)),
    )
    def submit(
        self,
        who: Actor,
        table: Any,
        several: bool,
        crash: int | None,
        protection: str | None = None,
    ) -> None:
        files = [self.desk.table_file(table)]
        supporting = []
        if protection is not None:
            files += [self.declared(name, protection) for name in DECLARED]
        elif several:
            files.append(self.desk.folder / "note.txt")
            files[1].write_bytes(NOTE)
            supporting.append(self.desk.folder / "behind.csv")
            supporting[0].write_bytes(BEHIND)
        self.attempt(
            lambda: self.desk.airlock.submit(
                files,
                PERMIT,
                who,
                supporting=supporting,
                context="Persons treated in 2025, by age.",
                replaces=self.request or None,
            ),
            crash,
        )

    def declared(self, name: str, protection: str) -> Path:
        """A file of counts with its schema; both files of a request count one cohort."""
        text = DECLARED[name]
        table = {
            "population": "cd" * 32,
            "measure": {"name": "persons", "kind": "persons", "unit": "distinct persons"},
            "dimensions": [{"column": column} for column in text.splitlines()[0].split(",")[:2]],
            "columns": {"value": "persons"},
        }
        schema = {
            "format": "bercail-table-schema/1",
            "snapshots": ["ER_PRS_F@7"],
            "protection": protection,
            "tables": [table],
        }
        path = self.desk.folder / name
        path.write_text(text)
        path.with_name(name + ".schema.json").write_text(json.dumps(schema))
        return path

    @precondition(lambda self: self.request)
    @rule(who=st.sampled_from(PEOPLE), yes=st.booleans(), crash=st.none() | st.integers(0, 1))
    def vote(self, who: Actor, yes: bool, crash: int | None) -> None:
        self.attempt(
            lambda: self.desk.airlock.review(self.request, who, approve=yes, reason="seen"), crash
        )

    @precondition(lambda self: self.request)
    @rule(who=st.sampled_from(CHECKERS))
    def approve(self, who: Actor) -> None:
        self.attempt(lambda: self.desk.airlock.review(self.request, who, approve=True))

    @precondition(lambda self: self.request)
    @rule(who=st.sampled_from((*CHECKERS, *PEOPLE)), crash=st.none() | st.integers(0, 1))
    def release(self, who: Actor, crash: int | None) -> None:
        self.attempt(lambda: self.desk.airlock.release(self.request, who, self.out), crash)

    @precondition(lambda self: self.request)
    @rule(who=st.sampled_from(PEOPLE), crash=st.none() | st.integers(0, 1))
    def revoke(self, who: Actor, crash: int | None) -> None:
        self.attempt(lambda: self.desk.airlock.revoke(self.request, who, "a mistake"), crash)

    @precondition(lambda self: self.request)
    @rule(who=st.sampled_from(PEOPLE), final=st.booleans())
    def give_back_or_withdraw(self, who: Actor, final: bool) -> None:
        act = self.desk.airlock.withdraw if final else self.desk.airlock.give_back
        self.attempt(lambda: act(self.request, who, "again"))

    @rule(days=st.integers(1, 12))
    def wait(self, days: int) -> None:
        self.desk.clock.advance(timedelta(days=days))

    @rule(stop=st.booleans())
    def halt(self, stop: bool) -> None:
        book = HaltBook(ledger=self.desk.ledger)
        act = book.halt if stop else book.resume
        self.attempt(lambda: act("diabetes", "an incident", OFFICER))

    @rule()
    def suspend(self) -> None:
        self.desk.permits.suspend(PERMIT)

    @rule(who=st.sampled_from((COLLEAGUE, CHECKERS[2])), joins=st.booleans())
    def change_members(self, who: Actor, joins: bool) -> None:
        permit = self.desk.permits.get(PERMIT, self.desk.clock.now())
        members = permit.members | {who.id} if joins else permit.members - {who.id}
        self.desk.permits.add(evolve(permit, members=members))

    @precondition(lambda self: self.request)
    @rule(place=st.integers(0, 40), byte=st.integers(1, 255))
    def tamper(self, place: int, byte: int) -> None:
        """A host that alters one sealed object."""
        names = sorted(info.name for info in self.desk.store.list())
        if names and place % 8 == 0:
            name = names[place % len(names)]
            data = bytearray(self.desk.store.get(name))
            data[-1] ^= byte
            self.desk.store.put(name, bytes(data))

    def events(self) -> list[tuple[Any, Any]]:
        if not hasattr(self, "desk") or not self.request:
            return []
        records = self.desk.journal.read(f"airlock/{self.request}")
        return [(record, decode(record, REQUEST_EVENTS)) for record in records]

    def outside(self) -> dict[str, bytes]:
        if not hasattr(self, "desk") or not self.out.exists():
            return {}
        return {
            path.relative_to(self.out).as_posix(): path.read_bytes()
            for path in self.out.rglob("*")
            if path.is_file()
        }

    @invariant()
    def nothing_is_outside_early(self) -> None:
        released = any(isinstance(event, RequestReleased) for _, event in self.events())
        assert released or not self.outside()

    @invariant()
    def every_step_is_in_the_table(self) -> None:
        request = Request()
        for _, event in self.events():
            after = _apply(request, event)
            reachable = {request.state}.union(*TRANSITIONS[request.state].values())
            # A vote and the decision it brings are recorded together.
            decided = {State.APPROVED, State.REJECTED, State.CONSOLIDATING}
            assert after.state in reachable | decided, (request.state, event)
            request = after

    @invariant()
    def strangers_decide(self) -> None:
        before: list[Any] = []
        for _, event in self.events():
            if isinstance(event, RequestApproved | RequestReleased):
                request = fold(before)
                assert len(request.approvals) >= 2
                assert not request.approvals & (request.members | {request.author})
                assert all(vote.approve for vote in request.votes)
            before.append(event)

    @invariant()
    def votes_are_bound_to_bytes(self) -> None:
        before: list[Any] = []
        for _, event in self.events():
            before.append(event)
            request = fold(before)
            assert all(vote.set_digest == request.set_digest for vote in request.votes)
            if isinstance(event, RequestReleased):
                said = json.loads(event.envelope)
                assert said["signatures"]
                assert request.set_digest in {
                    vote.set_digest for vote in before if isinstance(vote, VoteCast)
                }

    @invariant()
    def a_dead_permit_stops_everything(self) -> None:
        for record, _ in self.events():
            assert record.kind not in OUTWARD or self.live[record.position], record.kind

    @invariant()
    def one_release_one_package(self) -> None:
        kinds = [type(event) for _, event in self.events()]
        assert kinds.count(RequestReleased) <= 1
        for name, data in self.outside().items():
            if "/." not in f"/{name}":
                assert self.written.setdefault(name, data) == data

    @invariant()
    def revoked_is_refused(self) -> None:
        package = self.out / self.request if self.events() else None
        if package is None or not package.exists():
            return
        request = fold(event for _, event in self.events())
        keys = self.desk.airlock.public_keys()
        if request.state is State.REVOKED:
            with pytest.raises(Unproven, match="revoked"):
                verify_package(package, keys)
        else:
            assert verify_package(package, keys).request == self.request

    @invariant()
    def tampering_voids(self) -> None:
        tampered = False
        for _, event in self.events():
            if isinstance(event, TamperingFound):
                tampered = True
            if isinstance(event, RequestSubmitted):
                tampered = False
            assert not (tampered and isinstance(event, RequestReleased))

    @invariant()
    def what_stays_stays(self) -> None:
        for name, data in self.outside().items():
            assert BEHIND not in data, name
            if name.endswith(("outputs/sex.csv", "outputs/region.csv")):
                numbers = [line.rsplit(b",", 1)[1] for line in data.splitlines()[1:]]
                assert not any(0 < int(number) < 10 for number in numbers if number), name
            assert not name.endswith("sex.csv.schema.json"), name
            if name.endswith("outputs/table.json"):
                shown = [cell["persons"] for cell in json.loads(data)["cells"]]
                assert not any(0 < persons < 11 for persons in shown if persons is not None)

    @invariant()
    def review_is_blind(self) -> None:
        if not self.events():
            return
        request = fold(event for _, event in self.events())
        if request.state is not State.IN_REVIEW:
            return
        for who in CHECKERS:
            try:
                shown = self.desk.airlock.show(self.request, who)
            except BercailError:
                # A host that altered the report stops the reading, not the rule.
                continue
            assert all(vote["checker"] == who.id for vote in shown["votes"])

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.keys.close()
            self.folder.cleanup()


AirlockMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=16, deadline=None)
TestAirlockMachine = AirlockMachine.TestCase


def test_the_machine_reaches_a_release_and_a_revocation(tmp_path: Path) -> None:
    """The acts above can lead that far, so the invariants are not empty."""
    desk = AirlockDesk(tmp_path)
    request = desk.approved(TABLES[1])
    with pytest.raises(Refused):
        desk.airlock.release(request, evolve(CHECKERS[2], id=AUTHOR.id), desk.folder / "out")
    desk.airlock.release(request, CHECKERS[2], desk.folder / "out")
    desk.airlock.revoke(request, CHECKERS[1], "a mistake")
    assert desk.kinds(request)[-2:] == ["RequestReleased", "RequestRevoked"]
    with pytest.raises(Unproven, match="revoked"):
        verify_package(desk.folder / "out" / request, desk.airlock.public_keys())
    desk.keys.close()


@pytest.mark.parametrize("crash", range(12))
def test_a_submission_killed_at_any_write_goes_on(tmp_path: Path, crash: int) -> None:
    """Whichever write is the last one, submitting again leads to one request, counted once."""
    machine = AirlockMachine()
    machine.open_house(checkers=2)
    machine.submit(AUTHOR, TABLES[1], True, crash)
    machine.submit(AUTHOR, TABLES[1], True, None)
    for who in CHECKERS[:2]:
        machine.approve(who)
    machine.release(CHECKERS[0], None)
    kinds = [record.kind for record, _ in machine.events()]
    assert kinds.count("RequestReleased") == 1
    counted = [record.kind for record in machine.desk.journal.read("airlock-project/diabetes")]
    assert counted.count("OutputCounted") == 1
    machine.revoked_is_refused()
    machine.what_stays_stays()
    assert verify_package(
        machine.out / machine.request, machine.desk.airlock.public_keys()
    ).judged_by_people == ("outputs/note.txt",)
    machine.teardown()


@pytest.mark.parametrize(
    ("protection", "crash"), [("suppression", 5), ("rounding", 9), ("noise", None)]
)
def test_declared_tables_killed_at_a_write_go_on_and_leave_protected(
    protection: str, crash: int | None
) -> None:
    machine = AirlockMachine()
    machine.open_house(checkers=2)
    machine.submit(AUTHOR, TABLES[0], False, crash, protection)
    machine.submit(AUTHOR, TABLES[0], False, None, protection)
    for who in CHECKERS[:2]:
        machine.approve(who)
    machine.release(CHECKERS[0], None)
    kinds = [record.kind for record, _ in machine.events()]
    assert kinds.count("RequestReleased") == 1
    machine.what_stays_stays()
    machine.revoked_is_refused()
    outside = machine.outside()
    assert sum(name.endswith(("outputs/sex.csv", "outputs/region.csv")) for name in outside) == 2
    inspection = next(data for name, data in outside.items() if name.endswith("inspection.json"))
    assert json.loads(inspection)["linked"][0]["files"] == ["region.csv", "sex.csv"]
    machine.teardown()
