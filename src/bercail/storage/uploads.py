"""An upload that survives its process: run again, it sends only what the host lacks.

No note is kept on this side. The host tells which parts it holds, and each is compared
with the source before it is taken as sent: so the source must give the same bytes again
(a sealed file kept until the end, not one sealed anew).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from attrs import frozen

from bercail.foundation import Missing, Unavailable, Unproven
from bercail.storage import failures
from bercail.storage.fixity import Checked
from bercail.storage.home import ProbedHome
from bercail.storage.names import require_metadata, require_portable
from bercail.storage.parts import MOST_PARTS, PART, PARTS_IN_FLIGHT
from bercail.storage.port import ObjectInfo, ObjectStore
from bercail.storage.s3 import S3Store, require_absent
from bercail.storage.s3_parts import HeldPart, SentPart, checksum_of, combined
from bercail.storage.wrappers import Retrying

__all__ = [
    "HeldPart",
    "PartUpload",
    "SentPart",
    "Source",
    "Uploaded",
    "combined",
    "part_size",
    "part_upload",
    "upload",
]

_MIB = 1 << 20


class Source(Protocol):
    """Bytes that can be read again: the same at each reading."""

    size: int

    def read_at(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`; threads may call it at once."""
        ...


@frozen(kw_only=True)
class Uploaded:
    """An object written, and how many of its parts were sent now or found on the host."""

    info: ObjectInfo
    sent: int
    found: int


def upload(
    store: ObjectStore,
    name: str,
    source: Source,
    *,
    if_absent: bool = False,
    metadata: Mapping[str, str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Uploaded:
    """Write `source` under `name`, going on with an upload that was broken off.

    1. Among the open uploads of that name, one is taken whose parts are all of this source.
    2. The missing parts are sent, four at once.
    3. The host makes the object of them; nothing was seen before.
    4. Size and metadata are asked for, since an upload keeps the metadata it began with.

    A store that knows no parts writes the whole at once. `progress` is given a label,
    bytes on the host and bytes in all.

    Raises:
        Unproven: when the object is not what was sent (rule `fixity`).
        Refused: with `if_absent`, when the object exists.
    """
    if not isinstance(store, S3Store) or source.size <= PART:
        pieces = (source.read_at(*extent) for extent in _extents(source.size, PART))
        info = store.put(name, pieces, if_absent=if_absent, metadata=metadata)
        return Uploaded(info=info, sent=1, found=0)
    require_portable(name)
    require_metadata(metadata or {})
    if if_absent:
        require_absent(store, name)
    work = _Work(store, name, source, progress)
    upload_id, parts = work.resumed() or (work.begin(metadata or {}), {})
    found = len(parts)
    parts |= work.send(upload_id, parts)
    ordered = [parts[number] for number in sorted(parts)]
    etag = work.finish(upload_id, ordered, if_absent=if_absent)
    info = _confirmed(store, name, source.size, dict(metadata or {}), etag)
    return Uploaded(info=info, sent=len(ordered) - found, found=found)


def part_upload(store: ObjectStore, name: str) -> PartUpload | None:
    """A desk for uploads of `name` in parts, or None where `store` takes no parts of its own.

    For a caller that keeps its own notes of what left, as sealing while sending must. The
    wrappers of a home are looked through, and what they hold is held here too: whether it
    may be written to, and whether what was written is read back.

    Raises:
        Refused: for a home that takes no data.
    """
    checked = False
    for layer in _layers(store):
        if isinstance(layer, ProbedHome):
            layer.require_writable()
        checked = checked or isinstance(layer, Checked)
    store = unwrapped(store)
    return PartUpload(store, name, reads_back=checked) if isinstance(store, S3Store) else None


def unwrapped(store: ObjectStore) -> ObjectStore:
    """The adapter below the wrappers of a home."""
    return [store, *(layer.inner for layer in _layers(store))][-1]


def _layers(store: ObjectStore) -> Iterator[Checked | ProbedHome | Retrying]:
    while isinstance(store, Checked | ProbedHome | Retrying):
        yield store
        store = store.inner


class PartUpload:
    """Uploads in parts under one name of an S3 store; the caller keeps the token of its own.

    Threads may send parts at once. Errors are those of `ObjectStore`.
    """

    def __init__(self, store: S3Store, name: str, *, reads_back: bool = False) -> None:
        require_portable(name)
        self._parts, self._key, self._name = store.parts, store.prefix + name, name
        self._store, self._reads_back = store, reads_back

    def begin(self) -> str:
        """Begin an upload; returns its token."""
        return self._parts.begin(self._key, self._name, {}, self._store.storage_class)

    def held(self, token: str) -> dict[int, HeldPart]:
        """The parts that the host holds, by number from 1; none when the upload is gone."""
        return self._parts.held(self._key, self._name, token)

    def send(self, token: str, number: int, pieces: Sequence[bytes | memoryview]) -> SentPart:
        """Send part `number` (from 1) made of `pieces`; sent again, it replaces the former one."""
        return self._parts.send(self._key, self._name, token, number, pieces)

    def known(self, held: HeldPart, pieces: Sequence[bytes | memoryview]) -> SentPart | None:
        """The part `held` by the host, as if sent now, when it is of `pieces`; else None."""
        if not held.is_of(pieces):
            return None
        checksum = checksum_of(pieces)
        return SentPart(number=held.number, size=held.size, etag=held.etag, checksum=checksum)

    def finish(self, token: str, parts: Sequence[SentPart]) -> ObjectInfo:
        """Make the object of `parts`, in order; only now it is seen.

        Raises:
            Unavailable: the upload ended on the host meanwhile.
            Unproven: the host shows another size than was sent, or other bytes where they
                are read back (rule `fixity`).
        """
        try:
            etag, _ = self._parts.finish(self._key, self._name, token, parts, if_absent=False)
        except Missing:
            raise Unavailable(
                f"The upload of `{self._name}` ended on the host before it was finished.",
                remedy="Run again: it starts anew.",
            ) from None
        size = sum(part.size for part in parts)
        info = _confirmed(self._store, self._name, size, {}, etag)
        if self._reads_back and _checksum(self._store, self._name) != combined(parts):
            raise Unproven(
                f"The store `{self._store.location}` holds other bytes under `{self._name}` "
                "than were sent.",
                remedy="Run again: it is written anew; if it lasts, leave this host.",
                rule="fixity",
            )
        return info

    def give_up(self, token: str | None = None) -> None:
        """Abort one upload, or without a token all of this name; parts on the host go."""
        tokens = [token] if token is not None else self._open()
        for one in tokens:
            self._parts.abort(self._key, self._name, one)

    def _open(self) -> list[str]:
        opened = self._parts.open_uploads(self._key)
        return [one.upload for one in opened if one.key == self._key]


def part_size(size: int) -> int:
    """Bytes of a part, the same at each attempt: 16 MiB, or more for a very large object."""
    return max(PART, math.ceil(size / MOST_PARTS / _MIB) * _MIB)


def _extents(size: int, part: int) -> Iterator[tuple[int, int]]:
    for offset in range(0, size, part):
        yield offset, min(part, size - offset)


class _Work:
    """One object on its way to one S3 store."""

    def __init__(
        self,
        store: S3Store,
        name: str,
        source: Source,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self.key = store.prefix + name
        self._store, self._name, self._source = store, name, source
        self._progress = progress
        self._extents = dict(enumerate(_extents(source.size, part_size(source.size)), start=1))
        self._done = 0

    def begin(self, metadata: Mapping[str, str]) -> str:
        """Begin an upload anew; returns its identifier."""
        store = self._store
        return store.parts.begin(self.key, self._name, metadata, store.storage_class)

    def resumed(self) -> tuple[str, dict[int, SentPart]] | None:
        """An open upload whose parts are all of this source, with those parts."""
        for opened in self._store.parts.open_uploads(self.key):
            if opened.key != self.key:
                continue
            held = self._store.parts.held(self.key, self._name, opened.upload)
            parts = self._matching(held)
            if parts:
                return opened.upload, parts
        return None

    def _matching(self, held: Mapping[int, HeldPart]) -> dict[int, SentPart]:
        """The parts held, if every one of them is of this source; none otherwise."""
        parts: dict[int, SentPart] = {}
        for number, part in held.items():
            if number not in self._extents or part.size != self._extents[number][1]:
                return {}
            body = (self._read(number),)
            if not part.is_of(body):
                return {}
            parts[number] = SentPart(
                number=number, size=part.size, etag=part.etag, checksum=checksum_of(body)
            )
            self._count(part.size)
        return parts

    def send(self, upload: str, known: Mapping[int, SentPart]) -> dict[int, SentPart]:
        """Send every part that is not known."""

        def one(number: int) -> SentPart:
            body = self._read(number)
            return self._store.parts.send(self.key, self._name, upload, number, (body,))

        sent: dict[int, SentPart] = {}
        with ThreadPoolExecutor(PARTS_IN_FLIGHT, thread_name_prefix="upload") as pool:
            try:
                for part in pool.map(one, [n for n in self._extents if n not in known]):
                    sent[part.number] = part
                    self._count(part.size)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return sent

    def finish(self, upload: str, parts: list[SentPart], *, if_absent: bool) -> str | None:
        """Finish; when the upload is gone, somebody did, or an answer was lost.

        Returns the etag, or None when the host did not tell it to us.
        """
        atomic = if_absent and self._store.features.conditional_multipart
        try:
            etag, _ = self._store.parts.finish(
                self.key, self._name, upload, parts, if_absent=atomic
            )
        except Missing:
            if not self._stands_already(parts):
                raise Unavailable(
                    f"The upload of `{self._name}` ended on the host before it was finished.",
                    remedy="Run again: it starts anew.",
                ) from None
            return None
        return etag

    def _stands_already(self, parts: list[SentPart]) -> bool:
        """Whether the object is there as these parts make it."""
        try:
            return _checksum(self._store, self._name) == combined(parts)
        except Missing:
            return False

    def _read(self, number: int) -> bytes:
        offset, length = self._extents[number]
        body = self._source.read_at(offset, length)
        if len(body) != length:
            raise Unproven(
                f"The source of `{self._name}` gave {len(body)} bytes instead of {length}.",
                remedy="Start from a source that does not change while it is read.",
                rule="object-changed",
            )
        return body

    def _count(self, size: int) -> None:
        self._done += size
        if self._progress is not None:
            self._progress("upload", self._done, self._source.size)


def _checksum(store: ObjectStore, name: str) -> int:
    """CRC-64/NVME of what the host gives."""
    return checksum_of(store.stream(name))


def _confirmed(
    store: ObjectStore, name: str, size: int, metadata: dict[str, str], etag: str | None
) -> ObjectInfo:
    """What the host says of the object, if that is what was sent."""
    info = store.head(name)
    if (info.size, dict(info.metadata)) != (size, metadata):
        raise Unproven(
            f"The object `{name}` of `{store.location}` has not the size or metadata sent.",
            remedy="Delete the object and write it again.",
            rule="fixity",
        )
    if etag is not None and info.etag != etag:
        raise failures.changed(store.location, name)
    return info
