"""How pyiceberg reads and writes: every file sealed, every location recorded first."""

from __future__ import annotations

import io
import threading
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from pyiceberg.io import FileIO, InputFile, OutputFile

from bercail.foundation import Missing, to_iso
from bercail.lake.filesystem import SealedFilesystem, split_url
from bercail.lake.resealing import Resealing
from bercail.lake.sealed_store import SealedStore
from bercail.vault import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyiceberg.io import InputStream, OutputStream

    from bercail.foundation import Clock, Randomness
    from bercail.lake.sealed_store import SealedObject
    from bercail.lake.shelf import Shelf
    from bercail.storage import ObjectStore
    from bercail.vault import KeyEntry, Keyring, SealedReader

KIND = "lake"
# A file of the lake is written once.
FIRST_VERSION = "1"
# Manifests and metadata just written are read again by the next commit: kept in memory.
SMALL_FILE = 4 * 1024 * 1024
SMALL_FILES_KEPT = 32 * 1024 * 1024


class LakeFiles:
    """The sealed files of all tables of one lake, by location `sealed://<table>/<name>`.

    A table is a scope of its own: it has its own data key, so that destroying the key
    erases the table. Safe for several threads.
    """

    def __init__(
        self,
        store: ObjectStore,
        keys: Keyring,
        shelf: Shelf,
        randomness: Randomness,
        clock: Clock,
    ) -> None:
        self._store = store
        self._keys = keys
        self._shelf = shelf
        self._randomness = randomness
        self._clock = clock
        self._stores: dict[str, SealedStore] = {}
        self._small = _SmallFiles()
        self.filesystem = SealedFilesystem(_ByTable(self.sealed))

    def sealed(self, table: str) -> SealedStore:
        """The sealed store of one table."""
        if table not in self._stores:
            self._stores[table] = SealedStore(
                self._store, self._keys, kind=KIND, scope=table, randomness=self._randomness
            )
        return self._stores[table]

    def write(self, location: str, data: bytes | Iterable[bytes]) -> SealedObject:
        """Seal a new file. Its location is recorded before its first byte leaves.

        Raises `Refused` when the location was written before.
        """
        table, name = split_url(location)
        self._shelf.record_file(table, location, to_iso(self._clock.now()))
        sealed = self.sealed(table).put(name, data)
        if isinstance(data, bytes):
            self._small.keep(location, data)
        return sealed

    def read(self, location: str) -> bytes:
        """The whole plaintext of one file."""
        kept = self._small.find(location)
        if kept is None:
            table, name = split_url(location)
            kept = self.sealed(table).read(name)
            self._small.keep(location, kept)
        return kept

    def reader(self, location: str) -> SealedReader:
        """A fresh reader of what the host holds now, past every cache."""
        table, name = split_url(location)
        return self.sealed(table).reader(name)

    def size(self, location: str) -> int:
        """Plaintext bytes of one file."""
        kept = self._small.find(location)
        return len(kept) if kept is not None else self.filesystem.size_of(location)

    def exists(self, location: str) -> bool:
        """Whether the file is there."""
        return self._small.find(location) is not None or self.filesystem.exists(location)

    def on_host(self, location: str) -> bool:
        """Whether the host holds the file now, past every cache; `Unproven` if it is altered."""
        try:
            self.reader(location)
        except Missing:
            return False
        return True

    def data_keys(self, table: str) -> tuple[KeyEntry, ...]:
        """The data keys of one table, those destroyed too."""
        wanted = (Purpose.DATA, KIND, table)
        entries = self._keys.entries()
        return tuple(one for one in entries if (one.purpose, one.kind, one.scope) == wanted)

    def resealing(self, table: str) -> Resealing:
        """Puts every file of a table that was begun and not removed under a new key."""
        return Resealing(
            self._store, self._keys, KIND, table, lambda: self._names(table), self._randomness
        )

    def _names(self, table: str) -> list[tuple[str, str]]:
        """Name and version of every file begun. Readers kept of them are dropped."""
        locations = [file.location for file in self._shelf.files(table)]
        for location in locations:
            self.filesystem.forget(location)
        return [(split_url(location)[1], FIRST_VERSION) for location in locations]

    def delete(self, location: str) -> None:
        """Remove one file from the host, then its record; nothing happens when it is not there."""
        table, name = split_url(location)
        self._small.forget(location)
        self.filesystem.forget(location)
        self.sealed(table).delete(name)
        self._shelf.forget_file(location)


class _ByTable(dict[str, SealedStore]):
    """A sealed store for every table name asked for."""

    def __init__(self, make: Callable[[str], SealedStore]) -> None:
        super().__init__()
        self._make = make

    def __contains__(self, table: object) -> bool:
        return isinstance(table, str)

    def __missing__(self, table: str) -> SealedStore:
        return self._make(table)


class _SmallFiles:
    """Plaintext of recent small files, at most 32 MiB; files never change, so neither do these."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def find(self, location: str) -> bytes | None:
        with self._lock:
            return self._kept.get(location)

    def keep(self, location: str, data: bytes) -> None:
        if len(data) > SMALL_FILE:
            return
        with self._lock:
            if location not in self._kept:
                self._kept[location] = data
                self._held += len(data)
            while self._held > SMALL_FILES_KEPT:
                self._held -= len(self._kept.popitem(last=False)[1])

    def forget(self, location: str) -> None:
        with self._lock:
            self._held -= len(self._kept.pop(location, b""))


# pyiceberg makes a FileIO from a class path and string properties, so the files of a lake
# are found again by a ticket. The dictionary holds them weakly: a closed lake goes away.
_tickets: WeakValueDictionary[str, LakeFiles] = WeakValueDictionary()
TICKET = "bercail.lake"
FILE_IO = f"{__name__}.SealedFileIO"


def file_io_properties(files: LakeFiles) -> dict[str, str]:
    """Catalogue properties that make pyiceberg use `files` for every file."""
    ticket = uuid.uuid4().hex
    _tickets[ticket] = files
    return {"py-io-impl": FILE_IO, TICKET: ticket}


class SealedFileIO(FileIO):
    """pyiceberg's door to `LakeFiles`."""

    def __init__(self, properties: dict[str, Any]) -> None:
        super().__init__(properties)
        files = _tickets.get(str(properties.get(TICKET)))
        if files is None:
            raise Missing(
                "These table files belong to no lake that is open in this process.",
                remedy="Open the lake with bercail.lake.Lake.",
            )
        self._files = files

    def new_input(self, location: str) -> SealedInput:
        """A file to read."""
        return SealedInput(location, self._files)

    def new_output(self, location: str) -> SealedOutput:
        """A file to write."""
        return SealedOutput(location, self._files)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Remove a file."""
        self._files.delete(location if isinstance(location, str) else location.location)


class SealedInput(InputFile):
    """A sealed file of the lake, for reading."""

    def __init__(self, location: str, files: LakeFiles) -> None:
        super().__init__(location)
        self._files = files

    def __len__(self) -> int:
        return self._files.size(self.location)

    def exists(self) -> bool:
        """Whether the file is there."""
        return self._files.exists(self.location)

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002  # pyiceberg's shape
        """The plaintext of a small metadata file, held in memory."""
        return io.BytesIO(self._files.read(self.location))


class SealedOutput(OutputFile):
    """A sealed file of the lake, for writing once."""

    def __init__(self, location: str, files: LakeFiles) -> None:
        super().__init__(location)
        self._files = files

    def __len__(self) -> int:
        return self._files.size(self.location)

    def exists(self) -> bool:
        """Whether the file is there."""
        return self._files.exists(self.location)

    def to_input_file(self) -> SealedInput:
        """The same location, for reading."""
        return SealedInput(self.location, self._files)

    def create(self, overwrite: bool = False) -> OutputStream:  # noqa: ARG002  # the same
        """A stream sealed and sent when closed; metadata files are small, parts go another way."""
        return _Output(self.location, self._files)


class _Output(io.BytesIO):
    """Holds a metadata file until it is closed whole; one left by an error is never sent."""

    def __init__(self, location: str, files: LakeFiles) -> None:
        super().__init__()
        self._location = location
        self._files = files
        self._failed = False

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._failed = kind is not None
        self.close()

    def close(self) -> None:
        if not self.closed:
            data = self.getvalue()
            super().close()
            if not self._failed:
                self._files.write(self._location, data)
