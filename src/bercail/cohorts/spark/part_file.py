"""A sealed part as a file for one thread, as pyarrow reads it."""

from __future__ import annotations

import io
from collections.abc import Callable


class PartFile(io.RawIOBase):
    """A seekable, read-only file over `read_at(offset, length)`.

    Nothing is fetched ahead: pyarrow asks for whole column chunks.
    """

    def __init__(self, read_at: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._read_at, self._size, self._position = read_at, size, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` counted from the start, here or the end; returns the position."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, all that is left when negative."""
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        data = self._read_at(self._position, wanted) if wanted else b""
        self._position += len(data)
        return data
