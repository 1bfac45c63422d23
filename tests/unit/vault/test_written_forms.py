"""Notes, envelopes and public files at the edge of their forms: what still reads, what does not."""

from __future__ import annotations

import base64
import copy
import ctypes
import json
import resource
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bercail.foundation import Invalid, Secret, Unproven, canonical_json
from bercail.vault import (
    DualSigner,
    Keyring,
    NoteSigner,
    Party,
    VerifierKey,
    dsse_envelope,
    opaque_name,
    open_dsse_envelope,
    process_hardening,
    recipient,
    verify_note,
)
from bercail.vault.process_hardening import harden_process

NAME = "bercail.example/log"
ROOT = base64.b64encode(bytes(range(32))).decode()
TEXT = f"{NAME}\n20852163\n{ROOT}\n"
SIGNER = NoteSigner(NAME, Secret(bytes(range(64))))
DUAL = DualSigner(Secret(bytes(range(88))))
AT = datetime(2026, 11, 21, tzinfo=UTC)


def with_junk(coded: str) -> str:
    """Base 64 with a character that a lenient reader would pass over."""
    return f"{coded[:4]}!{coded[4:]}"


@pytest.mark.parametrize(
    "text",
    [
        f"{TEXT}an extension without its end",
        f"{TEXT}\nan extension after a gap\n",
        f"{TEXT}an extension\n\n",
        f"{NAME}\n1\n",
        f"{NAME}\n1\n{with_junk(ROOT)}\n",
        f"{NAME}\n01\n{ROOT}\n",
        f"{NAME}\n1\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{NAME}\n1\n{base64.b64encode(bytes(33)).decode()}\n",
    ],
)
def test_texts_that_are_almost_checkpoints(text: str) -> None:
    with pytest.raises(Invalid, match="not a checkpoint"):
        SIGNER.sign_note(text)


@pytest.mark.parametrize("origin", ["a", "é", "a" * 254, "a" * 255])
def test_origins_of_1_to_255_bytes_are_signed(origin: str) -> None:
    text = f"{origin}\n0\n{ROOT}\n"
    assert verify_note(SIGNER.sign_note(text), SIGNER.public) == text


@pytest.mark.parametrize("name", ["a", "a" * 200, "é" * 127, "é" * 127 + "a"])
def test_names_of_at_most_200_characters_and_255_bytes(name: str) -> None:
    made = NoteSigner(name, Secret(bytes(range(64))))
    assert verify_note(made.sign_note(TEXT), made.public) == TEXT
    with pytest.raises(Invalid, match="cannot name a log"):
        NoteSigner("é" * 128, Secret(bytes(range(64))))


@pytest.mark.parametrize(("at", "seconds"), [(None, 0), (AT, int(AT.timestamp()))])
def test_a_note_carries_its_date_or_zero(at: datetime | None, seconds: int) -> None:
    note = SIGNER.sign_note(TEXT, at)
    assert verify_note(note, SIGNER.public) == TEXT
    line = note.splitlines()[5]
    assert base64.b64decode(line.split(" ")[2])[4:12] == seconds.to_bytes(8, "big")


@pytest.mark.parametrize("note", [TEXT, f"{TEXT}\n", SIGNER.sign_note(TEXT)[:-1], ""])
def test_a_note_without_whole_signatures_is_told(note: str) -> None:
    with pytest.raises(Unproven) as caught:
        verify_note(note, SIGNER.public)
    assert caught.value.rule == "note-form"
    assert caught.value.message == "The note has no signatures after its text."


def test_a_note_has_64_signatures_at_most() -> None:
    note, witness = SIGNER.sign_note(TEXT), "\N{EM DASH} w AAAAAAA=\n"
    assert verify_note(note + witness * 62, SIGNER.public) == TEXT
    with pytest.raises(Unproven, match="malformed signature line"):
        verify_note(note + witness * 63, SIGNER.public)


@pytest.mark.parametrize("coded", ["AAAAAA==", "AAA!AAAA=", "AAAA", ""])
def test_signature_lines_of_another_form(coded: str) -> None:
    with pytest.raises(Unproven, match="malformed signature line"):
        verify_note(f"{SIGNER.sign_note(TEXT)}\N{EM DASH} w {coded}\n", SIGNER.public)


@pytest.mark.parametrize("key", SIGNER.public.keys)
def test_verifier_keys_with_the_right_id_and_another_form(key: VerifierKey) -> None:
    good = str(key)
    assert VerifierKey.parse(good) == key
    name, number, coded = good.split("+", 2)
    for bad in (
        f"{name}+{number}+{with_junk(coded)}",
        str(evolve(key, kind=2)),
        str(evolve(key, name="two words")),
        str(evolve(key, name="")),
        str(evolve(key, public=key.public[:-1])),
        str(evolve(key, public=key.public + b"x")),
        str(evolve(key, kind=1 if key.kind == 6 else 6)),
    ):
        with pytest.raises(Invalid, match="not a verifier key"):
            VerifierKey.parse(bad)


@pytest.mark.parametrize("place", [0, 1])
def test_an_envelope_needs_both_signatures(place: int) -> None:
    made = dsse_envelope("text/plain", b"payload", [DUAL])
    assert open_dsse_envelope(made, "text/plain", [DUAL.public]) == b"payload"
    del made["signatures"][place]
    with pytest.raises(Unproven) as caught:
        open_dsse_envelope(made, "text/plain", [DUAL.public])
    assert caught.value.rule == "envelope-signer"


def test_an_envelope_with_other_characters_in_its_base_64() -> None:
    made = dsse_envelope("text/plain", b"a longer payload", [DUAL])
    payload, signature = copy.deepcopy(made), copy.deepcopy(made)
    payload["payload"] = with_junk(made["payload"])
    signature["signatures"][0]["sig"] = with_junk(made["signatures"][0]["sig"])
    for bad in (payload, signature):
        with pytest.raises(Unproven) as caught:
            open_dsse_envelope(bad, "text/plain", [DUAL.public])
        assert caught.value.rule == "envelope-form"


def test_a_party_is_named_in_100_characters_at_most(keyring: Keyring) -> None:
    party = recipient(keyring, "alice").party
    assert Party.from_bytes(evolve(party, name="a" * 100).as_bytes()).name == "a" * 100
    with pytest.raises(Invalid, match="has 101 characters, not 1 to 100"):
        evolve(party, name="a" * 101)


def test_a_party_shows_its_point_uncompressed(keyring: Keyring) -> None:
    party = recipient(keyring, "alice").party
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), party.p384)
    short = point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    with pytest.raises(Invalid, match="not an ML-KEM-1024 key and a P-384 point"):
        evolve(party, p384=short)


@pytest.mark.parametrize("name", ["ml_kem_1024", "p384"])
def test_a_public_file_with_other_characters_in_its_base_64(keyring: Keyring, name: str) -> None:
    body = json.loads(recipient(keyring, "alice").party.as_bytes())
    with pytest.raises(Unproven) as caught:
        Party.from_bytes(canonical_json(body | {name: with_junk(body[name])}))
    assert caught.value.rule == "party-file"


def test_a_name_that_is_no_text_is_told() -> None:
    with pytest.raises(Invalid, match=r"The text cannot be written in UTF-8 \(character 1\)"):
        opaque_name(Secret(bytes(32)), "part", "a\ud800", "name", "1")


def test_the_kernel_is_asked_by_itself_and_its_answer_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[Any, ...]] = []

    def prctl(*values: Any) -> int:
        asked.append(tuple(getattr(value, "value", value) for value in values))
        return 0

    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(prctl=prctl))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (7, 9))
    assert harden_process() == process_hardening.Hardening(core_bytes=7, hidden=True)
    # PR_SET_DUMPABLE to 0, then PR_GET_DUMPABLE; what the kernel does not use must be zero.
    assert asked == [(4, 0, 0, 0, 0), (3, 0, 0, 0, 0)]
