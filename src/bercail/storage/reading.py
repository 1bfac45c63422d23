"""Reading one version of an object from a cloud, by ranges."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import obstore
from attrs import frozen
from obstore.exceptions import BaseError
from obstore.store import AzureStore, S3Store

from bercail.storage import failures
from bercail.storage.location import Location
from bercail.storage.service_errors import is_beyond_the_end, translate, translated

if TYPE_CHECKING:
    from obstore import GetOptions

_READ_AHEAD = 2
_UNCARRIED = re.compile(r"[\x00-\x1f\x7f]|//|^/|/$")


@frozen(kw_only=True)
class Piece:
    """Some bytes of an object, with the size and etag of the whole."""

    content: bytes
    size: int
    etag: str


ReadRange = Callable[[int, int, str | None], Piece]
"""Reads `length` (at least 1) bytes from `offset`, of the version `if_match` if given."""


def is_carried(name: str) -> bool:
    """Whether obstore sends `name` to the host as it is.

    It cannot name objects with empty segments, control characters or slashes at
    their ends, though hosts do hold such objects.
    """
    return _UNCARRIED.search(name) is None


def obstore_range(
    client: S3Store | AzureStore, location: Location, name: str, key: str
) -> ReadRange:
    """A reader of the object `name`, which the client knows as `key`."""

    def read(offset: int, length: int, if_match: str | None) -> Piece:
        options: GetOptions = {"range": (offset, offset + length)}
        if if_match is not None:
            options["if_match"] = if_match
        try:
            answer = obstore.get(client, key, options=options)
            content = bytes(answer.bytes())
        except (FileNotFoundError, BaseError) as error:
            if not is_beyond_the_end(error):
                raise translate(error, location, f"reading `{name}`", name) from None
            return _beyond_the_end(client, location, name, key, offset)
        size, etag = answer.meta["size"], answer.meta["e_tag"] or ""
        expected = max(0, min(length, size - offset))
        if len(content) != expected:
            raise failures.cut_short(location, name, expected, len(content))
        return Piece(content=content, size=size, etag=etag)

    return read


def _beyond_the_end(
    client: S3Store | AzureStore, location: Location, name: str, key: str, offset: int
) -> Piece:
    with translated(location, f"reading `{name}`", name):
        found = obstore.head(client, key)
    if found["size"] > offset:
        raise failures.changed(location, name)
    return Piece(content=b"", size=found["size"], etag=found["e_tag"] or "")


def read_pinned(
    read: ReadRange, location: Location, name: str, offset: int, length: int, if_match: str | None
) -> Piece:
    """Read a range, checking that the host honoured `if_match`: some ignore it.

    Raises:
        Unproven: when the object has another etag.
    """
    piece = read(offset, length, if_match)
    if if_match is not None and piece.etag != if_match:
        raise failures.changed(location, name)
    return piece


def stream_pinned(
    read: ReadRange, location: Location, name: str, if_match: str | None, chunk: int
) -> Iterator[bytes]:
    """The whole object by ranged reads of one version, two of them ahead.

    Each range has its own deadline and retries, so that a long stream survives a
    broken connection; the etag of the first pins all the others.
    """
    first = read_pinned(read, location, name, 0, chunk, if_match)
    size, etag = first.size, first.etag
    if first.content:
        yield first.content
    del first  # its content is not held for as long as the others come
    if size <= chunk:
        return
    offsets = iter(range(chunk, size, chunk))
    pool = ThreadPoolExecutor(_READ_AHEAD, thread_name_prefix="read-ahead")

    def ask() -> list[Future[Piece]]:
        offset = next(offsets, None)
        if offset is None:
            return []
        return [pool.submit(read_pinned, read, location, name, offset, chunk, etag)]

    try:
        waiting = ask() + ask()
        while waiting:
            piece = waiting.pop(0).result()
            waiting += ask()
            yield piece.content
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
