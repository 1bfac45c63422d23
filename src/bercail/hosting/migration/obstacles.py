"""What cannot be carried and why, and what to know of what can. Pure decisions.

A reason is one sentence for many objects, so that a plan counts them: it names no object.
"""

from __future__ import annotations

from bercail.foundation import Invalid
from bercail.hosting.migration.entry import Entry, entry_of
from bercail.storage import InventoryItem, ItemKind
from bercail.storage.names import require_sendable
from bercail.storage.past import PREFIX

# What a source calls its ordinary class: nothing to know of these.
_ORDINARY = frozenset({"", "HOT", "STANDARD", "PREMIUM"})
# S3 classes that must be restored before they can be read (docs.aws.amazon.com, "Storage
# classes"); an Azure tier is in `Entry.obstacle`.
_COLD = frozenset({"GLACIER", "DEEP_ARCHIVE"})

LINK = "it is a symbolic link, which an object store does not have"
SPECIAL = "it is a device, a pipe or a socket, not data at rest"
NAME = "its name has `.` or `..` between slashes or is too long, and cannot be asked for safely"
RESERVED = f"its name starts with `{PREFIX}`, which stands for former states"
CUSTOMER_KEY = "it is sealed with a key of the customer's that the source must be sent"
RUNNING_DISK = "it is a page blob under an endless lease: the disk of a running machine"
ON_ITS_WAY = "it is in the archive tier and its rehydration is not finished"
COLD = "it is in an archive class and must be restored first"

LEASED = "a lease is held on it: its holder may write until the freeze"
LOCKED = "the source keeps it locked: it can be erased there only when the lock ends"
NO_DETAILS = "its content headers and tags were not asked for: a survey with `--details` does"
NO_TAGS = "its index tags are not told to these credentials"
HELD = "the source keeps it under a legal hold: it cannot be erased there before that is lifted"


_CODES = {
    LEASED: "leased",
    LOCKED: "locked",
    NO_DETAILS: "no_details",
    NO_TAGS: "no_tags",
    HELD: "held",
}


def code_of(caution: str) -> str:
    """The short name of something to know, as the journal counts it."""
    return _CODES.get(caution, "other_tier")


def obstacle_of(item: InventoryItem, entry: Entry | None = None) -> str | None:
    """Why this cannot be carried, or None when it can; `entry` spares making it again."""
    if item.kind is ItemKind.LINK:
        return LINK
    if item.kind is ItemKind.SPECIAL:
        return SPECIAL
    if item.unreadable is not None:
        return item.unreadable
    if item.logical.startswith(PREFIX):
        return RESERVED
    if not _can_be_asked(item.logical):
        return NAME
    if item.customer_key:
        return CUSTOMER_KEY
    return _tier_obstacle(item) or _disk_obstacle(item) or (entry or entry_of(item.info)).obstacle


def cautions_of(item: InventoryItem) -> tuple[str, ...]:
    """What to know of something that is carried all the same."""
    found = []
    if item.lease is not None:
        found.append(LEASED)
    if item.locked_until is not None:
        found.append(LOCKED)
    if item.legal_hold:
        found.append(HELD)
    if not item.metadata_told:
        found.append(NO_DETAILS)
    elif item.tags is None and item.info.blob_type:
        found.append(NO_TAGS)
    if (item.info.tier or "").upper() not in _ORDINARY:
        found.append(other_tier(item.info.tier))
    return tuple(found)


def other_tier(tier: str | None) -> str:
    """What to know of an object that has a tier which the target does not know."""
    return (
        f"its tier `{(tier or '')[:40]}` stays behind: on the target it stands in the class of "
        "all objects"
    )


def _tier_obstacle(item: InventoryItem) -> str | None:
    tier = item.info.tier or ""
    if tier.casefold() == "archive" and item.rehydration:
        return ON_ITS_WAY
    if tier.upper() in _COLD and item.rehydration != "restored":
        return COLD
    return None


def _disk_obstacle(item: InventoryItem) -> str | None:
    """Bytes that a machine is writing make no image of any one moment."""
    of_a_disk = item.info.blob_type == "PageBlob" and item.lease == "infinite"
    return RUNNING_DISK if of_a_disk and item.kind is ItemKind.CURRENT else None


def _can_be_asked(name: str) -> bool:
    try:
        require_sendable(name)
    except Invalid:
        return False
    return True
