"""The custodian file and the wrapped keys, opened from the format page alone.

Nothing of the vault reads here: scrypt, HKDF and HMAC are the standard library's, and the layout
is typed again from `docs/reference/formats/key-table.md`. Any constant changed in the writer shows.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bercail.foundation import FixedClock, Secret, SystemRandomness
from bercail.vault import FileCustodian, Keyring

PASSPHRASE = Secret(b"five words from a dice")
COST = 4


def hkdf(key: bytes, salt: bytes, length: int) -> bytes:
    """HKDF-SHA256 without info, at most 32 bytes (RFC 5869)."""
    drawn = hmac.digest(salt, key, "sha256")
    return hmac.digest(drawn, b"\x01", "sha256")[:length]


def canonical(body: Any) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def roots_of(path: Path, passphrase: bytes) -> list[bytes]:
    body = json.loads(path.read_bytes())
    digest = body.pop("digest")
    assert digest == hashlib.sha256(canonical(body)).hexdigest()
    assert sorted(body) == ["format", "name", "nonce", "roots", "salt", "scrypt_cost", "version"]
    assert (body["format"], body["version"], body["scrypt_cost"]) == ("bercail custodian", 1, COST)
    salt, nonce = base64.b64decode(body["salt"]), base64.b64decode(body["nonce"])
    assert (len(salt), len(nonce)) == (32, 12)
    key = hashlib.scrypt(passphrase, salt=salt, n=1 << COST, r=8, p=1, dklen=32)
    associated = canonical(["bercail custodian", 1, body["name"], COST])
    plain = AESGCM(key).decrypt(nonce, base64.b64decode(body["roots"]), associated)
    return [plain[at : at + 32] for at in range(0, len(plain), 32)]


def unwrapped(root: bytes, wrapped: bytes, context: bytes) -> bytes:
    head, nonce, sealed = wrapped[:9], wrapped[9:21], wrapped[21:]
    assert head == b"\x01" + hkdf(root, b"bercail root id v1", 8)
    return AESGCM(hkdf(root, b"bercail root wrap v1", 32)).decrypt(nonce, sealed, head + context)


def part(text: str) -> bytes:
    return len(text.encode()).to_bytes(4, "big") + text.encode()


@pytest.fixture
def made(tmp_path: Path) -> FileCustodian:
    return FileCustodian.create(
        tmp_path / "root.custodian", PASSPHRASE, SystemRandomness(), cost=COST
    )


def test_the_page_opens_the_file_and_its_wraps(made: FileCustodian) -> None:
    (root,) = roots_of(made.path, PASSPHRASE.reveal())
    assert hkdf(root, b"bercail root id v1", 8).hex() == made.root
    assert unwrapped(root, made.wrap(Secret(b"any length"), b"here"), b"here") == b"any length"


def test_the_page_opens_the_file_while_the_root_changes(made: FileCustodian) -> None:
    both = made.with_new_root()
    old, new = roots_of(made.path, PASSPHRASE.reveal())
    assert hkdf(old, b"bercail root id v1", 8).hex() == made.root
    assert hkdf(new, b"bercail root id v1", 8).hex() == both.root
    both.forget_old_roots()
    assert roots_of(made.path, PASSPHRASE.reveal()) == [new]
    other = Secret(b"five words from a coin")
    both.forget_old_roots().with_passphrase(other)
    assert roots_of(made.path, other.reveal()) == [new]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 21, 9, 30, tzinfo=UTC))


def test_the_page_opens_the_lines_of_the_table(
    made: FileCustodian, tmp_path: Path, clock: FixedClock
) -> None:
    keys = Keyring(tmp_path / "keys.sqlite", made, SystemRandomness(), clock)
    key = keys.data_key("part", "ER_PRS_F")
    keys.close()
    connection = sqlite3.connect(tmp_path / "keys.sqlite")
    lines = connection.execute(
        "SELECT id, purpose, kind, scope, epoch, wrapped FROM key"
    ).fetchall()
    connection.close()
    (root,) = roots_of(made.path, PASSPHRASE.reveal())
    opened = {}
    for identity, purpose, kind, scope, epoch, wrapped in lines:
        texts = (purpose, kind, scope, str(epoch), identity.hex())
        context = b"bercail wrapped key v1\x00" + b"".join(map(part, texts))
        opened[purpose] = unwrapped(root, wrapped, context)
    assert opened["data"] == key.secret.reveal()
    assert len(opened["witness"]) == 32
