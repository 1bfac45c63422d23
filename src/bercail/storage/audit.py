"""Searching a store for what must not be there.

What a host holds should be ciphertext under opaque names. The search takes some
texts that would betray otherwise (a known pseudonym, a column name, a file
name), and reads every name, all metadata and every byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from attrs import frozen

from bercail.foundation import Invalid, Unproven
from bercail.storage.port import ObjectInfo, ObjectStore

Place = Literal["name", "metadata", "content"]


@frozen(kw_only=True)
class Hit:
    """One canary found.

    `name` is the object's, with any canary in it replaced: a report must not
    repeat what the search is for. `offset` is in bytes from the start of the
    content; None when the canary is in the name or the metadata.
    """

    name: str
    place: Place
    offset: int | None
    canary_index: int


@frozen(kw_only=True)
class ScanReport:
    """What was read, and what was found: nothing, if all is well."""

    objects: int
    bytes: int
    canaries: int
    hits: tuple[Hit, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.hits

    def require_clean(self) -> None:
        """Let a clean report pass.

        Raises:
            Unproven: when a canary was found (rule `clear-text-on-host`).
        """
        if self.hits:
            raise Unproven(
                f"The store holds {len(self.hits)} canaries in clear.",
                remedy="Find who wrote these objects; what the host has read cannot be taken back.",
                rule="clear-text-on-host",
            )

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {
            "objects": self.objects,
            "bytes": self.bytes,
            "canaries": self.canaries,
            "clean": self.clean,
            "hits": [
                {
                    "name": hit.name,
                    "place": hit.place,
                    "offset": hit.offset,
                    "canary": hit.canary_index,
                }
                for hit in self.hits
            ],
        }


def scan(
    store: ObjectStore,
    canaries: Sequence[bytes],
    progress: Callable[[str, int, int], None] | None = None,
) -> ScanReport:
    """Read the whole store, in bounded memory, and report every canary met.

    `progress` is called with a label, objects read and objects in all.

    Raises:
        Invalid: without canaries, or with an empty one.
        Unavailable, Refused, Unproven: as the store does; a store that cannot be
            read whole is not reported clean.
    """
    if not canaries or not all(canaries):
        raise Invalid(
            "A scan needs at least one canary, and none may be empty.",
            remedy="Give a text that the store would only hold in clear.",
        )
    objects = list(store.list())
    hits: list[Hit] = []
    size = 0
    for done, info in enumerate(objects):
        if progress is not None:
            progress("scan", done, len(objects))
        hits.extend(_label_hits(info, canaries))
        shown = _shown(info.name, canaries)
        for piece_size, found in _content_hits(store, info, canaries):
            size += piece_size
            hits.extend(
                Hit(name=shown, place="content", offset=offset, canary_index=index)
                for offset, index in found
            )
    if progress is not None:
        progress("scan", len(objects), len(objects))
    return ScanReport(objects=len(objects), bytes=size, canaries=len(canaries), hits=tuple(hits))


def _label_hits(info: ObjectInfo, canaries: Sequence[bytes]) -> Iterator[Hit]:
    labels = "\0".join(f"{key}\0{value}" for key, value in info.metadata.items())
    places: tuple[tuple[Place, bytes], ...] = (
        ("name", info.name.encode("utf-8", "surrogateescape")),
        ("metadata", labels.encode("utf-8", "surrogateescape")),
    )
    for place, text in places:
        for index, canary in enumerate(canaries):
            if canary in text:
                shown = _shown(info.name, canaries)
                yield Hit(name=shown, place=place, offset=None, canary_index=index)


def _shown(name: str, canaries: Sequence[bytes]) -> str:
    text = name.encode("utf-8", "surrogateescape")
    for index, canary in enumerate(canaries):
        text = text.replace(canary, f"[canary {index}]".encode())
    return text.decode("utf-8", "replace")


def _content_hits(
    store: ObjectStore, info: ObjectInfo, canaries: Sequence[bytes]
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """For each piece read, its size and the hits that end in it: (offset, canary index)."""
    longest = max(len(canary) for canary in canaries)
    tail, start = b"", 0  # `tail` precedes the piece; `start` is the offset of `tail`
    for piece in store.stream(info.name, if_match=info.etag):
        window = tail + piece
        found: list[tuple[int, int]] = []
        for index, canary in enumerate(canaries):
            at = window.find(canary, max(0, len(tail) - len(canary) + 1))
            while at >= 0:
                found.append((start + at, index))
                at = window.find(canary, at + 1)
        yield len(piece), sorted(found)
        kept = min(longest - 1, len(window))
        start += len(window) - kept
        tail = window[len(window) - kept :]
