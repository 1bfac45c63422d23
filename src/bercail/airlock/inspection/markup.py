"""Markup: drawings, pages, XML documents. Read without entities, links or scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from bercail.airlock.inspection.limits import Budget, TooMuchError
from bercail.airlock.inspection.lines import scan_text
from bercail.airlock.inspection.remarks import Notes

_DATA_URI = re.compile(r"data:[a-z]+/[a-z0-9.+-]+[;,]", re.IGNORECASE)
_MARKS = frozenset({"circle", "ellipse", "use", "rect", "line", "polygon"})
_SCRIPTS = frozenset({"script", "foreignobject", "iframe", "object", "embed", "applet", "form"})
_POINTS = 50
_DEEPEST = 100
_PAGE = 500_000
_PATH = 5_000
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0(?:[^.\d]|$)"
)
_DOCTYPE = re.compile(r"<!DOCTYPE\s{1,9}svg[^\[>]{0,500}>", re.IGNORECASE)


def parse_xml(text: str, budget: Budget) -> Any:
    """The root element of an XML text without declarations of entities.

    Raises:
        TooMuchError: it has more elements than a result has.
        ValueError: it is not XML, or defines entities.
    """
    budget.take("elements", text.count("<"))
    # The plain document type of SVG names a file on the network; nobody fetches it here.
    plain = _DOCTYPE.sub("", text, count=1)
    try:
        root = fromstring(plain.encode("utf-8", "replace"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        raise ValueError("no plain XML") from error
    _require_shallow(root)
    return root


def _require_shallow(root: Any) -> None:
    """Raise TooMuchError when elements stand deeper in others than people write them."""
    waiting = [(root, 1)]
    while waiting:
        element, depth = waiting.pop()
        if depth > _DEEPEST:
            raise TooMuchError("depth")
        waiting += [(child, depth + 1) for child in element]


def local(tag: Any) -> str:
    """The name of a tag without its namespace, in small letters."""
    return tag.rsplit("}", 1)[-1].lower() if isinstance(tag, str) else ""


def look_at_svg(text: str, notes: Notes, budget: Budget) -> None:
    """A drawing: its marks, and what stands in it beside the drawing."""
    _surroundings(text, notes, budget)
    try:
        root = parse_xml(text, budget)
    except ValueError:
        notes.add("broken")
        return
    marks = 0
    for number, element in enumerate(root.iter(), start=1):
        name = local(element.tag)
        marks += name in _MARKS
        if name in _SCRIPTS:
            notes.add("active-content", f"element {number}")
        if name in {"metadata", "desc", "title"} and "".join(element.itertext()).strip():
            notes.add("metadata", f"element {number}")
        _attributes(element.attrib, number, notes)
        points = max((len(v) for k, v in element.attrib.items() if local(k) in {"d", "points"}),
                     default=0)  # fmt: skip
        if points > _PATH:
            notes.add("plot-points", f"element {number}")
    if marks > _POINTS:
        notes.add("plot-points", "", marks)
    notes.add("by-eye")


def _attributes(attributes: Any, number: int, notes: Notes) -> None:
    for name, value in attributes.items():
        key = local(name)
        if key.startswith("on") or (key == "href" and not value.startswith(("#", "data:"))):
            notes.add("active-content", f"element {number}")
        if key.startswith("data-") or (key == "aria-label" and len(value) > 200):
            notes.add("embedded-data", f"element {number}")
        if (key == "style" and _HIDDEN.search(value)) or (key, value) == ("display", "none"):
            notes.add("hidden-content", f"element {number}")


def _surroundings(text: str, notes: Notes, budget: Budget) -> None:
    """Comments, embedded files, identifiers: in any markup."""
    if len(text) > budget.limits.text:
        raise TooMuchError("text")
    for number, said in enumerate(_comments(text), start=1):
        if said.strip():
            notes.add("comments", f"comment {number}")
    if found_uris := len(_DATA_URI.findall(text)):
        notes.add("embedded-data", "data: addresses", found_uris)
    # Coordinates have many digits; only words and attributes are held against the number rules.
    scan_text(text, notes, numbers=False)


def _comments(text: str) -> Iterator[str]:
    """What each comment says; one that does not end goes to the end of the text."""
    start = text.find("<!--")
    while start >= 0:
        end = text.find("-->", start + 4)
        if end < 0:
            yield text[start + 4 :]
            return
        yield text[start + 4 : end]
        start = text.find("<!--", end + 3)


def look_at_markup(text: str, notes: Notes, budget: Budget) -> None:
    """An XML document of no known kind: searched, and left to people."""
    _surroundings(text, notes, budget)
    try:
        parse_xml(text, budget)
    except ValueError:
        notes.add("broken")
        return
    notes.add("not-understood")


def look_at_html(text: str, notes: Notes, budget: Budget) -> None:
    """A page: scripts, hidden elements, comments, embedded files."""
    _surroundings(text, notes, budget)
    budget.take("elements", text.count("<"))
    # The parser of the standard library goes back over what does not end; pages are short.
    if len(text) > _PAGE:
        raise TooMuchError("text")
    page = _Page()
    try:
        page.feed(text)
        page.close()
    except (AssertionError, ValueError):
        notes.add("broken")
    for rule, place in page.found():
        notes.add(rule, place)
    notes.add("by-eye")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._found: list[tuple[str, str]] = []

    def found(self) -> Iterator[tuple[str, str]]:
        yield from self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        where = f"line {self.getpos()[0]}, column {self.getpos()[1] + 1}"
        if tag in _SCRIPTS or any(name.startswith("on") for name, _ in attrs):
            self._found.append(("active-content", where))
        if tag == "meta" and any(name == "name" and value != "viewport" for name, value in attrs):
            self._found.append(("metadata", where))
        for name, value in attrs:
            if name == "hidden" or (name == "style" and _HIDDEN.search(value or "")):
                self._found.append(("hidden-content", where))
            if name in {"src", "srcset"} and value and not value.startswith("data:"):
                self._found.append(("active-content", where))
            if name.startswith("data-") and value and len(value) > 40:
                self._found.append(("embedded-data", where))
