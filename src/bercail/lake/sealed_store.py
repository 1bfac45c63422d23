"""Named objects of one kind and scope, sealed on their way to the host."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from attrs import asdict, field, frozen

from bercail.foundation import Missing, Unproven
from bercail.lake.sealed_file import SealedFile
from bercail.storage.crc64 import crc64nvme
from bercail.vault import (
    Binding,
    SealedReader,
    SealingWriter,
    opaque_name,
    sealed_size,
)
from bercail.vault.placement import PlacedPart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bercail.foundation import Randomness
    from bercail.lake.filesystem import SealedFilesystem
    from bercail.storage import ObjectStore
    from bercail.vault import DataKey, Keyring

# Data is hashed and sealed in pieces of this many bytes.
PIECE = 1024 * 1024
# An object that seals to no more than this is sent as one request, which a wrapper may retry.
ONE_REQUEST = 4 * PIECE


@frozen(kw_only=True)
class SealedObject:
    """One object as it was sealed.

    `size` and `sha256` are those of the plaintext; `sealed_size` and `crc64nvme`
    (CRC-64/NVME, 16 hexadecimal digits) those of what the host holds under `opaque`.
    """

    name: str
    version: str
    opaque: str
    size: int
    sealed_size: int
    sha256: str
    crc64nvme: str

    def as_dict(self) -> dict[str, str | int]:
        """The values as JSON has them."""
        return asdict(self)


@frozen(kw_only=True)
class Insides:
    """The store below a sealed store, its keys, and how it binds a name and a version."""

    store: ObjectStore
    keys: Keyring = field(repr=False)
    randomness: Randomness
    binding: Callable[[str, str], Binding]


class SealedStore:
    """Named, versioned objects that the host sees only as opaque names and ciphertext.

    Every object is bound to (kind, scope, name, version): moved under another name, it
    does not open. An object is written whole or not at all. Errors of the store pass
    through; whatever does not open is `Unproven`.
    """

    def __init__(
        self,
        store: ObjectStore,
        keys: Keyring,
        *,
        kind: str,
        scope: str,
        randomness: Randomness,
    ) -> None:
        self.kind = kind
        self.scope = scope
        self._store = store
        self._keys = keys
        self._randomness = randomness
        self._name_key = keys.secret("names", kind)
        # Where an object lies and what opens it, by name and version.
        self.placement: Callable[..., PlacedPart] = partial(_placement, self)

    def opaque_name(self, name: str, version: str = "1") -> str:
        """The name under which the host holds the object; says nothing without the name key."""
        return opaque_name(self._name_key, self.kind, self.scope, name, version)

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        version: str = "1",
        *,
        if_absent: bool = False,
        key: DataKey | None = None,
    ) -> SealedObject:
        """Seal `data` while it is sent, in one pass and in bounded memory.

        An object that already stands under this name and version is replaced, unless
        `if_absent`: then `Refused`. `key` is what `sealing_key` gave, for who writes many
        small objects. Raises `Unproven` when the host reports another
        size than was sent.
        """
        key = key or self.sealing_key()
        binding = self._binding(name, version)
        sealing = _Sealing(SealingWriter(key, binding, self._randomness))
        opaque = self.opaque_name(name, version)
        body = _one_request_or_more(sealing.over(_pieces(data)))
        stored = self._store.put(opaque, body, if_absent=if_absent)
        if stored.size != sealing.sealed_size or stored.size != sealed_size(sealing.size):
            raise Unproven(
                f"The host holds {stored.size} bytes of `{name}`, {sealing.sealed_size} were sent.",
                remedy="Send the object again; if it happens twice, survey the host.",
            )
        return SealedObject(
            name=name,
            version=version,
            opaque=opaque,
            size=sealing.size,
            sealed_size=sealing.sealed_size,
            sha256=sealing.sha256.hexdigest(),
            crc64nvme=f"{sealing.crc:016x}",
        )

    def sealing_key(self) -> DataKey:
        """The key that seals now; hold it for moments only, it may be renewed or destroyed."""
        return self._keys.data_key(self.kind, self.scope)

    @property
    def insides(self) -> Insides:
        """What carrying of large objects is built on; the lake's own rooms only."""
        return Insides(
            store=self._store,
            keys=self._keys,
            randomness=self._randomness,
            binding=self._binding,
        )

    def reader(self, name: str, version: str = "1") -> SealedReader:
        """Random access to the plaintext: `.size`, `.read_at(offset, length)`.

        Raises `Missing` when there is no such object, `Unproven` when it does not open.
        """
        opaque = self.opaque_name(name, version)
        try:
            info = self._store.head(opaque)
        except Missing:
            raise self._missing(name) from None
        return SealedReader(
            lambda offset, length: self._store.read(opaque, offset, length),
            info.size,
            self._keys.by_id,
            self._binding(name, version),
        )

    def open(self, name: str, version: str = "1") -> SealedFile:
        """The object as a seekable file that fetches and opens segments on demand."""
        reader = self.reader(name, version)
        return SealedFile(reader.read_at, reader.size, name)

    def read(self, name: str, version: str = "1") -> bytes:
        """The whole plaintext in memory."""
        return self.reader(name, version).read_all()

    def stream(self, name: str, version: str = "1", *, chunk: int = 8 * PIECE) -> Iterator[bytes]:
        """The plaintext in order, in pieces of `chunk` bytes."""
        reader = self.reader(name, version)
        for offset in range(0, reader.size, chunk):
            yield reader.read_at(offset, min(chunk, reader.size - offset))

    def exists(self, name: str, version: str = "1") -> bool:
        """Whether the host has an object under this name and version; does not open it."""
        try:
            self._store.head(self.opaque_name(name, version))
        except Missing:
            return False
        return True

    def delete(self, name: str, version: str = "1") -> None:
        """Remove the object; nothing happens when there is none."""
        self._store.delete(self.opaque_name(name, version))

    def filesystem(self) -> SealedFilesystem:
        """These objects for DuckDB and fsspec readers, under `sealed://<scope>/<name>`."""
        return _filesystem(self.scope, self)

    def _binding(self, name: str, version: str) -> Binding:
        return Binding(kind=self.kind, store=self.scope, name=name, version=version)

    def _missing(self, name: str) -> Missing:
        return Missing(
            f"There is no `{name}` in `{self.kind}/{self.scope}`.",
            remedy="Check the name; if it was there before, the host has lost it.",
        )


class SealedFolder:
    """A fixed list of sealed objects, each at one version: what a manifest names."""

    def __init__(self, store: SealedStore, versions: Mapping[str, str]) -> None:
        self._store = store
        self._versions = dict(versions)

    def names(self) -> tuple[str, ...]:
        """The names, sorted."""
        return tuple(sorted(self._versions))

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Each name with its version, sorted."""
        return tuple(sorted(self._versions.items()))

    def open(self, name: str) -> SealedFile:
        """The object as a seekable file; `Missing` when the folder does not list it."""
        return self._store.open(name, self._version(name))

    def reader(self, name: str) -> SealedReader:
        """Random access to one object of the folder."""
        return self._store.reader(name, self._version(name))

    def placement(self, name: str) -> PlacedPart:
        """Where one object of the folder lies and what opens it."""
        return self._store.placement(name, self._version(name))

    def size(self, name: str) -> int:
        """Plaintext bytes of one object."""
        return self.reader(name).size

    def stream(self, name: str) -> Iterator[bytes]:
        """The plaintext of one object in order, in pieces of at most 8 MiB."""
        return self._store.stream(name, self._version(name))

    def filesystem(self) -> SealedFilesystem:
        """The folder for DuckDB and fsspec readers, under `sealed://<scope>/<name>`."""
        return _filesystem(self._store.scope, self)

    def _version(self, name: str) -> str:
        if name not in self._versions:
            raise Missing(
                f"There is no `{name}` in this folder of {len(self._versions)} objects.",
                remedy="Use one of its names.",
            )
        return self._versions[name]


def _placement(store: SealedStore, name: str, version: str = "1") -> PlacedPart:
    """Where an object lies and what opens it; it is proven to open, as by `reader`."""
    inside, opaque = store.insides, store.opaque_name(name, version)
    found: list[DataKey] = []

    def key_for(key_id: bytes) -> DataKey:
        found.append(inside.keys.by_id(key_id))
        return found[-1]

    binding = inside.binding(name, version)
    try:
        size = inside.store.head(opaque).size
    except Missing:
        raise Missing(
            f"There is no `{name}` in `{store.kind}/{store.scope}`.",
            remedy="Check the name; if it was there before, the host has lost it.",
        ) from None
    SealedReader(
        lambda offset, length: inside.store.read(opaque, offset, length), size, key_for, binding
    )
    return PlacedPart(opaque=opaque, sealed_size=size, binding=binding, key=found[0])


class _Sealing:
    """One pass over the plaintext: hash it, seal it, checksum what leaves."""

    def __init__(self, writer: SealingWriter) -> None:
        self._writer = writer
        self.sha256 = hashlib.sha256()
        self.crc = 0
        self.size = 0
        self.sealed_size = 0

    def over(self, pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
        for piece in pieces:
            self.sha256.update(piece)
            self.size += len(piece)
            sealed = self._writer.update(piece)
            if sealed:
                yield self._count(sealed)
        yield self._count(self._writer.finish())

    def _count(self, sealed: bytes) -> bytes:
        self.crc = crc64nvme(sealed, self.crc)
        self.sealed_size += len(sealed)
        return sealed


def _pieces(data: bytes | Iterable[bytes]) -> Iterator[bytes | memoryview]:
    for block in (data,) if isinstance(data, bytes | bytearray | memoryview) else data:
        view = memoryview(block).cast("B")
        for start in range(0, len(view), PIECE):
            yield view[start : start + PIECE]


def _one_request_or_more(sealed: Iterator[bytes]) -> bytes | Iterator[bytes]:
    first: list[bytes] = []
    held = 0
    for piece in sealed:
        first.append(piece)
        held += len(piece)
        if held > ONE_REQUEST:
            return _chain(first, sealed)
    return b"".join(first)


def _chain(first: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    while first:
        yield first.pop(0)
    yield from rest


def _filesystem(scope: str, opens: SealedStore | SealedFolder) -> SealedFilesystem:
    # What moves objects reads them without fsspec, and starts without it.
    from bercail.lake.filesystem import SealedFilesystem

    return SealedFilesystem({scope: opens})
