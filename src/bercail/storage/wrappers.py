"""Stores around a store: retrying, read only, metered.

Each is a store itself, so they stack in any order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from attrs import define, frozen

from bercail.foundation import Randomness, Refused, SystemRandomness, Unavailable
from bercail.storage.passing import Passing
from bercail.storage.port import CHUNK, ListsInPages, ObjectInfo, ObjectStore, Page

_T = TypeVar("_T")


class Retrying(Passing):
    """Tries again when the host is `Unavailable`, and for nothing else.

    At most `attempts` calls, waiting 0.2, 0.4, 0.8... seconds, each times a random
    factor from a half to one and a half, and `budget` seconds of waiting in all. Not
    repeated: `if_absent` writes, since the first may have succeeded unheard, and
    writes from an iterator, which is spent. `sleep` takes seconds.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        attempts: int = 5,
        budget: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
        randomness: Randomness | None = None,
    ) -> None:
        super().__init__(store)
        self._attempts = attempts
        self._budget = budget
        self._sleep = sleep
        self._randomness = randomness or SystemRandomness()

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """See `ObjectStore.put`."""

        def write() -> ObjectInfo:
            return self._store.put(name, data, if_absent=if_absent, metadata=metadata)

        spent = isinstance(data, Iterator)
        return write() if if_absent or spent else self._again(write)

    def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""
        return self._again(lambda: self._store.get(name))

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        """See `ObjectStore.read`."""
        return self._again(lambda: self._store.read(name, offset, length, if_match=if_match))

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """See `ObjectStore.stream`. After a failure, goes on by ranges of the same version."""
        etag, offset = if_match or self.head(name).etag, 0
        try:
            for piece in self._store.stream(name, if_match=etag, chunk=chunk):
                offset += len(piece)
                yield piece
            return
        except Unavailable:
            if self._attempts <= 1:
                raise
        size = self.head(name).size
        while offset < size:
            piece = self.read(name, offset, min(chunk, size - offset), if_match=etag)
            offset += len(piece)
            yield piece

    def head(self, name: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        return self._again(lambda: self._store.head(name))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`. A failed listing goes on behind the last page that came.

        Attempts and budget count anew for each page. What is held are the names of two
        pages, whatever the store holds. A store that lists in no pages (`ListsInPages`),
        such as a wrapper, is asked from the start again, and all names given are held.
        """
        store = self._store
        if not isinstance(store, ListsInPages):
            yield from self._listed_over(prefix)
            return
        pages = _Pages(store, prefix)
        former: set[str] = set()
        while (page := self._again(pages.take)) is not None:
            names: set[str] = set()
            for info in page.objects:
                if info.name not in names and info.name not in former:
                    names.add(info.name)
                    yield info
            former = names

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        self._again(lambda: self._store.delete(name))

    def _listed_over(self, prefix: str) -> Iterator[ObjectInfo]:
        given: set[str] = set()
        waited = 0.0
        for attempt in range(1, self._attempts + 1):
            try:
                for info in self._store.list(prefix):
                    if info.name not in given:
                        given.add(info.name)
                        yield info
                return
            except Unavailable as error:
                waited += self._wait(attempt, waited, error)

    def _again(self, act: Callable[[], _T]) -> _T:
        waited = 0.0
        attempt = 1
        while True:
            try:
                return act()
            except Unavailable as error:
                waited += self._wait(attempt, waited, error)
                attempt += 1

    def _wait(self, attempt: int, waited: float, error: Unavailable) -> float:
        """Wait before the next attempt; with none left, raise `error`."""
        factor = 0.5 + self._randomness.take(1)[0] / 255
        pause = float(0.1 * 2**attempt * factor)
        if attempt >= self._attempts or waited + pause > self._budget:
            raise error
        self._sleep(pause)
        return pause


class _Pages:
    """The pages of a listing, one at a time; after a failure, on from the last that came."""

    def __init__(self, store: ListsInPages, prefix: str) -> None:
        self._store, self._prefix = store, prefix
        self._after: str | None = None
        self._pages = store.pages(prefix)

    def take(self) -> Page | None:
        try:
            page = next(self._pages, None)
        except Unavailable:
            self._pages = self._store.pages(self._prefix, self._after)
            raise
        if page is not None:
            self._after = page.after
        return page


class ReadOnly(Passing):
    """Refuses every write, whatever the credentials would allow."""

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Refused, rule `read-only-store`."""
        del data, if_absent, metadata  # the port's shape; nothing is looked at
        raise self._refusal(f"write `{name}`")

    def delete(self, name: str) -> None:
        """Refused, rule `read-only-store`."""
        raise self._refusal(f"delete `{name}`")

    def _refusal(self, act: str) -> Refused:
        return Refused(
            f"The store `{self.location}` is opened read-only: it cannot {act}.",
            remedy="Write to another store; a source is never changed.",
            rule="read-only-store",
        )


@frozen(kw_only=True)
class Traffic:
    """What went through a metered store. Bytes are those of contents only."""

    calls: Mapping[str, int]
    bytes_in: int
    bytes_out: int


@define
class _Meter:
    calls: dict[str, int]
    bytes_in: int = 0
    bytes_out: int = 0


class Metered(Passing):
    """Counts calls and bytes: `in` towards the store, `out` from it."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store)
        self._meter = _Meter(calls={})
        self._lock = threading.Lock()

    @property
    def traffic(self) -> Traffic:
        """The counts so far."""
        with self._lock:
            meter = self._meter
            return Traffic(
                calls=dict(meter.calls), bytes_in=meter.bytes_in, bytes_out=meter.bytes_out
            )

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """See `ObjectStore.put`."""
        self._count("put")
        info = self._store.put(name, data, if_absent=if_absent, metadata=metadata)
        self._moved(into=info.size)
        return info

    def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""
        self._count("get")
        content = self._store.get(name)
        self._moved(out=len(content))
        return content

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        """See `ObjectStore.read`."""
        self._count("read")
        content = self._store.read(name, offset, length, if_match=if_match)
        self._moved(out=len(content))
        return content

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """See `ObjectStore.stream`."""
        self._count("stream")
        for piece in self._store.stream(name, if_match=if_match, chunk=chunk):
            self._moved(out=len(piece))
            yield piece

    def head(self, name: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        self._count("head")
        return self._store.head(name)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        self._count("list")
        return self._store.list(prefix)

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        self._count("delete")
        self._store.delete(name)

    def _count(self, method: str) -> None:
        with self._lock:
            self._meter.calls[method] = self._meter.calls.get(method, 0) + 1

    def _moved(self, *, into: int = 0, out: int = 0) -> None:
        with self._lock:
            self._meter.bytes_in += into
            self._meter.bytes_out += out
