"""Two signatures for one statement: ECDSA on P-384 and ML-DSA-65.

Both must hold. The first is understood everywhere today, the second withstands a quantum
computer (FIPS 186-5 and FIPS 204; ANSSI asks for both together). The bytes are in
`docs/reference/formats/signatures.md`.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from attrs import field, frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bercail.foundation import Invalid, Secret, Unproven
from bercail.vault.keyring import Keyring
from bercail.vault.keys import SEED_SIZES, Purpose

ECDSA_POINT_SIZE = 97
ML_DSA_65_KEY_SIZE = 1952
_ML_DSA_SEED = 32
_P384_ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)


def _from_base64(data: Any, what: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (ValueError, TypeError) as error:
        raise Unproven(
            f"The {what} is not written in base 64.",
            remedy="Fetch the signed file again.",
            rule="signature-form",
        ) from error


def _field(data: Any, name: str, what: str) -> Any:
    if not isinstance(data, dict) or name not in data:
        raise Unproven(
            f"The {what} has no `{name}`.",
            remedy="Fetch the signed file again.",
            rule="signature-form",
        )
    return data[name]


@frozen(kw_only=True)
class DualSignature:
    """Both signatures of one message, and the id of the key pair that made them."""

    key_id: str
    ecdsa: bytes
    ml_dsa: bytes

    def as_dict(self) -> dict[str, str]:
        """As canonical JSON can write it; signatures in base 64."""
        return {
            "key_id": self.key_id,
            "ecdsa_p384": base64.b64encode(self.ecdsa).decode(),
            "ml_dsa_65": base64.b64encode(self.ml_dsa).decode(),
        }

    @classmethod
    def from_dict(cls, data: Any) -> DualSignature:
        """Read what `as_dict` wrote; raises Unproven (`signature-form`) for anything else."""
        what = "signature"
        return cls(
            key_id=str(_field(data, "key_id", what)),
            ecdsa=_from_base64(_field(data, "ecdsa_p384", what), what),
            ml_dsa=_from_base64(_field(data, "ml_dsa_65", what), what),
        )


def _point(_: Any, __: Any, value: bytes) -> None:
    if len(value) != ECDSA_POINT_SIZE or value[0] != 4:
        raise Invalid(
            f"A P-384 public key has 97 bytes and begins with 04; this one has {len(value)}.",
            remedy="Take the public key from the signer's file.",
        )


def _lattice(_: Any, __: Any, value: bytes) -> None:
    if len(value) != ML_DSA_65_KEY_SIZE:
        raise Invalid(
            f"An ML-DSA-65 public key has {ML_DSA_65_KEY_SIZE} bytes; this one has {len(value)}.",
            remedy="Take the public key from the signer's file.",
        )


@frozen(kw_only=True)
class DualPublicKey:
    """What verifies: an uncompressed P-384 point (97 bytes) and an ML-DSA-65 key (1,952)."""

    ecdsa: bytes = field(validator=_point)
    ml_dsa: bytes = field(validator=_lattice)

    @property
    def id(self) -> str:
        """32 hexadecimal digits: the start of SHA-256 over a label and both keys."""
        material = b"bercail dual key v1\x00" + self.ecdsa + self.ml_dsa
        return hashlib.sha256(material).hexdigest()[:32]

    def as_dict(self) -> dict[str, str]:
        """As canonical JSON can write it; keys in base 64."""
        return {
            "id": self.id,
            "ecdsa_p384": base64.b64encode(self.ecdsa).decode(),
            "ml_dsa_65": base64.b64encode(self.ml_dsa).decode(),
        }

    @classmethod
    def from_dict(cls, data: Any) -> DualPublicKey:
        """Read what `as_dict` wrote.

        Raises:
            Unproven: `signature-form`, or `signature-key` when the id is not that of the keys.
            Invalid: a key of the wrong size.
        """
        what = "public key"
        key = cls(
            ecdsa=_from_base64(_field(data, "ecdsa_p384", what), what),
            ml_dsa=_from_base64(_field(data, "ml_dsa_65", what), what),
        )
        if _field(data, "id", what) != key.id:
            raise Unproven(
                "The public key does not have the id written beside it.",
                remedy="Take the public key from the signer again.",
                rule="signature-key",
            )
        return key


def p384_scalar(seed: Secret) -> int:
    """The private scalar that 56 bytes give (FIPS 186-5, A.2.1)."""
    return int.from_bytes(seed.reveal(), "big") % (_P384_ORDER - 1) + 1


class DualSigner:
    """Signs with both keys of one seed of 88 bytes.

    The first 56 bytes give the P-384 scalar, reduced as FIPS 186-5, A.2.1 does (64 bits more than
    the order has), the last 32 are the ML-DSA seed. ECDSA nonces are deterministic (RFC 6979).
    """

    def __init__(self, seed: Secret) -> None:
        if len(seed) != SEED_SIZES[Purpose.DUAL_SIGNER]:
            raise Invalid(
                f"The seed of a dual signer has {len(seed)} bytes, not 88.",
                remedy="Take signers from the key ring.",
            )
        self._ecdsa = ec.derive_private_key(
            p384_scalar(Secret(seed.reveal()[:-_ML_DSA_SEED])), ec.SECP384R1()
        )
        self._ml_dsa = MLDSA65PrivateKey.from_seed_bytes(seed.reveal()[-_ML_DSA_SEED:])
        self.public = DualPublicKey(
            ecdsa=self._ecdsa.public_key().public_bytes(
                Encoding.X962, PublicFormat.UncompressedPoint
            ),
            ml_dsa=self._ml_dsa.public_key().public_bytes_raw(),
        )

    def sign(self, message: bytes) -> DualSignature:
        """Both signatures of `message`."""
        algorithm = ec.ECDSA(SHA384(), deterministic_signing=True)
        return DualSignature(
            key_id=self.public.id,
            ecdsa=self._ecdsa.sign(message, algorithm),
            ml_dsa=self._ml_dsa.sign(message),
        )


def verify_dual(public: DualPublicKey, message: bytes, signature: DualSignature) -> None:
    """Accept `message` only if both signatures of this key hold.

    Raises:
        Unproven: `signature-key` (another key signed), `signature-ecdsa` or `signature-ml-dsa`.
    """
    if signature.key_id != public.id:
        raise Unproven(
            f"The signature is of the key `{signature.key_id}`, not of `{public.id}`.",
            remedy="Verify with the public key of the one who signed.",
            rule="signature-key",
        )
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), public.ecdsa)
        point.verify(signature.ecdsa, message, ec.ECDSA(SHA384()))
    except (InvalidSignature, ValueError) as error:
        raise _refused(public, "ECDSA", "signature-ecdsa") from error
    try:
        MLDSA65PublicKey.from_public_bytes(public.ml_dsa).verify(signature.ml_dsa, message)
    except (InvalidSignature, ValueError) as error:
        raise _refused(public, "ML-DSA-65", "signature-ml-dsa") from error


def _refused(public: DualPublicKey, algorithm: str, rule: str) -> Unproven:
    return Unproven(
        f"The {algorithm} signature of the key `{public.id}` does not hold.",
        remedy="What was signed, or its signature, was altered; fetch both again.",
        rule=rule,
    )


def signer(keyring: Keyring, name: str) -> DualSigner:
    """The signer called `name` (a desk, an end of a migration), created on first use."""
    return DualSigner(keyring.seed(Purpose.DUAL_SIGNER, name))
