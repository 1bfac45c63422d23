"""Destruction certificates: signed, complete, and read back only when whole."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import FixedClock, Missing, SystemRandomness, Unproven, canonical_json
from bercail.vault import (
    Keyring,
    MemoryCustodian,
    certify,
    destroy_and_certify,
    destruction_signer,
    dsse_envelope,
    hand_over,
    read_certificate,
    recipient,
    signer,
)
from bercail.vault.certificates import PAYLOAD_TYPE


def destroyed(keyring: Keyring, folder: Path, clock: FixedClock) -> Path:
    _, path = destroy_and_certify(
        keyring, "extract", "p1", 1, folder=folder, platform="demo", clock=clock
    )
    return path


def test_a_certificate_names_every_key_and_reads_back(
    keyring: Keyring, tmp_path: Path, clock: FixedClock
) -> None:
    key = keyring.data_key("extract", "p1")
    path = destroyed(keyring, tmp_path / "certificates", clock)
    assert path.name == f"destroyed-{key.id.hex()}.json"
    found = read_certificate(path.read_bytes(), destruction_signer(keyring).public)
    assert found.platform == "demo"
    assert found.issued == "2026-11-21T09:30:00.000000Z"
    (line,) = found.certificate.keys
    assert (line.id, line.epoch, line.at) == (key.id.hex(), 1, found.issued)
    assert found.handed_to == {}
    assert key.secret.reveal().hex() not in path.read_text()


def test_a_second_run_gives_the_same_destruction(
    keyring: Keyring, tmp_path: Path, clock: FixedClock
) -> None:
    keyring.data_key("extract", "p1")
    public = destruction_signer(keyring).public
    first = read_certificate(destroyed(keyring, tmp_path, clock).read_bytes(), public)
    again = read_certificate(destroyed(keyring, tmp_path, clock).read_bytes(), public)
    assert again.certificate == first.certificate


def test_copies_that_the_destruction_does_not_reach_are_named(
    keyring: Keyring, tmp_path: Path, clock: FixedClock
) -> None:
    key = keyring.data_key("extract", "p1")
    randomness = SystemRandomness()
    other = Keyring(tmp_path / "other.db", MemoryCustodian(randomness), randomness, clock)
    bob = recipient(other, "bob").party
    alice = recipient(keyring, "alice")
    hand_over(keyring, "extract", "p1", giver=alice, to=bob, randomness=randomness, clock=clock)
    found = read_certificate(
        destroyed(keyring, tmp_path, clock).read_bytes(), destruction_signer(keyring).public
    )
    assert found.handed_to == {key.id.hex(): (f"bob ({bob.fingerprint})",)}


def test_nothing_is_certified_that_never_was(
    keyring: Keyring, tmp_path: Path, clock: FixedClock
) -> None:
    with pytest.raises(Missing):
        destroyed(keyring, tmp_path, clock)
    assert not list(tmp_path.glob("destroyed-*"))


def test_another_signer_or_an_altered_statement_is_refused(
    keyring: Keyring, tmp_path: Path, clock: FixedClock
) -> None:
    keyring.data_key("extract", "p1")
    data = destroyed(keyring, tmp_path, clock).read_bytes()
    with pytest.raises(Unproven) as caught:
        read_certificate(data, signer(keyring, "another").public)
    assert caught.value.rule == "envelope-signer"
    signed = json.loads(data)
    payload = base64.b64decode(signed["payload"]).replace(b'"p1"', b'"p2"')
    signed["payload"] = base64.b64encode(payload).decode()
    with pytest.raises(Unproven) as caught:
        read_certificate(canonical_json(signed), destruction_signer(keyring).public)
    assert caught.value.rule == "signature-ecdsa"


def test_a_living_key_is_never_certified_as_destroyed(keyring: Keyring, clock: FixedClock) -> None:
    """A statement that leaves out when a key was destroyed is no certificate."""
    keyring.data_key("extract", "p1")
    made, data = certify(keyring, keyring.destroy("extract", "p1"), platform="demo", clock=clock)
    whole = made.as_dict()
    signer_ = destruction_signer(keyring)
    keys = whole["destroyed"]["keys"]
    changes: list[dict[str, Any]] = [
        {"format": "other"},
        {"version": 2},
        {"handed_to": []},
        {"destroyed": {**whole["destroyed"], "keys": []}},
        {"destroyed": {**whole["destroyed"], "keys": [{**keys[0], "at": ""}]}},
        {"destroyed": {**whole["destroyed"], "keys": [{**keys[0], "wrapped_sha256": ""}]}},
        {"destroyed": {**whole["destroyed"], "keys": [{**keys[0], "purpose": "other"}]}},
        {"destroyed": None},
    ]
    for change in changes:
        signed = dsse_envelope(PAYLOAD_TYPE, canonical_json({**whole, **change}), [signer_])
        with pytest.raises(Unproven) as caught:
            read_certificate(canonical_json(signed), signer_.public)
        assert caught.value.rule == "certificate-form"
    with pytest.raises(Unproven) as caught:
        read_certificate(b"not JSON", signer_.public)
    assert caught.value.rule == "certificate-form"
    assert read_certificate(data, signer_.public) == made


def test_certificates_are_signed_by_one_signer_of_the_house(keyring: Keyring) -> None:
    # Its public key was given out beforehand: another name would be another key.
    assert destruction_signer(keyring).public == signer(keyring, "destruction").public
