"""A store that costs nothing, so that a benchmark measures us and not a server."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Mapping

from bercail.foundation import Missing
from bercail.storage import CHUNK, Features, Location, ObjectInfo


class NullStore:
    """Keeps the pieces it is given as they are; hashes nothing, copies next to nothing."""

    features = Features(
        conditional_put=True,
        versions=False,
        object_lock=False,
        server_checksums=False,
        multipart=True,
    )

    def __init__(self, name: str) -> None:
        self.location = Location.parse(f"memory:{name}")
        self._objects: dict[str, tuple[ObjectInfo, list[bytes], list[int]]] = {}
        self._numbers = itertools.count()

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Keep `data` under `name`."""
        del if_absent, metadata
        pieces = [data] if isinstance(data, bytes) else list(data)
        starts = [0, *itertools.accumulate(len(piece) for piece in pieces)]
        info = ObjectInfo(name=name, size=starts[-1], etag=str(next(self._numbers)))
        self._objects[name] = (info, pieces, starts)
        return info

    def get(self, name: str) -> bytes:
        """The whole object."""
        return b"".join(self._objects[name][1])

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        """A range of it."""
        del if_match
        info, pieces, starts = self._objects[name]
        end = min(offset + length, info.size)
        first = bisect.bisect_right(starts, offset) - 1
        last = bisect.bisect_left(starts, end)
        at = [(starts[n], pieces[n]) for n in range(first, last)]
        return b"".join(memoryview(p)[max(offset - s, 0) : end - s] for s, p in at)

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """The pieces, as they came."""
        del if_match, chunk
        return iter(self._objects[name][1])

    def head(self, name: str) -> ObjectInfo:
        """What is known of it."""
        if name not in self._objects:
            raise Missing(f"There is no `{name}`.")
        return self._objects[name][0]

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Everything."""
        return (info for info, *_ in list(self._objects.values()) if info.name.startswith(prefix))

    def delete(self, name: str) -> None:
        """Forget it."""
        self._objects.pop(name, None)
