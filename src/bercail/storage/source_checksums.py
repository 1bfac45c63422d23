"""Checksums that a source host computes itself: which it gives, and whether reads rely on them.

Azure: a GET of a range of at most 4 MiB with `x-ms-range-get-content-crc64: true` answers with
`x-ms-content-crc64`, the base 64 of eight bytes, lowest first (learn.microsoft.com, "Get
Blob"). The function is CRC-64/NVME: polynomial 0x9A6C9329AC4BC9B5 reflected, register begun
and ended inverted, check value 0xAE8B14860A799888 ("CRC64-NVME" in Microsoft's announcement of
client-side data integrity, 30 June 2026; the polynomial also in azure-storage-net, Crc64.cs,
and the order of bytes in azure-sdk-for-java, StorageCrc64Checksum).

S3: a HEAD with `x-amz-checksum-mode: ENABLED` answers with `x-amz-checksum-crc64nvme` of the
whole object where one is kept, the base 64 of eight bytes, highest first
(docs.aws.amazon.com, "Checking object integrity").
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from bercail.foundation import Invalid, Missing, Unproven
from bercail.storage.crc64 import crc64nvme
from bercail.storage.inventory import adapter_under
from bercail.storage.past import find_past
from bercail.storage.port import CHUNK
from bercail.storage.wrappers import ReadOnly

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bercail.storage.location import Location
    from bercail.storage.port import ObjectStore

MOST_ASKED = 8
"""Objects that are asked about until one answers: on S3, each has a checksum or has none."""
_BYTES = 8


class SourceChecksum(StrEnum):
    """What of a source's own checksums is compared with the bytes that arrive."""

    RANGE = "crc64-of-each-range"
    OBJECT = "crc64nvme-of-each-object-that-has-one"
    NONE = "none"


def from_azure(told: str) -> int:
    """The checksum in an answer of Azure's.

    Raises:
        ValueError: when it is not the base 64 of eight bytes.
    """
    raw = base64.b64decode(told, validate=True)
    if len(raw) != _BYTES:
        raise ValueError(f"a CRC-64 has eight bytes, not {len(raw)}")
    return int.from_bytes(raw, "little")


def as_azure(content: bytes) -> str:
    """What Azure tells of a range that holds `content`."""
    return base64.b64encode(crc64nvme(content).to_bytes(_BYTES, "little")).decode()


def agrees(content: bytes, told: str) -> bool:
    """Whether `content` is what Azure's checksum `told` says; never for what is no checksum."""
    try:
        return bool(crc64nvme(content) == from_azure(told))
    except ValueError:
        return False


def learn(store: ObjectStore, names: Iterable[str]) -> SourceChecksum:
    """Ask a source which checksums it gives, with `names` of objects that it holds.

    Nothing is written. Objects that went meanwhile, or cannot be read, tell nothing.

    Raises:
        Unavailable, Refused: as the store does.
    """
    store = adapter_under(store)
    for name in islice(names, MOST_ASKED):
        try:
            told = _asked(store, name)
        except (Missing, Invalid):
            continue
        if told is not SourceChecksum.NONE:
            return told
    return SourceChecksum.NONE


class CheckedSource(ReadOnly):
    """A source: opened read-only, and compared with the host's own checksums where it gives some.

    `relies_on` is what `learn` found earlier; nothing at first. Ranges are compared by the
    adapter, which alone sees the host's answers; whole objects here, above all retries.
    """

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store)
        self.relies_on = SourceChecksum.NONE

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """See `ObjectStore.stream`.

        Raises:
            Unproven: the bytes are not those of the host's checksum (rule `source-checksum`);
                for a whole object that is told after its last piece.
        """
        pieces = super().stream(name, if_match=if_match, chunk=chunk)
        if self.relies_on is SourceChecksum.OBJECT:
            return compared(self, name, pieces)
        return pieces


def rely_on(store: ObjectStore, told: SourceChecksum) -> None:
    """From now on `store` compares what it reads with the checksums that `learn` found.

    A store that is no `CheckedSource` of Azure or S3 stays as it is.
    """
    if isinstance(store, CheckedSource):
        store.relies_on = told
    store = adapter_under(store)
    if store.location.scheme == "azure":
        from bercail.storage.azure import AzureStore

        if isinstance(store, AzureStore):
            store.range_checksums = told is SourceChecksum.RANGE


def relied_on(store: ObjectStore) -> SourceChecksum:
    """Which checksums of its host a source is compared with."""
    return store.relies_on if isinstance(store, CheckedSource) else SourceChecksum.NONE


def compared(store: ObjectStore, name: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """`pieces` of a whole object, and an error at their end if the host has another checksum.

    The host is asked first, so that an object that changes meanwhile cannot be taken for a
    spoilt one: it is then read under another entity tag, which the reader refuses.

    Raises:
        Unproven: after the last piece (rule `source-checksum`).
    """
    kept = _of_object(adapter_under(store), name)
    if kept is None:
        yield from pieces
        return
    checksum = 0
    for piece in pieces:
        checksum = crc64nvme(piece, checksum)
        yield piece
    if checksum != int.from_bytes(kept, "big"):
        raise not_its_own(store.location, name, "the whole object")


def not_its_own(location: Location, name: str, place: str) -> Unproven:
    """What arrived is not what the host's own checksum says, several times over."""
    return Unproven(
        f"The store `{location.name}` gives bytes of `{name}` ({place}) that are not those of "
        "its own checksum.",
        remedy="Run again; if it lasts, ask the host: what it holds or what carries it is spoilt.",
        rule="source-checksum",
    )


def _asked(store: ObjectStore, name: str) -> SourceChecksum:
    if store.location.scheme == "azure":
        from bercail.storage.azure import AzureStore, split_name
        from bercail.storage.azure_ranges import tells_ranges

        if isinstance(store, AzureStore) and find_past(name) is None:
            split_name(name)
            gives = tells_ranges(store, name)
            return SourceChecksum.RANGE if gives else SourceChecksum.NONE
    return SourceChecksum.NONE if _of_object(store, name) is None else SourceChecksum.OBJECT


def _of_object(store: ObjectStore, name: str) -> bytes | None:
    """CRC-64/NVME that an S3 host keeps of the object as it is now, None where it tells none."""
    if store.location.scheme != "s3" or find_past(name) is not None:
        return None
    from bercail.storage.s3 import S3Store

    return store.checksum(name) if isinstance(store, S3Store) else None
