"""The lines of the key table: what is kept in memory, what is written, what is taken in."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest
from attrs import evolve

from bercail.foundation import (
    Actor,
    FixedClock,
    Refused,
    Secret,
    SeededRandomness,
    SystemRandomness,
    to_iso,
)
from bercail.vault import Keyring, MemoryCustodian, Purpose
from bercail.vault.events import KeyCreated, RootChanged
from bercail.vault.key_lines import HeldKey
from bercail.vault.session import Session


class Counting(MemoryCustodian):
    """A custodian that counts what it is asked to unwrap."""

    asked = 0

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
        self.asked += 1
        return super().unwrap(wrapped, context)


@pytest.fixture
def custodian() -> Counting:
    return Counting(SystemRandomness())


@pytest.fixture
def counted(tmp_path: Path, custodian: Counting, clock: FixedClock) -> Keyring:
    return Keyring(tmp_path / "counted.sqlite", custodian, SeededRandomness(11), clock)


def held(keyring: Keyring, kind: str, scope: str) -> HeldKey:
    return keyring.lines.held(keyring.lines.table.by_id(keyring.data_key(kind, scope).id))


def admit(keyring: Keyring, key: HeldKey) -> bool:
    with keyring.lines.table.writing() as connection:
        return keyring.lines.admit(connection, key)


def in_memory(keyring: Keyring) -> set[bytes]:
    return set(keyring.lines._opened)


def test_a_custodian_is_asked_once_for_each_key(counted: Keyring, custodian: Counting) -> None:
    key = counted.data_key("part", "a")
    assert custodian.asked == 1
    assert counted.data_key("part", "a") == key
    assert counted.by_id(key.id) == key
    assert custodian.asked == 1
    counted.data_key("part", "b")
    assert custodian.asked == 2


def test_a_root_shown_by_its_id_is_not_asked_for_again(
    counted: Keyring, custodian: Counting, tmp_path: Path, clock: FixedClock
) -> None:
    counted.data_key("part", "a")
    before = custodian.asked
    Keyring(tmp_path / "counted.sqlite", custodian, SystemRandomness(), clock)
    assert custodian.asked == before


def test_a_key_wrapped_anew_is_asked_for_anew(counted: Keyring, custodian: Counting) -> None:
    key = counted.data_key("part", "a")
    asked = custodian.asked
    counted.rotate_root(custodian)
    counted.data_key("part", "a")
    assert custodian.asked > asked
    assert counted.by_id(key.id) == key


def test_a_destroyed_key_leaves_the_memory_too(keyring: Keyring) -> None:
    gone, kept = keyring.data_key("part", "a"), keyring.data_key("part", "b")
    assert in_memory(keyring) == {gone.id, kept.id}
    keyring.destroy("part", "a")
    assert in_memory(keyring) == {kept.id}


def test_a_change_of_root_and_closing_empty_the_memory(keyring: Keyring) -> None:
    keyring.data_key("part", "a")
    keyring.rotate_root(MemoryCustodian(SystemRandomness(), "new"))
    assert in_memory(keyring) == set()
    keyring.data_key("part", "a")
    keyring.close()
    assert in_memory(keyring) == set()


def test_a_line_says_when_and_a_destroyed_one_what_was_erased(
    keyring: Keyring, clock: FixedClock, tmp_path: Path
) -> None:
    key = keyring.data_key("part", "a")
    (entry,) = keyring.entries()
    assert (entry.created, entry.destroyed) == (to_iso(clock.now()), None)
    with sqlite3.connect(tmp_path / "keys.sqlite") as connection:
        (wrapped,) = connection.execute(
            "SELECT wrapped FROM key WHERE id = ?", (key.id,)
        ).fetchone()
    connection.close()
    (erased,) = keyring.destroy("part", "a").keys
    assert erased.wrapped_sha256 == hashlib.sha256(wrapped).hexdigest()
    assert erased.at == to_iso(clock.now())


def test_the_witness_is_one_line_of_epoch_one(keyring: Keyring) -> None:
    assert keyring.lines.table.rows() == ()
    keyring.data_key("part", "a")
    keyring.data_key("part", "b")
    found = [row for row in keyring.lines.table.rows() if row.purpose is Purpose.WITNESS]
    assert [(row.kind, row.scope, row.epoch) for row in found] == [("root", "witness", 1)]
    assert len(keyring.lines.opened(found[0])) == 32


def test_a_key_that_is_here_already_is_not_taken_in_twice(keyring: Keyring) -> None:
    key = held(keyring, "extract", "p1")
    assert admit(keyring, key) is False
    assert admit(keyring, evolve(key, id=bytes(16), scope="p2")) is True


@pytest.mark.parametrize(
    "change", [{"scope": "p2"}, {"kind": "part"}, {"epoch": 2}, {"id": b"i" * 16}]
)
def test_the_same_bytes_under_another_id_or_meaning_are_refused(
    keyring: Keyring, change: dict[str, object]
) -> None:
    key = held(keyring, "extract", "p1")
    with pytest.raises(Refused) as caught:
        admit(keyring, evolve(key, **change))
    assert caught.value.rule == "handover-conflict"
    assert [entry.scope for entry in keyring.entries()] == ["p1"]


def test_a_destroyed_key_of_ones_own_is_not_taken_for_the_one_received(keyring: Keyring) -> None:
    key = held(keyring, "extract", "p1")
    keyring.destroy("extract", "p1")
    with pytest.raises(Refused) as caught:
        admit(keyring, evolve(key, id=b"i" * 16))
    assert caught.value.rule == "handover-conflict"
    with pytest.raises(Refused) as caught:
        admit(keyring, key)
    assert caught.value.rule == "handover-destroyed"


def test_a_process_that_was_forked_has_a_lock_of_its_own_from_then_on(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keyring.data_key("part", "a")
    here = keyring.lines.table._here
    opened, lock = here._held, here._lock
    monkeypatch.setattr("bercail.vault.key_table.os.getpid", lambda: -1)
    assert keyring.by_id(key.id) == key
    own, own_lock = here._held, here._lock
    assert own is not opened
    assert own_lock is not lock
    assert keyring.by_id(key.id) == key
    assert (here._held, here._lock) == (own, own_lock)
    assert here._inherited == [opened]
    assert opened is not None
    opened.close()


def test_the_first_root_is_told_before_any_key_stands_under_it(
    tmp_path: Path, custodian: Counting, clock: FixedClock
) -> None:
    def nothing(*_: object) -> None:
        return None

    session = Session(actor=Actor(id="odile", roles=set()), record=nothing, record_once=nothing)
    keys = Keyring(tmp_path / "told.sqlite", custodian, SeededRandomness(11), clock, session)
    key = keys.data_key("part", "a")
    first, second = (one.event for one in keys.outbox.waiting())
    assert first == RootChanged(
        custodian="memory", former="", root=custodian.root, keys=0, at=to_iso(clock.now())
    )
    assert second == KeyCreated(
        key=key.id.hex(),
        purpose="data",
        kind="part",
        scope="a",
        epoch=1,
        root=custodian.root,
        at=to_iso(clock.now()),
    )
