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
    search = CanarySearch(canaries)
    objects = list(store.list())
    hits: list[Hit] = []
    size = 0
    for done, info in enumerate(objects):
        if progress is not None:
            progress("scan", done, len(objects))
        hits.extend(_label_hits(info, search))
        shown, following = search.hidden(info.name), search.following()
        for piece in store.stream(info.name, if_match=info.etag):
            size += len(piece)
            hits.extend(
                Hit(name=shown, place="content", offset=offset, canary_index=index)
                for offset, index in following(piece)
            )
    if progress is not None:
        progress("scan", len(objects), len(objects))
    return ScanReport(objects=len(objects), bytes=size, canaries=len(canaries), hits=tuple(hits))


class CanarySearch:
    """The search for some texts, in labels and in contents read piece by piece."""

    def __init__(self, canaries: Sequence[bytes]) -> None:
        self._canaries = tuple(canaries)
        self._longest = max((len(canary) for canary in self._canaries), default=1)

    def is_in(self, label: str) -> bool:
        """Whether any canary stands in a label."""
        return any(self.indexes(label))

    def indexes(self, label: str) -> Iterator[int]:
        """From 1, the number of each canary that stands in a label."""
        text = label.encode("utf-8", "surrogateescape")
        for number, canary in enumerate(self._canaries, start=1):
            if canary in text:
                yield number

    def hidden(self, label: str) -> str:
        """The label with every canary replaced: a report must not repeat what it looks for."""
        text = label.encode("utf-8", "surrogateescape")
        for index, canary in enumerate(self._canaries):
            text = text.replace(canary, f"[canary {index}]".encode())
        return text.decode("utf-8", "replace")

    def following(self) -> Callable[[bytes], list[tuple[int, int]]]:
        """A function to be given the pieces of one content in their order.

        It returns the hits that end in the piece, as (offset in the content, canary index).
        """
        tail, start = b"", 0  # `tail` precedes the piece; `start` is the offset of `tail`

        def look(piece: bytes) -> list[tuple[int, int]]:
            nonlocal tail, start
            window = tail + piece
            found: list[tuple[int, int]] = []
            for index, canary in enumerate(self._canaries):
                at = window.find(canary, max(0, len(tail) - len(canary) + 1))
                while at >= 0:
                    found.append((start + at, index))
                    at = window.find(canary, at + 1)
            kept = min(self._longest - 1, len(window))
            start += len(window) - kept
            tail = window[len(window) - kept :]
            return sorted(found)

        return look


def _label_hits(info: ObjectInfo, search: CanarySearch) -> Iterator[Hit]:
    labels = "\0".join(f"{key}\0{value}" for key, value in info.metadata.items())
    places: tuple[tuple[Place, str], ...] = (("name", info.name), ("metadata", labels))
    shown = search.hidden(info.name)
    for place, text in places:
        for number in search.indexes(text):
            yield Hit(name=shown, place=place, offset=None, canary_index=number - 1)
