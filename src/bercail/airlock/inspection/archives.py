"""Archives: what is inside, within bounds; they never leave as they are."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator

from bercail.airlock.inspection.limits import Budget, TooMuchError
from bercail.airlock.inspection.remarks import Notes

_PIECE = 65_536
Look = Callable[[bytes], None]


def open_zip(data: bytes, budget: Budget) -> dict[str, bytes]:
    """The members of a zip by name, read within `budget`.

    Raises:
        TooMuchError: more members, bytes or growth than allowed.
        ValueError: it is no whole zip, or holds what cannot be read plainly.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            infos = opened.infolist()
            budget.take("entries", len(infos))
            names = [info.filename for info in infos]
            if len(set(names)) != len(names):
                raise ValueError("two members of one name")
            found: dict[str, bytes] = {}
            for info in infos:
                if info.is_dir():
                    continue
                if info.flag_bits & 1:
                    raise ValueError("a member under a password")
                with opened.open(info) as member:
                    found[info.filename] = _read(member.read, info.compress_size, budget)
            return found
    except (
        zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, KeyError, IndexError,
        OverflowError, UnicodeError,
    ) as error:  # fmt: skip
        raise ValueError("no whole archive") from error


def _read(read: Callable[[int], bytes], packed: int, budget: Budget) -> bytes:
    """All that `read` gives, while it stays within the growth allowed for `packed` bytes."""
    most = max(packed, 1) * budget.limits.ratio + _PIECE
    pieces: list[bytes] = []
    total = 0
    while piece := read(_PIECE):
        total += len(piece)
        budget.take("unpacked", len(piece))
        if total > most:
            raise TooMuchError("ratio")
        pieces.append(piece)
    return b"".join(pieces)


def open_gzip(data: bytes, budget: Budget) -> bytes:
    """The first member of a gzip file, within `budget`; raises as `open_zip`."""
    return inflate(data, budget, 16 + zlib.MAX_WBITS)


def inflate(data: bytes, budget: Budget, window: int = zlib.MAX_WBITS) -> bytes:
    """What a deflate stream holds, within `budget`.

    Raises:
        TooMuchError: it grows beyond the bounds.
        ValueError: it is no such stream.
    """
    stream = zlib.decompressobj(window)
    most = len(data) * budget.limits.ratio + _PIECE
    pieces: list[bytes] = []
    total, rest = 0, data
    try:
        while rest and not stream.eof:
            piece = stream.decompress(rest, _PIECE)
            rest = stream.unconsumed_tail
            total += len(piece)
            budget.take("unpacked", len(piece))
            if total > most:
                raise TooMuchError("ratio")
            pieces.append(piece)
            if not piece and not rest:
                break
    except zlib.error as error:
        raise ValueError("no deflate stream") from error
    return b"".join(pieces)


def open_tar(data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """The files of a plain tar by name, within `budget`; raises as `open_zip`."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as opened:
            for info in opened:
                budget.take("entries")
                if not info.isreg() or info.issparse():
                    continue
                budget.take("unpacked", info.size)
                member = opened.extractfile(info)
                if member is not None:
                    yield info.name, member.read(info.size)
    except (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError("no whole archive") from error


def look_at_archive(data: bytes, notes: Notes, budget: Budget, look: Look) -> None:
    """An archive as an output: never; its members are looked at so that people know.

    Raises:
        TooMuchError: a bound was reached.
    """
    notes.add("archive")
    try:
        for number, (name, member) in enumerate(_members(data, budget), start=1):
            if re.search(r"^[/\\]|\.\.|^[A-Za-z]:", name):
                notes.add("active-content", f"member {number}")
            with notes.inside(f"member {number}"):
                look(member)
    except ValueError:
        notes.add("broken")


def _members(data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    if data[:2] == b"PK":
        yield from open_zip(data, budget).items()
    elif data[:2] == b"\x1f\x8b":
        yield "", open_gzip(data, budget)
    elif data[257:262] == b"ustar":
        yield from open_tar(data, budget)
