"""A store around a store: what was written is compared with what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from bercail.foundation import Unproven
from bercail.storage.crc64 import crc64nvme
from bercail.storage.passing import Passing
from bercail.storage.port import ObjectInfo, ObjectStore

if TYPE_CHECKING:
    from bercail.storage.probe_report import ProbeReport


@runtime_checkable
class TellsChecksum(Protocol):
    """A store whose host can be asked for the checksum that it computed itself."""

    def checksum(self, name: str) -> bytes | None:
        """CRC-64/NVME of the whole object (8 bytes, big-endian), or None if not told."""
        ...


class Checked(Passing):
    """Fixity after every write: size and CRC-64/NVME of what is there equal what was sent.

    The object is read back, in the version just written. Where a probe showed that the
    host compares and tells checksums of its own (`ProbeReport.tells_checksums`), the
    host's is taken instead, which moves no byte twice. The checksum finds accidents; an
    adversary is found by the seal of what is stored. Reading is passed on untouched.
    """

    def __init__(self, store: ObjectStore, *, probed: ProbeReport | None = None) -> None:
        super().__init__(store)
        self._asks_host = probed is not None and probed.tells_checksums

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """See `ObjectStore.put`.

        Raises:
            Unproven: when the host holds other bytes (rule `fixity`); they stay there, under
                the name, until they are written again or deleted.
        """
        sent = Summed(data)
        info = self._store.put(name, sent.outgoing, if_absent=if_absent, metadata=metadata)
        size, checksum = self._held(name, info)
        if (size, checksum) != (sent.size, sent.checksum):
            raise Unproven(
                f"The store `{self.location}` holds {size} bytes under `{name}` that are not "
                f"the {sent.size} bytes sent.",
                remedy="Delete the object and write it again; if it lasts, leave this host.",
                rule="fixity",
            )
        return info

    def _held(self, name: str, info: ObjectInfo) -> tuple[int, int]:
        """Size and checksum of what the host holds, told by it or read back."""
        if self._asks_host and isinstance(self._store, TellsChecksum):
            told = self._store.checksum(name)
            found = self._store.head(name)
            if told is not None and found.etag == info.etag:
                return found.size, int.from_bytes(told, "big")
        size = checksum = 0
        for piece in self._store.stream(name, if_match=info.etag or None):
            size += len(piece)
            checksum = crc64nvme(piece, checksum)
        return size, checksum


class Summed:
    """Data on its way out, with its size and CRC-64/NVME so far.

    `outgoing` is handed on. It can be iterated again exactly when the data can, so that
    a retry below starts over instead of writing what is left of a spent iterator.
    """

    def __init__(self, data: bytes | Iterable[bytes]) -> None:
        self.size = self.checksum = 0
        self.outgoing: bytes | Iterable[bytes]
        if isinstance(data, bytes | bytearray | memoryview):
            self.outgoing = bytes(data)
            self.size, self.checksum = len(self.outgoing), crc64nvme(self.outgoing)
        elif isinstance(data, Iterator):
            self.outgoing = self._counted(data)
        else:
            self.outgoing = Again(lambda: self._counted(data))

    def _counted(self, data: Iterable[bytes]) -> Iterator[bytes]:
        self.size = self.checksum = 0
        for piece in data:
            whole = bytes(piece)
            self.size += len(whole)
            self.checksum = crc64nvme(whole, self.checksum)
            yield whole


class Again:
    """An iterable that starts anew each time it is iterated."""

    def __init__(self, start: Callable[[], Iterator[bytes]]) -> None:
        self._start = start

    def __iter__(self) -> Iterator[bytes]:
        return self._start()
