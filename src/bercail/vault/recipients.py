"""A party to a hand-over of keys: its two key pairs, and the public file that shows them.

The bytes are in `docs/reference/formats/key-handover.md`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from attrs import Attribute, field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, mlkem
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM1024P384PrivateKey,
    MLKEM1024P384PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bercail.foundation import Invalid, Secret, Unproven, canonical_json
from bercail.vault.binding import utf8
from bercail.vault.keyring import Keyring
from bercail.vault.keys import SEED_SIZES, Purpose
from bercail.vault.signatures import DualPublicKey, DualSigner, p384_scalar, signer

FORMAT = "bercail party"
_ML_KEM_SEED = 64
_POINT_SIZE = 97
_SUITE = Suite(KEM.MLKEM1024_P384, KDF.HKDF_SHA384, AEAD.AES_256_GCM)
_LONGEST_NAME = 100


def _named(_: Any, __: Any, value: str) -> None:
    if not value or len(value) > _LONGEST_NAME or not value.isprintable():
        raise Invalid(
            f"A party's name has {len(value)} characters, not 1 to {_LONGEST_NAME} printable ones.",
            remedy="Name the person or the house.",
        )
    utf8(value, "name")


def _usable(instance: Party, _: Attribute[bytes], __: bytes) -> None:
    try:
        instance.hpke_key()
    except ValueError as error:
        raise Invalid(
            f"The public keys of `{instance.name}` are not an ML-KEM-1024 key and a P-384 point.",
            remedy="Ask the party for its file again.",
        ) from error


@frozen(kw_only=True)
class Party:
    """Who gives or receives keys: a name, the keys that seal to it and the keys that verify it.

    `ml_kem` has 1,568 bytes, `p384` is an uncompressed point of 97.
    """

    name: str = field(validator=_named)
    ml_kem: bytes
    p384: bytes = field(validator=_usable)
    signing: DualPublicKey

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits over everything in the file, for two people to read out."""
        return hashlib.sha256(canonical_json([FORMAT, 1, self._body()])).hexdigest()[:32]

    def hpke_key(self) -> MLKEM1024P384PublicKey:
        """The hybrid public key; raises ValueError when the bytes are not one."""
        if len(self.p384) != _POINT_SIZE:
            raise ValueError("not an uncompressed point")
        return MLKEM1024P384PublicKey(
            mlkem.MLKEM1024PublicKey.from_public_bytes(self.ml_kem),
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), self.p384),
        )

    def as_bytes(self) -> bytes:
        """The public file: one line of canonical JSON."""
        body = {"format": FORMAT, "version": 1, "fingerprint": self.fingerprint, **self._body()}
        return canonical_json(body) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Party:
        """Read what `as_bytes` wrote.

        Raises:
            Unproven: `party-file`, when it is another file or its fingerprint does not hold.
            Invalid: keys that are none.
        """
        try:
            body = json.loads(data)
            if (body["format"], body["version"]) != (FORMAT, 1):
                raise ValueError("format")
            party = cls(
                name=str(body["name"]),
                ml_kem=base64.b64decode(body["ml_kem_1024"], validate=True),
                p384=base64.b64decode(body["p384"], validate=True),
                signing=DualPublicKey.from_dict(body["signing"]),
            )
            if body["fingerprint"] != party.fingerprint:
                raise ValueError("fingerprint")
        except (ValueError, KeyError, TypeError) as error:
            raise Unproven(
                "This is not the public file of a party, or it was altered.",
                remedy="Ask the party for its file again, and compare the fingerprints by voice.",
                rule="party-file",
            ) from error
        return party

    def _body(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ml_kem_1024": base64.b64encode(self.ml_kem).decode(),
            "p384": base64.b64encode(self.p384).decode(),
            "signing": self.signing.as_dict(),
        }


class Recipient:
    """The private side of a party: opens what was sealed to it, and signs what it gives.

    The seed has 120 bytes: 56 for the P-384 scalar, as a dual signer has it, and 64 for
    ML-KEM-1024 (FIPS 203: `d`, then `z`).
    """

    def __init__(self, name: str, seed: Secret, signing: DualSigner) -> None:
        if len(seed) != SEED_SIZES[Purpose.RECIPIENT]:
            raise Invalid(
                f"The seed of a recipient has {len(seed)} bytes, not 120.",
                remedy="Take recipients from the key ring.",
            )
        point = ec.derive_private_key(
            p384_scalar(Secret(seed.reveal()[:-_ML_KEM_SEED])), ec.SECP384R1()
        )
        lattice = mlkem.MLKEM1024PrivateKey.from_seed_bytes(seed.reveal()[-_ML_KEM_SEED:])
        self._key = MLKEM1024P384PrivateKey(lattice, point)
        self.signer = signing
        self.party = Party(
            name=name,
            ml_kem=lattice.public_key().public_bytes_raw(),
            p384=point.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
            signing=signing.public,
        )

    def open(self, sealed: bytes, info: bytes) -> Secret | None:
        """What was sealed to this party with this `info`; None when it does not open."""
        try:
            return Secret(_SUITE.decrypt(sealed, self._key, info=info))
        except (InvalidTag, ValueError):
            return None


def seal_to(party: Party, secret: Secret, info: bytes) -> bytes:
    """`secret` for `party` alone: encapsulated key, then AES-256-GCM (HPKE base mode)."""
    return _SUITE.encrypt(secret.reveal(), party.hpke_key(), info=info)


def recipient(keyring: Keyring, name: str) -> Recipient:
    """The party called `name` of this key ring, created on first use."""
    return Recipient(name, keyring.seed(Purpose.RECIPIENT, name), signer(keyring, f"party/{name}"))
