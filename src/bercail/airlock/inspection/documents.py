"""JSON documents: notebooks, chart specifications, and others."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bercail.airlock.inspection.delimited import look_at_grid
from bercail.airlock.inspection.kinds import Kind
from bercail.airlock.inspection.limits import Budget, TooMuchError
from bercail.airlock.inspection.lines import look_at_text, scan_text
from bercail.airlock.inspection.remarks import Notes

_ROWS = 200
_DEEPEST = 60
_LONG, _HUGE = 10**8, 10**40


def walk(value: Any, budget: Budget) -> Iterator[tuple[str, Any]]:
    """Every member of a JSON value with its path, parents first.

    Raises:
        TooMuchError: more members, or deeper ones, than a result has.
    """
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    while waiting:
        path, one, depth = waiting.pop()
        budget.take("elements")
        if depth > _DEEPEST:
            raise TooMuchError("depth")
        yield path, one
        if isinstance(one, Mapping):
            pairs = list(enumerate(one.values()))
            # Names of members may be values: places are told by position.
            waiting += [(f"{path}/{n}", v, depth + 1) for n, v in reversed(pairs)]
        elif isinstance(one, list):
            waiting += [(f"{path}/{n}", v, depth + 1) for n, v in reversed(list(enumerate(one)))]


def scan_strings(value: Any, notes: Notes, budget: Budget) -> None:
    """Every text of a JSON value as a reader sees it: names, values, long whole numbers, once.

    What is written with `\\u` escapes says nothing to a search of the file's own text.
    """
    seen: set[str] = set()
    for path, one in walk(value, budget):
        names = one if isinstance(one, Mapping) else ()
        for text in (*names, *_said(one)):
            if text not in seen:
                seen.add(text)
                with notes.inside(f"member {path or '/'}"):
                    scan_text(text, notes)


def _scan_escaped(text: str, value: Any, notes: Notes) -> None:
    """The texts of a document whose own text was searched: only escapes hide something more."""
    if "\\" in text:
        # The same members are walked again by the caller, who counts them.
        scan_strings(value, notes, Budget())


def _said(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LONG
    return (str(value),) if whole and abs(value) < _HUGE else ()


def look_at_json(text: str, value: Any, notes: Notes, budget: Budget) -> None:
    """A JSON document of no known kind: searched; lists of objects are looked at as tables."""
    if len(text) > budget.limits.text:
        raise TooMuchError("text")
    scan_text(text, notes)
    _scan_escaped(text, value, notes)
    for path, one in walk(value, budget):
        if (rows := _rows(one)) is not None:
            with notes.inside(f"member {path or '/'}"):
                look_at_grid(rows, notes, 11)
    notes.add("not-understood")


def _rows(value: Any) -> list[list[str]] | None:
    """A list of objects with the same members, as a table with a head."""
    if not isinstance(value, list) or len(value) < 2:
        return None
    if not all(isinstance(row, Mapping) and row for row in value):
        return None
    head = list(value[0])
    if any(list(row) != head for row in value):
        return None
    body = [[_plain(row[name]) for name in head] for row in value]
    return [[str(name) for name in head], *body]


def _plain(value: Any) -> str:
    return "" if value is None or isinstance(value, Mapping | list) else str(value)


def look_at_chart(text: str, value: Any, notes: Notes, budget: Budget, threshold: int) -> None:
    """A Vega or Vega-Lite specification: the data inside are an output too."""
    if len(text) > budget.limits.text:
        raise TooMuchError("text")
    scan_text(text, notes)
    _scan_escaped(text, value, notes)
    for path, one in walk(value, budget):
        rows = _rows(one)
        if rows is None:
            if _loads(one):
                notes.add("active-content", f"member {path}")
            continue
        if len(rows) - 1 > _ROWS:
            notes.add("embedded-data", f"member {path}", len(rows) - 1)
        with notes.inside(f"member {path}"):
            look_at_grid(rows, notes, threshold)
    notes.add("by-eye")


def _loads(value: Any) -> bool:
    """An address, other than that of the language of the chart itself."""
    if not isinstance(value, str) or value.startswith("https://vega.github.io/schema/"):
        return False
    return value.startswith(("http:", "https:", "ftp:", "//"))


def look_at_notebook(value: Any, notes: Notes, budget: Budget) -> None:
    """A notebook: programs and text may leave; outputs and attachments may not."""
    scan_strings(value, notes, budget)
    cells = value.get("cells")
    if not isinstance(cells, list):
        notes.add("broken")
        return
    for number, cell in enumerate(cells, start=1):
        where = f"cell {number}"
        if not isinstance(cell, Mapping):
            notes.add("broken", where)
            continue
        if cell.get("outputs") or cell.get("attachments"):
            notes.add("notebook-outputs", where)
        source = cell.get("source", "")
        text = "".join(part for part in source if isinstance(part, str)) if isinstance(
            source, list
        ) else str(source)  # fmt: skip
        kind = Kind.CODE if cell.get("cell_type") == "code" else Kind.TEXT
        with notes.inside(where):
            look_at_text(text, kind, notes, budget)
            _leftovers(cell.get("metadata"), notes)
    metadata = value.get("metadata")
    if isinstance(metadata, Mapping) and set(metadata) - {"kernelspec", "language_info"}:
        notes.add("metadata", "notebook")
    scan_text(json.dumps(metadata, ensure_ascii=False), notes)
    notes.add("by-eye")


def _leftovers(metadata: Any, notes: Notes) -> None:
    """What tools leave in the metadata of a cell: states of widgets, hidden sources."""
    if not isinstance(metadata, Mapping):
        return
    kept = set(metadata) - {"tags", "collapsed", "scrolled", "execution"}
    jupyter = metadata.get("jupyter")
    if isinstance(jupyter, Mapping) and (jupyter.get("source_hidden")):
        notes.add("hidden-content")
        kept -= {"jupyter"}
    if kept:
        notes.add("metadata")
    scan_text(json.dumps(dict(metadata), ensure_ascii=False), notes)
