"""Errors are provoked, and the values of every frame below them are searched for secrets."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bercail.foundation import BercailError, Secret
from bercail.testing.planted_secrets import (
    CLOCK,
    PASSPHRASE,
    PIN,
    RANDOM,
    Planted,
    PlantedHouse,
    told,
)
from bercail.vault import (
    Binding,
    DualSigner,
    FileCustodian,
    Keyring,
    MemoryCustodian,
    Purpose,
    Recipient,
    SealedReader,
    SealingWriter,
    TypedShare,
    combine,
    hand_over,
    read_card,
    receive,
    recipient,
    recover_custodian,
    seal_bytes,
    split_root,
    write_cards,
)
from bercail.vault.custody import RootKey

BINDING = Binding(kind="extract", store="p1", name="table", version="1")


@pytest.fixture
def house(tmp_path: Path) -> PlantedHouse:
    return PlantedHouse(tmp_path)


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


class Broken(MemoryCustodian):
    """A custodian that fails at every use."""

    def wrap(self, secret: Secret, context: bytes) -> bytes:
        raise RuntimeError("the custodian does not answer")

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
        raise RuntimeError("the custodian does not answer")


def altered(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def share_with(house: PlantedHouse, place: int, word: str) -> TypedShare:
    words = house.words.decode().split()
    words[place] = word
    return house.typed(1, words)


def other_cards(house: PlantedHouse) -> TypedShare:
    cards = split_root(house.custodian, shares=3, needed=2, platform="demo", now=CLOCK.now())
    return TypedShare(number=2, words=cards[1].words)


def card_without_a_word(house: PlantedHouse) -> None:
    (path, *_) = write_cards(house.cards[:1], house.folder / "cards")
    path.write_text(path.read_text().replace("17. ", "17 "))
    read_card(path)


def wrongly_received(house: PlantedHouse) -> None:
    stranger = Keyring(house.folder / "s.db", MemoryCustodian(RANDOM), RANDOM, CLOCK)
    receive(
        stranger,
        house.handed(),
        receiver=recipient(stranger, "bob"),
        giver=house.alice.party,
        clock=CLOCK,
    )


def own_key_received(house: PlantedHouse) -> None:
    here = Keyring(house.folder / "t.db", MemoryCustodian(RANDOM), RANDOM, CLOCK)
    bob = recipient(here, "bob")
    here.data_key("extract", "p1")
    _, data = hand_over(
        house.keys,
        "extract",
        "p1",
        giver=house.alice,
        to=bob.party,
        randomness=RANDOM,
        clock=CLOCK,
    )
    receive(here, data, receiver=bob, giver=house.alice.party, clock=CLOCK)


def opened_altered(house: PlantedHouse) -> None:
    sealed = altered(seal_bytes(bytes(200_000), house.key, BINDING, RANDOM), 150_000)
    SealedReader(
        lambda at, n: sealed[at : at + n], len(sealed), house.keys.by_id, BINDING
    ).read_all()


def sealed_twice(house: PlantedHouse) -> None:
    writer = SealingWriter(house.key, BINDING, RANDOM)
    writer.finish()
    writer.finish()


def wrong_passphrase(house: PlantedHouse) -> None:
    custodian = house.path
    FileCustodian.open(custodian, Secret(PASSPHRASE.encode() + b"!"))


def altered_custodian(house: PlantedHouse) -> None:
    house.path.write_bytes(altered(house.path.read_bytes(), 40))
    FileCustodian.open(house.path, Secret(PASSPHRASE.encode()))


FAILURES: dict[str, Callable[[PlantedHouse], object]] = {
    "short passphrase": lambda h: FileCustodian.create(
        h.folder / "x", Secret(PASSPHRASE.encode()[:7]), RANDOM
    ),
    "custodian exists": lambda h: FileCustodian.create(
        h.path, Secret(PASSPHRASE.encode()), RANDOM, cost=4
    ),
    "wrong passphrase": wrong_passphrase,
    "altered custodian": altered_custodian,
    "root of a wrong size": lambda h: RootKey(Secret(h.custodian.root_to_share().reveal() + b"x")),
    "two roots": lambda h: h.custodian.with_new_root().root_to_share(),
    "altered wrap": lambda h: h.custodian.unwrap(
        altered(h.custodian.wrap(h.key.secret, b"c"), 40), b"c"
    ),
    "another context": lambda h: h.custodian.unwrap(h.custodian.wrap(h.key.secret, b"c"), b"d"),
    "broken custodian": lambda h: h.keys.rotate_root(Broken(RANDOM)),
    "signer of a wrong size": lambda h: DualSigner(
        Secret(h.keys.seed(Purpose.DUAL_SIGNER, "party/alice").reveal() + b"x")
    ),
    "recipient of a wrong size": lambda h: Recipient(
        "a", Secret(h.keys.seed(Purpose.RECIPIENT, "alice").reveal() + b"x"), h.alice.signer
    ),
    "data key of a wrong size": lambda h: evolve(
        h.key, secret=Secret(h.key.secret.reveal() + b"x")
    ),
    "destroyed key": lambda h: (h.keys.destroy("extract", "p1"), h.keys.by_id(h.key.id)),
    "word that is none": lambda h: combine([share_with(h, 20, "bercail")]),
    "wrong checksum": lambda h: combine([share_with(h, 32, "academic")]),
    "wrong number": lambda h: combine([evolve(h.typed(1), number=3)]),
    "too few shares": lambda h: combine([h.typed(1)]),
    "share twice": lambda h: combine([h.typed(1), h.typed(1)]),
    "another ceremony": lambda h: combine([h.typed(1), other_cards(h)]),
    "another root": lambda h: combine([h.typed(1), h.typed(2)], root="00" * 8),
    "recovered over a custodian": lambda h: recover_custodian(
        h.path, Secret(PASSPHRASE.encode()), [h.typed(1), h.typed(2)], RANDOM
    ),
    "card without a word": card_without_a_word,
    "altered hand-over": lambda h: receive(
        h.keys, altered(h.handed(), 200), receiver=h.alice, giver=h.alice.party, clock=CLOCK
    ),
    "hand-over for another": wrongly_received,
    "hand-over over an own key": own_key_received,
    "altered object": opened_altered,
    "sealed twice": sealed_twice,
}


@pytest.mark.parametrize("name", FAILURES)
def test_no_traceback_with_locals_shows_a_secret(house: PlantedHouse, name: str) -> None:
    with pytest.raises((BercailError, RuntimeError)) as caught:
        FAILURES[name](house)
    text = told(caught.value)
    assert "Error" in text or "." in text
    assert house.planted.found_in(text) == []


@pytest.mark.parametrize(
    "act",
    [
        lambda h: h.custodian.with_new_root(),
        lambda h: h.custodian.forget_old_roots(),
        lambda h: h.custodian.with_passphrase(Secret(PASSPHRASE.encode())),
        lambda h: recover_custodian(
            h.folder / "again", Secret(PASSPHRASE.encode()), [h.typed(1), h.typed(2)], RANDOM
        ),
        lambda h: write_cards(h.cards, h.folder / "cards"),
    ],
)
def test_a_full_disk_shows_no_secret(
    house: PlantedHouse, monkeypatch: pytest.MonkeyPatch, act: Callable[[PlantedHouse], object]
) -> None:
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(BercailError) as caught:
        act(house)
    assert house.planted.found_in(told(caught.value)) == []


def test_the_traceback_search_sees_the_values_of_frames() -> None:
    def careless(secret: bytes) -> None:
        raise RuntimeError("x")

    scope: dict[str, Any] = {}
    source = "def careless(secret):\n    raise RuntimeError('x')\n"
    exec(compile(source, "elsewhere.py", "exec"), scope)  # noqa: S102  # a frame of another file
    with pytest.raises(RuntimeError) as caught:
        scope["careless"](PIN.encode())
    assert Planted(pin=PIN.encode()).found_in(told(caught.value)) == ["pin"]
