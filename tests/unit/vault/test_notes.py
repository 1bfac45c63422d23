"""Signed checkpoints: C2SP notes with an Ed25519 and an ML-DSA-44 signature, both required."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from bercail.foundation import Invalid, Secret, SeededRandomness, Unproven
from bercail.vault import Keyring, NotePublicKey, NoteSigner, VerifierKey, note_signer, verify_note

NAME = "bercail.example/log"
ROOT = base64.b64encode(bytes(range(32))).decode()
TEXT = f"{NAME}\n20852163\n{ROOT}\n"
SIGNER = NoteSigner(NAME, Secret(SeededRandomness(1).take(64)))
OTHER = NoteSigner(NAME, Secret(SeededRandomness(2).take(64)))
NOTE = SIGNER.sign_note(TEXT)
ED_LINE, ML_LINE = (line + "\n" for line in NOTE.splitlines()[4:])


def refused(note: str, public: NotePublicKey = SIGNER.public) -> str | None:
    with pytest.raises(Unproven) as caught:
        verify_note(note, public)
    return caught.value.rule


def test_a_signed_note_gives_its_text_back() -> None:
    public = NotePublicKey.parse(SIGNER.public.lines())
    assert verify_note(NOTE, public) == TEXT
    assert NOTE.startswith(TEXT + "\n\N{EM DASH} " + NAME + " ")


def test_the_lattice_signature_covers_the_published_structure() -> None:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    line = SIGNER.sign_note(TEXT, at).splitlines()[5]
    blob = base64.b64decode(line.split(" ")[2])
    key = SIGNER.public.keys[1]
    seconds = int(at.timestamp()).to_bytes(8, "big")
    assert blob[:12] == key.id + seconds
    message = (
        b"subtree/v1\n\0"
        + bytes([len(NAME)]) + NAME.encode()
        + seconds
        + bytes([len(NAME)]) + NAME.encode()
        + (0).to_bytes(8, "big") + (20852163).to_bytes(8, "big")
        + bytes(range(32))
    )  # fmt: skip
    MLDSA44PublicKey.from_public_bytes(key.public).verify(blob[12:], message)


def test_witness_lines_and_extension_lines_are_passed_over() -> None:
    witness = NoteSigner("witness.example/w1", Secret(SeededRandomness(3).take(64)))
    extra = "\n".join(witness.sign_note(TEXT).splitlines()[4:]) + "\n"
    assert verify_note(NOTE + extra, SIGNER.public) == TEXT
    extended = TEXT + "an extension line\n"
    assert verify_note(SIGNER.sign_note(extended), SIGNER.public) == extended


@pytest.mark.parametrize(
    ("note", "rule"),
    [
        (TEXT, "note-form"),
        (TEXT + "\n", "note-form"),
        (NOTE[:-1], "note-form"),
        (TEXT + "\n" + ED_LINE, "note-missing"),
        (TEXT + "\n" + ML_LINE, "note-missing"),
        (NOTE.replace("20852163", "20852164"), "note-signature"),
        (NOTE.replace("20852163", "020852163"), "note-form"),
        (NOTE.replace(ROOT, "AAAA"), "note-form"),
        (NOTE.replace("\N{EM DASH}", "-"), "note-form"),
        (NOTE + f"\N{EM DASH} {NAME} !\n", "note-form"),
        (NOTE + f"\N{EM DASH} {NAME} AAAA\n", "note-form"),
        (NOTE + "\N{EM DASH} two\n", "note-form"),
        (NOTE + "\N{EM DASH} w AAAAAAAA\n" * 63, "note-form"),
    ],
)
def test_altered_notes_are_refused(note: str, rule: str) -> None:
    assert refused(note) == rule


def test_each_signature_is_checked() -> None:
    lines = OTHER.sign_note(TEXT).splitlines()
    for index, line in ((0, ED_LINE), (1, ML_LINE)):
        key = SIGNER.public.keys[index]
        forged = base64.b64decode(lines[4 + index].split(" ")[2])[4:]
        bad = f"\N{EM DASH} {NAME} {base64.b64encode(key.id + forged).decode()}\n"
        assert refused(NOTE.replace(line, bad)) == "note-signature"
        short = f"\N{EM DASH} {NAME} {base64.b64encode(key.id + b'x').decode()}\n"
        assert refused(NOTE.replace(line, short)) == "note-signature"


def test_another_log_of_the_same_name_is_refused() -> None:
    assert refused(NOTE, OTHER.public) == "note-missing"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "any text\n",
        TEXT[:-1],
        f"{NAME}\n-1\n{ROOT}\n",
        f"{NAME}\n1\n!\n",
        f"{NAME}\n\n{ROOT}\n",
        f"{'a' * 256}\n1\n{ROOT}\n",
        f"{NAME}\n1\n{ROOT}\n\x07\n",
        f"\ud800\n1\n{ROOT}\n",
    ],
)
def test_only_checkpoints_are_signed(text: str) -> None:
    with pytest.raises(Invalid, match="not a checkpoint"):
        SIGNER.sign_note(text)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a" * 201, "é" * 130])
def test_names_that_a_note_cannot_carry(name: str) -> None:
    with pytest.raises(Invalid, match="cannot name a log"):
        NoteSigner(name, Secret(bytes(64)))


def test_a_seed_has_64_bytes() -> None:
    with pytest.raises(Invalid, match="64"):
        NoteSigner(NAME, Secret(bytes(63)))


@pytest.mark.parametrize("key", SIGNER.public.keys)
def test_verifier_keys_are_read_back_or_refused(key: VerifierKey) -> None:
    text = str(key)
    assert VerifierKey.parse(text) == key
    name, number, coded = text.split("+", 2)
    wrong = base64.b64encode(b"\x02" + key.public).decode()
    for bad in (
        "",
        name,
        f"{name}+{number}+",
        f"{name}+{'0' * 8}+{coded}",
        f"a b+{number}+{coded}",
        f"{name}+{number}+{wrong}",
        f"{name}+{number}+!",
    ):
        with pytest.raises(Invalid, match="not a verifier key"):
            VerifierKey.parse(bad)


def test_a_log_has_both_keys_in_order() -> None:
    one, two = SIGNER.public.keys
    for keys in ((one,), (two, one), (one, two, two)):
        with pytest.raises(Invalid, match="one Ed25519 and one ML-DSA-44"):
            NotePublicKey(keys=keys)


def test_note_signers_of_the_key_ring_stay_the_same(keyring: Keyring) -> None:
    assert note_signer(keyring, NAME).public == note_signer(keyring, NAME).public
    assert note_signer(keyring, NAME).name == NAME
