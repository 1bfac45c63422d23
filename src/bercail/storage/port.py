"""The port of this room: what every store of bytes does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from bercail.foundation import Invalid, to_iso
from bercail.storage.location import Credentials, Location

CHUNK = 8 * 1024 * 1024
"""Bytes asked for at once when streaming. Memory of a stream is three of these."""

__all__ = [
    "CHUNK",
    "Credentials",
    "Features",
    "ListsInPages",
    "Location",
    "ObjectInfo",
    "ObjectStore",
    "Page",
    "require_range",
]


@frozen(kw_only=True)
class Features:
    """What a kind of store promises to do.

    An S3 host may claim less than its protocol, silently: see
    `bercail.storage.probe`, which asks it.
    """

    conditional_put: bool
    """`if_absent` is decided by the host, atomically."""
    versions: bool
    """The host keeps former versions of an object and names them."""
    object_lock: bool
    """The host can refuse to delete before a date."""
    server_checksums: bool
    """The host checks the bytes it receives against a checksum sent along."""
    multipart: bool
    """Large objects travel in parts."""
    conditional_multipart: bool = True
    """`if_absent` holds for large objects too, though perhaps not against a writer that
    ends in the same moment; only `conditional_put` is a race that has one winner."""
    whole_listing: bool = False
    """A listing tells all that `head` does, so that nobody need ask again for each object."""


def _frozen_metadata(metadata: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(metadata))


@frozen(kw_only=True)
class ObjectInfo:
    """What a host says about one object.

    `size` is in bytes. `etag` is opaque and changes whenever the content does.
    Everything else is None, or empty, where this host or this call does not
    tell: a listing on S3 brings no metadata, a large Azure blob has no MD5.
    """

    name: str
    size: int
    etag: str
    modified: datetime | None = None
    content_md5: bytes | None = None
    version: str | None = None
    metadata: Mapping[str, str] = field(factory=dict, converter=_frozen_metadata, hash=False)
    tier: str | None = None
    blob_type: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {
            "name": self.name,
            "size": self.size,
            "etag": self.etag,
            "modified": to_iso(self.modified) if self.modified else None,
            "content_md5": self.content_md5.hex() if self.content_md5 else None,
            "version": self.version,
            "metadata": dict(self.metadata),
            "tier": self.tier,
            "blob_type": self.blob_type,
        }


@runtime_checkable
class ObjectStore(Protocol):
    """Bytes under names, on some host.

    Every method may raise `Unavailable` (no answer, too slow, 5xx, too many
    requests, a full disk), `Refused` (credentials, permissions) and `Invalid`
    (a name that cannot be asked for). Stores may be shared between threads, not
    across a fork.
    """

    location: Location
    features: Features

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Write an object whole; a reader sees the former one, or none, until the end.

        An iterable is streamed in parts, in bounded memory; if it raises, its
        exception comes through and nothing is written. With `if_absent` an
        existing object is left alone. Writing twice is the same as once.

        Raises:
            Refused: with `if_absent`, when the object exists (rule `object-exists`).
            Invalid: for a name or metadata that not every store keeps as given.
        """
        ...

    def get(self, name: str) -> bytes:
        """The whole object, in memory.

        Raises:
            Missing: when there is none.
        """
        ...

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        """`length` bytes from `offset`; fewer only where the object ends.

        Raises:
            Missing: when there is no such object.
            Unproven: when `if_match` is given and the object has another etag.
        """
        ...

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """The object in pieces of at most `chunk` bytes, all of one version.

        The first request is made at the first `next`. An empty object gives no
        piece.

        Raises:
            Missing: when there is no such object.
            Unproven: when it changes under the reader, or is not `if_match`.
        """
        ...

    def head(self, name: str) -> ObjectInfo:
        """What the host says about one object, as fully as it can.

        Raises:
            Missing: when there is none.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose name starts with `prefix` (any prefix, not only folders).

        Each name comes once, in an order that the host chooses; objects written
        or deleted meanwhile may or may not appear.
        """
        ...

    def delete(self, name: str) -> None:
        """Remove the object; removing what is not there is no error."""
        ...


@frozen(kw_only=True)
class Page:
    """Some objects of a listing. `after` is where it goes on, None at its end."""

    objects: tuple[ObjectInfo, ...]
    after: str | None


@runtime_checkable
class ListsInPages(Protocol):
    """A store whose listing can be taken up where it broke off."""

    def pages(self, prefix: str = "", after: str | None = None) -> Iterator[Page]:
        """The listing of `prefix` in pages, from the start or on from the `after` of one.

        `after` is the store's own word, good for the same prefix and for as long as the
        host says: minutes at least. A page is whole or not given at all.
        """
        ...


def require_range(offset: int, length: int) -> None:
    """Let a range pass.

    Raises:
        Invalid: when either number is negative.
    """
    if offset < 0 or length < 0:
        raise Invalid(
            f"The range of {length} bytes from {offset} is not one.",
            remedy="Offset and length count from zero.",
        )
