"""Two stores to read from: a part of a store, and what was carried, opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bercail.foundation import Missing, Refused
from bercail.lake import SealedFolder
from bercail.storage import CHUNK, Features, Location, ObjectInfo, ObjectStore


class _NoWrites:
    """A store that refuses every write."""

    location: Location
    features: Features

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
        raise self._refusal(name)

    def delete(self, name: str) -> None:
        """Refused, rule `read-only-store`."""
        raise self._refusal(name)

    def _refusal(self, name: str) -> Refused:
        return Refused(
            f"A rehearsal writes nothing to `{self.location}`, and not `{name}`.",
            rule="read-only-store",
        )


class Part(_NoWrites):
    """The objects `shown` of `store`, as if there were no others."""

    def __init__(self, store: ObjectStore, shown: Iterable[ObjectInfo]) -> None:
        # Not named `inner`: whoever unwraps a store would find all the others.
        self._whole = store
        self._shown = {info.name: info for info in shown}
        self.location = store.location
        self.features = store.features

    def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""
        return self._whole.get(name)

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        """See `ObjectStore.read`."""
        return self._whole.read(name, offset, length, if_match=if_match)

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """See `ObjectStore.stream`."""
        return self._whole.stream(name, if_match=if_match, chunk=chunk)

    def head(self, name: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        return self._whole.head(name)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """The shown objects whose name starts with `prefix`."""
        return (info for name, info in self._shown.items() if name.startswith(prefix))


class Arrived(_NoWrites):
    """What stands in `folder`, opened: the names and bytes that left the other store."""

    def __init__(self, folder: SealedFolder, where: ObjectStore) -> None:
        self._folder = folder
        self.location = where.location
        self.features = where.features

    def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""
        return b"".join(self.stream(name))

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        """See `ObjectStore.read`; an arrived object never changes, so nothing is compared."""
        del if_match
        reader = self._folder.reader(name)
        return reader.read_at(offset, min(length, max(0, reader.size - offset)))

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """See `ObjectStore.stream`."""
        del if_match, chunk
        return self._folder.stream(name)

    def head(self, name: str) -> ObjectInfo:
        """Name and size; `Missing` when it did not leave."""
        if name not in self._folder.names():
            raise Missing(f"`{name}` did not leave.", remedy="Take a larger sample.")
        return ObjectInfo(name=name, size=self._folder.size(name), etag="arrived")

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Everything that arrived and whose name starts with `prefix`."""
        return (self.head(name) for name in self._folder.names() if name.startswith(prefix))
