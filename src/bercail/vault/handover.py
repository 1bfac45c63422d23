"""Handing a key to another person or host: sealed to the receiver, signed by the giver.

The file and its refusals are in `docs/reference/formats/key-handover.md`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from attrs import evolve, frozen

from bercail.foundation import (
    Clock,
    Invalid,
    Missing,
    Randomness,
    Refused,
    Secret,
    Unproven,
    canonical_json,
    to_iso,
)
from bercail.vault.dsse import envelope, open_envelope
from bercail.vault.events import KeyHandedOver, KeyReceived
from bercail.vault.handover_table import Direction, HandoverRecord
from bercail.vault.key_lines import HeldKey
from bercail.vault.keyring import Keyring
from bercail.vault.keys import KEY_ID_SIZE, KEY_SIZE, Purpose
from bercail.vault.recipients import Party, Recipient, seal_to

PAYLOAD_TYPE = "application/vnd.bercail.key-handover+json"
FORMAT = "bercail key hand-over"
_INFO = b"bercail key hand-over v1\x00"
_NAMES = "names"


@frozen(kw_only=True)
class HandedKey:
    """One key of a hand-over, without the key."""

    id: str
    purpose: Purpose
    kind: str
    scope: str
    epoch: int

    def as_dict(self) -> dict[str, str | int]:
        """As canonical JSON can write it."""
        return {
            "id": self.id,
            "purpose": self.purpose.value,
            "kind": self.kind,
            "scope": self.scope,
            "epoch": self.epoch,
        }


@frozen(kw_only=True)
class Handover:
    """What a hand-over says in clear: who gives which keys to whom, and when.

    `giver` and `receiver` are fingerprints. `fresh` counts the keys that were not here before;
    None on the giver's side.
    """

    id: str
    giver: str
    receiver: str
    keys: tuple[HandedKey, ...]
    at: str
    fresh: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The hand-over as `--json` prints it."""
        body = self.statement()
        if self.fresh is not None:
            body["fresh"] = self.fresh
        return body

    def statement(self) -> dict[str, Any]:
        """What is signed, and what the sealed keys are tied to."""
        return {
            "format": FORMAT,
            "version": 1,
            "id": self.id,
            "giver": self.giver,
            "receiver": self.receiver,
            "keys": [key.as_dict() for key in self.keys],
            "at": self.at,
        }


def hand_over(
    keyring: Keyring,
    kind: str,
    scope: str,
    *,
    giver: Recipient,
    to: Party,
    randomness: Randomness,
    clock: Clock,
    epoch: int | None = None,
    with_names: bool = False,
) -> tuple[Handover, bytes]:
    """Seal the data keys of a kind and scope to another party: the hand-over, and its file.

    Every living epoch, or the one named. `with_names` adds the secret under which the objects of
    this kind are named on the host. Signing seeds and pseudonym secrets are never handed over.
    It is recorded before the file exists: who may hold a key is never understated.

    Raises:
        Missing: no living data key of that kind and scope.
    """
    held = _living(keyring, kind, scope, epoch)
    if with_names:
        held += _living(keyring, _NAMES, kind, None, Purpose.SECRET)
    made = Handover(
        id=randomness.take(KEY_ID_SIZE).hex(),
        giver=giver.party.fingerprint,
        receiver=to.fingerprint,
        keys=tuple(_handed(key) for key in held),
        at=to_iso(clock.now()),
    )
    sealed = seal_to(to, _joined(held), _info(made))
    with keyring.lines.table.writing() as connection:
        keyring.handovers.record(connection, _records(made, Direction.GIVEN, to, made.at))
        keyring.lines.outbox.post(connection, _given(made))
    body = {**made.statement(), "sealed": base64.b64encode(sealed).decode()}
    signed = envelope(PAYLOAD_TYPE, canonical_json(body), [giver.signer])
    return made, canonical_json(signed) + b"\n"


def receive(
    keyring: Keyring, data: bytes, *, receiver: Recipient, giver: Party, clock: Clock
) -> Handover:
    """Take the keys of a hand-over file into the key ring, under the ids they have.

    All of them or none. `giver` is the party whose fingerprint was compared beforehand.

    Raises:
        Unproven: `handover-form` and the rules of an envelope and of a signature, when the file
            was altered; `handover-sealed`, when its keys do not open.
        Refused: `handover-giver` (signed by somebody else), `handover-receiver` (made for
            somebody else), `handover-replayed` (received before), `handover-destroyed`,
            `handover-conflict`.
    """
    made, sealed = _opened(data, giver)
    _require_parties(made, giver, receiver.party)
    keys = _unsealed(made, sealed, receiver)
    with keyring.lines.table.writing() as connection:
        before = keyring.handovers.received_at(bytes.fromhex(made.id))
        if before is not None:
            raise Refused(
                f"The hand-over `{made.id}` was received at {before}.",
                remedy="Nothing is left to do; if the key was destroyed since, ask for another.",
                rule="handover-replayed",
            )
        admitted = [keyring.lines.admit(connection, key) for key in keys]
        at = to_iso(clock.now())
        keyring.lines.outbox.post(connection, _received(made, admitted, at))
        keyring.handovers.record(connection, _records(made, Direction.RECEIVED, giver, at))
    return evolve(made, fresh=sum(admitted))


def _require_parties(made: Handover, giver: Party, receiver: Party) -> None:
    if made.giver != giver.fingerprint:
        raise Refused(
            f"The hand-over names the giver `{made.giver}`, not `{giver.fingerprint}`.",
            remedy="Name the file of the party that gave it.",
            rule="handover-giver",
        )
    if made.receiver != receiver.fingerprint:
        raise Refused(
            f"The hand-over is for `{made.receiver}`, not for `{receiver.fingerprint}`.",
            remedy="Receive it as the party it was made for.",
            rule="handover-receiver",
        )


def _handed(key: HeldKey) -> HandedKey:
    return HandedKey(
        id=key.id.hex(), purpose=key.purpose, kind=key.kind, scope=key.scope, epoch=key.epoch
    )


def _living(
    keyring: Keyring, kind: str, scope: str, epoch: int | None, purpose: Purpose = Purpose.DATA
) -> list[HeldKey]:
    rows = keyring.lines.table.of(kind, scope, epoch, purpose)
    living = [keyring.lines.held(row) for row in rows if row.wrapped is not None]
    if not living:
        which = "" if epoch is None else f", epoch `{epoch}`"
        raise Missing(
            f"There is no living {purpose.value} key of `{kind}` `{scope}`{which}.",
            remedy="See `bercail vault keys` for the keys there are.",
        )
    return living


def _joined(keys: list[HeldKey]) -> Secret:
    return Secret(b"".join(key.secret.reveal() for key in keys))


def _info(made: Handover) -> bytes:
    return _INFO + hashlib.sha384(canonical_json(made.statement())).digest()


def _records(made: Handover, direction: Direction, other: Party, at: str) -> list[HandoverRecord]:
    return [
        HandoverRecord(
            id=bytes.fromhex(made.id),
            direction=direction,
            key=bytes.fromhex(key.id),
            party=other.fingerprint,
            name=other.name,
            at=at,
        )
        for key in made.keys
    ]


def _given(made: Handover) -> list[KeyHandedOver]:
    return [
        KeyHandedOver(
            handover=made.id,
            key=key.id,
            purpose=key.purpose.value,
            kind=key.kind,
            scope=key.scope,
            epoch=key.epoch,
            receiver=made.receiver,
            at=made.at,
        )
        for key in made.keys
    ]


def _received(made: Handover, admitted: list[bool], at: str) -> list[KeyReceived]:
    return [
        KeyReceived(
            handover=made.id,
            key=key.id,
            purpose=key.purpose.value,
            kind=key.kind,
            scope=key.scope,
            epoch=key.epoch,
            giver=made.giver,
            fresh=fresh,
            at=at,
        )
        for key, fresh in zip(made.keys, admitted, strict=True)
    ]


def _opened(data: bytes, giver: Party) -> tuple[Handover, bytes]:
    """The statement and the sealed keys, once the giver is shown to have signed both."""
    try:
        signed = json.loads(data)
    except ValueError as error:
        raise _unformed() from error
    try:
        payload = open_envelope(signed, PAYLOAD_TYPE, [giver.signing])
    except Unproven as error:
        if error.rule != "envelope-signer":
            raise
        raise Refused(
            f"The hand-over is not signed by `{giver.name}` (`{giver.signing.id}`).",
            remedy="Ask who made it, and compare the fingerprint of their file by voice.",
            rule="handover-giver",
        ) from error
    try:
        return _read(json.loads(payload))
    except (ValueError, KeyError, TypeError, Invalid) as error:
        raise _unformed() from error


def _read(body: dict[str, Any]) -> tuple[Handover, bytes]:
    if (body["format"], body["version"]) != (FORMAT, 1):
        raise ValueError("format")
    made = Handover(
        id=str(body["id"]),
        giver=str(body["giver"]),
        receiver=str(body["receiver"]),
        keys=tuple(_read_key(key) for key in body["keys"]),
        at=str(body["at"]),
    )
    if len(bytes.fromhex(made.id)) != KEY_ID_SIZE or not made.keys:
        raise ValueError("id")
    return made, base64.b64decode(body["sealed"], validate=True)


def _read_key(body: dict[str, Any]) -> HandedKey:
    key = HandedKey(
        id=str(body["id"]),
        purpose=Purpose(body["purpose"]),
        kind=str(body["kind"]),
        scope=str(body["scope"]),
        epoch=int(body["epoch"]),
    )
    allowed = key.purpose is Purpose.DATA or (key.purpose, key.kind) == (Purpose.SECRET, _NAMES)
    if not allowed or key.epoch < 1 or len(bytes.fromhex(key.id)) != KEY_ID_SIZE:
        raise ValueError("key")
    return key


def _unformed() -> Unproven:
    return Unproven(
        "This is not a hand-over file of version 1.",
        remedy="Ask for the file again.",
        rule="handover-form",
    )


def _unsealed(made: Handover, sealed: bytes, receiver: Recipient) -> list[HeldKey]:
    joined = receiver.open(sealed, _info(made))
    if joined is None or len(joined) != KEY_SIZE * len(made.keys):
        raise Unproven(
            f"The keys of the hand-over `{made.id}` do not open.",
            remedy="It was altered, or made for another key pair of this name; ask for another.",
            rule="handover-sealed",
        )
    return [
        HeldKey(
            id=bytes.fromhex(key.id),
            purpose=key.purpose,
            kind=key.kind,
            scope=key.scope,
            epoch=key.epoch,
            secret=Secret(joined.reveal()[at * KEY_SIZE : (at + 1) * KEY_SIZE]),
        )
        for at, key in enumerate(made.keys)
    ]
