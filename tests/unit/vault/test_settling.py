"""No act without its event, no event without its act: kills between the two are injected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import (
    Actor,
    FixedClock,
    Missing,
    Refused,
    Role,
    Secret,
    SeededRandomness,
    Unavailable,
    Unproven,
)
from bercail.testing.fate import Killed
from bercail.vault import FileCustodian, Keyring, MemoryCustodian, recipient
from bercail.vault.desk import VaultDesk
from bercail.vault.events import KeyCreated, KeyDestroyed, RootChanged, SecretOpened
from bercail.vault.handing_desk import HandingDesk
from bercail.vault.keys import Purpose
from bercail.vault.outbox import Outbox
from bercail.vault.session import Session
from bercail.vault.settling import settle

KAY = Actor(id="kay", roles={Role.KEY_CUSTODIAN})
ODILE = Actor(id="odile", roles={Role.OPERATOR})
ANNE = Actor(id="anne", roles={Role.AUDITOR})


class Book:
    """A journal in memory that can be away."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.away = False

    def record(self, event: Any, actor: Actor) -> None:
        if self.away:
            raise Unavailable("The journal is away.")
        self.told.append((actor.id, event))

    def record_once(self, event: Any, actor: Actor) -> bool:
        if self.away:
            raise Killed
        known = event in self.events()
        if not known:
            self.told.append((actor.id, event))
        return not known

    def events(self) -> list[Any]:
        return [event for _, event in self.told]

    def history(self, limit: int) -> list[dict[str, Any]]:
        return [{"kind": type(event).__name__} for event in self.events()][-limit:]

    def kinds(self) -> list[tuple[str, str]]:
        return [(actor, type(event).__name__) for actor, event in self.told]


class House:
    """One key table, opened by whoever comes."""

    def __init__(self, folder: Path, clock: FixedClock) -> None:
        self.folder = folder
        self.clock = clock
        self.randomness = SeededRandomness(11)
        self.custodian = MemoryCustodian(self.randomness)
        self.book = Book()

    def keys(self, actor: Actor) -> Keyring:
        session = Session(actor=actor, record=self.book.record, record_once=self.book.record_once)
        table = self.folder / "keys.db"
        return Keyring(table, self.custodian, self.randomness, self.clock, session)

    def desk(self, actor: Actor) -> VaultDesk:
        keys = self.keys(actor)
        return VaultDesk(keys=keys, book=self.book, clock=self.clock, platform="house")


@pytest.fixture
def house(tmp_path: Path, clock: FixedClock) -> House:
    return House(tmp_path, clock)


def destroy(house: House) -> Any:
    return house.desk(KAY).destroy(KAY, "extract", "p1", None, house.folder)


def change_root(house: House) -> Any:
    return house.desk(KAY).move_root(KAY, MemoryCustodian(house.randomness, "second"))


def test_every_change_of_a_key_is_told_under_who_made_it(house: House) -> None:
    house.keys(ODILE).data_key("extract", "p1")
    house.keys(KAY).next_epoch("extract", "p1")
    assert house.book.told == []
    house.desk(ANNE).entries(ANNE)
    told = house.book.kinds()
    assert told == [("odile", "RootChanged"), ("odile", "KeyCreated"), ("kay", "KeyCreated")]
    root, one, two = house.book.events()
    assert (root.former, root.root, one.epoch, two.epoch) == ("", house.custodian.root, 1, 2)
    assert house.desk(ANNE).account(ANNE).living == 2


def test_a_kill_between_the_destruction_and_its_event(house: House) -> None:
    house.keys(ODILE).data_key("extract", "p1")
    house.desk(ANNE).entries(ANNE)
    house.book.away = True
    with pytest.raises(Killed):
        destroy(house)
    house.book.away = False
    with pytest.raises(Missing):
        house.keys(ODILE).data_key("extract", "p1")
    assert "KeyDestroyed" not in dict(house.book.kinds())
    # Whoever comes next settles; what was done stands under the name of who did it.
    house.desk(ANNE).account(ANNE)
    assert house.book.kinds().count(("kay", "KeyDestroyed")) == 1
    # The same command again writes the certificate, and tells of no second destruction.
    _, path = destroy(house)
    assert path.exists()
    assert house.book.kinds()[-1] == ("kay", "DestructionCertified")
    assert house.book.kinds().count(("kay", "KeyDestroyed")) == 1


def test_a_kill_between_the_event_and_the_outbox(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.keys(ODILE).data_key("extract", "p1")

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "take_out", killed)
        with pytest.raises(Killed):
            house.desk(ANNE).entries(ANNE)
    assert len(house.book.told) == 1
    for _ in range(2):
        house.desk(ANNE).entries(ANNE)
    assert house.book.kinds() == [("odile", "RootChanged"), ("odile", "KeyCreated")]


@pytest.mark.parametrize(
    "act",
    [
        destroy,
        change_root,
        lambda house: house.keys(KAY).next_epoch("extract", "p1"),
        lambda house: house.keys(KAY).data_key("extract", "p2"),
    ],
)
def test_a_kill_before_both_leaves_neither(
    house: House, monkeypatch: pytest.MonkeyPatch, act: Callable[[House], object]
) -> None:
    key = house.keys(ODILE).data_key("extract", "p1")
    before = house.desk(ANNE).entries(ANNE)
    told = list(house.book.told)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "post", killed)
        with pytest.raises(Killed):
            act(house)
    assert house.keys(ODILE).by_id(key.id) == key
    assert house.desk(ANNE).entries(ANNE) == before
    assert house.book.told == told


def test_a_root_is_told_once_however_often_the_change_is_run(house: House) -> None:
    first = house.custodian.root
    house.keys(ODILE).data_key("extract", "p1")
    old = house.desk(KAY)
    second = house.custodian = MemoryCustodian(house.randomness, "second")
    house.book.away = True
    with pytest.raises(Killed):
        old.move_root(KAY, second)
    house.book.away = False
    old.move_root(KAY, second)
    house.desk(KAY).move_root(KAY, second)
    changes = [event for event in house.book.events() if isinstance(event, RootChanged)]
    assert [(one.former, one.root) for one in changes] == [("", first), (first, second.root)]
    assert changes[1].keys == 1


def test_what_a_custodian_does_not_do_is_not_told(house: House) -> None:
    class Away(MemoryCustodian):
        def wrap(self, *_: object) -> bytes:
            raise Unavailable("The token was taken out.")

    house.keys(ODILE).data_key("extract", "p1")
    desk = house.desk(KAY)
    desk.entries(KAY)
    told = list(house.book.told)
    with pytest.raises(Unavailable):
        desk.move_root(KAY, Away(house.randomness, "away"))
    handing = HandingDesk(
        keys=desk.keys,
        book=house.book,
        clock=house.clock,
        randomness=house.randomness,
        platform="house",
    )
    with pytest.raises(Exception, match="not kept in a sealed file"):
        handing.hold_ceremony(KAY, 3, 2)
    desk.entries(KAY)
    assert house.book.told == told


def test_a_hand_over_is_told_before_its_file_is_there(house: House, tmp_path: Path) -> None:
    other = House(tmp_path / "other", house.clock)
    party = recipient(other.keys(KAY), "bob").party
    (tmp_path / "bob.json").write_bytes(party.as_bytes())
    house.keys(ODILE).data_key("extract", "p1")
    desk = HandingDesk(
        keys=house.keys(KAY),
        book=house.book,
        clock=house.clock,
        randomness=house.randomness,
        platform="house",
    )
    out = tmp_path / "no-such-folder" / "handed.json"
    with pytest.raises(FileNotFoundError):
        desk.hand_over(KAY, "extract", "p1", giver="alice", to=tmp_path / "bob.json", out=out)
    told = house.book.told[-1][1]
    assert (told.receiver, told.kind, told.epoch) == (party.fingerprint, "extract", 1)


def test_a_secret_is_told_once_for_each_session_before_it_is_given(house: House) -> None:
    keys = house.keys(ODILE)
    secret = keys.secret("pseudonym", "level-2")
    assert keys.secret("pseudonym", "level-2", 1) == secret
    opened = SecretOpened(kind="pseudonym", scope="level-2", epoch=1)
    assert [told for told in house.book.told if told[1] == opened] == [("odile", opened)]
    # The key that this session made is settled with it.
    assert house.book.kinds()[-1] == ("odile", "KeyCreated")
    house.keys(ODILE).secret("pseudonym", "level-2")
    assert house.book.events().count(opened) == 2
    keys.destroy("pseudonym", "level-2")
    with pytest.raises(Missing):
        house.keys(ODILE).secret("pseudonym", "level-2")
    assert house.book.events().count(opened) == 2


def test_a_secret_whose_taking_cannot_be_recorded_is_not_given(house: House) -> None:
    house.keys(ODILE).secret("names", "lake")
    house.book.away = True
    keys = house.keys(ODILE)
    with pytest.raises(Unavailable, match="journal is away"):
        keys.secret("names", "lake")
    house.book.away = False
    keys.secret("names", "lake")
    assert house.book.kinds().count(("odile", "SecretOpened")) == 2


@pytest.mark.parametrize("role", [Role.DATA_USER, Role.APPLICANT])
def test_a_recipient_never_holds_the_secret_not_even_as_an_operator(
    house: House, role: Role
) -> None:
    both = Actor(id="olga", roles={Role.OPERATOR, role})
    keys = house.keys(both)
    with pytest.raises(Refused, match="a recipient never holds the secret") as caught:
        keys.secret("pseudonym", "project/p1")
    assert caught.value.rule == "PSE-04"
    assert "`pseudonym` of `project/p1`" in caught.value.message
    keys.secret("names", "project")
    assert "SecretOpened" in dict(map(reversed, house.book.kinds()))  # type: ignore[arg-type]


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.KEY_CUSTODIAN, Role.OUTPUT_CHECKER])
def test_who_makes_no_pseudonyms_takes_no_secret(house: House, role: Role) -> None:
    keys = house.keys(Actor(id="someone", roles={role}))
    with pytest.raises(Refused, match="has no role that uses it"):
        keys.secret("pseudonym", "level-2")
    with pytest.raises(Refused, match="has no role that uses it"):
        keys.secret("a kind of secret that nobody knows", "x")


def test_signing_takes_no_secret_so_that_recording_needs_none(house: House) -> None:
    house.book.away = True
    house.keys(ODILE).seed(Purpose.NOTE_SIGNER, "house/log")


def test_a_key_table_without_a_house_posts_nothing(keyring: Keyring) -> None:
    keyring.data_key("extract", "p1")
    keyring.secret("pseudonym", "level-2")
    keyring.destroy("extract", "p1")
    assert settle(keyring.outbox, lambda _event, _actor: pytest.fail("told")) == 0


def test_an_altered_outbox_is_not_believed(house: House) -> None:
    keys = house.keys(ODILE)
    keys.data_key("extract", "p1")
    with keys.lines.table.writing() as connection:
        connection.execute("UPDATE outbox SET body = '{\"key\": 1}'")
    with pytest.raises(Unproven) as caught:
        house.desk(ANNE).entries(ANNE)
    assert caught.value.rule == "key-outbox"


def test_the_history_is_that_of_the_book(house: House) -> None:
    house.keys(ODILE).data_key("extract", "p1")
    assert house.desk(ANNE).history(ANNE, 1) == [{"kind": "KeyCreated"}]


def test_no_event_of_a_key_holds_it(house: House) -> None:
    key = house.keys(ODILE).data_key("extract", "p1")
    destroy(house)
    kinds = {type(event) for event in house.book.events()}
    assert KeyCreated in kinds
    assert KeyDestroyed in kinds
    told = repr(house.book.told)
    assert key.secret.reveal().hex() not in told
    assert repr(key.secret.reveal()) not in told


def test_a_change_of_root_is_told_before_its_command_ends(house: House) -> None:
    house.keys(ODILE).data_key("extract", "p1")
    former = house.custodian
    change = change_root(house)
    assert house.book.kinds()[-1] == ("kay", "RootChanged")
    told = house.book.events()[-1]
    assert change.as_dict() == {
        "custodian": "second",
        "old_root": former.root,
        "new_root": told.root,
        "keys": told.keys,
    }


def test_a_renewed_root_is_told_before_its_command_ends(house: House) -> None:
    path, passphrase = house.folder / "root.json", Secret(b"five words from a dice")
    held = FileCustodian.create(path, passphrase, house.randomness, cost=4)
    house.custodian = held  # type: ignore[assignment]
    house.keys(ODILE).data_key("extract", "p1")
    change = house.desk(KAY).renew_root(KAY)
    assert house.book.kinds()[-1] == ("kay", "RootChanged")
    assert house.book.events()[-1].root == change.new_root


def test_who_may_not_changes_no_root_and_notes_none(house: House) -> None:
    key = house.keys(ODILE).data_key("extract", "p1")
    desk = house.desk(ODILE)
    second = MemoryCustodian(house.randomness, "second")
    acts: dict[str, Callable[[], object]] = {
        "change the root": lambda: desk.move_root(ODILE, second),
        "create a root": lambda: desk.note_root(ODILE, second),
    }
    for named, act in acts.items():
        with pytest.raises(Refused, match=f"`{named}` is refused") as caught:
            act()
        assert caught.value.rule == "IAM-05"
    assert house.book.told == []
    assert house.keys(ODILE).by_id(key.id) == key


def test_a_certificate_that_is_not_there_is_called_one(house: House) -> None:
    with pytest.raises(Missing, match="certificate `"):
        house.desk(ANNE).check_certificate(ANNE, house.folder / "none.json")
