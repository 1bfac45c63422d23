"""What happened to keys, and which secrets were used; the journal keeps these under `vault/`.

No event holds a key, a secret or a person's value: names, counts, fingerprints, digests.
`at` is the moment of the act, where the act comes before its record (ISO 8601, UTC).
"""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class KeyCreated:
    """A key was drawn and wrapped; an `epoch` above 1 begins where the one before it ends."""

    key: str
    purpose: str
    kind: str
    scope: str
    epoch: int
    root: str
    at: str


@frozen(kw_only=True)
class KeyDestroyed:
    """A wrapped key was erased; `wrapped_sha256` is the digest of what stood there."""

    key: str
    purpose: str
    kind: str
    scope: str
    epoch: int
    wrapped_sha256: str
    at: str


@frozen(kw_only=True)
class DestructionCertified:
    """The signed certificate of a destruction was written; `keys` counts the keys it names."""

    kind: str
    scope: str
    epoch: int | None
    keys: int
    certificate_sha256: str


@frozen(kw_only=True)
class RootChanged:
    """The keys of the table stand under another root; `former` is empty for the first one."""

    custodian: str
    former: str
    root: str
    keys: int
    at: str


@frozen(kw_only=True)
class RootCreated:
    """A custodian drew a root that no key stands under yet."""

    custodian: str
    root: str


@frozen(kw_only=True)
class RootRecovered:
    """A custodian file of this house was made again from its shares; `shares` were combined."""

    custodian: str
    root: str
    shares: int
    at: str


@frozen(kw_only=True)
class CeremonyHeld:
    """The root was split: `needed` of `shares` cards give it back."""

    root: str
    ceremony: str
    shares: int
    needed: int


@frozen(kw_only=True)
class RecipientMade:
    """The public file of a party of this house was written, to give and to receive keys."""

    name: str
    fingerprint: str


@frozen(kw_only=True)
class KeyHandedOver:
    """A key was sealed to another party, whose fingerprint is `receiver`."""

    handover: str
    key: str
    purpose: str
    kind: str
    scope: str
    epoch: int
    receiver: str
    at: str


@frozen(kw_only=True)
class KeyReceived:
    """A key came from another party, whose fingerprint is `giver`; `fresh` when it was not here."""

    handover: str
    key: str
    purpose: str
    kind: str
    scope: str
    epoch: int
    giver: str
    fresh: bool
    at: str


@frozen(kw_only=True)
class SecretOpened:
    """A session took a secret (for pseudonyms, or for names on the host) from the key ring.

    Once for each session and secret, before the session has it.
    """

    kind: str
    scope: str
    epoch: int


@frozen(kw_only=True)
class SecretUsed:
    """A pseudonym secret was used (SNDS referential 6.4): for what, on how much.

    One for each load, extract, objection or step of a rotation, and secret; before the use.
    `subject` names the delivery, extract or table, and `identifiers` counts the values given to
    the function; None when that is known at the end only, and told by the desk's own event.
    """

    kind: str
    scope: str
    epoch: int
    purpose: str
    subject: str
    identifiers: int | None


KEY_EVENTS = (
    KeyCreated,
    KeyDestroyed,
    DestructionCertified,
    RootChanged,
    RootCreated,
    RootRecovered,
    CeremonyHeld,
    RecipientMade,
    KeyHandedOver,
    KeyReceived,
)
USE_EVENTS = (SecretOpened, SecretUsed)
