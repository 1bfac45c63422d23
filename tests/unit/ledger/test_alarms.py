"""Alarms: what the journal makes somebody look at, and what waits too long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from attrs import frozen

from bercail.foundation import (
    Actor,
    FixedClock,
    Invalid,
    Missing,
    Refused,
    Role,
    SeededRandomness,
    to_iso,
)
from bercail.ledger import Ledger
from bercail.ledger.alarms import AlarmDesk
from bercail.ledger.detection import IDENTIFYING, KINDS, REFUSALS
from bercail.ledger.events import ActRefused, AlarmRaised
from bercail.testing.ledger_desk import ORIGIN, Desk

BEGAN = datetime(2026, 11, 21, 22, 46, tzinfo=UTC)
AUDITOR = Actor(id="auditor-1", roles={Role.AUDITOR})
OPERATOR = Actor(id="operator-1", roles={Role.OPERATOR})
PEOPLE = {"ada": ["data_user"], "olympe": ["output_checker"]}


@frozen(kw_only=True)
class OutputAlert:
    """Stands for the airlock's event of that name."""

    requests: int


@frozen(kw_only=True)
class RequestOpened:
    """Stands for the airlock's event of that name."""

    request: str


@frozen(kw_only=True)
class SecretOpened:
    """Stands for the vault's event of that name."""

    kind: str
    scope: str


@frozen(kw_only=True)
class VoteCast:
    """Stands for the airlock's event of that name."""

    request: str


def ledger(desk: Desk, **later: float) -> Ledger:
    clock = FixedClock(BEGAN + timedelta(**later))
    return Ledger(
        desk.journal, desk.log, desk.signer, clock, SeededRandomness(desk.journal.last()), ORIGIN
    )


def at(desk: Desk, **later: float) -> AlarmDesk:
    return AlarmDesk(ledger=ledger(desk, **later))


def rules(found: list[object]) -> list[str]:
    return [one.rule for one in found]  # type: ignore[attr-defined]


@pytest.mark.requirement("LOG-05")
def test_an_output_too_large_raises_one_alarm_however_often_one_looks(desk: Desk) -> None:
    ledger(desk).append("airlock-project/p", 0, [OutputAlert(requests=30)], Actor(id="ada"))
    for _ in range(3):
        assert rules(at(desk).look(PEOPLE, AUDITOR)) == ["output-too-large"]


@pytest.mark.requirement("LOG-05")
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_of_event_of_the_table_is_recorded_by_a_room(kind: str) -> None:
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    root = Path(__file__).parents[3]
    spec = spec_from_file_location("write_reference", root / "scripts/write_reference.py")
    assert spec is not None
    assert spec.loader is not None
    writer = module_from_spec(spec)
    import sys

    sys.modules[spec.name] = writer
    spec.loader.exec_module(writer)
    names = {one.__name__ for kinds in writer.event_classes().values() for one in kinds}
    assert kind in names


@pytest.mark.requirement("LOG-05")
def test_an_alarm_that_nobody_acknowledged_in_a_day_is_escalated(desk: Desk) -> None:
    ledger(desk).append("airlock-project/p", 0, [OutputAlert(requests=30)], Actor(id="ada"))
    assert [one.escalated for one in at(desk, hours=23.9).look(PEOPLE, AUDITOR)] == [False]
    [late] = at(desk, hours=24.1).look(PEOPLE, AUDITOR)
    assert late.escalated
    assert at(desk, hours=25).acknowledge(late.alarm, "a large study", OPERATOR) == []
    [kept] = at(desk, days=9).all()
    assert (kept.acknowledged_by, kept.escalated) == ("operator-1", False)


@pytest.mark.requirement("LOG-05")
def test_who_asks_again_and_again_for_what_is_denied_raises_an_alarm(desk: Desk) -> None:
    ada = Actor(id="ada")
    for number in range(REFUSALS - 1):
        event = ActRefused(command="airlock", rule="EXP-02")
        ledger(desk, minutes=number).append("refusals/ada", number, [event], ada)
    assert at(desk, hours=1).look(PEOPLE, AUDITOR) == []
    late = ActRefused(command="airlock", rule="EXP-02")
    ledger(desk, hours=3).append("refusals/ada", REFUSALS - 1, [late], ada)
    assert at(desk, hours=3).look(PEOPLE, AUDITOR) == []
    for number in range(REFUSALS):
        ledger(desk, hours=4).append("refusals/ada", REFUSALS + number, [late], ada)
    [alarm] = at(desk, hours=4).look(PEOPLE, AUDITOR)
    assert (alarm.rule, alarm.subject) == ("access-unauthorised", "ada")


@pytest.mark.requirement("LOG-05")
def test_a_person_whose_roles_rise_raises_an_alarm(desk: Desk) -> None:
    assert at(desk).look(PEOPLE, AUDITOR) == []
    risen = {**PEOPLE, "ada": ["data_user", "output_checker"], "new": ["operator"]}
    found = at(desk, hours=1).look(risen, AUDITOR)
    assert rules(found) == ["privilege-elevation"] * 2
    assert [one.subject.split()[0] for one in found] == ["ada", "new"]
    assert at(desk, hours=2).look(risen, AUDITOR) == found
    fewer = {**risen, "ada": ["data_user"]}
    assert len(at(desk, hours=3).look(fewer, AUDITOR)) == 2
    assert len(at(desk, hours=4).look(risen, AUDITOR)) == 3


@pytest.mark.requirement("LOG-05")
def test_an_author_whose_vote_is_in_the_journal_raises_an_alarm(desk: Desk) -> None:
    """The rules deny it; somebody went round them."""
    ada = Actor(id="ada")
    ledger(desk).append("airlock/r", 0, [RequestOpened(request="r")], ada)
    ledger(desk).append("airlock/r", 1, [VoteCast(request="r")], Actor(id="olympe"))
    assert at(desk).look(PEOPLE, AUDITOR) == []
    ledger(desk).append("airlock/r", 2, [VoteCast(request="r")], ada)
    assert rules(at(desk).look(PEOPLE, AUDITOR)) == ["privilege-elevation"]


@pytest.mark.requirement("LOG-05")
def test_only_a_secret_that_finds_persons_again_raises_an_alarm(desk: Desk) -> None:
    """Every command opens the secret of names on the host; a flood would hide what matters."""
    ada = Actor(id="ada")
    for number, kind in enumerate(("names", "airlock-guard", "airlock-request")):
        ledger(desk).append("vault/uses/d", number, [SecretOpened(kind=kind, scope="s")], ada)
    assert at(desk).look(PEOPLE, AUDITOR) == []
    for number, kind in enumerate(sorted(IDENTIFYING)):
        event = SecretOpened(kind=kind, scope="s")
        ledger(desk).append("vault/uses/d", 3 + number, [event], ada)
    assert rules(at(desk).look(PEOPLE, AUDITOR)) == ["privilege-elevation"] * len(IDENTIFYING)


@pytest.mark.requirement("LOG-05")
def test_who_rose_does_not_acknowledge_their_own_rise(desk: Desk) -> None:
    """The subject is a sentence there; the person stands in `about`."""
    at(desk).look(PEOPLE, AUDITOR)
    [alarm] = at(desk, hours=1).look({**PEOPLE, "ada": ["data_user", "operator"]}, AUDITOR)
    assert (alarm.about, alarm.as_dict()["about"]) == ("ada", "ada")
    ada = Actor(id="ada", roles={Role.OPERATOR})
    with pytest.raises(Refused, match="not yours"):
        at(desk, hours=2).acknowledge(alarm.alarm, "all is well", ada)
    assert at(desk, hours=2).acknowledge(alarm.alarm, "a new task", OPERATOR) == []


@pytest.mark.requirement("LOG-05")
def test_an_early_alarm_that_names_its_person_in_its_subject_alone(desk: Desk) -> None:
    raised = AlarmRaised(
        alarm="a", rule="privilege-elevation", position=0, subject="ada now operator (0)",
        at=to_iso(BEGAN),
    )  # fmt: skip
    ledger(desk).append("alarms", 0, [raised], AUDITOR)
    ada = Actor(id="ada", roles={Role.OPERATOR})
    with pytest.raises(Refused, match="not yours"):
        at(desk).acknowledge("a", "all is well", ada)
    assert at(desk).acknowledge("a", "a new task", OPERATOR) == []


def test_who_may_look_and_acknowledge(desk: Desk) -> None:
    ledger(desk).append("airlock-project/p", 0, [OutputAlert(requests=30)], OPERATOR)
    [alarm] = at(desk).look(PEOPLE, AUDITOR)
    with pytest.raises(Refused, match="may not handle alarms"):
        at(desk).look(PEOPLE, Actor(id="ada", roles={Role.DATA_USER}))
    with pytest.raises(Refused, match="not yours"):
        at(desk).acknowledge(alarm.alarm, "nothing", OPERATOR)
    with pytest.raises(Invalid, match="says what was found"):
        at(desk).acknowledge(alarm.alarm, " ", AUDITOR)
    with pytest.raises(Missing):
        at(desk).acknowledge("none:1", "nothing", AUDITOR)
    at(desk).acknowledge(alarm.alarm, "a large study", AUDITOR)
    with pytest.raises(Refused):
        at(desk).acknowledge(alarm.alarm, "again", AUDITOR)
