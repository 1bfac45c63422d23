"""One object of the source, and what differs between two looks at it. Pure values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen, validators

from bercail.foundation import canonical_json, sha256_hex, to_iso

if TYPE_CHECKING:
    from bercail.storage import ObjectInfo

# The largest object that S3 takes, in bytes; a sealed object is a little larger than its plaintext.
LARGEST_SEALED_OBJECT = 5 * 1024**4
# Segments of a sealed object carry 16 bytes of tag in 65,536, and the header is below 1 KiB.
LARGEST_OBJECT = LARGEST_SEALED_OBJECT - LARGEST_SEALED_OBJECT // 4096 - 1024


class ObjectState(StrEnum):
    """What became of one object in a migration."""

    PENDING = "pending"
    CARRIED = "carried"
    FAILED = "failed"
    NOT_CARRIED = "not_carried"
    GONE = "gone"


@frozen(kw_only=True)
class SourceFacts:
    """What the source says of an object, as the manifest writes it down.

    `etag` pins every read; `content_md5` is hexadecimal; `modified` is ISO 8601.
    """

    etag: str
    version: str | None = None
    modified: str | None = None
    content_md5: str | None = None
    metadata: Mapping[str, str] = field(factory=dict)
    tier: str | None = None
    blob_type: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """All seven keys, always."""
        return {
            "etag": self.etag,
            "version": self.version,
            "modified": self.modified,
            "content_md5": self.content_md5,
            "metadata": dict(self.metadata),
            "tier": self.tier,
            "blob_type": self.blob_type,
        }

    @cached_property
    def text(self) -> str:
        """All of them as canonical JSON."""
        return canonical_json(self.as_dict()).decode("utf-8")

    @classmethod
    def from_text(cls, text: str) -> SourceFacts:
        """The facts that `text` stands for."""
        facts = cls(**json.loads(text))
        # Most facts are written again as they were read: nobody encodes them a second time.
        object.__setattr__(facts, "text", text)
        return facts


@frozen(kw_only=True)
class Entry:
    """One object of the source at one moment; `size` in bytes."""

    name: str = field(validator=validators.min_len(1))
    size: int = field(validator=validators.ge(0))
    facts: SourceFacts

    @cached_property
    def binding_version(self) -> str:
        """The version in the sealed object's binding: it names this state of the source."""
        return "src-" + sha256_hex(canonical_json([self.facts.etag, self.size]))[:32]

    @property
    def obstacle(self) -> str | None:
        """Why this object cannot be carried, or None when it can."""
        if (self.facts.tier or "").casefold() == "archive":
            return "it is in the archive tier and must be rehydrated first"
        if self.size > LARGEST_OBJECT:
            return f"it is larger than the {LARGEST_OBJECT} bytes that one sealed object holds"
        return None


def entry_of(info: ObjectInfo) -> Entry:
    """The entry for what a store reports of an object.

    A store without entity tags is pinned by its modification time and size.
    """
    modified = _moment(info.modified)
    facts = SourceFacts(
        etag=info.etag or f"modified:{modified}",
        version=info.version,
        modified=modified,
        content_md5=info.content_md5.hex() if info.content_md5 else None,
        metadata={str(key): str(value) for key, value in (info.metadata or {}).items()},
        tier=info.tier,
        blob_type=info.blob_type,
    )
    return Entry(name=info.name, size=info.size, facts=facts)


def with_tier(now: Entry, listed: Entry) -> Entry:
    """`now`, with the tier of `listed` where the source tells tiers in its listing only."""
    if now.facts.tier is not None or now.binding_version != listed.binding_version:
        return now
    return evolve(now, facts=evolve(now.facts, tier=listed.facts.tier))


@frozen(kw_only=True)
class Delta:
    """How the source differs from what was surveyed, in numbers of objects.

    `changed` counts objects, each once; `content`, `metadata`, `tags` and `tier` say in what,
    and one object may count in several. `unsteady` counts objects on which two listings,
    taken one after the other, do not agree; `hidden` those that a listing left out although
    the source still has them. Hidden ones are not counted as gone.
    """

    new: int = 0
    changed: int = 0
    gone: int = 0
    content: int = 0
    metadata: int = 0
    tags: int = 0
    tier: int = 0
    unsteady: int = 0
    hidden: int = 0

    @property
    def empty(self) -> bool:
        """True when nothing differs."""
        return not (self.new or self.changed or self.gone or self.unsteady or self.hidden)

    def described(self) -> str:
        """For instance `2 new, 0 changed, 1 gone`, and what a listing lied about, if it did."""
        text = f"{self.new} new, {self.changed} changed, {self.gone} gone"
        text += f", {self.unsteady} on which two listings disagree" if self.unsteady else ""
        return text + (f", {self.hidden} hidden from the listing" if self.hidden else "")


def _moment(value: datetime | None) -> str | None:
    return None if value is None else to_iso(value)
