"""An open sealed object as a file: plaintext on demand, in ranges."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

SMALLEST_READ = 64 * 1024
LARGEST_READ_AHEAD = 4 * 1024 * 1024


class SealedFile(io.RawIOBase):
    """A seekable, read-only file over `read_at(offset, length)`, for one thread at a time.

    Reading on from where the last read ended fetches ahead, twice as much each
    time up to 4 MiB, so that a reader of small pieces costs few requests. A jump
    fetches what is asked, at least one segment of 64 KiB.
    """

    def __init__(self, read_at: Callable[[int, int], bytes], size: int, name: str) -> None:
        super().__init__()
        self.name = name
        self.size = size
        self._read_at = read_at
        self._position = 0
        self._window_start = 0
        self._window = b""
        self._ahead = SMALLEST_READ

    def readable(self) -> bool:
        """Always true while open."""
        return not self.closed

    def seekable(self) -> bool:
        """Always true while open."""
        return not self.closed

    def tell(self) -> int:
        """The position of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` counted from the start, here or the end; returns the position."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise ValueError("a position cannot be negative")
        self._position = start + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, all that is left when negative; empty at the end."""
        if self.closed:
            raise ValueError("the file is closed")
        left = max(0, self.size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted == 0:
            return b""
        data = self._fetch(self._position, wanted)
        self._position += len(data)
        return data

    def readall(self) -> bytes:
        """All that is left."""
        return self.read(-1)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer`; returns the bytes written, 0 at the end."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _fetch(self, offset: int, length: int) -> bytes:
        start = offset - self._window_start
        if start >= 0 and start + length <= len(self._window):
            return self._window[start : start + length]
        sequential = offset == 0 or self._window_start <= offset <= self._window_end
        self._ahead = min(LARGEST_READ_AHEAD, self._ahead * 2) if sequential else SMALLEST_READ
        span = min(max(length, self._ahead), self.size - offset)
        self._window_start, self._window = offset, self._read_at(offset, span)
        return self._window[:length]

    @property
    def _window_end(self) -> int:
        return self._window_start + len(self._window)


class SharedHandle:
    """A read-only handle that several threads may use at once; each has its own position.

    DuckDB seeks and reads one handle from all its threads, and another thread may run
    between the two calls. A position per thread makes the pair whole. Nothing is kept
    between reads: DuckDB already asks for whole column chunks.
    """

    def __init__(self, read_at: Callable[[int, int], bytes], size: int, name: str) -> None:
        self.name = name
        self.size = size
        self.closed = False
        self._read_at = read_at
        self._here = threading.local()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move this thread's position; returns it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self.size}[whence]
        self._here.position = max(0, start + offset)
        return start + offset

    def tell(self) -> int:
        """This thread's position."""
        return getattr(self._here, "position", 0)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes at this thread's position, all that is left when negative."""
        position = self.tell()
        left = max(0, self.size - position)
        wanted = left if size < 0 else min(size, left)
        data = self._read_at(position, wanted) if wanted else b""
        self._here.position = position + len(data)
        return data

    def close(self) -> None:
        """Mark as closed; the sealed object itself needs no closing."""
        self.closed = True

    def __enter__(self) -> SharedHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
