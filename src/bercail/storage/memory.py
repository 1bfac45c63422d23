"""A store in the memory of this process; a real one, used by tests and small tools."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from bercail.storage import failures
from bercail.storage.location import Location
from bercail.storage.names import require_metadata, require_portable, require_sendable
from bercail.storage.port import CHUNK, Features, ObjectInfo, require_range

_HOMES: Final[dict[str, dict[str, _Kept]]] = {}
_LOCK: Final = threading.Lock()


@frozen(kw_only=True)
class _Kept:
    info: ObjectInfo
    content: bytes


class MemoryStore:
    """Objects in memory. Two stores of one name in one process hold the same objects."""

    features = Features(
        conditional_put=True,
        versions=False,
        object_lock=False,
        server_checksums=False,
        multipart=False,
    )

    def __init__(self, location: Location) -> None:
        self.location = location
        with _LOCK:
            self._objects = _HOMES.setdefault(location.name, {})
        self._writes = 0

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """See `ObjectStore.put`. The memory used is the object's own size."""
        require_portable(name)
        require_metadata(metadata or {})
        pieces = (data,) if isinstance(data, bytes | bytearray | memoryview) else data
        content = b"".join(pieces)
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        with _LOCK:
            if if_absent and name in self._objects:
                raise failures.exists_already(self.location, name)
            self._writes += 1
            info = ObjectInfo(
                name=name,
                size=len(content),
                etag=f"{digest.hex()}-{self._writes}",
                modified=datetime.now(UTC),
                content_md5=digest,
                metadata=metadata or {},
            )
            self._objects[name] = _Kept(info=info, content=content)
        return info

    def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""
        return self._kept(name).content

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        """See `ObjectStore.read`."""
        require_range(offset, length)
        kept = self._kept(name)
        if if_match is not None and kept.info.etag != if_match:
            raise failures.changed(self.location, name)
        return kept.content[offset : offset + length]

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """See `ObjectStore.stream`."""
        info = self.head(name)
        etag = if_match or info.etag
        for offset in range(0, max(info.size, 1), chunk):
            piece = self.read(name, offset, chunk, if_match=etag)
            if piece:
                yield piece

    def head(self, name: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        return self._kept(name).info

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`; in ascending order of names."""
        with _LOCK:
            found = [kept.info for name, kept in self._objects.items() if name.startswith(prefix)]
        yield from sorted(found, key=lambda info: info.name)

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        require_sendable(name)
        with _LOCK:
            self._objects.pop(name, None)

    def _kept(self, name: str) -> _Kept:
        require_sendable(name)
        with _LOCK:
            kept = self._objects.get(name)
        if kept is None:
            raise failures.no_object(self.location, name)
        return kept
