"""Spreadsheets and other office documents (zips of XML), and PDF."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

from bercail.airlock.inspection.archives import inflate
from bercail.airlock.inspection.delimited import look_at_grid
from bercail.airlock.inspection.limits import Budget, TooMuchError
from bercail.airlock.inspection.lines import scan_text
from bercail.airlock.inspection.markup import local, parse_xml
from bercail.airlock.inspection.remarks import Notes

_PROPERTIES = frozenset(
    {"creator", "lastmodifiedby", "title", "subject", "description", "keywords", "company",
     "manager", "category", "initial-creator", "hyperlinkbase"}
)  # fmt: skip
# Names that the library behind a data frame writes; they name a program, not a person.
_PROGRAMS = frozenset({"openpyxl", "xlsxwriter", "pandas"})
# The parts that ordinary programs write; whatever else is in the zip is shown by none of them.
_PARTS = re.compile(
    r"\[content_types\]\.xml|_rels/\.rels|docprops/(?:core|app|custom)\.xml"
    r"|xl/(?:workbook|styles|sharedstrings|calcchain|metadata)\.xml|xl/_rels/workbook\.xml\.rels"
    r"|xl/theme/theme\d{1,4}\.xml|xl/(?:worksheets/sheet|tables/table)\d{1,4}\.xml"
    r"|xl/worksheets/_rels/sheet\d{1,4}\.xml\.rels|xl/drawings/drawing\d{1,4}\.xml"
    r"|xl/drawings/_rels/drawing\d{1,4}\.xml\.rels|xl/charts/(?:chart|style|colors)\d{1,4}\.xml"
    r"|xl/charts/_rels/chart\d{1,4}\.xml\.rels"
)
_SHEET = re.compile(r"<[^<>\s]*worksheet[\s/>]")
_VALUES = frozenset({"v", "is"})
_SHARED = "xl/sharedstrings.xml"
_MOST_IN_CELL = 32_767
"""Characters of one cell (limits of Excel)."""

_ATTRIBUTE = re.compile(r"""=\s*(?:"([^"<]*)"|'([^'<]*)')""")

_COLUMN = re.compile(r"([A-Z]{1,3})(\d{1,7})")


def is_spreadsheet(members: Mapping[str, bytes]) -> bool:
    """Whether the members of a zip are those of an XLSX workbook."""
    return "xl/workbook.xml" in members


def is_office(members: Mapping[str, bytes]) -> bool:
    """Whether the members of a zip are those of an office document."""
    return "[Content_Types].xml" in members or "content.xml" in members


def look_at_office(members: Mapping[str, bytes], notes: Notes, budget: Budget) -> None:
    """Parts that no office document should bring: macros, comments, objects, properties."""
    for number, (name, data) in enumerate(sorted(members.items()), start=1):
        where, lower = f"part {number}", name.lower()
        if "vbaproject" in lower or "/activex" in lower or "/embeddings/" in lower:
            notes.add("active-content", where)
        if "externallink" in lower or lower.endswith("connections.xml"):
            notes.add("active-content", where)
        if re.search(r"comments|/threadedcomments|/persons/|revisions?", lower):
            notes.add("comments", where)
        if "pivotcache" in lower or "querytable" in lower:
            notes.add("data-cache", where)
        if lower.startswith("customxml/") or "/printersettings" in lower:
            notes.add("metadata", where)
        if "/media/" in lower:
            notes.add("embedded-data", where)
        if lower in {"docprops/core.xml", "docprops/app.xml", "docprops/custom.xml", "meta.xml"}:
            _properties(_text(data), where, notes, budget)
        elif lower.endswith((".xml", ".rels")):
            with notes.inside(where):
                _part(_text(data), lower, notes)


def _properties(text: str, where: str, notes: Notes, budget: Budget) -> None:
    try:
        root = parse_xml(text, budget)
    except ValueError:
        notes.add("broken", where)
        return
    for element in root.iter():
        said = (element.text or "").strip()
        if said and local(element.tag) in _PROPERTIES and said.lower() not in _PROGRAMS:
            notes.add("metadata", where)
    scan_text(text, notes, numbers=False)


def _part(text: str, name: str, notes: Notes) -> None:
    if 'TargetMode="External"' in text:
        notes.add("active-content")
    if "<w:del " in text or "<w:ins " in text or "<w:vanish" in text:
        notes.add("comments")
    # Tips, descriptions, names and addresses stand in attributes, of sheets too.
    said = "\n".join(unescape(one[1] or one[2] or "") for one in _ATTRIBUTE.finditer(text))
    scan_text(said, notes, numbers=False)
    # Sheets and shared texts are read cell by cell.
    if name != _SHARED and not _SHEET.search(text):
        scan_text(re.sub(r"<[^<>]*>", " ", text), notes, numbers=False)


def look_at_spreadsheet(
    members: Mapping[str, bytes], notes: Notes, budget: Budget, threshold: int
) -> None:
    """A workbook: sheets that are hidden, formulas, and every cell as in a CSV."""
    look_at_office(members, notes, budget)
    for number, (name, data) in enumerate(sorted(members.items()), start=1):
        if not _PARTS.fullmatch(name.lower()):
            notes.add("embedded-data", f"part {number}")
        if b"\0" in data:
            # Parts are in UTF-8; in another encoding they say to a reader what is not read here.
            notes.add("broken", f"part {number}")
    try:
        book = parse_xml(_text(members["xl/workbook.xml"]), budget)
        shared = _shared(members, notes, budget)
        for number, sheet in enumerate(_named(book, "sheet"), start=1):
            if sheet.attrib.get("state", "visible") != "visible":
                notes.add("hidden-content", f"sheet {number}")
        for _ in _named(book, "definedname"):
            notes.add("metadata", "defined names")
        sheets = sorted(name for name, data in members.items() if _SHEET.search(_text(data)))
        for number, name in enumerate(sheets, start=1):
            with notes.inside(f"sheet {number}"):
                _sheet(parse_xml(_text(members[name]), budget), shared, notes, budget, threshold)
    except (ValueError, IndexError):
        notes.add("broken")


def _shared(members: Mapping[str, bytes], notes: Notes, budget: Budget) -> list[str]:
    """The texts that cells refer to; all are searched, also those that no cell shows."""
    texts: list[str] = []
    # The names of parts are the same in capitals (ECMA-376, part 2).
    for data in (data for name, data in members.items() if name.lower() == _SHARED):
        root = parse_xml(_text(data), budget)
        texts += ["".join(one.itertext()) for one in _named(root, "si")]
    for number, text in enumerate(texts, start=1):
        with notes.inside(f"shared text {number}"):
            scan_text(text, notes)
    return texts


def _named(root: Any, name: str) -> list[Any]:
    return [element for element in root.iter() if local(element.tag) == name]


def _sheet(root: Any, shared: list[str], notes: Notes, budget: Budget, threshold: int) -> None:
    for element in root.iter():
        if local(element.tag) in {"row", "col"} and element.attrib.get("hidden") in {"1", "true"}:
            notes.add("hidden-content", local(element.tag))
    _beside_cells(root, notes)
    rows: dict[int, dict[int, str]] = {}
    for number, cell in enumerate(_named(root, "c")):
        budget.take("cells")
        found = _COLUMN.fullmatch(cell.attrib.get("r", ""))
        column = _column(found[1]) if found else number + 1
        row = int(found[2]) if found else 1
        if _named(cell, "f"):
            notes.add("formula", f"row {row}, column {column}")
        text = _value(cell, shared)
        # One shared text may stand in every cell: what is read again is counted again.
        if len(text) > _MOST_IN_CELL:
            raise TooMuchError("characters")
        budget.take("characters", len(text))
        rows.setdefault(row, {})[column] = text
    width = max((max(cells) for cells in rows.values()), default=0)
    budget.take("cells", width * len(rows))
    grid = [[rows[row].get(n, "") for n in range(1, width + 1)] for row in sorted(rows)]
    look_at_grid(grid, notes, threshold)


def _beside_cells(root: Any, notes: Notes) -> None:
    """Texts of a sheet that are no value of a cell: headers, formulas, strays between elements."""
    values = [one for cell in _named(root, "c") for one in cell.iter() if local(one.tag) in _VALUES]
    read = {id(one) for value in values for one in value.iter()}
    followed = read - {id(value) for value in values}
    for element in root.iter():
        own = "" if id(element) in read else element.text
        after = "" if id(element) in followed else element.tail
        for text in (own, after):
            if text and text.strip():
                scan_text(text, notes, numbers=False)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _value(cell: Any, shared: list[str]) -> str:
    text = "".join("".join(one.itertext()) for one in [*_named(cell, "v"), *_named(cell, "is")])
    if cell.attrib.get("t") == "s" and text.isascii() and text.isdigit() and len(text) < 10:
        return shared[int(text)]
    return text


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


_SCANNED = 200_000


def _streams(data: bytes) -> Iterator[bytes]:
    """The bodies of the streams of a PDF, as they are packed."""
    start = data.find(b"stream")
    while start >= 0:
        end = data.find(b"endstream", start + 6)
        if end < 0:
            return
        yield data[start + 6 : end].lstrip(b"\r\n")
        start = data.find(b"stream", end + 9)


def look_at_pdf(data: bytes, notes: Notes, budget: Budget) -> None:
    """A PDF: its properties, what is embedded, what runs; its pages are left to people."""
    whole = [data]
    for number, packed in enumerate(_streams(data), start=1):
        budget.take("elements")
        try:
            whole.append(inflate(packed, budget))
        except ValueError:
            # Pictures and fonts are packed otherwise; pages are always deflated or plain.
            notes.add("by-eye", f"stream {number}")
    scanned = 0
    for part in whole:
        _pdf_part(part, notes)
        if scanned < budget.limits.text:
            text = part[:_SCANNED].decode("latin-1")
            scanned += len(text)
            scan_text(text, notes, numbers=False)
    if b"/Encrypt" in data or not data.rstrip().endswith(b"%%EOF"):
        notes.add("broken")
    notes.add("cause-file-type")
    notes.add("by-eye")


def _pdf_part(part: bytes, notes: Notes) -> None:
    if re.search(rb"/(?:JavaScript|JS|Launch|OpenAction|AA|RichMedia)\b", part):
        notes.add("active-content")
    if re.search(rb"/(?:EmbeddedFiles?|Filespec)\b", part):
        notes.add("embedded-data")
    if re.search(rb"/(?:Author|Title|Subject|Keywords)\s{0,9}[(<]\s{0,9}[^)>\s]", part):
        notes.add("metadata")
    if re.search(rb"/Annots\b", part):
        notes.add("comments")
    if re.search(rb"/OCProperties\b", part):
        notes.add("hidden-content")
