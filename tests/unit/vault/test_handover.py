"""Keys handed to another party: opened there and nowhere else, once, and never altered."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bercail.foundation import (
    FixedClock,
    Invalid,
    Missing,
    Refused,
    Secret,
    SystemRandomness,
    Unproven,
    canonical_json,
)
from bercail.vault import (
    Binding,
    Handover,
    Keyring,
    MemoryCustodian,
    Party,
    Purpose,
    Recipient,
    dsse_envelope,
    hand_over,
    opaque_name,
    open_bytes,
    receive,
    recipient,
    seal_bytes,
)
from bercail.vault.handover import PAYLOAD_TYPE, _info
from bercail.vault.recipients import seal_to

BINDING = Binding(kind="extract", store="p1", name="table", version="1")
RANDOM = SystemRandomness()


def ring(folder: Path, name: str, clock: FixedClock) -> Keyring:
    return Keyring(folder / f"{name}.db", MemoryCustodian(RANDOM, name), RANDOM, clock)


@pytest.fixture
def ours(tmp_path: Path, clock: FixedClock) -> Keyring:
    return ring(tmp_path, "ours", clock)


@pytest.fixture
def theirs(tmp_path: Path, clock: FixedClock) -> Keyring:
    return ring(tmp_path, "theirs", clock)


@pytest.fixture
def alice(ours: Keyring) -> Recipient:
    return recipient(ours, "alice")


@pytest.fixture
def bob(theirs: Keyring) -> Recipient:
    return recipient(theirs, "bob")


@pytest.fixture
def given(
    ours: Keyring, alice: Recipient, bob: Recipient, clock: FixedClock
) -> tuple[Handover, bytes]:
    ours.data_key("extract", "p1")
    return gave(ours, alice, bob.party, clock)


def gave(
    ours: Keyring, alice: Recipient, to: Party, clock: FixedClock, **options: Any
) -> tuple[Handover, bytes]:
    return hand_over(
        ours, "extract", "p1", giver=alice, to=to, randomness=RANDOM, clock=clock, **options
    )


def changed(data: bytes, alice: Recipient, **change: Any) -> bytes:
    """The file with another payload, signed again by the giver."""
    body = json.loads(base64.b64decode(json.loads(data)["payload"]))
    body.update(change)
    return canonical_json(dsse_envelope(PAYLOAD_TYPE, canonical_json(body), [alice.signer]))


def test_what_we_sealed_opens_there_under_the_same_id(
    ours: Keyring, theirs: Keyring, alice: Recipient, bob: Recipient, clock: FixedClock
) -> None:
    key = ours.data_key("extract", "p1")
    sealed = seal_bytes(b"rows", key, BINDING, RANDOM)
    ours.next_epoch("extract", "p1")
    names = ours.secret("names", "extract")
    made, data = gave(ours, alice, bob.party, clock, with_names=True)
    assert [(k.purpose, k.epoch) for k in made.keys] == [
        (Purpose.DATA, 1),
        (Purpose.DATA, 2),
        (Purpose.SECRET, 1),
    ]
    for secret in (key.secret, names, ours.data_key("extract", "p1").secret):
        assert secret.reveal() not in data
        assert base64.b64encode(secret.reveal()) not in data
    took = receive(theirs, data, receiver=bob, giver=alice.party, clock=clock)
    assert took.fresh == 3
    assert took.as_dict()["fresh"] == 3
    assert "fresh" not in made.as_dict()
    assert theirs.by_id(key.id) == key
    assert open_bytes(sealed, theirs.by_id, BINDING) == b"rows"
    there = theirs.secret("names", "extract")
    assert opaque_name(there, "a", "b", "c", "1") == opaque_name(names, "a", "b", "c", "1")
    assert theirs.data_key("extract", "p1").epoch == 2


def test_both_sides_show_who_can_open_what(
    ours: Keyring,
    theirs: Keyring,
    alice: Recipient,
    bob: Recipient,
    given: tuple[Handover, bytes],
    clock: FixedClock,
) -> None:
    receive(theirs, given[1], receiver=bob, giver=alice.party, clock=clock)
    (entry,) = [e for e in ours.entries() if e.purpose is Purpose.DATA]
    assert entry.handed_to == (f"bob ({bob.party.fingerprint})",)
    assert f"handed to bob ({bob.party.fingerprint})" in entry.line()
    (there,) = [e for e in theirs.entries() if e.purpose is Purpose.DATA]
    assert there.received_from == (f"alice ({alice.party.fingerprint})",)
    assert there.as_dict()["received_from"] == [f"alice ({alice.party.fingerprint})"]
    assert "received from alice" in there.line()


def test_one_epoch_alone(
    ours: Keyring, alice: Recipient, bob: Recipient, clock: FixedClock
) -> None:
    ours.data_key("extract", "p1")
    ours.next_epoch("extract", "p1")
    made, _ = gave(ours, alice, bob.party, clock, epoch=2)
    assert [key.epoch for key in made.keys] == [2]


def test_only_living_data_keys_are_given(
    ours: Keyring, alice: Recipient, bob: Recipient, clock: FixedClock
) -> None:
    ours.secret("extract", "p1")
    with pytest.raises(Missing, match=r"no living data key of `extract` `p1`\."):
        gave(ours, alice, bob.party, clock)
    ours.data_key("extract", "p1")
    with pytest.raises(Missing, match="epoch `2`"):
        gave(ours, alice, bob.party, clock, epoch=2)
    with pytest.raises(Missing, match="secret key of `names` `extract`"):
        gave(ours, alice, bob.party, clock, with_names=True)
    ours.destroy("extract", "p1")
    with pytest.raises(Missing):
        gave(ours, alice, bob.party, clock)


def test_a_replay_brings_no_destroyed_key_back(
    ours: Keyring,
    theirs: Keyring,
    alice: Recipient,
    bob: Recipient,
    given: tuple[Handover, bytes],
    clock: FixedClock,
) -> None:
    receive(theirs, given[1], receiver=bob, giver=alice.party, clock=clock)
    clock.advance(timedelta(days=1))
    with pytest.raises(Refused, match="was received at 2026-11-21") as caught:
        receive(theirs, given[1], receiver=bob, giver=alice.party, clock=clock)
    assert caught.value.rule == "handover-replayed"
    # Another hand-over of the same key changes nothing while it lives ...
    _, again = gave(ours, alice, bob.party, clock)
    assert receive(theirs, again, receiver=bob, giver=alice.party, clock=clock).fresh == 0
    # ... and nothing once it is destroyed.
    theirs.destroy("extract", "p1")
    with pytest.raises(Refused) as caught:
        receive(theirs, given[1], receiver=bob, giver=alice.party, clock=clock)
    assert caught.value.rule == "handover-replayed"
    _, later = gave(ours, alice, bob.party, clock)
    with pytest.raises(Refused, match="does not bring a destroyed key back") as caught:
        receive(theirs, later, receiver=bob, giver=alice.party, clock=clock)
    assert caught.value.rule == "handover-destroyed"


def test_somebody_else_cannot_receive_it(
    tmp_path: Path, alice: Recipient, given: tuple[Handover, bytes], clock: FixedClock
) -> None:
    other = ring(tmp_path, "other", clock)
    carol = recipient(other, "carol")
    with pytest.raises(Refused, match=f"not for `{carol.party.fingerprint}`") as caught:
        receive(other, given[1], receiver=carol, giver=alice.party, clock=clock)
    assert caught.value.rule == "handover-receiver"
    # Even with the giver's help the sealed keys do not open for another key pair.
    redirected = changed(given[1], alice, receiver=carol.party.fingerprint)
    with pytest.raises(Unproven, match="do not open") as unproven:
        receive(other, redirected, receiver=carol, giver=alice.party, clock=clock)
    assert unproven.value.rule == "handover-sealed"
    assert other.entries() == [e for e in other.entries() if e.purpose is not Purpose.DATA]


def test_an_unknown_giver(
    tmp_path: Path,
    theirs: Keyring,
    alice: Recipient,
    bob: Recipient,
    given: tuple[Handover, bytes],
    clock: FixedClock,
) -> None:
    mallory = recipient(ring(tmp_path, "mallory", clock), "mallory")
    with pytest.raises(Refused, match="not signed by `mallory`") as caught:
        receive(theirs, given[1], receiver=bob, giver=mallory.party, clock=clock)
    assert caught.value.rule == "handover-giver"
    # A renamed giver with the same signing key is another party.
    renamed = evolve(alice.party, name="the ministry")
    with pytest.raises(Refused, match="names the giver") as caught:
        receive(theirs, given[1], receiver=bob, giver=renamed, clock=clock)
    assert caught.value.rule == "handover-giver"


def test_an_altered_file(
    theirs: Keyring,
    alice: Recipient,
    bob: Recipient,
    given: tuple[Handover, bytes],
    clock: FixedClock,
) -> None:
    signed = json.loads(given[1])
    payload = bytearray(base64.b64decode(signed["payload"]))
    payload[-10] ^= 1
    signed["payload"] = base64.b64encode(bytes(payload)).decode()
    with pytest.raises(Unproven, match="signature") as caught:
        receive(theirs, canonical_json(signed), receiver=bob, giver=alice.party, clock=clock)
    assert caught.value.rule == "signature-ecdsa"
    with pytest.raises(Unproven) as caught:
        receive(theirs, b"{", receiver=bob, giver=alice.party, clock=clock)
    assert caught.value.rule == "handover-form"
    with pytest.raises(Unproven) as caught:
        receive(theirs, b"[]", receiver=bob, giver=alice.party, clock=clock)
    assert caught.value.rule == "envelope-form"


KEY = {"id": "00" * 16, "purpose": "data", "kind": "extract", "scope": "p1", "epoch": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"format": "another"},
        {"version": 2},
        {"id": "00"},
        {"id": "zz"},
        {"keys": []},
        {"keys": [{**KEY, "id": "00"}]},
        {"keys": [{**KEY, "epoch": 0}]},
        {"keys": [{**KEY, "purpose": "dual-signer"}]},
        {"keys": [{**KEY, "purpose": "secret", "kind": "pseudonym"}]},
        {"keys": [{"id": "00" * 16}]},
        {"sealed": "*"},
        {"sealed": None},
    ],
)
def test_a_file_of_another_form(
    theirs: Keyring,
    alice: Recipient,
    bob: Recipient,
    given: tuple[Handover, bytes],
    clock: FixedClock,
    change: dict[str, Any],
) -> None:
    with pytest.raises(Unproven) as caught:
        receive(
            theirs, changed(given[1], alice, **change), receiver=bob, giver=alice.party, clock=clock
        )
    assert caught.value.rule == "handover-form"


@pytest.mark.parametrize(
    "change",
    [
        {"id": "11" * 16},
        {"at": "2030-01-01T00:00:00.000000Z"},
        {"keys": [{**KEY, "scope": "p2"}]},
        {"keys": [KEY, KEY]},
        {"sealed": ""},
        {"sealed": base64.b64encode(bytes(1713)).decode()},
    ],
)
def test_the_sealed_keys_are_tied_to_every_word_of_the_statement(
    theirs: Keyring,
    alice: Recipient,
    bob: Recipient,
    given: tuple[Handover, bytes],
    clock: FixedClock,
    change: dict[str, Any],
) -> None:
    with pytest.raises(Unproven) as caught:
        receive(
            theirs, changed(given[1], alice, **change), receiver=bob, giver=alice.party, clock=clock
        )
    assert caught.value.rule == "handover-sealed"
    assert not [e for e in theirs.entries() if e.purpose is Purpose.DATA]


def test_a_key_of_ones_own_is_never_replaced(
    theirs: Keyring,
    ours: Keyring,
    alice: Recipient,
    bob: Recipient,
    given: tuple[Handover, bytes],
    clock: FixedClock,
) -> None:
    own = theirs.data_key("extract", "p1")
    with pytest.raises(Refused, match="has its own data key of `extract` `p1`") as caught:
        receive(theirs, given[1], receiver=bob, giver=alice.party, clock=clock)
    assert caught.value.rule == "handover-conflict"
    assert theirs.data_key("extract", "p1") == own
    # Refused whole: a second try meets the same refusal, not a replay.
    with pytest.raises(Refused) as caught:
        receive(theirs, given[1], receiver=bob, giver=alice.party, clock=clock)
    assert caught.value.rule == "handover-conflict"


def test_another_key_under_a_known_id_is_refused(
    theirs: Keyring,
    ours: Keyring,
    alice: Recipient,
    bob: Recipient,
    given: tuple[Handover, bytes],
    clock: FixedClock,
) -> None:
    receive(theirs, given[1], receiver=bob, giver=alice.party, clock=clock)
    key = ours.data_key("extract", "p1")
    forged = ours.lines.held(ours.lines.table.by_id(key.id))
    with (
        pytest.raises(Refused) as caught,
        theirs.lines.table.writing() as connection,
    ):
        theirs.lines.admit(connection, evolve(forged, secret=Secret(bytes(32))))
    assert caught.value.rule == "handover-conflict"
    assert theirs.by_id(key.id) == key


def test_a_public_file_reads_back(alice: Recipient) -> None:
    party = Party.from_bytes(alice.party.as_bytes())
    assert party == alice.party
    assert len(party.fingerprint) == 32
    assert evolve(party, name="alicia").fingerprint != party.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 2},
        {"name": "the ministry"},
        {"p384": "*"},
        {"fingerprint": "0" * 32},
        {"signing": None},
    ],
)
def test_an_altered_public_file_is_refused(alice: Recipient, change: dict[str, Any]) -> None:
    body = {**json.loads(alice.party.as_bytes()), **change}
    with pytest.raises(Unproven):
        Party.from_bytes(canonical_json(body))


def test_a_public_file_without_its_fields(alice: Recipient) -> None:
    for data in (b"", b"[]", b'{"format": "bercail party"}'):
        with pytest.raises(Unproven) as caught:
            Party.from_bytes(data)
        assert caught.value.rule == "party-file"


@pytest.mark.parametrize(
    "change",
    [
        {"p384": bytes(97)},
        {"p384": b"\x04" + bytes(96)},
        {"p384": b"\x02" * 49},
        {"ml_kem": bytes(1567)},
        {"name": ""},
        {"name": "two\nlines"},
        {"name": "a" * 101},
    ],
)
def test_parties_that_cannot_be(alice: Recipient, change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        evolve(alice.party, **change)


def test_a_recipient_needs_its_whole_seed(alice: Recipient) -> None:
    with pytest.raises(Invalid, match="119 bytes, not 120"):
        Recipient("alice", Secret(bytes(119)), alice.signer)


def test_a_party_is_the_same_after_the_root_changed(ours: Keyring, alice: Recipient) -> None:
    ours.rotate_root(MemoryCustodian(RANDOM, "next"))
    assert recipient(ours, "alice").party == alice.party


def test_only_the_epochs_that_live_are_given(
    ours: Keyring, theirs: Keyring, alice: Recipient, bob: Recipient, clock: FixedClock
) -> None:
    ours.data_key("extract", "p1")
    ours.next_epoch("extract", "p1")
    ours.destroy("extract", "p1", 1)
    made, data = gave(ours, alice, bob.party, clock)
    assert [key.epoch for key in made.keys] == [2]
    assert receive(theirs, data, receiver=bob, giver=alice.party, clock=clock).fresh == 1


def test_each_key_names_its_own_parties_only(
    ours: Keyring,
    theirs: Keyring,
    alice: Recipient,
    bob: Recipient,
    given: tuple[Handover, bytes],
    clock: FixedClock,
) -> None:
    ours.data_key("extract", "p2")
    receive(theirs, given[1], receiver=bob, giver=alice.party, clock=clock)
    to, by = f"bob ({bob.party.fingerprint})", f"alice ({alice.party.fingerprint})"
    told = {e.scope: (e.handed_to, e.received_from) for e in ours.entries() if e.kind == "extract"}
    assert told == {"p1": ((to,), ()), "p2": ((), ())}
    there = {e.scope: (e.handed_to, e.received_from) for e in theirs.entries()}
    assert there == {"p1": ((), (by,)), "bob": ((), ()), "party/bob": ((), ())}


@pytest.mark.parametrize("size", [31, 33, 63, 65, 96])
def test_a_giver_who_seals_too_few_or_too_many_bytes(
    theirs: Keyring,
    alice: Recipient,
    bob: Recipient,
    given: tuple[Handover, bytes],
    clock: FixedClock,
    size: int,
) -> None:
    (key,) = given[0].keys
    made = evolve(given[0], keys=(key, evolve(key, id="11" * 16, epoch=2)))
    sealed = base64.b64encode(seal_to(bob.party, Secret(bytes(size)), _info(made))).decode()
    body = canonical_json({**made.statement(), "sealed": sealed})
    data = canonical_json(dsse_envelope(PAYLOAD_TYPE, body, [alice.signer]))
    with pytest.raises(Unproven) as caught:
        receive(theirs, data, receiver=bob, giver=alice.party, clock=clock)
    assert caught.value.rule == "handover-sealed"
    assert not [e for e in theirs.entries() if e.purpose is Purpose.DATA]
