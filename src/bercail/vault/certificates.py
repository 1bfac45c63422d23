"""Signed statements that keys were destroyed: the proof that what they sealed is erased.

The file is described in `docs/reference/formats/destruction-certificate.md`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import Clock, Unproven, canonical_json, to_iso
from bercail.vault.dsse import envelope, open_envelope
from bercail.vault.file_custodian import write_private
from bercail.vault.keyring import Keyring
from bercail.vault.keys import DestroyedKey, DestructionCertificate, Purpose
from bercail.vault.signatures import DualPublicKey, DualSigner, signer

PAYLOAD_TYPE = "application/vnd.bercail.key-destruction+json"
FORMAT = "bercail destruction certificate"
_SIGNER = "destruction"


@frozen(kw_only=True)
class SignedDestruction:
    """What a certificate says, once its signatures hold.

    `handed_to` lists, by key id, the parties that hold a copy of their own: the destruction
    here does not reach them.
    """

    platform: str
    issued: str
    certificate: DestructionCertificate
    handed_to: dict[str, tuple[str, ...]]

    def as_dict(self) -> dict[str, Any]:
        """The statement as canonical JSON can write it."""
        return {
            "format": FORMAT,
            "version": 1,
            "platform": self.platform,
            "issued": self.issued,
            "destroyed": self.certificate.as_dict(),
            "handed_to": {key: list(names) for key, names in self.handed_to.items()},
        }


def destruction_signer(keyring: Keyring) -> DualSigner:
    """Who signs the certificates of this house; its public key is given out beforehand."""
    return signer(keyring, _SIGNER)


def certify(
    keyring: Keyring, certificate: DestructionCertificate, *, platform: str, clock: Clock
) -> tuple[SignedDestruction, bytes]:
    """The statement about `certificate`, and its signed file."""
    parties = keyring.handovers.by_key()
    copies = {key.id: parties.given(bytes.fromhex(key.id)) for key in certificate.keys}
    made = SignedDestruction(
        platform=platform,
        issued=to_iso(clock.now()),
        certificate=certificate,
        handed_to={key: names for key, names in copies.items() if names},
    )
    payload = canonical_json(made.as_dict())
    signed = envelope(PAYLOAD_TYPE, payload, [destruction_signer(keyring)])
    return made, canonical_json(signed) + b"\n"


def destroy_and_certify(
    keyring: Keyring,
    kind: str,
    scope: str,
    epoch: int | None,
    *,
    folder: Path,
    platform: str,
    clock: Clock,
) -> tuple[SignedDestruction, Path]:
    """Destroy keys as `Keyring.destroy` does, and write the signed certificate into `folder`.

    Killed in between, a second run destroys nothing more and writes the certificate.
    """
    certificate = keyring.destroy(kind, scope, epoch)
    made, signed = certify(keyring, certificate, platform=platform, clock=clock)
    path = folder / f"destroyed-{certificate.keys[0].id}.json"
    write_private(path, signed, replace=True)
    return made, path


def read_certificate(data: bytes, public: DualPublicKey) -> SignedDestruction:
    """What a certificate says, once `public` is shown to have signed it.

    Raises:
        Unproven: the rules of an envelope and of a signature; `certificate-form` for a statement
            of another form, or one that names a key as destroyed without saying when.
    """
    try:
        signed = json.loads(data)
    except ValueError as error:
        raise _unformed() from error
    payload = open_envelope(signed, PAYLOAD_TYPE, [public])
    try:
        return _read(json.loads(payload))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unformed() from error


def _read(body: dict[str, Any]) -> SignedDestruction:
    if (body["format"], body["version"]) != (FORMAT, 1):
        raise ValueError("format")
    destroyed = body["destroyed"]
    certificate = DestructionCertificate(
        kind=destroyed["kind"],
        scope=destroyed["scope"],
        custodian=destroyed["custodian"],
        keys=tuple(
            DestroyedKey(
                id=key["id"],
                purpose=Purpose(key["purpose"]),
                epoch=key["epoch"],
                wrapped_sha256=key["wrapped_sha256"],
                at=key["at"],
            )
            for key in destroyed["keys"]
        ),
    )
    if not certificate.keys or not all(key.at and key.wrapped_sha256 for key in certificate.keys):
        raise ValueError("keys")
    return SignedDestruction(
        platform=body["platform"],
        issued=body["issued"],
        certificate=certificate,
        handed_to={key: tuple(names) for key, names in body["handed_to"].items()},
    )


def _unformed() -> Unproven:
    return Unproven(
        "This is not a destruction certificate of version 1.",
        remedy="Ask for the certificate again.",
        rule="certificate-form",
    )
