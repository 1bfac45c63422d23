"""The story's folder: held by one run at a time, and cleared away without leaving a process.

A folder belongs to a story when it holds the mark; nothing else is ever removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bercail.foundation import Invalid, Refused
from bercail.testing.processes import Note, stop

MARK = ".bercail-demo"
STORY = "story.json"
FOLDERS = ("holder", "platform", "secrets", "servers", "results", "release")
FILES = ("index.html", "story.new", "index.new")


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Make the folder if need be, and hold it; the system lets go when the process dies.

    Raises:
        Invalid: the folder holds something else than a story.
        Refused: another process tells a story there.
    """
    out.mkdir(parents=True, exist_ok=True)
    is_story = (out / MARK).exists() or (out / STORY).exists()
    if not is_story and any(out.iterdir()):
        raise Invalid(
            f"`{out}` holds other files and no story.",
            remedy="Name a new or empty folder with `--out`.",
        )
    with (out / MARK).open("w") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"Another process is telling the story in `{out}`.",
                remedy="Wait for it to end, or name another folder with `--out`.",
                rule="demo-alone",
            ) from None
        yield


def clear_away(out: Path) -> None:
    """Remove what a story left in `out`; the notebook goes first, so that nobody believes it."""
    end_processes(out)
    (out / STORY).unlink(missing_ok=True)
    for name in FOLDERS:
        if (out / name).exists():
            shutil.rmtree(out / name)
    for name in FILES:
        (out / name).unlink(missing_ok=True)


def end_processes(out: Path) -> None:
    """End the servers and the copying process that a killed story left at work."""
    end_copy(out)
    for path in (out / "servers").glob("*/server.json"):
        _end(path)


def end_copy(out: Path) -> None:
    """End the copying process that a killed story left at work."""
    _end(copy_note(out))


def copy_note(out: Path) -> Path:
    """Where the copying process is written down."""
    return out / "results" / "copy.process"


def _end(path: Path) -> None:
    note = Note.find(path)
    if note is not None and note.alive:
        stop(note)


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file that is there whole or not at all, whenever the process is killed."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
