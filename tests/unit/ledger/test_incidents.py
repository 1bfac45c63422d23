"""The clock of an incident."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import bercail.cli.ledger as ledger_commands
import bercail.cli.ledger_incident as incident_commands
from bercail.foundation import Actor, FixedClock, Invalid, Missing, Refused, SeededRandomness
from bercail.ledger import Ledger
from bercail.ledger.incidents import IncidentDesk, Step, month_after
from bercail.testing.ledger_desk import ORIGIN, Desk

KNOWN = datetime(2026, 11, 21, 22, 46, tzinfo=UTC)
OFFICER = Actor(id="officer-1")


def at(desk: Desk, **later: float) -> IncidentDesk:
    """The desk so long after the incident is known."""
    clock = FixedClock(KNOWN + timedelta(**later))
    randomness = SeededRandomness(desk.journal.last())
    return IncidentDesk(
        ledger=Ledger(desk.journal, desk.log, desk.signer, clock, randomness, ORIGIN)
    )


@pytest.mark.requirement("LOG-07")
def test_three_steps_are_due_from_the_moment_it_is_known(desk: Desk) -> None:
    steps = at(desk, hours=1).open("lost-laptop", KNOWN, OFFICER)
    assert [(s.step.value, s.due - KNOWN, s.late) for s in steps[:2]] == [
        ("early-warning", timedelta(hours=24), False),
        ("notification", timedelta(hours=72), False),
    ]
    assert steps[2].due == datetime(2026, 12, 24, 22, 46, tzinfo=UTC)


@pytest.mark.requirement("LOG-07")
@pytest.mark.parametrize(
    ("hours", "late"),
    [(23.9, []), (24.1, ["early-warning"]), (72.1, ["early-warning", "notification"])],
)
def test_what_was_not_told_in_time_is_late(desk: Desk, hours: float, late: list[str]) -> None:
    at(desk).open("lost-laptop", KNOWN, OFFICER)
    steps = at(desk, hours=hours).show("lost-laptop")
    assert [step.step.value for step in steps if step.late] == late


@pytest.mark.requirement("LOG-07")
def test_what_was_told_in_time_is_never_late(desk: Desk) -> None:
    at(desk).open("lost-laptop", KNOWN, OFFICER)
    at(desk, hours=20).tell("lost-laptop", Step.EARLY_WARNING, OFFICER)
    at(desk, hours=30).tell("lost-laptop", Step.NOTIFICATION, OFFICER)
    steps = at(desk, days=20).show("lost-laptop")
    assert [step.late for step in steps] == [False, False, False]
    # The month of the final report runs from the notification.
    assert steps[2].due == month_after(KNOWN + timedelta(hours=30))
    at(desk, days=40).tell("lost-laptop", Step.FINAL_REPORT, OFFICER)
    assert [step.late for step in at(desk, days=400).show("lost-laptop")] == [False, False, True]


def test_steps_are_told_in_order_and_once(desk: Desk) -> None:
    at(desk).open("lost-laptop", KNOWN, OFFICER)
    with pytest.raises(Refused, match="not the next one"):
        at(desk).tell("lost-laptop", Step.NOTIFICATION, OFFICER)
    at(desk).tell("lost-laptop", Step.EARLY_WARNING, OFFICER)
    with pytest.raises(Refused, match="not the next one"):
        at(desk).tell("lost-laptop", Step.EARLY_WARNING, OFFICER)


def test_an_incident_is_opened_once_and_not_from_the_future(desk: Desk) -> None:
    at(desk).open("lost-laptop", KNOWN, OFFICER)
    with pytest.raises(Refused, match="open already"):
        at(desk).open("lost-laptop", KNOWN, OFFICER)
    with pytest.raises(Invalid, match="to come"):
        at(desk).open("other", KNOWN + timedelta(seconds=1), OFFICER)
    with pytest.raises(Missing, match="no incident"):
        at(desk).show("other")


def test_the_most_pressing_step_comes_first(desk: Desk) -> None:
    at(desk).open("later", KNOWN, OFFICER)
    at(desk).open("earlier", KNOWN - timedelta(hours=10), OFFICER)
    at(desk).tell("earlier", Step.EARLY_WARNING, OFFICER)
    found = [(name, deadline.step.value) for name, deadline in at(desk).due()]
    assert found[:2] == [("later", "early-warning"), ("earlier", "notification")]
    assert len(found) == 5


@pytest.mark.parametrize(
    ("moment", "later"),
    [
        ((2026, 1, 31), (2026, 2, 28)),
        ((2028, 1, 31), (2028, 2, 29)),
        ((2026, 12, 31), (2027, 1, 31)),
        ((2026, 11, 30), (2026, 12, 30)),
    ],
)
def test_a_month_later(moment: tuple[int, int, int], later: tuple[int, int, int]) -> None:
    assert month_after(datetime(*moment, 5, 6, tzinfo=UTC)) == datetime(*later, 5, 6, tzinfo=UTC)


def test_the_commands(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    built = SimpleNamespace(ledger=at(desk, hours=1).ledger)
    monkeypatch.setattr(incident_commands, "house", lambda: built)
    monkeypatch.setattr(incident_commands, "actor", lambda: OFFICER)

    def told(*words: str) -> list[dict[str, object]]:
        app = ledger_commands.app
        result = RUN.invoke(app, ["incident", *words, "--json"], catch_exceptions=False)
        answer: list[dict[str, object]] = json.loads(result.stdout)
        return answer

    opened = told("open", "lost-laptop", "--known", "2026-11-21T22:46:00.000000Z")
    assert opened[0]["due"] == "2026-11-22T22:46:00.000000Z"
    assert told("tell", "lost-laptop", "early-warning")[0]["told"] is not None
    assert [step["step"] for step in told("due")] == ["notification", "final-report"]
    assert told("open", "other")[0]["late"] is False
    result = RUN.invoke(ledger_commands.app, ["incident", "open", "x", "--known", "yesterday"])
    assert isinstance(result.exception, Invalid)


RUN = CliRunner()
