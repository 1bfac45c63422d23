"""Seal a large object while it is sent in parts, so that a killed process goes on at the part.

Two different plaintexts must never be sealed under one nonce, whatever the source does
between two runs. So the salt of an upload is kept with the digest of each part that may
have left, written down *before* the part leaves; a run that goes on reads the source again
and compares each such part before it seals it. A part that differs throws the upload away.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from attrs import evolve, field, frozen

from bercail.foundation import Unproven
from bercail.lake.part_rooms import PartRooms, Room
from bercail.vault import SealingWriter

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bercail.foundation import Randomness
    from bercail.storage.uploads import HeldPart, PartUpload, SentPart

    Uploads = Callable[[str], PartUpload]
    """The desk for uploads under one opaque name."""
    from bercail.vault import Binding, DataKey

# docs/reference/formats/sealed-object.md: the lengths that say where a segment begins.
SEGMENT = 65_536
TAG = 16
STREAM_HEADER = 40
_SEAL = 1 << 20  # bytes sealed at a time: they stay in the cache
IN_FLIGHT = 3


@frozen(kw_only=True)
class Begun:
    """An upload begun: what its sealed bytes follow from, and which parts may have left.

    `seed` is the salt and nonce prefix; `token` the host's word for the upload, None until
    it is known; `digests` holds, by part number from 1, the SHA-256 of the plaintext from
    the beginning of the object to the end of that part.
    """

    opaque: str
    size: int
    key_id: bytes
    seed: bytes
    token: str | None = None
    digests: Mapping[int, str] = field(factory=dict)


class PartNotes(Protocol):
    """Where uploads are remembered; what it was told is on the disk when it returns."""

    def find(self, name: str) -> Begun | None:
        """The upload begun of the object `name`."""
        ...

    def begin(self, name: str, begun: Begun) -> None:
        """Remember `begun`, in place of a former one."""
        ...

    def part(self, name: str, number: int, digest: str) -> None:
        """Remember that part `number`, up to which the plaintext has `digest`, may leave."""
        ...

    def forget(self, name: str) -> None:
        """Forget the upload of `name`."""
        ...


class OtherPlaintext(Unproven):
    """The source gives other bytes than those that were sealed under the same salt."""


@frozen(kw_only=True)
class PartsSent:
    """An object that stands: bytes of plaintext and of ciphertext, SHA-256 and CRC-64/NVME.

    `found` parts were on the host already, `sent` were sent now.
    """

    size: int
    sealed_size: int
    sha256: str
    crc: int
    sent: int
    found: int


class SealedUpload:
    """One object of `size` bytes on its way, in parts of whole segments.

    A part leaves while it holds `turns`, which several uploads may share.
    """

    def __init__(
        self,
        *,
        name: str,
        size: int,
        part: int,
        binding: Binding,
        key: DataKey,
        randomness: Randomness,
        opaque: str,
        uploads: Uploads,
        notes: PartNotes,
        turns: AbstractContextManager[object],
    ) -> None:
        self.size, self.part = size, part
        self._name, self._binding, self._key = name, binding, key
        self._randomness, self._opaque = randomness, opaque
        self._uploads, self._upload, self._notes = uploads, uploads(opaque), notes
        self._turns = turns

    def send(self, pieces: Iterable[bytes]) -> PartsSent:
        """Seal and send `pieces`, or what the host lacks of them.

        1. Go on with the upload in the notes if it is of this object and the host has it.
        2. Otherwise clear what is left of it, note a fresh salt, and only then begin.
        3. Send; every part is noted before it leaves.
        4. The host makes the object of the parts.

        Raises:
            OtherPlaintext: the bytes are not those that the upload began with; it is thrown
                away, and a next call begins with a fresh salt.
            Unproven: there are fewer or more bytes than `size`; the upload is thrown away.
        """
        begun, held = self._resumed() or (self._fresh(), {})  # 1, 2
        try:
            flow = _Flow(self, begun, held)
            parts = flow.run(pieces)  # 3
        except Unproven:
            give_up(self._uploads, self._notes, self._name)
            raise
        self._upload.finish(begun.token or "", parts)  # 4
        self._notes.forget(self._name)
        return flow.sent(parts)

    def _resumed(self) -> tuple[Begun, Mapping[int, HeldPart]] | None:
        begun = self._notes.find(self._name)
        if begun is None or begun.token is None:
            return None
        same = (begun.opaque, begun.size, begun.key_id) == (self._opaque, self.size, self._key.id)
        if not same:
            return None
        held = self._upload.held(begun.token)
        return (begun, held) if held else None

    def _fresh(self) -> Begun:
        give_up(self._uploads, self._notes, self._name)
        seed = _Drawn(self._randomness)
        SealingWriter(self._key, self._binding, seed)
        begun = Begun(opaque=self._opaque, size=self.size, key_id=self._key.id, seed=seed.drawn)
        # Noted before the host knows of it: an upload without a note would stay for ever.
        self._notes.begin(self._name, begun)
        begun = evolve(begun, token=self._upload.begin())
        self._notes.begin(self._name, begun)
        return begun

    def writer(self, begun: Begun) -> SealingWriter:
        """A writer that seals as the one of `begun` did."""
        return SealingWriter(self._key, self._binding, _Again(begun.seed))

    def cuts(self) -> list[int]:
        """Plaintext offsets at which parts end, the size last."""
        segments = self.part // SEGMENT
        step = segments * (SEGMENT - TAG)
        return [*range(step - STREAM_HEADER, self.size, step), self.size]

    def leaves(
        self, token: str, number: int, digest: str, sealed: Sequence[bytes | memoryview]
    ) -> SentPart:
        """Note a part, then send it."""
        with self._turns:
            self._notes.part(self._name, number, digest)
            return self._upload.send(token, number, sealed)

    def known(self, held: HeldPart, sealed: Sequence[bytes | memoryview]) -> SentPart | None:
        """The part `held` by the host if it is of the pieces `sealed`."""
        return self._upload.known(held, sealed)


class _Flow:
    """One pass over the plaintext of an upload."""

    def __init__(self, upload: SealedUpload, begun: Begun, held: Mapping[int, HeldPart]) -> None:
        self._upload, self._begun, self._held = upload, begun, held
        self._token = begun.token or ""
        self._writer = upload.writer(begun)
        self._sha256 = hashlib.sha256()
        self._digests: dict[int, str] = {}
        # The first part holds the header of the object besides; it is less than a segment.
        self._rooms = PartRooms(upload.part + SEGMENT)
        self._room: Room | None = None
        self._number = 1
        self._found = 0

    def run(self, pieces: Iterable[bytes]) -> list[SentPart]:
        """Everything sent; the parts in order."""
        done: list[SentPart] = []
        waiting: deque[tuple[Future[SentPart] | SentPart, Room]] = deque()

        def settle() -> None:
            part, room = waiting.popleft()
            done.append(_outcome(part))
            self._rooms.give_back(room)

        with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="parts") as pool:
            try:
                for number, room in self._bodies(pieces):
                    if len(waiting) > IN_FLIGHT:
                        settle()
                    waiting.append((self._go(pool, number, (room.filled,)), room))
                while waiting:
                    settle()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return done

    def sent(self, parts: list[SentPart]) -> PartsSent:
        """What stands once `parts` are one object."""
        from bercail.storage.uploads import combined

        return PartsSent(
            size=self._upload.size,
            sealed_size=sum(part.size for part in parts),
            sha256=self._sha256.hexdigest(),
            crc=combined(parts),
            sent=len(parts) - self._found,
            found=self._found,
        )

    def _go(
        self, pool: ThreadPoolExecutor, number: int, sealed: Sequence[memoryview]
    ) -> Future[SentPart] | SentPart:
        held = self._held.get(number)
        known = self._upload.known(held, sealed) if held is not None else None
        if known is not None:
            self._found += 1
            return known
        digest = self._digests.pop(number)
        return pool.submit(self._upload.leaves, self._token, number, digest, sealed)

    def _bodies(self, pieces: Iterable[bytes]) -> Iterator[tuple[int, Room]]:
        """The sealed parts as they become whole."""
        for number, plain in self._compared(pieces):
            start = 0
            if number > self._number:
                # One byte more shows that the segment held back was not the last.
                self._seal(plain[:1])
                yield self._cut()
                start = 1
            self._seal(plain[start:])
        self._filling().add(self._writer.finish())
        yield self._cut()

    def _compared(self, pieces: Iterable[bytes]) -> Iterator[tuple[int, memoryview]]:
        """The plaintext with the number of its part, hashed just now and `_SEAL` bytes at most;
        what left before, only once compared."""
        cuts, number, at = self._upload.cuts(), 1, 0
        kept: list[memoryview] = []
        for piece in pieces:
            view = memoryview(piece).cast("B")
            while view:
                taken = view[: min(cuts[number - 1] - at, _SEAL)]
                if not taken:
                    raise _other_size(self._upload.size)
                self._sha256.update(taken)
                at += len(taken)
                view = view[len(taken) :]
                if number in self._begun.digests:
                    kept.append(taken)
                else:
                    yield number, taken
                if at == cuts[number - 1]:
                    yield from self._ended(number, kept)
                    kept = []
                    number = min(number + 1, len(cuts))
        if at != self._upload.size:
            raise _other_size(self._upload.size)

    def _ended(self, number: int, kept: list[memoryview]) -> Iterator[tuple[int, memoryview]]:
        digest = self._sha256.copy().hexdigest()
        known = self._begun.digests.get(number)
        if known is not None and known != digest:
            raise OtherPlaintext(
                "The source gives other bytes than when this upload began, under one entity tag.",
                remedy="Nothing was sealed twice; it begins again with a fresh salt.",
                rule="object-changed",
            )
        self._digests[number] = digest
        for plain in kept:
            yield number, plain

    def _filling(self) -> Room:
        if self._room is None:
            self._room = self._rooms.take()
        return self._room

    def _seal(self, plain: memoryview) -> None:
        room = self._filling()
        room.size += self._writer.update_into(plain, room.free)

    def _cut(self) -> tuple[int, Room]:
        """The next part: all that is sealed and was not handed out."""
        number, self._number = self._number, self._number + 1
        room, self._room = self._filling(), None
        return number, room


class _Drawn:
    """Randomness that remembers what was drawn."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness
        self.drawn = b""

    def take(self, size: int) -> bytes:
        """`size` fresh bytes."""
        fresh = self._randomness.take(size)
        self.drawn += fresh
        return fresh


class _Again:
    """What was drawn, given once more in the same order."""

    def __init__(self, seed: bytes) -> None:
        self._left = seed

    def take(self, size: int) -> bytes:
        """The next `size` bytes of it."""
        given, self._left = self._left[:size], self._left[size:]
        return given


def give_up(uploads: Uploads, notes: PartNotes, name: str) -> None:
    """Clear what an interrupted upload of `name` left on the host, then forget it."""
    begun = notes.find(name)
    if begun is None:
        return
    uploads(begun.opaque).give_up(begun.token)
    notes.forget(name)


def _outcome(part: Future[SentPart] | SentPart) -> SentPart:
    return part.result() if isinstance(part, Future) else part


def _other_size(size: int) -> Unproven:
    return Unproven(
        f"The source gave another number of bytes than the {size} that it says.",
        remedy="Survey the source again.",
        rule="object-changed",
    )
