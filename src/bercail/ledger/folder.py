"""The folder of the log: files that never change, and one head that is replaced whole."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bercail.foundation import Unavailable, Unproven

ENTRIES = "entries"
"""Stands in the place of the level in the path of the leaves."""

FULL = 256
"""Hashes in a full tile, entries in a full bundle."""


def tile_name(level: int | str, index: int, width: int = FULL) -> str:
    """The path of a tile or of an entries file, `tile/0/x001/x234/067.p/12` for instance."""
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    suffix = "" if width == FULL else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{suffix}"


class LogFolder:
    """Reads and writes the log under `root`; knows files, not trees.

    Every write goes whole to `.incoming`, is flushed, then takes its name. All
    methods raise Unavailable when the disk is full or cannot be used.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder: one process publishes at a time; the others wait."""
        with self._disk():
            self._root.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self._disk():
                shutil.rmtree(self._root / ".incoming", ignore_errors=True)
                (self._root / ".incoming").mkdir()
            yield
        finally:
            os.close(lock)

    def read_note(self) -> str | None:
        """The signed note of the head; None before the first publication.

        Raises:
            Unproven: the file is not text in UTF-8.
        """
        data = self._content("checkpoint")
        try:
            return None if data is None else data.decode("utf-8")
        except UnicodeDecodeError:
            raise Unproven(
                "The file `checkpoint` of the log is not text.",
                remedy="Restore the log folder from its backup.",
            ) from None

    def read_rows(self, level: int | str, index: int, width: int, row: int) -> list[bytes]:
        """The first `width` rows (of `row` bytes) of a tile, from its partial or full file.

        Raises:
            Unproven: the file is absent or has not its length.
        """
        data, held = self._find(level, index, width)
        if len(data) != held * row:
            raise Unproven(
                f"`{tile_name(level, index, held)}` of the log has {len(data)} bytes, "
                f"not {held * row}.",
                remedy="Restore the log folder from its backup.",
            )
        return [data[i : i + row] for i in range(0, width * row, row)]

    def write_tile(self, level: int | str, index: int, rows: list[bytes]) -> None:
        """Write a tile that is not there yet.

        Raises:
            Unproven: it is there with other bytes; nothing is overwritten.
        """
        name = tile_name(level, index, len(rows))
        data = b"".join(rows)
        path = self._root / name
        with self._disk():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                self._place(path, data)
            elif path.read_bytes() != data:
                raise Unproven(
                    f"`{name}` of the log says something else than the journal.",
                    remedy="Keep both, restore them from their backups, then verify.",
                )

    def write_note(self, note: str) -> None:
        """Replace the head; the last write of a publication."""
        with self._disk():
            self._place(self._root / "checkpoint", note.encode("utf-8"))

    def drop_partials(self, level: int | str, index: int) -> None:
        """Delete the partial files of a tile whose full file is there."""
        full = self._root / tile_name(level, index)
        with self._disk():
            if full.exists():
                shutil.rmtree(full.with_name(full.name + ".p"), ignore_errors=True)

    def _find(self, level: int | str, index: int, width: int) -> tuple[bytes, int]:
        for held in dict.fromkeys((width, FULL)):
            data = self._content(tile_name(level, index, held))
            if data is not None:
                return data, held
        raise Unproven(
            f"`{tile_name(level, index, width)}` of the log is absent.",
            remedy="Restore the log folder from its backup.",
        )

    def _content(self, name: str) -> bytes | None:
        with self._disk():
            try:
                return (self._root / name).read_bytes()
            except FileNotFoundError:
                return None

    def _place(self, path: Path, data: bytes) -> None:
        incoming = self._root / ".incoming" / "file"
        with incoming.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        incoming.replace(path)
        parent = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
            raise Unavailable(
                f"The disk of the log folder `{self._root}` is full."
                if full
                else f"The log folder `{self._root}` cannot be used.",
                remedy="Make room, then publish again."
                if full
                else "Check that it is a folder that this account may write, then try again.",
            ) from problem


def write_whole(target: Path, chunks: Iterable[bytes], mode: int = 0o644) -> int:
    """Write `chunks` to the file `target`, which appears whole or not at all; returns their number.

    `mode` is what others may do with the file; what is confidential takes 0o600.

    Raises:
        Unavailable: the file cannot be written.
    """
    unfinished = target.with_name(f".{target.name}.unfinished")
    count = 0
    try:
        opened = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(opened, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
                count += 1
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as problem:
        raise Unavailable(
            f"The file `{target}` cannot be written.",
            remedy="Choose a folder that exists, can be written and has room.",
        ) from problem
    return count
