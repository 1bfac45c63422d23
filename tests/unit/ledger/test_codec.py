"""Events of the rooms become bodies and come back the same, or not at all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from attrs import evolve, field, frozen, validators

from bercail.foundation import Invalid, Secret, Unproven
from bercail.ledger import RecordedEvent, decode, encode


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@frozen(kw_only=True)
class Part:
    name: str
    until: date


@frozen(kw_only=True)
class Everything:
    text: str
    number: int
    flag: bool
    colour: Colour
    moment: datetime
    share: Decimal
    parts: tuple[Part, ...]
    names: frozenset[str]
    colours: frozenset[Colour]
    by_name: dict[str, Part]
    either: str | int
    perhaps: Part | None = None


@frozen(kw_only=True)
class Loose:
    anything: Any


@frozen(kw_only=True)
class Positive:
    number: int = field(validator=validators.ge(1))


PART = Part(name="é", until=date(2026, 12, 31))
EVENT = Everything(
    text="a",
    number=-(2**70),
    flag=True,
    colour=Colour.RED,
    moment=datetime(2026, 11, 21, 22, 46, 15, 7, tzinfo=UTC),
    share=Decimal("1.50"),
    parts=(PART, PART),
    names=frozenset("zyx"),
    colours=frozenset(Colour),
    by_name={"one": PART},
    either=3,
)
BODY = {
    "text": "a",
    "number": -(2**70),
    "flag": True,
    "colour": "red",
    "moment": "2026-11-21T22:46:15.000007Z",
    "share": "1.50",
    "parts": [{"name": "é", "until": "2026-12-31"}] * 2,
    "names": ["x", "y", "z"],
    "colours": ["blue", "red"],
    "by_name": {"one": {"name": "é", "until": "2026-12-31"}},
    "either": 3,
    "perhaps": None,
}


def recorded(kind: str, body: dict[str, Any]) -> RecordedEvent:
    return RecordedEvent(
        position=41,
        stream="s",
        version=1,
        kind=kind,
        body=body,
        actor="me",
        at="2026-11-21T22:46:15.000000Z",
        salt=bytes(16),
    )


def test_writes_a_body_that_depends_on_the_value_alone() -> None:
    assert encode(EVENT) == ("Everything", BODY)


def test_reads_back_the_same_value() -> None:
    assert decode(recorded("Everything", BODY), [Part, Everything]) == EVENT
    other = evolve(EVENT, perhaps=PART, either="three")
    assert decode(recorded("Everything", encode(other)[1]), [Everything]) == other


def test_a_moment_of_another_zone_is_written_in_utc() -> None:
    paris = timezone(timedelta(hours=1))
    event = evolve(EVENT, moment=datetime(2026, 11, 21, 23, 0, tzinfo=paris))
    assert encode(event)[1]["moment"] == "2026-11-21T22:00:00.000000Z"


@pytest.mark.parametrize(
    "value", [0.5, b"bytes", Secret(b"hidden"), {1: 2}, object(), "\ud800", [0.1], {"a": 0.1}]
)
def test_refuses_what_has_no_canonical_form(value: object) -> None:
    with pytest.raises(Invalid, match="`Loose`") as refusal:
        encode(Loose(anything=value))
    assert "hidden" not in str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [
        {"text": 3},
        {"number": "3"},
        {"flag": 1},
        {"colour": "green"},
        {"perhaps": "nobody"},
        {"moment": datetime(2026, 1, 1)},  # noqa: DTZ001  (a moment without a zone is the point)
        {"share": Decimal("NaN")},
        {"either": None},
    ],
)
def test_refuses_a_value_of_another_type_than_declared(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="`Everything`"):
        encode(evolve(EVENT, **change))


@pytest.mark.parametrize("value", ["text", 3, None, {"a": 1}, Everything])
def test_refuses_what_is_no_event(value: object) -> None:
    with pytest.raises(Invalid, match="is not an event"):
        encode(value)


@pytest.mark.parametrize(
    "change",
    [
        {"text": None},
        {"number": "3"},
        {"number": True},
        {"flag": 1},
        {"colour": "green"},
        {"moment": "2026-11-21"},
        {"moment": 3},
        {"share": 1},
        {"parts": [{"name": "x"}]},
        {"parts": [{"name": "x", "until": "soon"}]},
        {"either": None},
        {"surplus": 1},
    ],
)
def test_a_body_of_another_shape_is_unproven_and_not_shown(change: dict[str, Any]) -> None:
    with pytest.raises(Unproven, match="position `41`") as refusal:
        decode(recorded("Everything", {**BODY, **change}), [Everything])
    assert "soon" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_a_missing_member_is_unproven() -> None:
    body = {name: value for name, value in BODY.items() if name != "flag"}
    with pytest.raises(Unproven):
        decode(recorded("Everything", body), [Everything])


def test_a_value_that_its_class_refuses_is_unproven() -> None:
    with pytest.raises(Unproven):
        decode(recorded("Positive", {"number": 0}), [Positive])


def test_an_unknown_kind_is_unproven() -> None:
    with pytest.raises(Unproven, match="`Other`, unknown here"):
        decode(recorded("Other", {}), [Everything])
