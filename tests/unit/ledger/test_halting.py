"""The order to halt a project, and how what runs obeys it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from attrs import define

from bercail.foundation import Actor, FixedClock, Invalid, Missing, Refused, Role, SeededRandomness
from bercail.ledger import Ledger
from bercail.ledger.halting import WITHIN_SECONDS, HaltBook, Warden
from bercail.testing.ledger_desk import ORIGIN, Desk

NOW = datetime(2026, 11, 21, 22, 46, tzinfo=UTC)
OFFICER = Actor(id="officer-1", roles={Role.ACCESS_OFFICER})


def book(desk: Desk, seconds: float = 0) -> HaltBook:
    clock = FixedClock(NOW + timedelta(seconds=seconds))
    randomness = SeededRandomness(desk.journal.last())
    return HaltBook(ledger=Ledger(desk.journal, desk.log, desk.signer, clock, randomness, ORIGIN))


@define
class Process:
    """A session that is a process of this machine."""

    project: str
    running: subprocess.Popen[bytes]

    def end(self) -> None:
        self.running.kill()
        self.running.wait()

    def has_ended(self) -> bool:
        return self.running.poll() is not None


@define
class Stubborn:
    """A session that ends when it is told for the second time."""

    project: str
    told: int = 0

    def end(self) -> None:
        self.told += 1

    def has_ended(self) -> bool:
        return self.told > 1


def test_an_order_stands_until_it_is_lifted(desk: Desk) -> None:
    assert not book(desk).is_halted("diabetes")
    book(desk).halt("diabetes", "an incident", OFFICER)
    book(desk).halt("diabetes", "an incident", OFFICER)
    assert book(desk).is_halted("diabetes")
    assert not book(desk).is_halted("diabetes-2")
    assert book(desk).halted() == ("diabetes",)
    book(desk).resume("diabetes", "over", OFFICER)
    assert book(desk).halted() == ()
    assert [r.kind for r in desk.journal.read("halt/diabetes")] == [
        "ProjectHalted",
        "ProjectResumed",
    ]


def test_who_may_halt_and_why(desk: Desk) -> None:
    with pytest.raises(Refused, match="may not halt"):
        book(desk).halt("diabetes", "an incident", Actor(id="ada", roles={Role.DATA_USER}))
    with pytest.raises(Invalid, match="reason"):
        book(desk).halt("diabetes", " ", OFFICER)
    with pytest.raises(Refused, match="is not halted"):
        book(desk).resume("diabetes", "over", OFFICER)
    with pytest.raises(Missing):
        book(desk).ordered_at("diabetes")


@pytest.mark.requirement("LOG-07")
def test_the_sessions_of_a_halted_project_end_in_one_turn_and_no_others(desk: Desk) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    sessions = [Process(name, subprocess.Popen(command)) for name in ("diabetes", "cancer")]
    try:
        warden = Warden(book=book(desk, seconds=5), sessions=lambda: list(sessions))
        assert warden.turn(OFFICER) == 0
        book(desk).halt("diabetes", "an incident", OFFICER)
        assert warden.turn(OFFICER) == 1
        assert [one.has_ended() for one in sessions] == [True, False]
    finally:
        for one in sessions:
            one.end()
    [ended] = [r.body for r in desk.journal.read("halt/diabetes") if r.kind == "SessionsEnded"]
    assert ended == {"project": "diabetes", "sessions": 1, "seconds": 5}
    assert ended["seconds"] < WITHIN_SECONDS


@pytest.mark.requirement("LOG-07")
def test_a_session_that_does_not_end_is_told_again(desk: Desk) -> None:
    session = Stubborn("diabetes")
    warden = Warden(book=book(desk), sessions=lambda: [] if session.has_ended() else [session])
    book(desk).halt("diabetes", "an incident", OFFICER)
    assert [warden.turn(OFFICER) for _ in range(3)] == [0, 1, 0]
