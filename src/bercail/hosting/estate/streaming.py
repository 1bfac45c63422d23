"""Exports of any length: one row of a long list at a time, never the whole file.

The standard library's decoder parses single values out of a window of text that slides over
the file. Two passes: the first tells the members of the outermost object and counts the rows
of its lists; then a list is gone through, as often as wanted, each row parsed, sifted and
forgotten. Memory holds a window of twice the longest row.

No error quotes the file: places only, and none is raised where a variable holds its text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from json.decoder import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import Any, TextIO

from attrs import frozen

from bercail.foundation import Invalid, Missing
from bercail.hosting.estate.reading import kept, sifted

CHUNK = 1 << 20
"""Characters read at once."""
LONGEST_ROW = 64 << 20
"""Characters of one row, or of one other member; a longer one is refused."""
_SPACE = " \t\n\r"
_DECODER = JSONDecoder(object_pairs_hook=sifted)
_COUNTER = JSONDecoder()


class _Broken(Exception):
    """The text stops being JSON; the argument is the place."""


@frozen
class Rows:
    """The rows of the list `member` of the outermost object, or of the outermost list (None).

    Each is changed by `change` as it comes.
    """

    path: Path
    member: str | None
    count: int
    change: Callable[[Any], Any] = lambda row: row

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Any]:
        """The rows in their order.

        Raises:
            Invalid: the file cannot be read to its end, or changed since it was counted.
        """
        place = None
        try:
            with _opened(self.path) as file:
                yield from map(self.change, _rows_of(file, self.member))
        except _Broken as broken:
            place = str(broken)
        if place is not None:
            raise broken_at(self.path, place)


@frozen
class Outline:
    """What an export is made of: its plain members and the rows of its lists.

    `rows` by name of the member; under None when the file is one list. `objects` are the names
    of members that are objects, which are not kept.
    """

    plain: dict[str, Any]
    rows: dict[str | None, Rows]
    objects: frozenset[str]


def outline_of(path: Path) -> Outline:
    """The outline of the JSON file `path`.

    Raises:
        Invalid: the file cannot be read, or is no whole JSON object or list; named by the place.
    """
    try:
        with _opened(path) as file:
            return _outlined(path, _Window(file))
    except _Broken as broken:
        place = str(broken)
    raise broken_at(path, place)


def broken_at(path: Path, place: str) -> Invalid:
    """The file is no JSON from `place` on."""
    return Invalid(
        f"`{path}` is not whole JSON: {place}.",
        remedy="Take the export again, with `--output json`; it may have been cut short.",
    )


def _opened(path: Path) -> TextIO:
    try:
        with path.open("rb") as file:
            encoding = json.detect_encoding(file.read(4))
        return path.open(encoding=encoding, newline="")
    except FileNotFoundError:
        raise Missing(f"There is no export `{path}`.", remedy="Check the path.") from None
    except OSError as error:
        reason = error.strerror
    raise Invalid(f"Cannot read `{path}`: {reason}.", remedy="Check the path.")


def _outlined(path: Path, window: _Window) -> Outline:
    first = window.peek()
    if first == "[":
        count = sum(1 for _ in window.items(_COUNTER))
        window.end()
        return Outline(plain={}, rows={None: Rows(path, None, count)}, objects=frozenset())
    plain: dict[str, Any] = {}
    rows: dict[str | None, Rows] = {}
    objects: set[str] = set()
    for name in window.members():
        if name in plain or name in rows or name in objects:
            raise _Broken("a member of the outermost object is given twice")
        opening = window.peek()
        if opening == "[":
            rows[name] = Rows(path, name, sum(1 for _ in window.items(_COUNTER)))
        elif opening == "{":
            window.value(_COUNTER)
            objects.add(name)
        else:
            plain[name] = kept(name, window.value(_DECODER))
    window.end()
    return Outline(plain=plain, rows=rows, objects=frozenset(objects))


def _rows_of(file: TextIO, member: str | None) -> Iterator[Any]:
    window = _Window(file)
    if member is None:
        yield from window.items(_DECODER)
        return
    for name in window.members():
        if name == member:
            yield from window.items(_DECODER)
            return
        window.value(_COUNTER) if window.peek() != "[" else _passed(window)


def _passed(window: _Window) -> None:
    for _ in window.items(_COUNTER):
        continue


class _Window:
    """A piece of the file's text, from the place reached on."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._text, self._at, self._line = file, "", 0, 1

    def peek(self) -> str:
        """The next sign that is no space; empty at the end of the file."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def value(self, decoder: JSONDecoder) -> Any:
        """The next value.

        Raises:
            _Broken: there is none, or it is too long.
        """
        self.peek()
        while True:
            try:
                value, end = decoder.raw_decode(self._text, self._at)
            except JSONDecodeError as error:
                place = self._place(error.pos, error.msg.lower())
            except RecursionError:
                raise _Broken("it is nested too deeply") from None
            except ValueError:
                raise _Broken("it holds a number of too many digits") from None
            else:
                # At the end of the window a number may go on behind it.
                if end < len(self._text) or not self._more():
                    self._at = end
                    return value
                continue
            if len(self._text) - self._at > LONGEST_ROW:
                raise _Broken(f"{self._place(self._at, 'one value is too long')}")
            if not self._more():
                raise _Broken(place)

    def items(self, decoder: JSONDecoder) -> Iterator[Any]:
        """The items of the list that begins here."""
        self._take("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield self.value(decoder)
            if self._take(",]") == "]":
                return

    def members(self) -> Iterator[str]:
        """The names of the object that begins here; the caller takes each value."""
        self._take("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                raise _Broken(self._place(self._at, "a name is expected"))
            name = str(self.value(_COUNTER))
            self._take(":")
            yield name
            if self._take(",}") == "}":
                return

    def end(self) -> None:
        """Nothing follows.

        Raises:
            _Broken: something does.
        """
        if self.peek():
            raise _Broken(self._place(self._at, "extra data"))

    def _take(self, wanted: str) -> str:
        found = self.peek()
        if not found or found not in wanted:
            expected = " or ".join(f"`{sign}`" for sign in wanted)
            what = f"{expected} is expected" if found else "it ends too early"
            raise _Broken(self._place(self._at, what))
        self._at += 1
        return found

    def _more(self) -> bool:
        """Slide on: forget what was taken, and read at least as much again as is left."""
        try:
            read = self._file.read(max(CHUNK, len(self._text) - self._at))
        except UnicodeDecodeError as error:
            place = f"after line {self._line}, a byte is not {error.encoding} text"
            read = None
        if read is None:
            raise _Broken(place)
        if read:
            self._line += self._text.count("\n", 0, self._at)
            self._text = self._text[self._at :] + read
            self._at = 0
        return bool(read)

    def _place(self, at: int, what: str) -> str:
        return f"{what} at line {self._line + self._text.count(chr(10), 0, at)}"
