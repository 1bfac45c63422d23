"""Signed checkpoints: C2SP signed notes under Ed25519 and ML-DSA-44.

Two lines sign each checkpoint: an Ed25519 note signature (type 0x01, c2sp.org/signed-note) over
its text, and an ML-DSA-44 cosignature (type 0x06, c2sp.org/tlog-cosignature) over the tree it
states. The exact bytes are in `docs/reference/formats/checkpoint-signatures.md`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import field, frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from bercail.foundation import Invalid, Secret, Unproven
from bercail.vault.keyring import Keyring
from bercail.vault.keys import SEED_SIZES, Purpose

ED25519 = 0x01
ED25519_COSIGNATURE = 0x04
ML_DSA_44 = 0x06
_SIZES = {ED25519: 32, ED25519_COSIGNATURE: 32, ML_DSA_44: 1312}
_LABEL = b"subtree/v1\n\x00"
NOTE_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")
_MOST_SIGNATURES = 64
_LATEST = 2**63 - 1


@frozen(kw_only=True)
class StatedTree:
    """What a checkpoint states: the origin of the log, its size, its root (32 bytes)."""

    origin: str
    size: int
    root: bytes


def parse_stated(text: str) -> StatedTree:
    """Origin, tree size and root hash of a checkpoint's text (c2sp.org/tlog-checkpoint)."""
    lines = text.split("\n")
    sound = (
        len(lines) >= 4
        and lines[-1] == ""
        and all(lines[:-1])
        and not re.search(r"[\x00-\x09\x0b-\x1f]", text)
        and re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1], re.ASCII)
    )
    try:
        if not sound:
            raise ValueError("shape")
        root = base64.b64decode(lines[2], validate=True)
        origin = lines[0].encode("utf-8")
        if len(root) != 32 or not 1 <= len(origin) <= 255:
            raise ValueError("size")
    except ValueError as error:
        raise Invalid(
            "The text is not a checkpoint: origin, tree size and root hash, a line each.",
            remedy="Only checkpoints of a log are signed here.",
        ) from error
    return StatedTree(origin=lines[0], size=int(lines[1]), root=root)


def cosigned_message(name: str, timestamp: int, stated: StatedTree) -> bytes:
    """The `cosigned_message` of tlog-cosignature for the whole tree, from leaf 0 to its size."""
    cosigner, origin = name.encode("utf-8"), stated.origin.encode("utf-8")
    return b"".join(
        (
            _LABEL,
            bytes([len(cosigner)]),
            cosigner,
            timestamp.to_bytes(8, "big"),
            bytes([len(origin)]),
            origin,
            bytes(8),
            stated.size.to_bytes(8, "big"),
            stated.root,
        )
    )


@frozen(kw_only=True)
class VerifierKey:
    """One public key of a note.

    `kind` is 0x01 (Ed25519), 0x04 (an Ed25519 cosignature) or 0x06 (ML-DSA-44).
    """

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """4 bytes: the start of SHA-256(name || 0x0A || kind || public key)."""
        material = self.name.encode("utf-8") + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(material).digest()[:4]

    def __str__(self) -> str:
        """The verifier key in its published form, `name+id+base64(kind || public key)`."""
        coded = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{coded}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a published verifier key; raises Invalid for anything else."""
        name, _, rest = text.partition("+")
        written_id, _, coded = rest.partition("+")
        try:
            data = base64.b64decode(coded, validate=True)
            key = cls(name=name, kind=data[0], public=data[1:])
            if not NOTE_NAME.fullmatch(name) or _SIZES.get(key.kind) != len(key.public):
                raise ValueError("shape")
            if key.id.hex() != written_id:
                raise ValueError("id")
        except (ValueError, IndexError) as error:
            raise Invalid(
                f"`{text[:60]}` is not a verifier key of Ed25519 or ML-DSA-44.",
                remedy="Copy it whole from the operator's page.",
            ) from error
        return key


def _both(_: object, __: object, keys: tuple[VerifierKey, ...]) -> None:
    if [key.kind for key in keys] != [ED25519, ML_DSA_44]:
        raise Invalid(
            "A log has one Ed25519 and one ML-DSA-44 verifier key, in this order.",
            remedy="Give both lines of the operator's page.",
        )


@frozen(kw_only=True)
class NotePublicKey:
    """The two verifier keys of one log."""

    keys: tuple[VerifierKey, ...] = field(validator=_both)

    def lines(self) -> list[str]:
        """Both keys in their published form."""
        return [str(key) for key in self.keys]

    @classmethod
    def parse(cls, lines: list[str]) -> NotePublicKey:
        """Read what `lines` wrote; raises Invalid."""
        return cls(keys=tuple(VerifierKey.parse(line) for line in lines))


class NoteSigner:
    """Signs checkpoints under one name, with the two keys of one seed of 64 bytes.

    The first 32 bytes are the Ed25519 private key, the last 32 the ML-DSA-44 seed.
    """

    def __init__(self, name: str, seed: Secret) -> None:
        if not NOTE_NAME.fullmatch(name) or len(name.encode("utf-8")) > 255:
            raise Invalid(
                f"`{name}` cannot name a log: no space, no `+`, at most 200 characters.",
                remedy="Use an address such as `bercail.example/log`.",
            )
        if len(seed) != SEED_SIZES[Purpose.NOTE_SIGNER]:
            raise Invalid(
                f"The seed of a note signer has {len(seed)} bytes, not 64.",
                remedy="Take signers from the key ring.",
            )
        self.name = name
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(seed.reveal()[:32])
        self._ml_dsa = MLDSA44PrivateKey.from_seed_bytes(seed.reveal()[32:])
        self._keys = (
            VerifierKey(
                name=name, kind=ED25519, public=self._ed25519.public_key().public_bytes_raw()
            ),
            VerifierKey(
                name=name, kind=ML_DSA_44, public=self._ml_dsa.public_key().public_bytes_raw()
            ),
        )

    @property
    def public(self) -> NotePublicKey:
        """What verifies this signer's notes."""
        return NotePublicKey(keys=self._keys)

    def sign_note(self, text: str, at: datetime | None = None) -> str:
        """The signed note of a checkpoint's text.

        `at` dates the ML-DSA-44 cosignature to the second; without it the date is zero, which
        states that the tree is consistent and not that it is the latest.

        Raises:
            Invalid: `text` is not a checkpoint.
        """
        stated = parse_stated(text)
        timestamp = int(at.timestamp()) if at is not None else 0
        lattice = self._ml_dsa.sign(cosigned_message(self.name, timestamp, stated))
        made = (
            self._ed25519.sign(text.encode("utf-8")),
            timestamp.to_bytes(8, "big") + lattice,
        )
        lines = [
            f"\N{EM DASH} {self.name} {base64.b64encode(key.id + signature).decode()}\n"
            for key, signature in zip(self._keys, made, strict=True)
        ]
        return f"{text}\n{''.join(lines)}"


def verify_note(note: str, public: NotePublicKey) -> str:
    """The text of a signed note, once both keys of `public` are shown to have signed it.

    Lines of other keys (witnesses) are passed over.

    Raises:
        Unproven: `note-form`, `note-missing` or `note-signature`.
    """
    return verify_note_by(note, public.keys)


def verify_note_by(note: str, keys: Sequence[VerifierKey]) -> str:
    """The text of a signed note, once every key of `keys` is shown to have signed it.

    Raises:
        Unproven: as `verify_note`.
    """
    read = read_note(note)
    for key in keys:
        if (key.name, key.id) not in read.signatures:
            raise unproven(f"`{key.name}` did not sign with key {key.id.hex()}.", "note-missing")
        read.require(key)
    return read.text


@frozen(kw_only=True)
class ReadNote:
    """A signed note taken apart; `signatures` are by key name and key id, and not yet checked."""

    text: str
    stated: StatedTree
    signatures: Mapping[tuple[str, bytes], bytes]

    def require(self, key: VerifierKey) -> int:
        """The time that `key` states with its signature, in seconds since 1970 (0 for none).

        Raises:
            Unproven: it does not hold (`note-signature`).
        """
        signature = self.signatures[key.name, key.id]
        try:
            return _verify(key, signature, self.text, self.stated)
        except (InvalidSignature, ValueError) as error:
            raise unproven(
                f"The signature of `{key.name}` with key {key.id.hex()} does not hold.",
                "note-signature",
            ) from error


def read_note(note: str) -> ReadNote:
    """Take a signed note apart; raises Unproven (`note-form`) when it is none of a checkpoint."""
    text, gap, block = note.rpartition("\n\n")
    if not gap or not block.endswith("\n"):
        raise unproven("The note has no signatures after its text.", "note-form")
    text += "\n"
    found = signature_lines(block)
    try:
        stated = parse_stated(text)
    except Invalid as error:
        raise unproven("The note's text is not a checkpoint.", "note-form") from error
    return ReadNote(text=text, stated=stated, signatures=found)


def timed_text(timestamp: int, text: str) -> bytes:
    """What an Ed25519 cosignature signs: a header, the time in seconds, the note text."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def _verify(key: VerifierKey, signature: bytes, text: str, stated: StatedTree) -> int:
    if key.kind == ED25519:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode("utf-8"))
        return 0
    timestamp = int.from_bytes(signature[:8], "big")
    if timestamp > _LATEST:
        raise ValueError("a time beyond what the format allows")
    if key.kind == ED25519_COSIGNATURE:
        message = timed_text(timestamp, text)
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature[8:], message)
    else:
        message = cosigned_message(key.name, timestamp, stated)
        MLDSA44PublicKey.from_public_bytes(key.public).verify(signature[8:], message)
    return timestamp


def signature_lines(block: str) -> dict[tuple[str, bytes], bytes]:
    """Signatures by key name and key id; raises Unproven (`note-form`) for a malformed line."""
    found: dict[tuple[str, bytes], bytes] = {}
    lines = block[:-1].split("\n")
    for line in lines:
        parts = line.split(" ")
        try:
            if len(parts) != 3 or parts[0] != "\N{EM DASH}" or len(lines) > _MOST_SIGNATURES:
                raise ValueError("shape")
            data = base64.b64decode(parts[2], validate=True)
            if len(data) < 5:
                raise ValueError("size")
        except ValueError as error:
            raise unproven("The note has a malformed signature line.", "note-form") from error
        found.setdefault((parts[1], data[:4]), data[4:])
    return found


def unproven(message: str, rule: str) -> Unproven:
    """The refusal of a note."""
    return Unproven(message, remedy="Fetch the checkpoint and the keys again.", rule=rule)


def note_signer(keyring: Keyring, name: str) -> NoteSigner:
    """The checkpoint signer called `name`, created on first use."""
    return NoteSigner(name, keyring.seed(Purpose.NOTE_SIGNER, name))
