"""A key destroyed while used, a custodian lost, a root half changed: clear, nothing else lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bercail.foundation import FixedClock, Missing, Secret, SystemRandomness, Unproven
from bercail.vault import (
    Binding,
    DataKey,
    FileCustodian,
    Keyring,
    SealedReader,
    TypedShare,
    recover_custodian,
    renew_root,
    seal_bytes,
    split_root,
)

PASSPHRASE = Secret(b"five words from a dice")
BINDING = Binding(kind="extract", store="p1", name="table", version="1")
RANDOM = SystemRandomness()
PLAIN = bytes(9 << 20)


def reader_of(sealed: bytes, key_for: Callable[[bytes], DataKey]) -> SealedReader:
    return SealedReader(lambda at, n: sealed[at : at + n], len(sealed), key_for, BINDING)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "root.custodian"


@pytest.fixture
def house(tmp_path: Path, path: Path, clock: FixedClock) -> Keyring:
    custodian = FileCustodian.create(path, PASSPHRASE, RANDOM, cost=4)
    return Keyring(tmp_path / "keys.db", custodian, RANDOM, clock)


def test_a_key_destroyed_between_two_pieces_ends_the_stream(house: Keyring) -> None:
    reader = reader_of(
        seal_bytes(PLAIN, house.data_key("extract", "p1"), BINDING, RANDOM), house.by_id
    )
    pieces = reader.chunks()
    first = next(pieces)
    house.destroy("extract", "p1")
    with pytest.raises(Missing, match="data key of `extract` `p1`, epoch 1, was destroyed"):
        next(pieces)
    assert 0 < len(first) < len(PLAIN)
    with pytest.raises(Missing):
        reader.read_at(reader.size - 1, 1)


def test_a_key_destroyed_within_one_long_read_gives_nothing(house: Keyring) -> None:
    sealed = seal_bytes(PLAIN, house.data_key("extract", "p1"), BINDING, RANDOM)
    asked: list[bytes] = []

    def destroyed_at_the_third_look(key_id: bytes) -> DataKey:
        asked.append(key_id)
        if len(asked) == 3:
            house.destroy("extract", "p1")
        return house.by_id(key_id)

    reader = reader_of(sealed, destroyed_at_the_third_look)
    with pytest.raises(Missing, match="was destroyed"):
        reader.read_all()


def test_a_key_destroyed_by_another_process_is_gone_here(
    house: Keyring, tmp_path: Path, path: Path, clock: FixedClock
) -> None:
    other = Keyring(tmp_path / "keys.db", FileCustodian.open(path, PASSPHRASE), RANDOM, clock)
    reader = reader_of(
        seal_bytes(b"rows", house.data_key("extract", "p1"), BINDING, RANDOM), house.by_id
    )
    assert reader.read_all() == b"rows"
    other.destroy("extract", "p1")
    with pytest.raises(Missing, match="was destroyed"):
        reader.read_all()


def test_destroying_one_key_leaves_every_other(house: Keyring) -> None:
    kept = house.data_key("extract", "p2")
    earlier = house.data_key("extract", "p1")
    house.next_epoch("extract", "p1")
    secret = house.secret("extract", "p1")
    house.destroy("extract", "p1", 2)
    assert house.by_id(kept.id) == kept
    assert house.by_id(earlier.id) == earlier
    assert house.secret("extract", "p1") == secret


def test_a_lost_custodian_is_told_and_its_shares_bring_the_house_back(
    house: Keyring, tmp_path: Path, path: Path, clock: FixedClock
) -> None:
    key = house.data_key("extract", "p1")
    cards = split_root(house.custodian, shares=3, needed=2, platform="demo", now=clock.now())
    house.close()
    path.unlink()
    with pytest.raises(Missing, match="no custodian file") as caught:
        FileCustodian.open(path, PASSPHRASE)
    assert "bercail vault recover" in caught.value.remedy
    # A new custodian in its place is refused before it can create a key.
    stranger = FileCustodian.create(tmp_path / "new.custodian", PASSPHRASE, RANDOM, cost=4)
    with pytest.raises(Unproven, match="does not hold the root") as unproven:
        Keyring(tmp_path / "keys.db", stranger, RANDOM, clock)
    assert unproven.value.rule == "wrapped-root"
    typed = [TypedShare(number=card.number, words=card.words) for card in cards[1:]]
    recovered = recover_custodian(path, PASSPHRASE, typed, RANDOM, root=cards[0].root)
    assert Keyring(tmp_path / "keys.db", recovered, RANDOM, clock).by_id(key.id) == key


def test_shares_of_a_root_given_up_do_not_open_the_house(
    house: Keyring, tmp_path: Path, clock: FixedClock
) -> None:
    house.data_key("extract", "p1")
    cards = split_root(house.custodian, shares=3, needed=2, platform="demo", now=clock.now())
    renew_root(house)
    typed = [TypedShare(number=card.number, words=card.words) for card in cards[:2]]
    old = recover_custodian(tmp_path / "old.custodian", PASSPHRASE, typed, RANDOM)
    with pytest.raises(Unproven) as caught:
        Keyring(tmp_path / "keys.db", old, RANDOM, clock)
    assert caught.value.rule == "wrapped-root"


def test_a_reader_that_runs_while_the_root_changes(
    house: Keyring, tmp_path: Path, path: Path, clock: FixedClock
) -> None:
    """A root given up elsewhere ends the reading; a custodian opened again reads on."""
    sealed = seal_bytes(PLAIN, house.data_key("extract", "p1"), BINDING, RANDOM)
    mine = Keyring(tmp_path / "keys.db", FileCustodian.open(path, PASSPHRASE), RANDOM, clock)
    pieces = reader_of(sealed, mine.by_id).chunks()
    assert next(pieces)
    both = FileCustodian.open(path, PASSPHRASE).with_new_root()
    assert next(pieces)
    house.rotate_root(both)
    with pytest.raises(Unproven, match="does not hold the root") as caught:
        next(pieces)
    assert caught.value.rule == "wrapped-root"
    again = Keyring(tmp_path / "keys.db", FileCustodian.open(path, PASSPHRASE), RANDOM, clock)
    assert reader_of(sealed, again.by_id).read_all() == PLAIN
    both.forget_old_roots()
    last = Keyring(tmp_path / "keys.db", FileCustodian.open(path, PASSPHRASE), RANDOM, clock)
    assert reader_of(sealed, last.by_id).read_all() == PLAIN
