"""The desk where the root is shared and keys change hands: who may, what is told, and when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Actor, FixedClock, Missing, Refused, Role, Secret, SeededRandomness
from bercail.vault import FileCustodian, Keyring, MemoryCustodian, Party
from bercail.vault.events import CeremonyHeld, KeyHandedOver, KeyReceived, RecipientMade
from bercail.vault.handing_desk import HandingDesk
from bercail.vault.session import Session

KAY = Actor(id="kay", roles={Role.KEY_CUSTODIAN})
ODILE = Actor(id="odile", roles={Role.OPERATOR})
PASSPHRASE = Secret(b"five words from a dice")


class House:
    """A journal in memory, and the desk of one house."""

    def __init__(self, folder: Path, clock: FixedClock, *, sealed_file: bool = False) -> None:
        folder.mkdir()
        self.told: list[tuple[str, Any]] = []
        randomness = SeededRandomness(len(folder.name))
        custodian: Any = MemoryCustodian(randomness)
        if sealed_file:
            custodian = FileCustodian.create(folder / "root.json", PASSPHRASE, randomness, cost=4)
        session = Session(actor=KAY, record=self.record_once, record_once=self.record_once)
        self.keys = Keyring(folder / "keys.db", custodian, randomness, clock, session)
        self.desk = HandingDesk(
            keys=self.keys, book=self, clock=clock, randomness=randomness, platform="house"
        )

    def record_once(self, event: Any, actor: Actor) -> bool:
        self.told.append((actor.id, event))
        return True

    def events(self) -> list[Any]:
        return [event for _, event in self.told]

    def history(self, limit: int) -> list[dict[str, Any]]:
        raise LookupError(limit)


@pytest.fixture
def ours(tmp_path: Path, clock: FixedClock) -> House:
    return House(tmp_path / "ours", clock)


@pytest.fixture
def theirs(tmp_path: Path, clock: FixedClock) -> House:
    return House(tmp_path / "theirs", clock)


def test_a_ceremony_is_told_with_what_its_cards_say(tmp_path: Path, clock: FixedClock) -> None:
    house = House(tmp_path / "house", clock, sealed_file=True)
    cards = house.desk.hold_ceremony(KAY, 3, 2)
    held = CeremonyHeld(
        root=house.keys.custodian.root, ceremony=cards[0].ceremony, shares=3, needed=2
    )
    assert house.told == [("kay", held)]
    assert {(card.platform, card.day) for card in cards} == {("house", "2026-11-21")}


def test_a_party_is_told_before_its_file_is_there(ours: House, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ours.desk.make_recipient(KAY, "alice", tmp_path / "nowhere" / "alice.json")
    actor, made = ours.told[-1]
    assert (actor, type(made), made.name) == ("kay", RecipientMade, "alice")
    # The keys that were made for it are told as well, and first.
    assert {type(event).__name__ for event in ours.events()[:-1]} == {"RootChanged", "KeyCreated"}
    assert ours.keys.outbox.waiting() == ()
    party = ours.desk.make_recipient(KAY, "alice", tmp_path / "alice.json")
    assert Party.from_bytes((tmp_path / "alice.json").read_bytes()) == party
    assert made.fingerprint == party.fingerprint


def handed(ours: House, theirs: House, folder: Path, **given: Any) -> Any:
    theirs.desk.make_recipient(KAY, "bob", folder / "bob.json")
    ours.desk.make_recipient(KAY, "alice", folder / "alice.json")
    names = {"giver": "alice", "to": folder / "bob.json", "out": folder / "handed.json"}
    return ours.desk.hand_over(KAY, "extract", "p1", **{**names, **given})


def test_one_epoch_is_handed_over_alone(ours: House, theirs: House, tmp_path: Path) -> None:
    ours.keys.data_key("extract", "p1")
    ours.keys.next_epoch("extract", "p1")
    both = handed(ours, theirs, tmp_path)
    assert [key.epoch for key in both.keys] == [1, 2]
    one = handed(ours, theirs, tmp_path, epoch=2)
    assert [key.epoch for key in one.keys] == [2]
    told = [event for event in ours.events() if isinstance(event, KeyHandedOver)]
    assert [(event.handover, event.epoch) for event in told] == [
        (both.id, 1),
        (both.id, 2),
        (one.id, 2),
    ]


@pytest.mark.parametrize("with_names", [False, True])
def test_names_are_handed_over_where_they_are_asked_for(
    ours: House, theirs: House, tmp_path: Path, with_names: bool
) -> None:
    ours.keys.data_key("extract", "p1")
    ours.keys.secret("names", "extract")
    made = handed(ours, theirs, tmp_path, with_names=with_names)
    assert len(made.keys) == 1 + with_names


def test_what_is_received_is_told_before_the_command_ends(
    ours: House, theirs: House, tmp_path: Path
) -> None:
    key = ours.keys.data_key("extract", "p1")
    made = handed(ours, theirs, tmp_path)
    got = theirs.desk.receive(
        KAY, tmp_path / "handed.json", giver=tmp_path / "alice.json", name="bob"
    )
    assert (got.id, got.fresh) == (made.id, 1)
    actor, told = theirs.told[-1]
    assert (actor, type(told), told.key) == ("kay", KeyReceived, key.id.hex())
    assert theirs.keys.outbox.waiting() == ()


def test_who_may_not_hands_over_and_receives_nothing(
    ours: House, theirs: House, tmp_path: Path
) -> None:
    ours.keys.data_key("extract", "p1")
    handed(ours, theirs, tmp_path)
    bob, out = tmp_path / "bob.json", tmp_path / "another.json"
    acts: dict[str, Callable[[], object]] = {
        "hand a key over": lambda: ours.desk.hand_over(
            ODILE, "extract", "p1", giver="alice", to=bob, out=out
        ),
        "receive a key": lambda: theirs.desk.receive(
            ODILE, tmp_path / "handed.json", giver=tmp_path / "alice.json", name="bob"
        ),
    }
    before = (list(ours.told), list(theirs.told))
    for named, act in acts.items():
        with pytest.raises(Refused, match=f"`{named}` is refused") as caught:
            act()
        assert caught.value.rule == "IAM-05"
    assert not out.exists()
    assert (ours.told, theirs.told) == before


def test_each_file_that_is_not_there_is_called_by_what_it_is(
    ours: House, theirs: House, tmp_path: Path
) -> None:
    ours.keys.data_key("extract", "p1")
    none = tmp_path / "none.json"
    with pytest.raises(Missing, match=f"There is no public file `{none}`"):
        handed(ours, theirs, tmp_path, to=none)
    handed(ours, theirs, tmp_path)
    there = (tmp_path / "handed.json", tmp_path / "alice.json")
    with pytest.raises(Missing, match=f"There is no hand-over file `{none}`"):
        theirs.desk.receive(KAY, none, giver=there[1], name="bob")
    with pytest.raises(Missing, match=f"There is no public file `{none}`"):
        theirs.desk.receive(KAY, there[0], giver=none, name="bob")
