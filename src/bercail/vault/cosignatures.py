"""Cosignatures: what a witness states of a checkpoint that it found consistent.

C2SP tlog-cosignature: Ed25519 (type 0x04, `cosignature/v1`) and ML-DSA-44 (type 0x06,
`subtree/v1`), each with the second at which it was made.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from bercail.foundation import Invalid, Secret
from bercail.vault.notes import (
    ED25519_COSIGNATURE,
    ML_DSA_44,
    NOTE_NAME,
    VerifierKey,
    cosigned_message,
    parse_stated,
    read_note,
    timed_text,
)

COSIGNER_SEED = 64
"""Bytes of the seed of a witness: an Ed25519 private key (32), then an ML-DSA-44 seed (32)."""


@frozen(kw_only=True)
class Cosignature:
    """A cosignature that holds: whose it is, and when it was made in seconds since 1970."""

    key: VerifierKey
    seconds: int


class Cosigner:
    """Cosigns checkpoints under one name, with the two keys of one seed of 64 bytes.

    Both keys are for cosignatures only: an Ed25519 cosignature does not state its maker's name,
    so a key that also signs something else could be made to say what it did not.
    """

    def __init__(self, name: str, seed: Secret) -> None:
        if not NOTE_NAME.fullmatch(name) or len(name.encode("utf-8")) > 255:
            raise Invalid(
                f"`{name}` cannot name a witness: no space, no `+`, at most 200 characters.",
                remedy="Use an address such as `witness.example/w1`.",
            )
        if len(seed) != COSIGNER_SEED:
            raise Invalid(
                f"The seed of a witness has {len(seed)} bytes, not {COSIGNER_SEED}.",
                remedy="Make one with `bercail ledger witness create`.",
            )
        self.name = name
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(seed.reveal()[:32])
        self._ml_dsa = MLDSA44PrivateKey.from_seed_bytes(seed.reveal()[32:])
        publics = (
            (ED25519_COSIGNATURE, self._ed25519.public_key().public_bytes_raw()),
            (ML_DSA_44, self._ml_dsa.public_key().public_bytes_raw()),
        )
        self.keys = tuple(VerifierKey(name=name, kind=k, public=raw) for k, raw in publics)

    def cosign(self, text: str, at: datetime) -> str:
        """Two signature lines over the checkpoint `text`, dated `at` to the second.

        The caller has shown that the tree is consistent with every one it cosigned before.

        Raises:
            Invalid: `text` is not a checkpoint.
        """
        stated = parse_stated(text)
        timestamp = int(at.timestamp())
        made = (
            self._ed25519.sign(timed_text(timestamp, text)),
            self._ml_dsa.sign(cosigned_message(self.name, timestamp, stated)),
        )
        return "".join(
            f"\N{EM DASH} {self.name} "
            f"{base64.b64encode(key.id + timestamp.to_bytes(8, 'big') + signature).decode()}\n"
            for key, signature in zip(self.keys, made, strict=True)
        )


def read_cosignatures(note: str, keys: Sequence[VerifierKey]) -> tuple[Cosignature, ...]:
    """The cosignatures of `note` by `keys`, each shown to hold; other lines are passed over.

    Raises:
        Invalid: a key of `keys` is not for cosignatures.
        Unproven: the note is none (`note-form`), or one of a known key does not hold
            (`note-signature`).
    """
    read = read_note(note)
    found = []
    for key in keys:
        if key.kind not in (ED25519_COSIGNATURE, ML_DSA_44):
            raise Invalid(
                f"The key {key.id.hex()} of `{key.name}` is not for cosignatures.",
                remedy="Take the verifier keys that the witness publishes.",
            )
        if (key.name, key.id) in read.signatures:
            found.append(Cosignature(key=key, seconds=read.require(key)))
    return tuple(found)
