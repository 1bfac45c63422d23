"""How much memory the story takes, its servers and processes included."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

LOOK_EVERY = 0.5


class PeakMemory:
    """Looks at this process and all its descendants twice a second; `peak` is in bytes.

    Adds up proportional set sizes, so that memory shared by two processes counts once.
    `adopted` are processes to count too, with their descendants.
    """

    def __init__(self) -> None:
        self.peak = 0
        # A server left by a killed story is nobody's descendant.
        self.adopted: set[int] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            family = set[int]().union(*map(_family, {os.getpid(), *self.adopted}))
            self.peak = max(self.peak, sum(map(_proportional, family)))


def _family(root: int) -> set[int]:
    """`root` and its descendants; a server in a session of its own is still a descendant."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = set(), [root]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += children.get(pid, [])
    return found


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        # The process ended between the listing and the look.
        return None


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        # Ended since, or not ours to look at.
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
