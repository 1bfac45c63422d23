"""A store around a store that moves at most so many bytes a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping

from bercail.foundation import Invalid
from bercail.storage.fixity import Again
from bercail.storage.passing import Passing
from bercail.storage.port import CHUNK, ObjectInfo, ObjectStore

_SLICE = 1 << 20  # bytes sent between two looks at the limit
_BURST_SECONDS = 0.1


class Limit:
    """Bytes a second, shared by every store and thread that holds it.

    A piece passes as soon as all former ones are paid for, and is paid for by those
    after it: so pieces of any size pass, and the average holds. An idle tenth of a
    second may be caught up, not more.
    """

    def __init__(self, bytes_per_second: int | None) -> None:
        self._turn = threading.Condition()
        self._rate = _required(bytes_per_second)
        self._credit = 0.0
        self._seen = time.monotonic()

    @property
    def bytes_per_second(self) -> int | None:
        """The limit now; None is none."""
        return self._rate

    def change(self, bytes_per_second: int | None) -> None:
        """Set another limit; those who wait are woken to it.

        Raises:
            Invalid: for zero or less.
        """
        rate = _required(bytes_per_second)
        with self._turn:
            self._refill()
            self._rate = rate
            self._turn.notify_all()

    def take(self, count: int) -> None:
        """Wait until `count` bytes may pass."""
        with self._turn:
            self._refill()
            while self._rate is not None and self._credit < 0:
                self._turn.wait(-self._credit / self._rate)
                self._refill()
            if self._rate is not None:
                self._credit -= count

    def _refill(self) -> None:
        now = time.monotonic()
        if self._rate is None:
            self._credit = 0.0
        else:
            earned = self._credit + (now - self._seen) * self._rate
            self._credit = min(earned, self._rate * _BURST_SECONDS)
        self._seen = now


def _required(rate: int | None) -> int | None:
    if rate is not None and rate <= 0:
        raise Invalid(
            f"A bandwidth of `{rate}` bytes a second moves nothing.",
            remedy="Give at least 1, or None for no limit.",
        )
    return rate


class Limited(Passing):
    """Contents pass at the pace of `limit`, in both directions together; questions freely."""

    def __init__(self, store: ObjectStore, limit: Limit) -> None:
        super().__init__(store)
        self.limit = limit

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """See `ObjectStore.put`. Bytes given whole are paid for before they leave."""
        paced: bytes | Iterable[bytes]
        if isinstance(data, bytes | bytearray | memoryview):
            self.limit.take(len(data))
            paced = bytes(data)
        elif isinstance(data, Iterator):
            paced = self._paced(data)
        else:
            paced = Again(lambda: self._paced(data))
        return self._store.put(name, paced, if_absent=if_absent, metadata=metadata)

    def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""
        return b"".join(self.stream(name))

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        """See `ObjectStore.read`."""
        content = self._store.read(name, offset, length, if_match=if_match)
        self.limit.take(len(content))
        return content

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """See `ObjectStore.stream`. The stores below read a few chunks ahead of the limit."""
        for piece in self._store.stream(name, if_match=if_match, chunk=chunk):
            self.limit.take(len(piece))
            yield piece

    def _paced(self, data: Iterable[bytes]) -> Iterator[bytes]:
        for piece in data:
            view = memoryview(piece)
            for start in range(0, len(view), _SLICE):
                part = bytes(view[start : start + _SLICE])
                self.limit.take(len(part))
                yield part
