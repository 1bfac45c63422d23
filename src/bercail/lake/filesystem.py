"""Sealed objects as a read-only fsspec filesystem: how DuckDB reads the lake."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote

from fsspec import AbstractFileSystem

from bercail.foundation import Invalid, Missing, Refused
from bercail.lake.sealed_file import SealedFile, SharedHandle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bercail.vault import SealedReader
    from bercail.vault.placement import PlacedPart

PROTOCOL = "sealed"
# Open readers kept: each holds a header and a derived key, well under a kilobyte.
READERS_KEPT = 4096
# A lake file never changes under its name, so one moment serves all; DuckDB asks for it.
UNCHANGING = datetime(2000, 1, 1, tzinfo=UTC)


class Opens(Protocol):
    """What gives readers by name: a `SealedStore` or a `SealedFolder`."""

    def reader(self, name: str) -> SealedReader:
        """Random access to one object's plaintext; `Missing` when there is none."""
        ...


def sealed_url(scope: str, name: str) -> str:
    """`sealed://<scope>/<name>`, percent-encoded, so free of glob characters."""
    return f"{PROTOCOL}://{quote(scope, safe='')}/{quote(name, safe='/')}"


def split_url(url: str) -> tuple[str, str]:
    """Scope and name of a `sealed://` URL; `Invalid` for anything else."""
    path = url.removeprefix(f"{PROTOCOL}://")
    scope, slash, name = path.partition("/")
    if not scope or not slash or not name or "://" in path:
        raise Invalid(
            f"`{url}` does not name a sealed object.",
            remedy=f"Write {PROTOCOL}://<scope>/<name>.",
        )
    return unquote(scope), unquote(name)


class SealedFilesystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Read-only files `sealed://<scope>/<name>` over the given stores, one for each scope.

    Safe for several threads. Objects are immutable, so an open reader is kept and
    used again: DuckDB opens each file two or three times for one query. The names of
    a store are not listed: a caller knows its files from a snapshot or a manifest.
    """

    protocol = PROTOCOL
    cachable = False

    def __init__(self, stores: Mapping[str, Opens]) -> None:
        super().__init__()
        self._stores = stores
        self._readers: OrderedDict[str, SealedReader] = OrderedDict()
        self._lock = threading.Lock()
        # Where a file lies on the host and what opens it, for readers on other machines.
        self.placement: Callable[[str], PlacedPart] = partial(_placement, stores)

    def open(self, path: str, mode: str = "rb", **_: Any) -> SharedHandle:
        """A handle that several threads may read; `Refused` for any mode but reading."""
        if mode not in ("rb", "r"):
            raise Refused(
                f"`{path}` cannot be opened for `{mode}`: sealed files are read-only here.",
                remedy="Add data with Lake.append.",
                rule="lake-read-only",
            )
        reader = self._reader(path)
        return SharedHandle(reader.read_at, reader.size, path)

    def open_for_one(self, path: str) -> SealedFile:
        """The file with read-ahead, for one thread: what pyarrow and pyiceberg want."""
        reader = self._reader(path)
        return SealedFile(reader.read_at, reader.size, path)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, plaintext size and type of one file."""
        return {"name": path, "size": self.size_of(path), "type": "file"}

    def size_of(self, path: str) -> int:
        """Plaintext bytes of one file."""
        return self._reader(path).size

    def exists(self, path: str, **_: Any) -> bool:
        """Whether the file is there and opens."""
        try:
            self._reader(path)
        except Missing:
            return False
        return True

    def glob(self, path: str, **_: Any) -> list[str]:
        """The path itself: a sealed URL holds no glob character."""
        split_url(path)
        return [path]

    def modified(self, path: str) -> datetime:  # noqa: ARG002  # fsspec's shape
        """One fixed moment: a file never changes."""
        return UNCHANGING

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """The one file named; folders are not listed."""
        entry = self.info(path)
        return [entry] if detail else [path]

    def forget(self, path: str) -> None:
        """Drop the reader kept for a file that was deleted."""
        with self._lock:
            self._readers.pop(path, None)

    def fresh_reader(self, path: str) -> SealedReader:
        """A reader made anew from what the host holds now."""
        scope, name = split_url(path)
        if scope not in self._stores:
            raise Missing(f"`{path}` is in no store of this filesystem.", remedy="Check the URL.")
        return self._stores[scope].reader(name)

    def _reader(self, path: str) -> SealedReader:
        with self._lock:
            kept = self._readers.get(path)
            if kept is not None:
                self._readers.move_to_end(path)
                return kept
        reader = self.fresh_reader(path)
        with self._lock:
            self._readers[path] = reader
            while len(self._readers) > READERS_KEPT:
                self._readers.popitem(last=False)
        return reader


def _placement(stores: Mapping[str, Opens], path: str) -> PlacedPart:
    """Where `path` lies; raises `Missing` where its store tells nobody."""
    scope, name = split_url(path)
    place = getattr(stores[scope], "placement", None) if scope in stores else None
    if place is None:
        raise Missing(
            f"`{path}` is in no store that hands its objects to other machines.",
            remedy="Read it with an engine of this machine.",
        )
    placed: PlacedPart = place(name)
    return placed
