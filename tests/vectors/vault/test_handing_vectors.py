"""Shares, hand-overs and certificates against files that never change."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, mlkem
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bercail.foundation import FixedClock, Secret, SystemRandomness, canonical_json, from_iso
from bercail.vault import (
    DualPublicKey,
    DualSigner,
    Keyring,
    MemoryCustodian,
    Party,
    Recipient,
    TypedShare,
    combine,
    read_certificate,
    receive,
)

HERE = Path(__file__).parent
HANDED: dict[str, Any] = json.loads((HERE / "key-handover.json").read_text())
SHARES: dict[str, Any] = json.loads((HERE / "key-shares.json").read_text())
CERTIFICATE: dict[str, Any] = json.loads((HERE / "destruction-certificate.json").read_text())


def secret(text: str) -> Secret:
    return Secret(bytes.fromhex(text))


@pytest.mark.parametrize("chosen", list(itertools.combinations(range(5), 3)))
def test_the_shares_give_the_root(chosen: tuple[int, ...]) -> None:
    typed = [TypedShare(number=n + 1, words=Secret(SHARES["shares"][n].encode())) for n in chosen]
    found = combine(typed, root=SHARES["fingerprint"])
    assert found.reveal().hex() == SHARES["root"]


def test_a_hand_over_is_received_as_written(tmp_path: Path) -> None:
    randomness = SystemRandomness()
    clock = FixedClock(from_iso("2026-11-22T00:00:00.000000Z"))
    ring = Keyring(tmp_path / "keys.db", MemoryCustodian(randomness), randomness, clock)
    signing = DualSigner(secret(HANDED["receiver_signing_seed"]))
    bob = Recipient(HANDED["receiver_name"], secret(HANDED["receiver_seed"]), signing)
    assert bob.party.as_bytes() == canonical_json(HANDED["receiver"]) + b"\n"
    giver = Party.from_bytes(canonical_json(HANDED["giver"]))
    file = canonical_json(HANDED["handover"])
    made = receive(ring, file, receiver=bob, giver=giver, clock=clock)
    assert made.statement() == HANDED["statement"]
    found = [ring.lines.held(ring.lines.table.by_id(bytes.fromhex(key.id))) for key in made.keys]
    assert [key.secret.reveal().hex() for key in found] == HANDED["secrets"]


def test_the_fingerprint_is_the_digest_of_the_file() -> None:
    for body in (HANDED["giver"], HANDED["receiver"]):
        rest = {k: v for k, v in body.items() if k not in ("format", "version", "fingerprint")}
        digest = hashlib.sha256(canonical_json(["bercail party", 1, rest])).hexdigest()
        assert body["fingerprint"] == digest[:32]


def test_a_certificate_reads_back() -> None:
    public = DualPublicKey.from_dict(CERTIFICATE["public"])
    found = read_certificate(canonical_json(CERTIFICATE["certificate"]), public)
    assert found.as_dict() == CERTIFICATE["statement"]


# A second reader of the sealed keys, from the published text alone (RFC 9180 and the hybrid KEM of
# draft-ietf-hpke-pq): it shares nothing with the HPKE of the library but the primitives.

SUITE = b"HPKE\x00\x51\x00\x02\x00\x02"
P384_ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)


def extract(salt: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(48), b"HPKE-v1" + SUITE + label + material, "sha384")


def expand(key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    text = length.to_bytes(2, "big") + b"HPKE-v1" + SUITE + label + info
    return hmac.digest(key, text + b"\x01", "sha384")[:length]


def test_a_second_reader_opens_the_sealed_keys() -> None:
    seed = bytes.fromhex(HANDED["receiver_seed"])
    number = int.from_bytes(seed[:56], "big") % (P384_ORDER - 1) + 1
    point = ec.derive_private_key(number, ec.SECP384R1())
    lattice = mlkem.MLKEM1024PrivateKey.from_seed_bytes(seed[56:])
    body = json.loads(base64.b64decode(HANDED["handover"]["payload"]))
    sealed = base64.b64decode(body.pop("sealed"))
    first, second, ciphertext = sealed[:1568], sealed[1568:1665], sealed[1665:]
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), second)
    shared = hashlib.sha3_256(
        lattice.decapsulate(first)
        + point.exchange(ec.ECDH(), theirs)
        + second
        + base64.b64decode(HANDED["receiver"]["p384"])
        + b"MLKEM1024-P384"
    ).digest()
    info = b"bercail key hand-over v1\x00" + hashlib.sha384(canonical_json(body)).digest()
    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret_ = extract(shared, b"secret", b"")
    key, nonce = expand(secret_, b"key", context, 32), expand(secret_, b"base_nonce", context, 12)
    assert AESGCM(key).decrypt(nonce, ciphertext, b"").hex() == "".join(HANDED["secrets"])
