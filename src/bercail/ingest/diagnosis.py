"""Why a file cannot be read: the slow look, line by line, at a file that failed.

Every kind of damage has a check of its own (`findings.CHECKS`). Lines are counted for as long as
`WINDOW` lines after the first one that is wrong, so a file that is wrong throughout does not take
hours to refuse. Nothing of a line leaves this file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from datetime import datetime

import pyarrow as pa

from bercail.ingest.delivery import Stream
from bercail.ingest.events import FindingCounted
from bercail.ingest.findings import Tally

BLOCK_BYTES = 1 << 20
# The widest table of the SNDS has under 400 columns; a line of a megabyte is no line of it.
LONGEST_LINE = 1 << 20
WINDOW = 50_000

_DATE = re.compile(r"[0-3][0-9]/[01][0-9]/[0-9]{4}")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,14}(\.[0-9]{1,4})?")
_COMMA = re.compile(r"-?[0-9]{1,14},[0-9]+")
_SPACED = re.compile(r"-?[0-9]{1,3}([ \u00a0\u202f\u2009]+[0-9]+)+([.,][0-9]+)?")
_C1 = re.compile(rb"[\x80-\x9f]")

Types = Callable[[str], pa.DataType]


def diagnose(
    stream: Stream, columns: tuple[str, ...], types: Types, file: str
) -> tuple[FindingCounted, ...]:
    """What is wrong in the lines of `stream`, which stands after the header.

    Always at least one finding: `unreadable` when no line is wrong by itself.
    """
    tally, encodings, first = Tally(file), _Encodings(), 0
    for number, raw in enumerate(_lines(stream), start=2):
        if first and number > first + WINDOW:
            break
        if raw is None:
            tally.add("line-too-long", "", 1, [number])
            break
        if not raw.strip(b"\r"):
            continue
        wrong = _look(raw, columns, types, encodings, number)
        for check, column in wrong:
            tally.add(check, column, 1, [number])
        if wrong or encodings.bad:
            first = first or number
    encodings.tell(tally)
    found = tally.findings({})
    if not found:
        tally.add("unreadable", "", 1)
        found = tally.findings({})
    return found


class _Encodings:
    """Which lines are not UTF-8, and what they may be instead."""

    def __init__(self) -> None:
        self.bad = 0
        self._lines: list[int] = []
        self._wide = 0
        self._windows = False

    def read(self, raw: bytes, number: int) -> str | None:
        """The line as text; None, and counted, when it is not UTF-8."""
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            self.bad += 1
            self._lines = [*self._lines, number][:10]
            self._windows |= _C1.search(raw) is not None
            return None
        self._wide += not text.isascii()
        return text

    def tell(self, tally: Tally) -> None:
        """Count the lines under the one check that fits them all."""
        if self.bad:
            other = "encoding-cp1252" if self._windows else "encoding-latin-1"
            check = "encoding-mixed" if self._wide else other
            tally.add(check, "", self.bad, self._lines)


def _look(
    raw: bytes, columns: tuple[str, ...], types: Types, encodings: _Encodings, number: int
) -> list[tuple[str, str]]:
    if b"\0" in raw:
        return [("nul-byte", "")]
    text = encodings.read(raw, number)
    if text is None:
        return []
    cells = cells_of(text.rstrip("\r"))
    if cells is None:
        return [("unbalanced-quotes", "")]
    if len(cells) != len(columns):
        return [("field-count", "")]
    pairs = zip(columns, cells, strict=True)
    return [(wrong, name) for name, cell in pairs if cell and (wrong := misfit(cell, types(name)))]


def cells_of(line: str) -> list[str] | None:
    """The fields of a line; None when a quoted one is not closed on it."""
    if '"' not in line:
        return line.split(";")
    try:
        (cells,) = csv.reader([line], delimiter=";", strict=True)
    except (csv.Error, ValueError):
        return None
    return cells


def misfit(cell: str, wanted: pa.DataType) -> str:
    """The check that a field fails for its type; empty when it fits."""
    if pa.types.is_date(wanted):
        return "" if _is_day(cell) else "not-a-date"
    if pa.types.is_integer(wanted):
        fits, otherwise = _WHOLE.fullmatch(cell.strip()), "not-a-whole-number"
    elif pa.types.is_decimal(wanted):
        fits, otherwise = _DECIMAL.fullmatch(cell), "not-a-number"
    else:
        return ""
    if fits:
        return ""
    if _SPACED.fullmatch(cell.strip()) or cell != cell.strip():
        return "number-with-blanks"
    return "decimal-comma" if _COMMA.fullmatch(cell) else otherwise


def _is_day(cell: str) -> bool:
    if not _DATE.fullmatch(cell):
        return False
    try:
        datetime.strptime(cell, "%d/%m/%Y")  # noqa: DTZ007  # a day has no zone
    except ValueError:
        return False
    return True


def _lines(stream: Stream) -> Iterator[bytes | None]:
    """The lines without their ends; None, once, for one longer than any table has."""
    held = b""
    while block := stream.read(BLOCK_BYTES):
        *whole, held = (held + block).split(b"\n")
        for line in whole:
            yield line if len(line) <= LONGEST_LINE else None
        if len(held) > LONGEST_LINE:
            yield None
            return
    if held:
        yield held
