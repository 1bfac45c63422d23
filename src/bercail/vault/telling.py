"""The vault's records in words, one line each, for an auditor. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What each kind of event says of itself; a member that is not there is not asked for.
_SAYS = {
    "KeyCreated": "{purpose} key of {kind}/{scope}, epoch {epoch}, under root {root}",
    "KeyDestroyed": "{purpose} key of {kind}/{scope}, epoch {epoch}",
    "DestructionCertified": "{keys} key(s) of {kind}/{scope}, certificate {certificate_sha256}",
    "RootChanged": "{keys} key(s) now under root {root} of {custodian}",
    "RootCreated": "root {root} of {custodian}",
    "RootRecovered": "root {root} of {custodian}, from {shares} share(s)",
    "CeremonyHeld": "root {root}, {shares} shares of which {needed} are needed ({ceremony})",
    "RecipientMade": "{name} ({fingerprint})",
    "KeyHandedOver": "{purpose} key of {kind}/{scope}, epoch {epoch}, to {receiver}",
    "KeyReceived": "{purpose} key of {kind}/{scope}, epoch {epoch}, from {giver}",
    "SecretOpened": "{kind}/{scope}, epoch {epoch}",
    "SecretUsed": "{kind}/{scope}, epoch {epoch}: {purpose} of {subject}",
}


def told(record: Mapping[str, Any]) -> dict[str, Any]:
    """One record as a row: position, at, actor, event, and what it says in words."""
    body = dict(record["body"])
    text = _SAYS[record["kind"]].format(**body)
    if body.get("identifiers") is not None:
        text += f", {body['identifiers']} value(s)"
    return {
        "position": record["position"],
        "at": record["at"],
        "actor": record["actor"],
        "event": record["kind"],
        "what": text,
    }
