"""Files being written for a folder store, before anyone may see them.

A draft is locked by its writer for as long as the writer lives. A draft that can
be locked therefore belongs to a killed process, and is swept by a later one.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from bercail.storage.leftovers import Leftover

_YOUNG = 60.0  # seconds: a draft this young may not have been locked yet


class Drafts:
    """The drafts of one folder, in `folder`, which is created when first needed.

    `guarded` wraps every call to the system, so that its errors are told apart
    from those of the data's producer.
    """

    def __init__(self, folder: Path, guarded: Callable[[], AbstractContextManager[None]]) -> None:
        self._folder = folder
        self._guarded = guarded
        self._swept = False

    @contextmanager
    def written(self, pieces: Iterable[bytes]) -> Iterator[Path]:
        """A synced file holding `pieces`, removed afterwards unless it was moved away."""
        with self._guarded():
            self._prepare()
            draft = self._folder / token_hex(12)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(draft, flags, 0o600)
        try:
            try:
                self._fill(descriptor, pieces)
                yield draft
            finally:
                os.close(descriptor)
        finally:
            draft.unlink(missing_ok=True)

    def abandoned(self) -> Iterator[Leftover]:
        """Every draft that no living writer holds."""
        if not self._folder.is_dir():
            return
        for draft in sorted(self._folder.iterdir()):
            with suppress(FileNotFoundError):
                begun = datetime.fromtimestamp(draft.stat().st_mtime, UTC)
                if not _is_held(draft):
                    yield Leftover(name=f"draft {draft.name}", token=draft.name, begun=begun)

    def discard(self, token: str) -> None:
        """Remove a draft of `abandoned`, unless a writer holds it."""
        draft = self._folder / Path(token).name
        with suppress(FileNotFoundError):
            if not _is_held(draft):
                draft.unlink()

    def _fill(self, descriptor: int, pieces: Iterable[bytes]) -> None:
        with self._guarded():
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        for piece in pieces:
            view = memoryview(piece).cast("B")
            with self._guarded():
                while view:
                    view = view[os.write(descriptor, view) :]
        with self._guarded():
            os.fsync(descriptor)

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._swept:
            self._swept = True
            for draft in list(self._folder.iterdir()):
                _sweep(draft)


def _sweep(draft: Path) -> None:
    with suppress(FileNotFoundError):
        if time.time() - draft.stat().st_mtime >= _YOUNG and not _is_held(draft):
            draft.unlink()


def _is_held(draft: Path) -> bool:
    """Whether a living writer holds the draft. Nobody locks a draft that was let go."""
    descriptor = os.open(draft, os.O_WRONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
