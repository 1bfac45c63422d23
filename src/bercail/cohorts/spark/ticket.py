"""A ticket: what the workers need to open the sealed parts of one job, sealed to them alone.

The bytes are in `docs/reference/formats/cluster-ticket.md`. A ticket stands in the options of
a table, so the cluster's driver, its plans and its logs hold ciphertext.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from bercail.foundation import (
    Invalid,
    Refused,
    Secret,
    Unproven,
    canonical_json,
    from_iso,
    to_iso,
)
from bercail.storage import Credentials, Location, ObjectStore, open_store
from bercail.vault import Binding, DataKey, Party, Recipient, SealedReader
from bercail.vault.placement import PlacedPart
from bercail.vault.recipients import seal_to

FORMAT = "bercail cluster ticket"
_INFO = b"bercail cluster ticket v1\x00"


@frozen(kw_only=True)
class Ticket:
    """The parts of one table, by the name the plan has for them, until a moment."""

    location: Location
    credentials: Credentials = field(repr=False)
    until: datetime
    parts: Mapping[str, PlacedPart]

    def store(self) -> ObjectStore:
        """The store that holds the parts."""
        return open_store(self.location, self.credentials)

    def reader(self, store: ObjectStore, name: str, now: Callable[[], datetime]) -> SealedReader:
        """Random access to one part; every read looks at the clock again.

        Raises:
            Refused: `cluster-ticket-ended`.
            Unproven: the part does not open.
            Invalid: the ticket does not list it.
        """
        if name not in self.parts:
            raise Invalid("The ticket does not list a part that the plan names.")
        part = self.parts[name]

        def key_for(_: bytes) -> DataKey:
            if now() > self.until:
                raise Refused(
                    f"The ticket of this job ended at {to_iso(self.until)}.",
                    remedy="Run the study again, or allow longer tickets.",
                    rule="cluster-ticket-ended",
                )
            return part.key

        return SealedReader(
            lambda offset, length: store.read(part.opaque, offset, length),
            part.sealed_size,
            key_for,
            part.binding,
        )


def seal_ticket(ticket: Ticket, workers: Party) -> str:
    """The ticket for the holders of one cluster key, in letters that an option can hold."""
    keys = {part.key.id: part.key for part in ticket.parts.values()}
    body = {
        "format": FORMAT,
        "version": 1,
        "until": to_iso(ticket.until),
        "location": str(ticket.location),
        "credentials": _credentials(ticket.credentials),
        "keys": {key.id.hex(): _key(key) for key in keys.values()},
        "parts": {name: _part(part) for name, part in ticket.parts.items()},
    }
    sealed = seal_to(workers, Secret(canonical_json(body)), _INFO)
    return base64.b64encode(sealed).decode()


def open_ticket(text: str, workers: Recipient) -> Ticket:
    """What `seal_ticket` wrote.

    Raises:
        Unproven: `cluster-ticket`, when it was altered or made for another cluster.
    """
    try:
        opened = workers.open(base64.b64decode(text, validate=True), _INFO)
        if opened is None:
            raise ValueError("sealed")
        return _read(json.loads(opened.reveal()))
    except (ValueError, KeyError, TypeError, Invalid):
        raise Unproven(
            "The ticket of this job does not open with the key of this worker.",
            remedy="Give the engine the public file of this very cluster.",
            rule="cluster-ticket",
        ) from None


def _key(key: DataKey) -> dict[str, Any]:
    secret = base64.b64encode(key.secret.reveal()).decode()
    return {"kind": key.kind, "scope": key.scope, "epoch": key.epoch, "secret": secret}


def _part(part: PlacedPart) -> dict[str, Any]:
    return {
        "opaque": part.opaque,
        "sealed_size": part.sealed_size,
        "kind": part.binding.kind,
        "store": part.binding.store,
        "name": part.binding.name,
        "version": part.binding.version,
        "key": part.key.id.hex(),
    }


def _credentials(given: Credentials) -> dict[str, str]:
    found: dict[str, str] = {}
    if given.access_key is not None:
        found["access_key"] = given.access_key
    for name, secret in (("secret", given.secret), ("sas", given.sas)):
        if secret is not None:
            found[name] = base64.b64encode(secret.reveal()).decode()
    return found


def _secret(found: Mapping[str, str], name: str) -> Secret | None:
    return Secret(base64.b64decode(found[name], validate=True)) if name in found else None


def _read(body: dict[str, Any]) -> Ticket:
    if (body["format"], body["version"]) != (FORMAT, 1):
        raise ValueError("format")
    keys = {
        known: DataKey(
            id=bytes.fromhex(known),
            kind=one["kind"],
            scope=one["scope"],
            epoch=one["epoch"],
            secret=Secret(base64.b64decode(one["secret"], validate=True)),
        )
        for known, one in body["keys"].items()
    }
    given = body["credentials"]
    return Ticket(
        location=Location.parse(body["location"]),
        credentials=Credentials(
            access_key=given.get("access_key"),
            secret=_secret(given, "secret"),
            sas=_secret(given, "sas"),
        ),
        until=from_iso(body["until"]),
        parts={name: _read_part(part, keys) for name, part in body["parts"].items()},
    )


def _read_part(part: Mapping[str, Any], keys: Mapping[str, DataKey]) -> PlacedPart:
    return PlacedPart(
        opaque=part["opaque"],
        sealed_size=part["sealed_size"],
        binding=Binding(
            kind=part["kind"], store=part["store"], name=part["name"], version=part["version"]
        ),
        key=keys[part["key"]],
    )
