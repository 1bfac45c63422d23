"""Looking at a host as an enemy would who holds its disks: what is not sealed?

Every object must begin as a sealed one, go on as evenly as ciphertext, have an opaque
name and no metadata, and hold none of the operator's canaries in any usual spelling. No
key is used and none is known: passing does not prove that an object opens.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from attrs import define, field, frozen

from bercail.foundation import Invalid, Unproven
from bercail.storage.audit import CanarySearch
from bercail.storage.plain_forms import (
    BLOCK,
    SEALED_LEAST,
    SEALED_MAGIC,
    SEALED_START,
    STREAM_MARK,
    disguises,
    is_even,
    recognised,
)
from bercail.storage.port import ObjectInfo, ObjectStore
from bercail.storage.probe_report import KEPT_NAME, read_probe

Kind = Literal["name", "metadata", "not-sealed", "uneven", "recognised", "canary"]

_OPAQUE = re.compile(r"[a-z2-7]{2}/[a-z2-7]{50}")
_MOST_KEPT = 1000
_AFTER_HEADERS = 136


@frozen(kw_only=True)
class Exposed:
    """One thing that the host can see. `name` is the object's, its canaries replaced.

    `offset` is in bytes from the start of the content, None for names and metadata.
    `told` never repeats content.
    """

    name: str
    kind: Kind
    offset: int | None
    told: str

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {"name": self.name, "kind": self.kind, "offset": self.offset, "told": self.told}


def _frozen_counts(counts: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType(dict(sorted(counts.items())))


@frozen(kw_only=True)
class HostAudit:
    """What was read and what was exposed: the first thousand, and how many of each kind."""

    location: str
    objects: int
    bytes: int
    sealed: int
    canaries: int
    exposed: tuple[Exposed, ...]
    counts: Mapping[str, int] = field(converter=_frozen_counts, hash=False)

    @property
    def clean(self) -> bool:
        """Whether the host learns sizes and counts, and nothing more."""
        return not self.counts

    def require_clean(self) -> None:
        """Let a clean audit pass.

        Raises:
            Unproven: when anything is exposed (rule `clear-text-on-host`).
        """
        if self.counts:
            told = ", ".join(f"{count} {kind}" for kind, count in self.counts.items())
            raise Unproven(
                f"The host of `{self.location}` sees more than sizes: {told}.",
                remedy="Find who wrote these objects; what the host has read cannot be taken back.",
                rule="clear-text-on-host",
            )

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {
            "location": self.location,
            "objects": self.objects,
            "bytes": self.bytes,
            "sealed": self.sealed,
            "canaries": self.canaries,
            "clean": self.clean,
            "counts": dict(self.counts),
            "exposed": [one.as_dict() for one in self.exposed],
        }

    def lines(self) -> list[str]:
        """A line for each thing exposed, and a last one with the totals."""
        shown = [
            f"{one.kind:<11} {one.name}"
            + (f" at {one.offset}" if one.offset is not None else "")
            + f": {one.told}"
            for one in self.exposed
        ]
        hidden = sum(self.counts.values()) - len(shown)
        shown += [f"... and {hidden} more"] if hidden else []
        total = f"{self.objects} objects, {self.bytes} bytes read, {self.sealed} sealed"
        return [*shown, f"{total}: {'clean' if self.clean else 'EXPOSED'}"]


def audit_host(
    store: ObjectStore,
    canaries: Sequence[bytes] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> HostAudit:
    """Read every name, all metadata and every byte, in a memory that does not grow.

    `progress` is called with a label, the objects read, and 0, since the store is listed
    while it is read. The kept result of a probe is known and passes.

    Raises:
        Invalid: for an empty canary.
        Unavailable, Refused, Unproven: as the store does; a store that cannot be read
            whole is not reported clean.
    """
    if not all(canaries):
        raise Invalid("An empty canary is everywhere.", remedy="Give a text, or none.")
    search = CanarySearch([form for canary in canaries for form in disguises(canary)])
    seen = _Seen(store=store)
    for number, info in enumerate(store.list(), start=1):
        if progress is not None:
            progress("audit", number, 0)
        seen.look(info, search)
    return seen.audit(len(canaries))


@define
class _Seen:
    """What the audit has met so far."""

    store: ObjectStore
    exposed: list[Exposed] = field(factory=list)
    counts: Counter[str] = field(factory=Counter)
    objects: int = 0
    bytes: int = 0
    sealed: int = 0

    def look(self, info: ObjectInfo, search: CanarySearch) -> None:
        """Read one object and note what it exposes."""
        self.objects += 1
        if info.name == KEPT_NAME and _is_probe(self.store, info):
            self.bytes += info.size
            return
        looked = _Looked(self.store, info, search)
        for one in looked.exposed():
            self.counts[one.kind] += 1
            if len(self.exposed) < _MOST_KEPT:
                self.exposed.append(one)
        self.bytes += looked.size
        self.sealed += looked.sealed

    def audit(self, canaries: int) -> HostAudit:
        """The result."""
        return HostAudit(
            location=str(self.store.location),
            objects=self.objects,
            bytes=self.bytes,
            sealed=self.sealed,
            canaries=canaries,
            exposed=tuple(self.exposed),
            counts=self.counts,
        )


def _is_probe(store: ObjectStore, info: ObjectInfo) -> bool:
    try:
        read_probe(b"".join(store.stream(info.name, if_match=info.etag)))
    except Invalid:
        return False
    return True


class _Looked:
    """One object under the eyes of an enemy."""

    def __init__(self, store: ObjectStore, info: ObjectInfo, search: CanarySearch) -> None:
        self._store, self._info, self._search = store, info, search
        self._shown = search.hidden(info.name)
        self.size, self.sealed = 0, False

    def exposed(self) -> Iterator[Exposed]:
        """Everything that shows: the name, the metadata, the beginning, every block."""
        yield from self._labels()
        following = self._search.following()
        uneven = False
        for block in self._blocks():
            offset, self.size = self.size, self.size + len(block)
            if offset == 0:
                yield from self._beginning(block)
            for at, _ in following(block):
                yield self._one("canary", at, "a canary stands in the content")
            skipped = _AFTER_HEADERS if offset == 0 and self.sealed else 0
            # One line an object says it: a plain file has millions of uneven blocks.
            if not uneven and not is_even(memoryview(block)[skipped:]):
                uneven = True
                yield self._one("uneven", offset, "from here on, bytes are not as ciphertext's")
        if self.size == 0:
            yield self._one("not-sealed", 0, "an empty object is not a sealed one")

    def _labels(self) -> Iterator[Exposed]:
        if self._search.is_in(self._info.name):
            yield self._one("canary", None, "a canary stands in the name")
        if not _OPAQUE.fullmatch(self._info.name):
            yield self._one("name", None, "the name is not opaque")
        # Listings of S3 bring no metadata: it is asked for, object by object.
        metadata = self._info.metadata or self._store.head(self._info.name).metadata
        if metadata:
            yield self._one("metadata", None, f"{len(metadata)} entries of metadata in clear")
        if any(self._search.is_in(f"{key}\0{value}") for key, value in metadata.items()):
            yield self._one("canary", None, "a canary stands in the metadata")

    def _beginning(self, start: bytes) -> Iterator[Exposed]:
        if not start.startswith(SEALED_MAGIC):
            yield self._one("not-sealed", 0, "the magic bytes of a sealed object are absent")
            form = recognised(start)
            if form is not None:
                yield self._one("recognised", 0, f"this looks like {form}")
            return
        whole = self._info.size >= SEALED_LEAST and start[96] == STREAM_MARK
        if not (whole and start.startswith(SEALED_START)):
            yield self._one("not-sealed", 0, "it begins as a sealed object, and is none")
            return
        self.sealed = True
        for offset in (97, _AFTER_HEADERS):
            form = recognised(start[offset:], least=4)
            if form is not None:
                self.sealed = False
                yield self._one("recognised", offset, f"behind the header, this looks like {form}")

    def _blocks(self) -> Iterator[bytes]:
        """The content in blocks of 64 KiB from its start, as the seal cuts it."""
        held = b""
        for piece in self._store.stream(self._info.name, if_match=self._info.etag):
            held = held + piece if held else piece
            whole = len(held) - len(held) % BLOCK
            for start in range(0, whole, BLOCK):
                yield held[start : start + BLOCK]
            held = held[whole:]
        if held:
            yield held

    def _one(self, kind: Kind, offset: int | None, told: str) -> Exposed:
        return Exposed(name=self._shown, kind=kind, offset=offset, told=told)
