"""The store around a store: everything is passed on, and a wrapper says only what it changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Self

from bercail.storage.port import CHUNK, ObjectInfo, ObjectStore


class Passing:
    """Passes every call on to the store `inner`, and is a store itself, so that wrappers stack."""

    def __init__(self, store: ObjectStore) -> None:
        self.inner = store
        self.location = store.location
        self.features = store.features

    def around(self, store: ObjectStore) -> Self:
        """The same wrapper around another store."""
        twin = copy(self)
        twin.inner = store
        return twin

    @property
    def _store(self) -> ObjectStore:
        return self.inner

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """See `ObjectStore.put`."""
        return self._store.put(name, data, if_absent=if_absent, metadata=metadata)

    def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""
        return self._store.get(name)

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        """See `ObjectStore.read`."""
        return self._store.read(name, offset, length, if_match=if_match)

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """See `ObjectStore.stream`."""
        return self._store.stream(name, if_match=if_match, chunk=chunk)

    def head(self, name: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        return self._store.head(name)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        return self._store.list(prefix)

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        self._store.delete(name)
