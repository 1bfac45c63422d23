"""The way in: declared, scanned, approved in two steps, handed over by digest."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bercail.airlock.bringing import BringingService
from bercail.airlock.bringing.rules import (
    STEPS,
    TRANSITIONS,
    Bringing,
    BringingAct,
    BringingState,
    require,
)
from bercail.foundation import Actor, Invalid, Missing, Refused, Role, Unproven
from bercail.ledger.halting import HaltBook
from bercail.testing.airlock_desk import AUTHOR, CHECKERS, COLLEAGUE, PERMIT, AirlockDesk

OFFICER = Actor(id="officer-1", roles={Role.ACCESS_OFFICER, Role.OUTPUT_CHECKER})
WORDS = {"purpose": "Group the drugs", "origin": "WHO", "terms": "free use"}


@pytest.fixture
def service(desk: AirlockDesk) -> BringingService:
    return BringingService(
        ledger=desk.ledger, sealed=desk.sealed, permits=desk.permits, clock=desk.clock
    )


@pytest.fixture
def declare(desk: AirlockDesk, service: BringingService) -> Callable[..., dict[str, Any]]:
    def act(data: bytes = b"code,label\nA10A,insulins\n", name: str = "codes.csv") -> Any:
        path = desk.folder / name
        path.write_bytes(data)
        return service.declare([path], PERMIT, AUTHOR, **WORDS)

    return act


def test_two_persons_approve_and_the_project_takes_exactly_those_bytes(
    desk: AirlockDesk, service: BringingService, declare: Callable[..., dict[str, Any]]
) -> None:
    bringing = declare()["bringing"]
    assert declare()["bringing"] == bringing
    with pytest.raises(Refused, match="the files are scanned"):
        service.take(bringing, AUTHOR, desk.folder / "space")
    assert service.approve(bringing, OFFICER)["state"] == "approved_once"
    with pytest.raises(Refused, match="took the other step"):
        service.approve(bringing, OFFICER)
    assert service.approve(bringing, CHECKERS[0])["state"] == "approved"
    for _ in range(2):
        taken = service.take(bringing, AUTHOR, desk.folder / "space")
    assert taken["state"] == "handed_over"
    assert (Path(taken["folder"]) / "codes.csv").read_bytes().startswith(b"code,label")
    assert [one["bringing"] for one in service.all()] == [bringing]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (pickle.dumps({"a": 1}), "m.pkl"),
        (b"PK\x03\x04 broken", "a.zip"),
        (b"import os\npassword = 'correct horse battery'\n", "s.py"),
        (b"\x89PNG\r\n\x1a\n", "codes.csv"),
    ],
)
def test_what_runs_lies_or_holds_a_secret_is_stopped(
    service: BringingService, declare: Callable[..., dict[str, Any]], data: bytes, name: str
) -> None:
    shown = declare(data, name)
    assert shown["state"] == "stopped"
    with pytest.raises(Refused, match="the files are stopped"):
        service.approve(shown["bringing"], OFFICER)


def test_who_takes_which_step(
    service: BringingService, declare: Callable[..., dict[str, Any]]
) -> None:
    bringing = declare()["bringing"]
    for who, reason in (
        (AUTHOR, "belongs to the project"),
        (COLLEAGUE, "belongs to the project"),
        (CHECKERS[0], "does not take the step `responsible`"),
    ):
        with pytest.raises(Refused, match=reason):
            service.approve(bringing, who)
    with pytest.raises(Refused, match="takes no step"):
        service.refuse(bringing, Actor(id="auditor-1", roles={Role.AUDITOR}), "no")
    assert service.refuse(bringing, CHECKERS[0], "not needed")["reason"] == "not needed"


def test_a_dead_permit_lets_nothing_in(
    desk: AirlockDesk, service: BringingService, declare: Callable[..., dict[str, Any]]
) -> None:
    bringing = declare()["bringing"]
    desk.clock.advance(timedelta(days=31))
    with pytest.raises(Refused, match="is not live"):
        service.approve(bringing, OFFICER)


def test_a_halted_project_takes_nothing_in(
    desk: AirlockDesk, service: BringingService, declare: Callable[..., dict[str, Any]]
) -> None:
    bringing = declare()["bringing"]
    service.approve(bringing, OFFICER)
    service.approve(bringing, CHECKERS[0])
    HaltBook(ledger=desk.ledger).halt("diabetes", "an incident", OFFICER)
    with pytest.raises(Refused, match="`diabetes` is halted"):
        service.take(bringing, AUTHOR, desk.folder / "space")
    with pytest.raises(Refused, match="`diabetes` is halted"):
        declare(b"code,label\nA10B,others\n")
    HaltBook(ledger=desk.ledger).resume("diabetes", "over", OFFICER)
    assert service.take(bringing, AUTHOR, desk.folder / "space")["state"] == "handed_over"


def test_words_with_an_identifier_are_not_recorded(
    desk: AirlockDesk, service: BringingService, declare: Callable[..., dict[str, Any]]
) -> None:
    person = f"1801275123456{97 - 1801275123456 % 97:02}"
    with pytest.raises(Invalid, match="identifies a person"):
        service.declare([desk.table_file()], PERMIT, AUTHOR, **{**WORDS, "origin": person})
    with pytest.raises(Invalid, match="identifies a person"):
        service.refuse(declare()["bringing"], OFFICER, f"it is of {person}")


def test_changed_bytes_do_not_come_in(
    desk: AirlockDesk, service: BringingService, declare: Callable[..., dict[str, Any]]
) -> None:
    bringing = declare()["bringing"]
    service.approve(bringing, OFFICER)
    desk.sealed("airlock", bringing).put("codes.csv", b"other,bytes\n1,2\n")
    with pytest.raises(Unproven, match="not those that were declared"):
        service.approve(bringing, CHECKERS[0])


def test_a_declaration_needs_its_words_and_a_name_that_exists(
    desk: AirlockDesk, service: BringingService
) -> None:
    with pytest.raises(Invalid, match="names its files"):
        service.declare([desk.table_file()], PERMIT, AUTHOR, **{**WORDS, "terms": " "})
    with pytest.raises(Missing):
        service.show("bringing-none")
    with pytest.raises(Missing):
        service.approve("bringing-none", OFFICER)


def test_the_table_is_total() -> None:
    assert set(TRANSITIONS) == set(BringingState)
    approving = {state for state, acts in TRANSITIONS.items() if BringingAct.APPROVE in acts}
    assert approving == set(STEPS)


@pytest.mark.parametrize("state", BringingState)
@pytest.mark.parametrize("act", BringingAct)
def test_what_is_not_in_the_table_is_denied(
    desk: AirlockDesk, state: BringingState, act: BringingAct
) -> None:
    permit = desk.permits.get(PERMIT, desk.clock.now())
    if act not in TRANSITIONS[state]:
        for who in (AUTHOR, OFFICER, CHECKERS[0]):
            with pytest.raises(Refused):
                require(who, act, Bringing(state=state), permit)
