"""The form of an event, and what is committed to."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from bercail.foundation import Invalid
from bercail.ledger import MemoryJournal, NewEvent, RecordedEvent

GOOD: dict[str, Any] = {
    "kind": "PermitGranted",
    "body": {"until": "2027-01-01", "é": [1, None, True]},
    "actor": "officer.1@body",
    "at": "2026-11-21T22:46:15.000000Z",
    "salt": bytes(range(16)),
}


@pytest.mark.parametrize(
    "change",
    [
        {"kind": ""},
        {"kind": "with space"},
        {"kind": "1st"},
        {"actor": ""},
        {"actor": "two words"},
        {"at": "2026-11-21T22:46:15Z"},
        {"at": "2026-11-21T22:46:15.000000+01:00"},
        {"salt": bytes(15)},
        {"salt": b""},
    ],
)
def test_a_wrong_event_cannot_exist(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        NewEvent(**{**GOOD, **change})


def test_the_commitment_is_the_documented_one() -> None:
    (event,) = MemoryJournal().append("permit/p-1", 0, [NewEvent(**GOOD)])
    text = (
        '{"actor":"officer.1@body","at":"2026-11-21T22:46:15.000000Z",'
        '"body":{"until":"2027-01-01","é":[1,null,true]},"kind":"PermitGranted",'
        '"position":1,"stream":"permit/p-1","version":1}'
    )
    salted = bytes(range(16)) + text.encode()
    assert event.commitment() == hashlib.sha256(salted).digest()
    line = event.export_line().decode()
    assert line == text.replace(',"stream"', ',"salt":"000102030405060708090a0b0c0d0e0f","stream"')


def test_the_salt_does_not_show() -> None:
    (event,) = MemoryJournal().append("a", 0, [NewEvent(**GOOD)])
    assert "salt" not in repr(event)
    assert "salt" not in repr(NewEvent(**GOOD))


@pytest.mark.parametrize("place", [{"position": 0}, {"version": 0}])
def test_places_count_from_one(place: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        RecordedEvent(**{**GOOD, "stream": "a", "position": 1, "version": 1, **place})


@pytest.mark.parametrize("value", [1.0, b"x", "\ud800", {3: 4}])
def test_a_body_without_canonical_form_is_invalid(value: object) -> None:
    with pytest.raises(Invalid, match="`PermitGranted` has no canonical form"):
        MemoryJournal().append("a", 0, [NewEvent(**{**GOOD, "body": {"x": value}})])
