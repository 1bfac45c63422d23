"""The key table held against the journal; records in words."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from bercail.foundation import Unproven
from bercail.vault.accounting import account, require_accounted
from bercail.vault.events import (
    KEY_EVENTS,
    USE_EVENTS,
    KeyCreated,
    KeyDestroyed,
    RecipientMade,
    RootChanged,
    SecretUsed,
)
from bercail.vault.keys import KeyEntry, Purpose
from bercail.vault.telling import told

AT = "2026-11-21T09:30:00.000000Z"


def line(key: str, destroyed: str | None = None, root: str = "r") -> KeyEntry:
    return KeyEntry(
        id=key,
        purpose=Purpose.DATA,
        kind="extract",
        scope="p1",
        epoch=1,
        custodian="c",
        root=root,
        created=AT,
        destroyed=destroyed,
    )


def made(key: str) -> KeyCreated:
    return KeyCreated(key=key, purpose="data", kind="extract", scope="p1", epoch=1, root="r", at=AT)


def gone(key: str) -> KeyDestroyed:
    return KeyDestroyed(
        key=key, purpose="data", kind="extract", scope="p1", epoch=1, wrapped_sha256="d", at=AT
    )


ROOT = RootChanged(custodian="c", former="", root="r", keys=0, at=AT)


def test_a_house_in_which_every_key_is_accounted_for() -> None:
    other = RecipientMade(name="bob", fingerprint="f")
    events = [ROOT, made("a"), other, made("b"), gone("b")]
    found = require_accounted(account([line("a"), line("b", AT, root="older")], events))
    assert found.as_dict() == {"living": 1, "destroyed": 1, "root": "r"}


@pytest.mark.parametrize(
    ("lines", "events", "how"),
    [
        ([line("a")], [ROOT], "unrecorded"),
        ([], [ROOT, made("a")], "vanished"),
        ([line("a")], [ROOT, made("a"), gone("a")], "revived"),
        ([line("a", AT)], [ROOT, made("a")], "undestroyed"),
        ([line("a", root="x")], [ROOT, made("a")], "stray"),
    ],
)
def test_a_key_that_one_of_them_alone_tells_of(lines: Any, events: Any, how: str) -> None:
    found = account(lines, events)
    assert found.faults() == {how: ("a",)}
    with pytest.raises(Unproven, match=f"{how}: a") as caught:
        require_accounted(found)
    assert caught.value.rule == "key-account"


def test_a_house_of_which_nothing_is_told_has_no_root() -> None:
    assert account([], []).as_dict() == {"living": 0, "destroyed": 0, "root": ""}


def test_five_keys_of_each_fault_are_named() -> None:
    with pytest.raises(Unproven) as caught:
        require_accounted(account([line(key) for key in "abcdef"], [ROOT, made("x"), made("y")]))
    assert caught.value.message == (
        "The key table and the journal do not tell the same "
        "(unrecorded: a, b, c, d, e; vanished: x, y)."
    )


@pytest.mark.parametrize("kind", [*KEY_EVENTS, *USE_EVENTS], ids=lambda kind: kind.__name__)
def test_every_event_of_the_vault_has_its_words(kind: type) -> None:
    body = {field.name: f"<{field.name}>" for field in attrs.fields(kind)}
    record = {"position": 3, "at": AT, "actor": "kay", "kind": kind.__name__, "body": body}
    row = told(record)
    assert (row["position"], row["at"], row["actor"]) == (3, AT, "kay")
    assert row["event"] == kind.__name__
    assert "<" in row["what"]


def test_a_party_is_told_by_its_name_and_fingerprint() -> None:
    record = {"position": 1, "at": AT, "actor": "kay", "kind": "RecipientMade"}
    body = {"name": "bob", "fingerprint": "f0"}
    assert told({**record, "body": body})["what"] == "bob (f0)"


def test_a_use_says_on_how_much() -> None:
    used = SecretUsed(
        kind="pseudonym", scope="level-2", epoch=2, purpose="load", subject="D1", identifiers=12
    )
    record = {"position": 1, "at": AT, "actor": "odile", "kind": "SecretUsed"}
    text = told({**record, "body": attrs.asdict(used)})["what"]
    assert text == "pseudonym/level-2, epoch 2: load of D1, 12 value(s)"
    unknown = attrs.asdict(attrs.evolve(used, identifiers=None))
    assert told({**record, "body": unknown})["what"].endswith("load of D1")
