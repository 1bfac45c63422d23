"""Protected tables as a file of the kind that was handed in; the same tables, the same bytes.

Nothing but labels and numbers is written: no styles, no metadata, no date.
"""

from __future__ import annotations

import csv
import html
import io
import re
import zipfile
from collections.abc import Callable, Sequence
from typing import cast

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from bercail.airlock.disclosure.tables.plain_files import delimiter_of
from bercail.airlock.disclosure.tables.replacing import Sheet, Value

_MARK = "*"
"""A hidden number in a page or a LaTeX text; in data files it is left empty."""

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_CORE = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cp:coreProperties xmlns:cp='
    b'"http://schemas.openxmlformats.org/package/2006/metadata/core-properties"/>'
)
_TEX = re.compile(r"[%&#_]")


def written(kind: str, sheets: Sequence[Sheet], original: bytes) -> bytes:
    """`sheets` as a file of `kind` (`csv`, `xlsx`, `parquet`, `html`, `latex`).

    `original` gives the sign between the values of a CSV.
    """
    writers: dict[str, Callable[[], bytes]] = {
        "csv": lambda: _csv(sheets, delimiter_of(original.decode("utf-8", "replace"))),
        "xlsx": lambda: _xlsx(sheets),
        "parquet": lambda: _parquet(sheets[0]),
        "html": lambda: _html(sheets),
        "latex": lambda: _latex(sheets),
    }
    return writers[kind]()


def _text(value: str | Value, hidden: str) -> str:
    if isinstance(value, str):
        return value
    return hidden if value is None else f"{value:f}"


def _csv(sheets: Sequence[Sheet], delimiter: str) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    for sheet in sheets:
        writer.writerow(sheet.header)
        writer.writerows([_text(value, "") for value in row] for row in sheet.rows)
    return out.getvalue().encode("utf-8")


def _xlsx(sheets: Sequence[Sheet]) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    for place, sheet in enumerate(sheets, start=1):
        page = book.create_sheet(f"table {place}")
        page.append(list(sheet.header))
        for row in sheet.rows:
            page.append([_number(value, whole=sheet.whole) for value in row])
    out = io.BytesIO()
    book.save(out)
    return _dateless(out.getvalue())


def _number(value: str | Value, *, whole: bool) -> str | int | float | None:
    if value is None or isinstance(value, str):
        return value
    return int(value) if whole else float(value)


def _dateless(archive: bytes) -> bytes:
    """The same archive, its members without times and its author and dates taken out."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as found,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in sorted(found.namelist()):
            member = zipfile.ZipInfo(name, _LONG_AGO)
            member.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(member, _CORE if name == "docProps/core.xml" else found.read(name))
    return out.getvalue()


def _parquet(sheet: Sheet) -> bytes:
    kind = pa.int64() if sheet.whole else pa.float64()
    columns = list(zip(*sheet.rows, strict=True)) or [() for _ in sheet.header]
    arrays = [
        pa.array(list(cast("Sequence[str]", column)), pa.string())
        if place < sheet.labels
        else pa.array([_number(value, whole=sheet.whole) for value in column], kind)
        for place, column in enumerate(columns)
    ]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, list(sheet.header)), out, store_schema=False)
    return out.getvalue()


def _html(sheets: Sequence[Sheet]) -> bytes:
    parts = ['<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head><body>\n']
    for sheet in sheets:
        parts.append("<table>\n")
        for tag, rows in (("th", [sheet.header]), ("td", sheet.rows)):
            for row in rows:
                cells = [f"<{tag}>{html.escape(_text(value, _MARK))}</{tag}>" for value in row]
                parts.append(f"<tr>{''.join(cells)}</tr>\n")
        parts.append("</table>\n")
    parts.append("</body></html>\n")
    return "".join(parts).encode("utf-8")


def _latex(sheets: Sequence[Sheet]) -> bytes:
    lines = []
    for sheet in sheets:
        lines.append(
            f"\\begin{{tabular}}{{{'l' * sheet.labels}{'r' * (len(sheet.header) - sheet.labels)}}}"
        )
        for row in (sheet.header, *sheet.rows):
            texts = [_TEX.sub(r"\\\g<0>", _text(value, _MARK)) for value in row]
            lines.append(" & ".join(texts) + r" \\")
        lines.append("\\end{tabular}\n")
    return "\n".join(lines).encode("utf-8")
