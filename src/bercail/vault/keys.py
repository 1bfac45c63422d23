"""Keys as values: what the key table hands out, and what it says about them without them."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Any

from attrs import Attribute, field, frozen
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bercail.foundation import Invalid, Secret

KEY_SIZE = 32
KEY_ID_SIZE = 16


def derive(secret: Secret, *, salt: bytes, info: bytes, length: int = KEY_SIZE) -> bytes:
    """HKDF-SHA256 (RFC 5869) of `secret`: `length` bytes."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret.reveal())


class Purpose(StrEnum):
    """What a key of the table is for; a key has one purpose for its whole life.

    The witness opens nothing: whoever can unwrap it holds the table's root.
    """

    DATA = "data"
    SECRET = "secret"
    DUAL_SIGNER = "dual-signer"
    NOTE_SIGNER = "note-signer"
    RECIPIENT = "recipient"
    WITNESS = "witness"


SEED_SIZES = {
    Purpose.DATA: KEY_SIZE,
    Purpose.SECRET: KEY_SIZE,
    Purpose.DUAL_SIGNER: 88,
    Purpose.NOTE_SIGNER: 64,
    Purpose.RECIPIENT: 120,
    Purpose.WITNESS: KEY_SIZE,
}
"""Bytes of a key by purpose; the layouts of seeds are in `docs/reference/formats/`."""


def _sized(size: int) -> Any:
    def check(_: Any, attribute: Attribute[Any], value: bytes | Secret) -> None:
        if len(value) != size:
            raise Invalid(
                f"The {attribute.name} of a data key has {len(value)} bytes, not {size}.",
                remedy="Take data keys from the key table.",
            )

    return check


@frozen(kw_only=True)
class DataKey:
    """A 256-bit key that seals objects of one `kind` in one `scope` (a table or a project).

    `epoch` counts from 1; a new epoch begins when the key is rotated.
    """

    id: bytes = field(validator=_sized(KEY_ID_SIZE))
    kind: str
    scope: str
    epoch: int
    secret: Secret = field(validator=_sized(KEY_SIZE))

    @cached_property
    def commitment(self) -> bytes:
        """32 bytes that only this key and this id give; they reveal nothing of the key."""
        return derive(self.secret, salt=b"bercail key commitment v1", info=self.id)


@frozen(kw_only=True)
class KeyEntry:
    """One line of the key table, without the key: what it is for and who can open it.

    Who can open it: the custodian, and whoever it was handed to or received from
    (`name (fingerprint)` of each party).
    """

    id: str
    purpose: Purpose
    kind: str
    scope: str
    epoch: int
    custodian: str
    root: str
    created: str
    destroyed: str | None
    handed_to: tuple[str, ...] = ()
    received_from: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The entry as `--json` prints it."""
        return {
            "id": self.id,
            "purpose": self.purpose.value,
            "kind": self.kind,
            "scope": self.scope,
            "epoch": self.epoch,
            "custodian": self.custodian,
            "root": self.root,
            "created": self.created,
            "destroyed": self.destroyed,
            "handed_to": list(self.handed_to),
            "received_from": list(self.received_from),
        }

    def line(self) -> str:
        """The entry in one line, for a person."""
        life = f"destroyed {self.destroyed}" if self.destroyed else f"opened by {self.custodian}"
        others = "".join(f", handed to {party}" for party in self.handed_to)
        others += "".join(f", received from {party}" for party in self.received_from)
        return (
            f"{self.purpose.value} {self.kind}/{self.scope} epoch {self.epoch}: {life}{others} "
            f"(id {self.id}, root {self.root}, created {self.created})"
        )


@frozen(kw_only=True)
class DestroyedKey:
    """A key that no longer exists. `wrapped_sha256` is the digest of the wrapped form erased."""

    id: str
    purpose: Purpose
    epoch: int
    wrapped_sha256: str
    at: str


@frozen(kw_only=True)
class DestructionCertificate:
    """What was destroyed, when, and under which custodian: the erasure of what it sealed."""

    kind: str
    scope: str
    custodian: str
    keys: tuple[DestroyedKey, ...]

    def as_dict(self) -> dict[str, Any]:
        """The certificate as canonical JSON can write it, for signing and for `--json`."""
        return {
            "certificate": "bercail key destruction v1",
            "kind": self.kind,
            "scope": self.scope,
            "custodian": self.custodian,
            "keys": [
                {
                    "id": key.id,
                    "purpose": key.purpose.value,
                    "epoch": key.epoch,
                    "wrapped_sha256": key.wrapped_sha256,
                    "at": key.at,
                }
                for key in self.keys
            ],
        }
