"""The sealed object on paper: header, segments, lengths. Pure; no key is used here.

Every byte is described in `docs/reference/formats/sealed-object.md`.
"""

from __future__ import annotations

from typing import NoReturn

from attrs import frozen

from bercail.foundation import Invalid, Unproven
from bercail.vault.keys import KEY_ID_SIZE

MAGIC = b"BERCAIL\x00"
VERSION = 1
SUITE = 1
DIGEST_SIZE = 32
HEADER_SIZE = 96

SALT_SIZE = 32
PREFIX_SIZE = 7
STREAM_HEADER_SIZE = 1 + SALT_SIZE + PREFIX_SIZE
PREAMBLE_SIZE = HEADER_SIZE + STREAM_HEADER_SIZE
"""Bytes before the first segment: our header, then the stream header."""

SEGMENT_SIZE = 65536
TAG_SIZE = 16
PLAIN_SIZE = SEGMENT_SIZE - TAG_SIZE
FIRST_PLAIN_SIZE = PLAIN_SIZE - STREAM_HEADER_SIZE
MAX_SEGMENTS = 1 << 32

_REMEDIES = {
    "sealed-magic": "This is not a sealed object, or its beginning was overwritten.",
    "sealed-version": "Open it with a release of Bercail that knows this version.",
    "sealed-suite": "Open it with a release of Bercail that knows this suite.",
    "sealed-binding": "Another object was put in its place; restore the right one.",
    "sealed-key": "The key table handed out another key; restore the right key table.",
    "sealed-commitment": "The key was changed under the same id; restore the right key table.",
    "sealed-length": "It was cut, extended or is still being written; restore it.",
    "sealed-segment": "It was altered after sealing; restore it from another copy.",
}


def refuse(rule: str, message: str) -> NoReturn:
    """Raise Unproven with the rule that refused and its remedy."""
    raise Unproven(message, remedy=_REMEDIES[rule], rule=rule)


@frozen(kw_only=True)
class Header:
    """The 96 bytes before the stream."""

    key_id: bytes
    commitment: bytes
    binding_digest: bytes

    def encode(self) -> bytes:
        """The header, byte for byte; it is also the stream's associated data."""
        return b"".join(
            (
                MAGIC,
                VERSION.to_bytes(2, "big"),
                SUITE.to_bytes(2, "big"),
                bytes(4),
                self.key_id,
                self.commitment,
                self.binding_digest,
            )
        )


@frozen(kw_only=True)
class Preamble:
    """Everything before the first segment."""

    header: Header
    salt: bytes
    prefix: bytes


def parse_preamble(data: bytes) -> Preamble:
    """Read the 136 bytes before the first segment.

    Raises:
        Unproven: too short (`sealed-length`), or a wrong magic, version or suite.
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        refuse("sealed-magic", "The object does not begin like a sealed object.")
    if len(data) < PREAMBLE_SIZE:
        refuse("sealed-length", f"The object ends after {len(data)} bytes, within its header.")
    version, suite = data[8:10], data[10:12]
    if version != VERSION.to_bytes(2, "big"):
        refuse("sealed-version", f"The object has version {int.from_bytes(version, 'big')}, not 1.")
    if suite != SUITE.to_bytes(2, "big") or any(data[12:16]):
        refuse("sealed-suite", f"The object has suite {suite.hex()}{data[12:16].hex()}, not 1.")
    if data[HEADER_SIZE] != STREAM_HEADER_SIZE:
        refuse("sealed-suite", f"The stream header has {data[HEADER_SIZE]} bytes, not 40.")
    key_end = 16 + KEY_ID_SIZE
    salt_end = HEADER_SIZE + 1 + SALT_SIZE
    header = Header(
        key_id=data[16:key_end],
        commitment=data[key_end : key_end + DIGEST_SIZE],
        binding_digest=data[key_end + DIGEST_SIZE : HEADER_SIZE],
    )
    return Preamble(
        header=header, salt=data[HEADER_SIZE + 1 : salt_end], prefix=data[salt_end:PREAMBLE_SIZE]
    )


def segment_count(plain_size: int) -> int:
    """How many segments hold `plain_size` bytes; an empty object has one."""
    if plain_size < 0:
        raise Invalid(f"A size of `{plain_size}` bytes is negative.", remedy="Give a size from 0.")
    if plain_size <= FIRST_PLAIN_SIZE:
        return 1
    return 1 + -(-(plain_size - FIRST_PLAIN_SIZE) // PLAIN_SIZE)


def sealed_size(plain_size: int) -> int:
    """Bytes on the host of an object whose plaintext has `plain_size` bytes."""
    return PREAMBLE_SIZE + plain_size + TAG_SIZE * segment_count(plain_size)


@frozen(kw_only=True)
class Geometry:
    """Where each segment lies in an object of a given sealed size, and in its plaintext."""

    sealed: int
    plain: int
    segments: int

    @classmethod
    def of(cls, sealed: int) -> Geometry:
        """The geometry of an object of `sealed` bytes.

        Raises:
            Unproven: `sealed-length`, for a length that no writer produces.
        """
        stream = sealed - HEADER_SIZE
        segments = -(-stream // SEGMENT_SIZE)
        last = stream - (segments - 1) * SEGMENT_SIZE
        short = STREAM_HEADER_SIZE + TAG_SIZE if segments == 1 else TAG_SIZE + 1
        if segments < 1 or last < short or segments > MAX_SEGMENTS:
            refuse("sealed-length", f"No sealed object has {sealed} bytes.")
        return cls(
            sealed=sealed,
            plain=stream - STREAM_HEADER_SIZE - TAG_SIZE * segments,
            segments=segments,
        )

    def sealed_start(self, index: int) -> int:
        """Offset in the sealed object of the ciphertext of segment `index`."""
        return PREAMBLE_SIZE if index == 0 else HEADER_SIZE + index * SEGMENT_SIZE

    def sealed_end(self, index: int) -> int:
        """Offset in the sealed object just after segment `index`, its tag included."""
        return min(self.sealed, HEADER_SIZE + (index + 1) * SEGMENT_SIZE)

    def plain_start(self, index: int) -> int:
        """Offset in the plaintext of the first byte of segment `index`."""
        return 0 if index == 0 else index * PLAIN_SIZE - STREAM_HEADER_SIZE

    def plain_end(self, index: int) -> int:
        """Offset in the plaintext just after segment `index`."""
        return min(self.plain, self.plain_start(index + 1))

    def segment_at(self, offset: int) -> int:
        """The segment that holds the plaintext byte at `offset`."""
        return (offset + STREAM_HEADER_SIZE) // PLAIN_SIZE
