"""Sealing and opening: AES-256-GCM-HKDF streams of 64 KiB segments, bound to their meaning.

The format is in `docs/reference/formats/sealed-object.md`. Memory stays within the data handed
in or asked for plus one window of 4 MiB; a stream of any length needs no more.
"""

from __future__ import annotations

import hmac
import io
from collections.abc import Callable, Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bercail.foundation import Invalid, Randomness
from bercail.vault import sealed_format as fmt
from bercail.vault.binding import Binding
from bercail.vault.keys import DataKey, derive
from bercail.vault.sealed_format import Geometry, Header, refuse

_WINDOW = 64
"""Segments fetched by one read of a sealed object: 4 MiB."""
_SEAL_CHUNK = 1 << 20
"""Bytes sealed at a time when a stream is cut up: small enough to stay in the cache."""
_OPEN_CHUNK = 4 << 20
"""Bytes opened at a time, unless told: one read of the host each."""
_SMALL_ROOM = 1 << 20
"""Bytes up to which clearing costs less than what would spare it."""
_SCRATCH = fmt.PREAMBLE_SIZE + 18 * fmt.SEGMENT_SIZE
"""The most that a writer keeps to seal into, so that one allocation serves a whole stream."""


def _stream_cipher(key: DataKey, header: Header, salt: bytes) -> AESGCM:
    return AESGCM(derive(key.secret, salt=salt, info=header.encode()))


def _nonce(prefix: bytes, index: int, last: bool) -> bytes:
    return prefix + index.to_bytes(4, "big") + (b"\x01" if last else b"\x00")


def _room(size: int) -> memoryview:
    """`size` bytes to write to; of much room nobody pays to clear it first."""
    if size <= _SMALL_ROOM:
        return memoryview(bytearray(size))
    import numpy as np  # a tenth of a second, which those who read little at a time do not spend

    return np.empty(size, dtype=np.uint8).data


class SealingWriter:
    """Seals one object as its bytes arrive.

    Write what `update` returns, in order, then what `finish` returns. A writer seals one object
    only: its salt and nonce prefix are drawn when it is made.
    """

    def __init__(self, key: DataKey, binding: Binding, randomness: Randomness) -> None:
        header = Header(key_id=key.id, commitment=key.commitment, binding_digest=binding.digest())
        drawn = randomness.take(fmt.SALT_SIZE + fmt.PREFIX_SIZE)
        salt, self._prefix = drawn[: fmt.SALT_SIZE], drawn[fmt.SALT_SIZE :]
        self._cipher = _stream_cipher(key, header, salt)
        stream_header = bytes([fmt.STREAM_HEADER_SIZE]) + salt + self._prefix
        self._preamble = header.encode() + stream_header
        self._pending = bytearray()
        self._scratch = bytearray()
        self._held = 0
        self._index = 0
        self._finished = False

    def update(self, data: bytes | bytearray | memoryview) -> bytes:
        """Take the next plaintext; return the sealed bytes that are ready.

        One full segment may be held back, since only `finish` knows which is the last.

        Raises:
            Invalid: after `finish`, or past 2^32 segments.
        """
        view = memoryview(data).cast("B")
        size = self.ready(len(view))
        if len(self._scratch) < size <= _SCRATCH:
            self._scratch = bytearray(size)
        out = memoryview(self._scratch if size <= _SCRATCH else bytearray(size))[:size]
        self.update_into(view, out)
        return bytes(out)

    def ready(self, arriving: int) -> int:
        """Bytes that the next `update` returns for `arriving` bytes of plaintext."""
        segments = self._full_segments(arriving)
        first = fmt.STREAM_HEADER_SIZE if segments and not self._index else 0
        return len(self._preamble) + segments * fmt.SEGMENT_SIZE - first

    def update_into(self, data: bytes | bytearray | memoryview, sink: memoryview) -> int:
        """The same, written to the front of `sink`; returns how many bytes.

        Raises:
            Invalid: as `update`, and when `sink` has not the `ready` bytes; nothing is taken then.
        """
        self._require_open()
        view = memoryview(data).cast("B")
        if len(sink) < (size := self.ready(len(view))):
            raise Invalid(
                f"{size} sealed bytes do not fit into {len(sink)}.",
                remedy="Give as much room as `ready` says.",
            )
        written, taken = self._begin(sink), 0
        for _ in range(self._full_segments(len(view))):
            capacity = self._capacity()
            fill = capacity - self._held
            plain = view[taken : taken + fill]
            if self._held:
                self._pending[self._held : capacity] = plain
                plain, self._held = memoryview(self._pending)[:capacity], 0
            written += self._seal(plain, sink[written : written + capacity + fmt.TAG_SIZE], False)
            taken += fill
        rest = len(view) - taken
        if rest and not self._pending:
            self._pending = bytearray(fmt.PLAIN_SIZE)
        self._pending[self._held : self._held + rest] = view[taken:]
        self._held += rest
        return written

    def finish(self) -> bytes:
        """Seal the last segment; the object is complete with the bytes returned.

        Raises:
            Invalid: when called twice, or past 2^32 segments.
        """
        self._require_open()
        return self._end(memoryview(self._pending)[: self._held])

    def at_once(self, plain: bytes) -> bytes:
        """The whole object, of a writer that has taken nothing yet.

        Raises:
            Invalid: after `update` or `finish`.
        """
        self._require_open()
        if self._index or self._held:
            raise Invalid("This object is begun already.", remedy="Make a new writer.")
        if len(plain) > fmt.FIRST_PLAIN_SIZE:
            return self.update(plain) + self.finish()
        return self._end(memoryview(plain))

    def _end(self, plain: memoryview) -> bytes:
        """Seal `plain` as the last segment."""
        self._finished = True
        out = bytearray(len(self._preamble) + len(plain) + fmt.TAG_SIZE)
        sink = memoryview(out)
        written = self._begin(sink)
        self._seal(plain, sink[written:], True)
        return bytes(out)

    def _require_open(self) -> None:
        if self._finished:
            raise Invalid("This object is already sealed.", remedy="Make a new writer.")

    def _capacity(self) -> int:
        return fmt.PLAIN_SIZE if self._index else fmt.FIRST_PLAIN_SIZE

    def _full_segments(self, arriving: int) -> int:
        """How many segments are known not to be the last once `arriving` more bytes are here."""
        beyond = self._held + arriving - self._capacity()
        return 0 if beyond <= 0 else 1 + (beyond - 1) // fmt.PLAIN_SIZE

    def _begin(self, sink: memoryview) -> int:
        """Write the preamble, when it is still to be written; returns its length."""
        written = len(self._preamble)
        sink[:written] = self._preamble
        self._preamble = b""
        return written

    def _seal(self, plain: memoryview, sink: memoryview, last: bool) -> int:
        if self._index >= fmt.MAX_SEGMENTS:
            raise Invalid(
                "The object is too long: a sealed object has at most 2^32 segments.",
                remedy="Cut it into several objects.",
            )
        nonce = _nonce(self._prefix, self._index, last)
        self._index += 1
        return self._cipher.encrypt_into(nonce, plain, None, sink)


class SealedReader:
    """Opens a sealed object at any offset, reading only the segments it needs.

    `read_at(offset, length)` returns bytes of the sealed object (or a view of them),
    `sealed_size` its length as the store tells it, `key_for(key_id)` the data key. Making a
    reader checks the header, the binding and the key, and proves the last segment, so that
    `size` is proven.

    Every read asks `key_for` again, and so does a long one for each window of 4 MiB: a key
    destroyed while the object is read ends the reading with what `key_for` raises, and a part
    never passes for the whole.

    Raises:
        Unproven: on making and on reading; its `rule` says which check failed.
        Missing: on reading, when the key was destroyed meanwhile.
    """

    def __init__(
        self,
        read_at: Callable[[int, int], bytes | memoryview],
        sealed_size: int,
        key_for: Callable[[bytes], DataKey],
        binding: Binding,
    ) -> None:
        self._read_sealed = read_at
        whole = sealed_size <= fmt.HEADER_SIZE + fmt.SEGMENT_SIZE
        head = read_at(0, sealed_size if whole else fmt.PREAMBLE_SIZE)
        preamble = fmt.parse_preamble(bytes(head[: fmt.PREAMBLE_SIZE]))
        self._name = binding.name
        self._prefix = preamble.prefix
        self._geometry = Geometry.of(sealed_size)
        key = _proven_key(preamble.header, key_for, binding)
        self._key_for, self._key_id = key_for, key.id
        self._cipher = _stream_cipher(key, preamble.header, preamble.salt)
        self._last = self._open_last(memoryview(head)[fmt.PREAMBLE_SIZE :] if whole else None)

    @property
    def size(self) -> int:
        """Bytes of the plaintext; proven."""
        return self._geometry.plain

    def read_at(self, offset: int, length: int) -> bytes:
        """The plaintext from `offset`, `length` bytes or as many as there are.

        Raises:
            Invalid: a negative offset or length.
            Unproven: `sealed-length` or `sealed-segment`.
        """
        if offset < 0 or length < 0:
            raise Invalid(
                f"A read at `{offset}` of `{length}` bytes is outside the object.",
                remedy="Give an offset and a length from 0.",
            )
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        self._key_for(self._key_id)
        return self._plain(offset, end)

    def read_all(self) -> bytes:
        """The whole plaintext."""
        return self.read_at(0, self.size)

    def at_once(self) -> bytes:
        """The same right after the reader was made, which has asked for the key."""
        return self._plain(0, self.size) if self.size else b""

    def chunks(self, length: int = _OPEN_CHUNK) -> Iterator[bytes]:
        """The plaintext in order, in pieces of about `length` bytes, cut between segments."""
        return map(bytes, self.views(length))

    def views(self, length: int = _OPEN_CHUNK) -> Iterator[memoryview]:
        """The same for who only looks at each piece: it is gone when the next is asked for."""
        if length < 1:
            raise Invalid(f"Pieces of `{length}` bytes never end.", remedy="Give 1 or more.")
        step = max(1, length // fmt.PLAIN_SIZE)
        room = _room(min(step * fmt.PLAIN_SIZE, self.size))
        for first in range(0, self._geometry.segments if self.size else 0, step):
            start = self._geometry.plain_start(first)
            end = min(self._geometry.plain_start(first + step), self.size)
            self._key_for(self._key_id)
            self._fill(room, start, end)
            yield room[: end - start]

    def _plain(self, offset: int, end: int) -> bytes:
        # Opened in the bytes that are given out: a room of its own would be copied once more.
        held = io.BytesIO(bytes(end - offset))
        with held.getbuffer() as sink:
            self._fill(sink, offset, end)
        return held.getvalue()

    def _fill(self, sink: memoryview, offset: int, end: int) -> None:
        shape = self._geometry
        first, final = shape.segment_at(offset), shape.segment_at(end - 1)
        if final == shape.segments - 1:
            start = shape.plain_start(final)
            low = max(start, offset)
            sink[low - offset : end - offset] = self._last[low - start : end - start]
            final -= 1
        for begin in range(first, final + 1, _WINDOW):
            if begin > first:
                self._key_for(self._key_id)
            stop = min(begin + _WINDOW - 1, final)
            sealed = self._fetch(shape.sealed_start(begin), shape.sealed_end(stop))
            self._open_window(begin, sealed, sink, offset, end)

    def _open_window(
        self, begin: int, window: memoryview, sink: memoryview, offset: int, end: int
    ) -> None:
        """Open the full segments of `window` straight into `sink`, or by a copy at its edges."""
        index, taken, start = begin, 0, self._geometry.plain_start(begin)
        while taken < len(window):
            size = fmt.PLAIN_SIZE if index else fmt.FIRST_PLAIN_SIZE
            stop, sealed = start + size, window[taken : taken + size + fmt.TAG_SIZE]
            if offset <= start and stop <= end:
                self._open(index, sealed, sink[start - offset : stop - offset], last=False)
            else:
                plain = _room(size)
                self._open(index, sealed, plain, last=False)
                low, high = max(start, offset), min(stop, end)
                sink[low - offset : high - offset] = plain[low - start : high - start]
            index, taken, start = index + 1, taken + size + fmt.TAG_SIZE, stop

    def _open_last(self, sealed: memoryview | None) -> memoryview:
        shape = self._geometry
        index = shape.segments - 1
        if sealed is None:
            sealed = self._fetch(shape.sealed_start(index), shape.sealed_end(index))
        plain = _room(shape.plain_end(index) - shape.plain_start(index))
        self._open(index, sealed, plain, last=True)
        return plain

    def _open(self, index: int, sealed: memoryview, sink: memoryview, *, last: bool) -> None:
        try:
            self._cipher.decrypt_into(_nonce(self._prefix, index, last), sealed, None, sink)
        except InvalidTag:
            refuse(
                "sealed-segment",
                f"Segment {index} of {self._geometry.segments} of `{self._name}` "
                "does not authenticate.",
            )

    def _fetch(self, start: int, end: int) -> memoryview:
        data = self._read_sealed(start, end - start)
        if len(data) != end - start:
            refuse(
                "sealed-length",
                f"`{self._name}` gave {len(data)} bytes at {start} where it has {end - start}.",
            )
        return memoryview(data)


def _proven_key(header: Header, key_for: Callable[[bytes], DataKey], binding: Binding) -> DataKey:
    """The data key, once the header is shown to speak of this binding and of this key."""
    if not hmac.compare_digest(header.binding_digest, binding.digest()):
        refuse("sealed-binding", f"The object found is not `{binding.name}` of `{binding.store}`.")
    key = key_for(header.key_id)
    if key.id != header.key_id:
        refuse("sealed-key", f"`{binding.name}` needs another key than the one offered.")
    if not hmac.compare_digest(header.commitment, key.commitment):
        refuse("sealed-commitment", f"`{binding.name}` was sealed under another key of this id.")
    return key


def seal_chunks(
    chunks: Iterable[bytes], key: DataKey, binding: Binding, randomness: Randomness
) -> Iterator[bytes]:
    """Seal a stream of pieces of any size, yielding sealed pieces of about 1 MiB at most."""
    writer = SealingWriter(key, binding, randomness)
    for chunk in chunks:
        view = memoryview(chunk).cast("B")
        for start in range(0, len(view), _SEAL_CHUNK):
            sealed = writer.update(view[start : start + _SEAL_CHUNK])
            if sealed:
                yield sealed
    yield writer.finish()


def seal_bytes(plain: bytes, key: DataKey, binding: Binding, randomness: Randomness) -> bytes:
    """Seal `plain` in one go."""
    return SealingWriter(key, binding, randomness).at_once(plain)


def open_bytes(sealed: bytes, key_for: Callable[[bytes], DataKey], binding: Binding) -> bytes:
    """Open a whole sealed object held in memory; refuses as `SealedReader` does."""
    view = memoryview(sealed)

    def read_at(offset: int, length: int) -> memoryview:
        return view[offset : offset + length]

    return SealedReader(read_at, len(sealed), key_for, binding).at_once()
