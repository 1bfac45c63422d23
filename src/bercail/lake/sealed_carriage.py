"""Large sealed objects on their way: sent in parts that survive a kill, read back in one pass."""

from __future__ import annotations

import hashlib
import time
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from attrs import field, frozen

from bercail.foundation import Unproven
from bercail.lake.sealed_parts import SealedUpload, give_up
from bercail.lake.sealed_store import ONE_REQUEST, SealedObject
from bercail.storage.crc64 import crc64nvme
from bercail.vault import SealedReader, open_bytes, seal_bytes
from bercail.vault import sealed_size as size_once_sealed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from bercail.lake.sealed_parts import PartNotes, PartsSent
    from bercail.lake.sealed_store import SealedStore
    from bercail.storage import ObjectStore
    from bercail.storage.uploads import PartUpload
    from bercail.vault import DataKey

KEY_SECONDS = 1.0
"""How long a key is used that the ring gave, before the ring is asked again."""
_SMALL = 128 * 1024
"""Bytes asked for at once of an object that has no more."""
_LARGE = 16 * 1024 * 1024
"""Bytes asked for at once of one that has more: both sides work less for few long ranges."""
_VIEW = 512 * 1024
"""Bytes opened at once, so that whoever hashes them finds them in the cache."""


def put_in_parts(
    sealed: SealedStore,
    name: str,
    data: Iterable[bytes],
    version: str,
    *,
    size: int,
    notes: PartNotes,
    turns: AbstractContextManager[object] | None = None,
) -> SealedObject:
    """Seal `data` of `size` bytes as `put` does; run again, send only the parts missing.

    `notes` remembers between runs what may have left (see `lake.sealed_parts`), and `turns` lets
    parts leave. What fits in one, or goes to a store that takes none, is written whole.

    Raises:
        OtherPlaintext: `data` is not what an interrupted run began with under this version;
            nothing is left of that one, and a next call begins anew.
        Unproven: `data` has not `size` bytes, or the host shows another object.
    """
    from bercail.storage.uploads import part_size, part_upload

    insides = sealed.insides
    opaque, whole = sealed.opaque_name(name, version), size_once_sealed(size)
    part = part_size(whole)
    if whole <= part or part_upload(insides.store, opaque) is None:
        return sealed.put(name, data, version)
    upload = SealedUpload(
        name=name,
        size=size,
        part=part,
        binding=insides.binding(name, version),
        key=insides.keys.data_key(sealed.kind, sealed.scope),
        randomness=insides.randomness,
        opaque=opaque,
        uploads=partial(_upload, insides.store),
        notes=notes,
        turns=turns or nullcontext(),
    )
    return _sealed_object(name, version, opaque, upload.send(data))


@frozen(kw_only=True)
class Plain:
    """A small object as it is before it is sealed; `opaque` is what `opaque_name` gave for it."""

    name: str
    version: str
    opaque: str
    content: bytes = field(repr=False)


def put_several(
    sealed: SealedStore, plains: Sequence[Plain], key: DataKey
) -> list[SealedObject | None]:
    """Seal small objects and send them together.

    None for each that the host did not plainly take, or where it takes one at a time only: send
    that one by `SealedStore.put`.
    """
    from bercail.storage.several import puts_several

    insides = sealed.insides
    several = puts_several(insides.store)
    if several is None:
        return [None] * len(plains)
    made: list[SealedObject] = []
    bodies: list[tuple[str, bytes]] = []
    for one in plains:
        binding = insides.binding(one.name, one.version)
        body = seal_bytes(one.content, key, binding, insides.randomness)
        bodies.append((one.opaque, body))
        made.append(
            SealedObject(
                name=one.name,
                version=one.version,
                opaque=one.opaque,
                size=len(one.content),
                sealed_size=len(body),
                sha256=hashlib.sha256(one.content).hexdigest(),
                crc64nvme=f"{crc64nvme(body):016x}",
            )
        )
    stands = several.put_several(bodies)
    return [one if there else None for one, there in zip(made, stands, strict=True)]


def _sealed_object(name: str, version: str, opaque: str, sent: PartsSent) -> SealedObject:
    return SealedObject(
        name=name,
        version=version,
        opaque=opaque,
        size=sent.size,
        sealed_size=sent.sealed_size,
        sha256=sent.sha256,
        crc64nvme=f"{sent.crc:016x}",
    )


def through(sealed: SealedStore, store: ObjectStore) -> SealedStore:
    """The same objects under the same keys, through another opening of their store."""
    insides = sealed.insides
    return type(sealed)(
        store,
        insides.keys,
        kind=sealed.kind,
        scope=sealed.scope,
        randomness=insides.randomness,
    )


def give_up_parts(sealed: SealedStore, name: str, notes: PartNotes) -> None:
    """Clear from the host what an upload of `name` in `notes` left, and forget it."""
    give_up(partial(_upload, sealed.insides.store), notes, name)


class HeldKeys:
    """The keys of a store by their ids, as the ring gave them less than a second ago.

    For who opens much: asking the ring costs more than opening what is small. Threads may
    share it.
    """

    def __init__(self, sealed: SealedStore) -> None:
        self._ring = sealed.insides.keys
        self._held: dict[bytes, tuple[float, DataKey]] = {}

    def by_id(self, key_id: bytes) -> DataKey:
        """As `Keyring.by_id`; a key destroyed opens for a second more."""
        asked = time.monotonic()
        held = self._held.get(key_id)
        if held is None or asked - held[0] >= KEY_SECONDS:
            # What is old goes first: a key destroyed meanwhile is not kept here.
            self._held = {
                known: entry
                for known, entry in self._held.items()
                if asked - entry[0] < KEY_SECONDS
            }
            held = self._held[key_id] = (asked, self._ring.by_id(key_id))
        return held[1]


def reread(
    sealed: SealedStore, name: str, version: str, sealed_size: int, keys: HeldKeys
) -> Iterator[bytes | memoryview]:
    """The plaintext in order, from one pass over all that the host holds under the name.

    A piece is gone when the next is asked for.

    Raises:
        Missing: there is no such object.
        Unproven: it has not `sealed_size` bytes, is not this object, or does not open.
    """
    insides = sealed.insides
    opaque = sealed.opaque_name(name, version)
    arriving = _Arriving(insides.store, opaque, sealed_size)
    if sealed_size <= ONE_REQUEST:
        whole = arriving.whole()
        yield open_bytes(whole, keys.by_id, insides.binding(name, version))
        return
    binding = insides.binding(name, version)
    reader = SealedReader(arriving.read_at, sealed_size, keys.by_id, binding)
    yield from reader.views(_VIEW)
    arriving.end()


def _upload(store: ObjectStore, opaque: str) -> PartUpload:
    from bercail.storage.uploads import part_upload

    upload = part_upload(store, opaque)
    if upload is None:
        raise Unproven(
            f"The store `{store.location}` takes no parts, and an upload in parts was begun on it.",
            remedy="Go on with the target that the copy began with.",
        )
    return upload


class _Arriving:
    """A sealed object as it streams in; what is asked out of order is read apart."""

    def __init__(self, store: ObjectStore, opaque: str, size: int) -> None:
        self._store, self._opaque, self._size = store, opaque, size
        # A store reads small and large ranges in different ways, each where it costs least.
        chunk = _LARGE if size > _SMALL else _SMALL
        self._stream = store.stream(opaque, chunk=chunk)
        self._held = memoryview(b"")
        self._start = 0  # where in the object `_held` begins

    def whole(self) -> bytes:
        """All of it."""
        content = b"".join(self._stream)
        self._require(len(content))
        return content

    def read_at(self, offset: int, length: int) -> bytes | memoryview:
        """`length` bytes from `offset`: from the stream when they are next, else apart."""
        if offset + length == self._size or offset < self._start or not self._start + offset:
            return self._store.read(self._opaque, offset, length)
        self._skip(offset - self._start)
        if self._more() and len(self._held) >= length:
            whole = self._held[:length]
            self._skip(length)
            return whole
        parts: list[memoryview] = []
        while length and self._more():
            part = self._held[:length]
            parts.append(part)
            self._skip(len(part))
            length -= len(part)
        return b"".join(parts)

    def end(self) -> None:
        """Read on to the end, which must be where it was said to be."""
        while self._more():
            self._skip(len(self._held))
        self._require(self._start)

    def _skip(self, count: int) -> None:
        while count and self._more():
            step = min(count, len(self._held))
            self._held, self._start, count = self._held[step:], self._start + step, count - step

    def _more(self) -> bool:
        if not self._held:
            self._held = memoryview(next(self._stream, b""))
        return bool(self._held)

    def _require(self, found: int) -> None:
        if found != self._size:
            raise Unproven(
                f"The host holds {found} bytes where {self._size} were written.",
                remedy="It was cut or extended; write it again.",
                rule="sealed-length",
            )
