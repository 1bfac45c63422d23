"""Tables: what the columns and cells of a CSV, or of a sheet, must not be."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence

from bercail.airlock.disclosure.findings import IDENTIFYING_NAMES
from bercail.airlock.disclosure.rules.statistics import extreme
from bercail.airlock.inspection.encoded import find_runs, number_rule
from bercail.airlock.inspection.identifiers import find_identifiers, is_finess
from bercail.airlock.inspection.limits import Budget
from bercail.airlock.inspection.lines import scan_text
from bercail.airlock.inspection.remarks import Notes

ROUNDED_TO = 5
_DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d+)?|[.,]\d+)(?:[eE][-+]?\d+)?\s*%?")
_COUNT_NAME = re.compile(
    r"(?:n|nb|num|count|counts|effectifs?|patients?|persons?|personnes|people|nombre|freq"
    r"|frequency|total|events?|deaths?|deces|numerator|denominator)",
)
_NAMED = re.compile(r"(?:num_?)?(?:nir|finess|rpps|adeli).*")
_NINE = re.compile(r"(?:\d\d|2[AB])\d{7}")
_TRAITS = re.compile(
    r"age|birth|naissance|ben_nai|sex|sexe|ben_sex|commune|com_|postal|code_post|dep|dpt|region"
    r"|date|dtd|jour|day|ville|city|profession|csp"
)


def delimiter_of(text: str) -> str | None:
    """What separates the columns, when every line has the same number of them; else None."""
    lines = [line for line in text[:200_000].splitlines()[:200] if line.strip()]
    if len(text) > 200_000 and lines:
        lines = lines[:-1]
    if len(lines) < 2:
        return None
    for sign in _DELIMITERS:
        try:
            widths = {len(row) for row in csv.reader(lines, delimiter=sign) if row}
        except csv.Error:
            continue
        if len(widths) == 1 and widths.pop() >= 2:
            return sign
    return None


def look_at_delimited(text: str, notes: Notes, budget: Budget, threshold: int) -> None:
    """A CSV as an output.

    Raises:
        TooMuchError: it has more cells than a result has.
    """
    sign = delimiter_of(text) or ","
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text), delimiter=sign):
            budget.take("cells", len(row) or 1)
            rows.append(row)
    except csv.Error:
        # A cell longer than the reader takes: no table, but what stands in it is still searched.
        notes.add("broken")
        scan_text(text, notes)
        return
    look_at_grid(rows, notes, threshold)


def look_at_grid(rows: Sequence[Sequence[str]], notes: Notes, threshold: int) -> None:
    """Cells in rows, the first row naming the columns."""
    for number, row in enumerate(rows, start=1):
        for place, cell in enumerate(row, start=1):
            if cell.strip():
                _cell(cell.strip(), f"row {number}, column {place}", notes)
    look_at_columns(rows, notes, threshold)
    notes.add("by-eye")


def look_at_columns(rows: Sequence[Sequence[str]], notes: Notes, threshold: int) -> None:
    """What columns and rows are named, and what their numbers are; single cells are not read."""
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    if len(filled) < 2:
        return
    head, body = [name.strip().lower() for name in filled[0]], filled[1:]
    columns = [[row[n].strip() if n < len(row) else "" for row in body] for n in range(len(head))]
    for number, (name, values) in enumerate(zip(head, columns, strict=True), start=1):
        if name in IDENTIFYING_NAMES or _NAMED.fullmatch(name):
            notes.add("identifying-column", f"column {number}")
        codes = [value for value in values if value]
        if len(codes) >= 3 and all(_NINE.fullmatch(code) and is_finess(code) for code in codes):
            notes.add("identifier", f"column {number}", len(codes))
    _extremes(head, body, notes)
    _statistics(head, columns, notes, threshold)
    _crossing(head, columns, notes, threshold)


def _extremes(head: Sequence[str], body: Sequence[Sequence[str]], notes: Notes) -> None:
    """Minima and maxima, by the name of a column or of a row."""
    for number, name in enumerate(head, start=1):
        if extreme(name):
            notes.add("extreme", f"column {number}")
    # Deeper in a row stand categories of variables, which may be called anything.
    for number, row in enumerate(body, start=2):
        if row and extreme(row[0]):
            notes.add("extreme", f"row {number}")


def _cell(cell: str, where: str, notes: Notes) -> None:
    if cell[0] in "=@\t\r" or (cell[0] in "+-" and not _NUMBER.fullmatch(cell) and cell != "-"):
        notes.add("formula", where)
    for hit in find_identifiers(cell):
        notes.add("identifier" if hit.sure else "identifier-possible", where)
    for rule, _, _ in find_runs(cell):
        notes.add(rule, where)
    if _NUMBER.fullmatch(cell):
        long = number_rule(cell.rstrip("% ").replace(",", "."))
        if long is not None:
            notes.add(long, where)


def is_count_name(name: str) -> bool:
    """Whether a column of that name counts something."""
    return any(_COUNT_NAME.fullmatch(word) for word in re.split(r"[^a-zé]+", name.lower()))


def _statistics(
    head: Sequence[str], columns: Sequence[Sequence[str]], notes: Notes, threshold: int
) -> None:
    """Three of the five usual causes: small counts, counts not rounded, no counts at all."""
    counted, measured = False, False
    for number, (name, column) in enumerate(zip(head, columns, strict=True), start=1):
        values = [value for value in column if _NUMBER.fullmatch(value)]
        whole = [int(value) for value in values if re.fullmatch(r"\d{1,15}", value)]
        if not values:
            continue
        if not is_count_name(name) or len(whole) < len(values):
            measured = measured or not _is_trait(name)
            continue
        counted = True
        if small := sum(1 for value in whole if 0 < value < threshold):
            notes.add("cause-unredacted", f"column {number}", small)
        if rough := sum(1 for value in whole if value >= threshold and value % ROUNDED_TO):
            notes.add("cause-unrounded", f"column {number}", rough)
    if measured and not counted:
        notes.add("cause-no-counts")


def _is_trait(name: str) -> bool:
    return bool(_TRAITS.search(name)) or name in {"year", "annee", "month", "mois"}


def _crossing(
    head: Sequence[str], columns: Sequence[Sequence[str]], notes: Notes, threshold: int
) -> None:
    """EXP-07: rows, not counts, whose traits together leave fewer persons than the threshold."""
    traits = [n for n, name in enumerate(head) if _is_trait(name)]
    if len(traits) < 2 or any(is_count_name(name) for name in head):
        return
    groups = Counter(zip(*(columns[n] for n in traits), strict=True))
    few = sum(1 for many in groups.values() if many < threshold)
    if few:
        notes.add("crossing", f"columns {', '.join(str(n + 1) for n in traits)}", few)
