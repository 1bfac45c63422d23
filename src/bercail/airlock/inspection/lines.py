"""Text that people read: programs, logs, notes, line by line. Also what is drawn from others."""

from __future__ import annotations

import re
from bisect import bisect_left

from bercail.airlock.inspection.encoded import find_numbers, find_runs
from bercail.airlock.inspection.identifiers import find_identifiers
from bercail.airlock.inspection.kinds import Kind
from bercail.airlock.inspection.limits import Budget, TooMuchError
from bercail.airlock.inspection.remarks import Notes

_SECRET = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|[?&]sig=[A-Za-z0-9%+/]{20,}"
    r"|\bAccountKey=|\bAGE-SECRET-KEY-1|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|(?i:\b(?:password|passwd|mot_de_passe|secret_key|api_key)\b\s*[:=]\s*['\"][^'\"\s]{6,})"
)
_NUMERALS = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?![\w.])")
_BREAK = re.compile(r"\s{2,}|[,;|\t]")
_STAMP = re.compile(r"^\W*\d{4}-\d\d-\d\d[T ]\d\d:\d\d|^\W*\[?(?:INFO|DEBUG|WARN|ERROR|NOTE)\b")
_LITERAL = re.compile(r"[\s\[({]*(?:[-+]?[\d.]+|'[^']*'|\"[^\"]*\")[\s\])}]*")
_ROWS = 8
_LOOKS = 500
_SHORT, _WRAPPED, _TOGETHER = 9, 4, 400
_MOST_LINES = 100_000
_LITERALS = 40


def place(text: str, start: int) -> str:
    """Line and column of `start` in `text`, both from 1."""
    line = text.count("\n", 0, start) + 1
    return f"line {line}, column {start - text.rfind(chr(10), 0, start)}"


def scan_text(text: str, notes: Notes, *, numbers: bool = True) -> None:
    """Identifiers, secrets and encoded data anywhere in `text`, with their places."""
    encoded: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) >= _SHORT:
            encoded += _scan_line(line, f"line {number}", notes, numbers=numbers)
    # Encoded data are often broken into lines, each no longer than a digest.
    if len(encoded) >= _WRAPPED and sum(encoded) > _TOGETHER:
        notes.add("encoded-data", "runs on several lines", len(encoded))


def _scan_line(text: str, line: str, notes: Notes, *, numbers: bool) -> list[int]:
    """What stands in one line is noted; the lengths of its encoded runs."""
    for hit in find_identifiers(text):
        rule = "identifier" if hit.sure else "identifier-possible"
        notes.add(rule, f"{line}, column {hit.start + 1}")
    runs = list(find_runs(text))
    for rule, start, _ in runs:
        notes.add(rule, f"{line}, column {start + 1}")
    if numbers:
        for rule, start in find_numbers(text):
            notes.add(rule, f"{line}, column {start + 1}")
    for found in _SECRET.finditer(text):
        notes.add("secret", f"{line}, column {found.start() + 1}")
    return [length for _, _, length in runs]


def look_at_text(text: str, kind: Kind, notes: Notes, budget: Budget) -> None:
    """A program, a log, or a text as an output.

    Raises:
        TooMuchError: it is longer than anybody reads.
    """
    if len(text) > budget.limits.text or text.count("\n") > _MOST_LINES:
        raise TooMuchError("text")
    scan_text(text, notes)
    _printed_rows(text, kind, notes)
    if kind is Kind.CODE:
        _literals(text, notes)
    notes.add("by-eye")


def _printed_rows(text: str, kind: Kind, notes: Notes) -> None:
    """Eight lines in a row with the same number of columns and numbers in them are records."""
    run, width, first = 0, 0, 0
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        columns = _columns(line, kind)
        if columns and columns == width:
            run += 1
            continue
        if run >= _ROWS:
            notes.add("printed-rows", f"lines {first} to {number - 1}", run)
        run, width, first = (1, columns, number) if columns else (0, 0, number)


def _columns(line: str, kind: Kind) -> int:
    """The columns of a line of records; 0 for any other line."""
    if len(line) > 2_000 or _STAMP.match(line):
        return 0
    if kind is Kind.CODE and not line.lstrip("# \t")[:1].isdigit():
        return 0
    parts = [part.strip() for part in _BREAK.split(line.strip()) if part.strip()]
    numbers = sum(1 for part in parts if _NUMERALS.fullmatch(part))
    return len(parts) if len(parts) >= 3 and numbers * 2 >= len(parts) else 0


def _literals(text: str, notes: Notes) -> None:
    """A bracket that holds dozens of plain numbers or quoted words is data in a program."""
    commas = [found.start() for found in re.finditer(",", text)]
    opened: list[int] = []
    looks, told = 0, -1
    for found in re.finditer(r"[\[\](){}]", text):
        if found[0] in "[({":
            opened.append(found.end())
        elif opened:
            start, end = opened.pop(), found.start()
            many = bisect_left(commas, end) - bisect_left(commas, start)
            # Inner brackets close first; what holds a told one says nothing new.
            if many < _LITERALS or start <= told or looks >= _LOOKS:
                continue
            looks += 1
            if _is_data(text[start : min(end, start + 40_000)]):
                notes.add("literal-data", place(text, start))
                told = start


def _is_data(body: str) -> bool:
    parts = body.split(",")
    plain = sum(1 for part in parts if _LITERAL.fullmatch(part))
    return plain * 10 >= len(parts) * 9
