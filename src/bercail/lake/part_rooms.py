"""Memory for sealed parts on their way, used again for the next part.

Fresh memory is not free: the system clears each page of it when it is first written to, which
for a stream costs more than to encipher it. So a few rooms serve a whole upload, in large pages
where the system has them.
"""

from __future__ import annotations

import mmap
import sys
from typing import Final

from attrs import define, field

_LARGE_PAGES: Final = "linux"


@define(eq=False)
class Room:
    """Bytes to write to, of which the first `size` are filled."""

    _memory: memoryview = field(alias="memory")
    size: int = 0

    @property
    def filled(self) -> memoryview:
        """What was written."""
        return self._memory[: self.size]

    @property
    def free(self) -> memoryview:
        """What is left to write to."""
        return self._memory[self.size :]

    def add(self, content: bytes) -> None:
        """Write `content` behind what is there; what does not fit is a `ValueError`."""
        self._memory[self.size : self.size + len(content)] = content
        self.size += len(content)


class PartRooms:
    """Rooms of `size` bytes each: as many as are in use at once, made when they are asked for."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free: list[Room] = []

    def take(self) -> Room:
        """An empty room."""
        if self._free:
            room = self._free.pop()
            room.size = 0
            return room
        return Room(memory=memoryview(_memory(self._size)))

    def give_back(self, room: Room) -> None:
        """Have `room` used again; nobody may look at it any more."""
        self._free.append(room)


def _memory(size: int) -> mmap.mmap:
    if sys.platform != _LARGE_PAGES:
        return mmap.mmap(-1, size)
    # Memory that is shared, as Python makes it unasked, has no large pages.
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
