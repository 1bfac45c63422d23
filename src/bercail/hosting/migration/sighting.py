"""One thing that a survey saw, as the work table takes it in. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from bercail.foundation import canonical_json, sha256_hex, to_iso
from bercail.hosting.migration.entry import Entry, entry_of
from bercail.hosting.migration.object_table import UNTOLD
from bercail.hosting.migration.obstacles import cautions_of, obstacle_of
from bercail.storage import InventoryItem, ItemKind

_ALWAYS = frozenset({ItemKind.CURRENT, ItemKind.LINK, ItemKind.SPECIAL})
_FORMER = frozenset({ItemKind.VERSION, ItemKind.SNAPSHOT, ItemKind.DELETED})


class Versions(StrEnum):
    """Which states of an object are carried."""

    CURRENT = "current"
    ALL = "all"


@frozen(kw_only=True)
class Scope:
    """What a survey takes in.

    With `versions` ALL, each version and snapshot is carried as a sealed object of its
    own; otherwise they are counted and left behind knowingly. With `details` every object
    is asked about, for what the source's listing leaves out.
    """

    versions: Versions = Versions.CURRENT
    details: bool = False

    def takes(self, item: InventoryItem) -> bool:
        """Whether `item` becomes a row of the work table, carried or with its obstacle."""
        return item.kind in _ALWAYS or (self.versions is Versions.ALL and item.kind in _FORMER)


@frozen(kw_only=True)
class Prints:
    """What a later survey compares beside the entity tag; empty where this one was not told."""

    metadata: str = ""
    tags: str = ""
    tier: str = ""
    md5: str = ""
    modified: str = ""


@frozen(kw_only=True)
class Sighting:
    """One row of a survey. `remarks` is what the source says beyond the facts of the entry."""

    entry: Entry
    obstacle: str | None = None
    remarks: Mapping[str, Any] = field(factory=dict)
    prints: Prints = field(factory=Prints)


def sighting_of(item: InventoryItem) -> Sighting:
    """The row for `item`."""
    entry = entry_of(item.info)
    return Sighting(
        entry=entry,
        obstacle=obstacle_of(item, entry),
        remarks=_remarks(item),
        prints=Prints(
            metadata=_digest(item.info.metadata) if item.metadata_told else "",
            tags=_digest(item.tags) if item.tags is not None else "",
            tier=item.info.tier or "",
            md5=entry.facts.content_md5 or "",
            modified=entry.facts.modified or "",
        ),
    )


def _remarks(item: InventoryItem) -> dict[str, Any]:
    untold = [] if item.metadata_told else ["headers"]
    untold += ["tags"] if item.tags is None else []
    told: dict[str, Any] = {
        UNTOLD: untold,
        "kind": item.kind.value if item.kind is not ItemKind.CURRENT else None,
        "tags": dict(item.tags or {}),
        "headers": dict(item.headers),
        "lease": item.lease,
        "locked_until": to_iso(item.locked_until) if item.locked_until else None,
        "legal_hold": item.legal_hold,
        "rehydration": item.rehydration,
        "cautions": list(cautions_of(item)),
    }
    return {key: value for key, value in told.items() if value}


def _digest(value: Mapping[str, str]) -> str:
    return sha256_hex(canonical_json(dict(value)))[:16] if value else _OF_NOTHING


_OF_NOTHING = sha256_hex(canonical_json({}))[:16]
