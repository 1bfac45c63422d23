"""Cosignatures of witnesses, read again here by the words of C2SP tlog-cosignature."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from bercail.foundation import Invalid, Secret, Unproven
from bercail.vault import Cosigner, NoteSigner, VerifierKey, read_cosignatures, verify_note_by
from bercail.vault.notes import read_note

ORIGIN, NAME = "example.com/behind-the-sofa", "witness.example.com/w1"
ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
TEXT = f"{ORIGIN}\n20852163\n{ROOT}\n"
LOG = NoteSigner(ORIGIN, Secret(bytes(range(64))))
WITNESS = Cosigner(NAME, Secret(bytes(reversed(range(64)))))
AT = datetime(2023, 3, 20, 12, 12, 27, 900_000, tzinfo=UTC)
NOTE = LOG.sign_note(TEXT)
LINES = WITNESS.cosign(TEXT, AT)


def payloads(lines: str = LINES) -> list[bytes]:
    return [base64.b64decode(line.split(" ")[2]) for line in lines.splitlines()]


def cosigned_anew() -> str:
    return Cosigner(NAME, Secret(bytes(reversed(range(64))))).cosign(TEXT, AT)


def test_a_cosignature_of_ed25519_is_as_the_specification_says() -> None:
    payload = payloads(cosigned_anew())[0]
    public = WITNESS.keys[0].public
    assert payload[:4] == hashlib.sha256(NAME.encode() + b"\n\x04" + public).digest()[:4]
    assert int.from_bytes(payload[4:12], "big") == 1679314347
    message = f"cosignature/v1\ntime 1679314347\n{TEXT}".encode()
    Ed25519PublicKey.from_public_bytes(public).verify(payload[12:], message)
    assert len(payload) == 4 + 8 + 64


def test_a_cosignature_of_ml_dsa_44_is_as_the_specification_says() -> None:
    payload = payloads(cosigned_anew())[1]
    public = WITNESS.keys[1].public
    assert payload[:4] == hashlib.sha256(NAME.encode() + b"\n\x06" + public).digest()[:4]
    message = b"".join(
        (
            b"subtree/v1\n\0",
            bytes([len(NAME)]) + NAME.encode(),
            payload[4:12],
            bytes([len(ORIGIN)]) + ORIGIN.encode(),
            (0).to_bytes(8, "big"),
            (20852163).to_bytes(8, "big"),
            base64.b64decode(ROOT),
        )
    )
    MLDSA44PublicKey.from_public_bytes(public).verify(payload[12:], message)
    assert len(payload) == 4 + 8 + 2420


def test_lines_of_a_witness_are_signature_lines_of_a_note() -> None:
    lines = cosigned_anew()
    for line in lines.splitlines():
        dash, name, _ = line.split(" ")
        assert (dash, name) == ("\N{EM DASH}", NAME)
    assert lines.count("\n") == 2
    assert [cosignature.key for cosignature in read_cosignatures(NOTE + lines, WITNESS.keys)] == [
        *WITNESS.keys
    ]


def test_cosignatures_are_read_with_their_time() -> None:
    found = read_cosignatures(NOTE + LINES, WITNESS.keys)
    assert [(c.key, c.seconds) for c in found] == [(key, 1679314347) for key in WITNESS.keys]


def test_a_cosignature_that_is_not_there_is_not_found() -> None:
    assert read_cosignatures(NOTE, WITNESS.keys) == ()
    other = Cosigner("other.example/w", Secret(bytes(64)))
    assert read_cosignatures(NOTE + LINES, other.keys) == ()
    one = LINES.splitlines(keepends=True)[1]
    assert [c.key for c in read_cosignatures(NOTE + one, WITNESS.keys)] == [WITNESS.keys[1]]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("place", [4, 11, 12, 40])
def test_an_altered_cosignature_is_refused(which: int, place: int) -> None:
    lines = LINES.splitlines()
    payload = bytearray(payloads()[which])
    payload[place] ^= 1
    lines[which] = f"\N{EM DASH} {NAME} {base64.b64encode(payload).decode()}"
    with pytest.raises(Unproven) as refusal:
        read_cosignatures(NOTE + "\n".join(lines) + "\n", WITNESS.keys)
    assert refusal.value.rule == "note-signature"


@pytest.mark.parametrize("which", [0, 1])
def test_a_time_beyond_the_format_is_refused(which: int) -> None:
    payload = bytearray(payloads()[which])
    payload[4] |= 0x80
    line = f"\N{EM DASH} {NAME} {base64.b64encode(payload).decode()}\n"
    with pytest.raises(Unproven) as refusal:
        read_cosignatures(NOTE + line, WITNESS.keys)
    assert refusal.value.rule == "note-signature"


def test_the_longest_time_of_the_format_is_read() -> None:
    latest = b"\x7f" + b"\xff" * 7
    key = WITNESS._ed25519
    signature = key.sign(f"cosignature/v1\ntime {2**63 - 1}\n{TEXT}".encode())
    payload = base64.b64encode(WITNESS.keys[0].id + latest + signature).decode()
    note = NOTE + f"\N{EM DASH} {NAME} {payload}\n"
    assert read_cosignatures(note, WITNESS.keys)[0].seconds == 2**63 - 1


def test_a_time_beyond_the_format_is_refused_though_it_is_signed() -> None:
    payload = WITNESS.keys[0].id + b"\x80" + bytes(7)
    payload += WITNESS._ed25519.sign(f"cosignature/v1\ntime {2**63}\n{TEXT}".encode())
    note = NOTE + f"\N{EM DASH} {NAME} {base64.b64encode(payload).decode()}\n"
    with pytest.raises(Unproven) as refusal:
        read_cosignatures(note, WITNESS.keys)
    assert refusal.value.rule == "note-signature"


def test_a_plain_signature_states_no_time() -> None:
    assert LOG.public.keys[0].kind == 0x01
    assert read_note(NOTE).require(LOG.public.keys[0]) == 0


def test_a_cosignature_of_another_tree_does_not_hold() -> None:
    other = WITNESS.cosign(TEXT.replace("20852163", "20852162"), AT)
    for line in other.splitlines(keepends=True):
        with pytest.raises(Unproven):
            read_cosignatures(NOTE + line, WITNESS.keys)


def test_the_key_of_a_log_is_not_one_for_cosignatures() -> None:
    with pytest.raises(Invalid, match="not for cosignatures"):
        read_cosignatures(NOTE, LOG.public.keys)


def test_only_checkpoints_are_cosigned() -> None:
    with pytest.raises(Invalid, match="not a checkpoint"):
        WITNESS.cosign("anything\n", AT)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a" * 201, "é" * 130])
def test_names_that_a_witness_cannot_have(name: str) -> None:
    with pytest.raises(Invalid, match="cannot name a witness"):
        Cosigner(name, Secret(bytes(64)))


def test_a_name_of_a_witness_has_255_bytes_at_most() -> None:
    longest = "é" * 127 + "a"
    assert Cosigner(longest, Secret(bytes(64))).name == longest
    with pytest.raises(Invalid, match="cannot name a witness"):
        Cosigner("é" * 128, Secret(bytes(64)))


def test_a_witness_may_have_a_name_of_200_letters() -> None:
    assert Cosigner("a" * 200, Secret(bytes(64))).keys[0].name == "a" * 200


@pytest.mark.parametrize("size", [32, 63, 65])
def test_a_seed_of_a_witness_has_64_bytes(size: int) -> None:
    with pytest.raises(Invalid, match=f"has {size} bytes, not 64"):
        Cosigner(NAME, Secret(bytes(size)))


def test_keys_of_a_witness_are_published_and_read_back() -> None:
    assert [key.kind for key in WITNESS.keys] == [0x04, 0x06]
    assert tuple(VerifierKey.parse(str(key)) for key in WITNESS.keys) == WITNESS.keys


def test_a_note_may_be_asked_for_any_set_of_keys() -> None:
    note = NOTE + LINES
    assert verify_note_by(note, [LOG.public.keys[0]]) == TEXT
    assert verify_note_by(note, [*LOG.public.keys, *WITNESS.keys]) == TEXT
    with pytest.raises(Unproven) as refusal:
        verify_note_by(NOTE, [LOG.public.keys[0], WITNESS.keys[0]])
    assert refusal.value.rule == "note-missing"
