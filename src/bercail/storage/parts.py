"""Cutting what is written into the parts that hosts accept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from bercail.foundation import Invalid

PART = 16 * 1024 * 1024
"""Bytes of one part of a streamed upload; a stream in flight holds about five of these."""
PARTS_IN_FLIGHT = 4
MOST_PARTS = 10_000
"""S3's limit; a streamed object therefore has at most 156 GiB."""


def gathered(data: bytes | Iterable[bytes]) -> tuple[bytes | None, Iterable[bytes]]:
    """Small data whole, or None and its pieces: what fits in one part travels at once."""
    if isinstance(data, bytes | bytearray | memoryview):
        whole = bytes(data)
        return (whole, ()) if len(whole) <= PART else (None, (whole,))
    pieces, held, size = iter(data), list[bytes](), 0
    for piece in pieces:
        held.append(bytes(piece))
        size += len(piece)
        if size > PART:
            return None, chain(held, pieces)
    return b"".join(held), ()


class Counted:
    """Pieces on their way out, counted; empty ones are left out.

    Iterating raises `Invalid` once the object is larger than a host can take.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.size += len(piece)
            if self.size > PART * MOST_PARTS:
                raise Invalid(
                    f"The object is larger than {PART * MOST_PARTS} bytes.",
                    remedy="Cut it into several objects.",
                )
            if piece:
                yield piece


def in_parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of exactly `PART` bytes, but for the last."""
    held = bytearray()
    for piece in pieces:
        view = memoryview(piece)
        while view:
            room = PART - len(held)
            held += view[:room]
            view = view[room:]
            if len(held) == PART:
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)
