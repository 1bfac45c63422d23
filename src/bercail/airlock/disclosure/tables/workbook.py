"""XLSX as grids, one for each sheet; what a sheet can hide is found."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from typing import Any
from xml.etree.ElementTree import ParseError

import defusedxml
import openpyxl

from bercail.airlock.disclosure.findings import Finding
from bercail.airlock.disclosure.tables.grid import Grid, grid_of
from bercail.airlock.disclosure.tables.plain_files import require_size
from bercail.foundation import Invalid

# What a damaged archive, damaged XML, or XML that is no workbook makes the reader raise.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, struct.error, ParseError, RuntimeError, LookupError,
    ValueError, TypeError, AttributeError, ArithmeticError, OSError,
    defusedxml.DefusedXmlException, openpyxl.utils.exceptions.InvalidFileException,
)  # fmt: skip

_MOST_BYTES = 64 * 1024 * 1024
_MOST_MEMBERS = 1000
_PLAIN_PARTS = ("[Content_Types].xml", "_rels/", "docProps/", "xl/")
_LOADED_PARTS = ("xl/media/", "xl/embeddings/", "xl/externalLinks/", "xl/vbaProject", "xl/pivot",
                 "xl/drawings/", "xl/charts/", "xl/customXml", "customXml/")  # fmt: skip


def read_xlsx(data: bytes) -> tuple[tuple[Grid, ...], tuple[Finding, ...]]:
    """A grid for each sheet, hidden ones too; raises `Invalid`.

    Entities and external references in its XML are refused (defusedxml), and so are archives
    that grow over 64 MiB.
    """
    found = _parts(data)
    book = _open(data)
    grids = []
    for place, sheet in enumerate(book.worksheets, start=1):
        require_size(sheet.max_row or 0, sheet.max_column or 0)
        found += _sheet(sheet, place)
        rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        grid = grid_of(f"sheet {place}", rows)
        if grid.rows:
            grids.append(grid)
    if book.defined_names:
        found.append(_finding("defined-names", f"{len(book.defined_names)} names are defined"))
    book.close()
    return tuple(grids), tuple(found)


def _open(data: bytes) -> Any:
    try:
        with warnings.catch_warnings():
            # What openpyxl does not keep (styles of extensions) is of no table.
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(io.BytesIO(data), data_only=False)
    except _BROKEN as problem:
        raise Invalid(
            "The workbook cannot be read.", remedy="Save it again as XLSX.", rule="output-type"
        ) from problem


def _parts(data: bytes) -> list[Finding]:
    """The members of the archive: how many, how large, and what is no sheet."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except _BROKEN as problem:
        raise Invalid(
            "The workbook is no whole archive.", remedy="Save it again.", rule="output-type"
        ) from problem
    if len(members) > _MOST_MEMBERS or sum(one.file_size for one in members) > _MOST_BYTES:
        raise Invalid(
            "The workbook grows over 64 MiB when it is unpacked.",
            remedy="Let out results, not data.",
            rule="archive-size",
        )
    names = [member.filename for member in members]
    loaded = [n for n in names if n.startswith(_LOADED_PARTS)]
    foreign = [n for n in names if not n.startswith(_PLAIN_PARTS)]
    found = []
    if loaded:
        found.append(
            _finding("embedded-data", f"{len(loaded)} parts are pictures, links, pivots or code")
        )
    if foreign:
        found.append(_finding("embedded-data", f"{len(foreign)} parts are of no workbook"))
    return found


def _sheet(sheet: Any, place: int) -> list[Finding]:
    found = []
    if sheet.sheet_state != "visible":
        found.append(_finding("hidden-sheet", f"sheet {place} is hidden"))
    rows = sum(1 for one in sheet.row_dimensions.values() if one.hidden)
    columns = sum(1 for one in sheet.column_dimensions.values() if one.hidden)
    if rows or columns:
        found.append(
            _finding("hidden-cells", f"sheet {place} hides {rows} rows and {columns} columns")
        )
    cells = [cell for row in sheet.iter_rows() for cell in row]
    comments = sum(1 for cell in cells if cell.comment is not None)
    if comments:
        found.append(_finding("comment", f"sheet {place} has {comments} comments"))
    formulas = sum(1 for cell in cells if cell.data_type == "f")
    if formulas:
        found.append(_finding("formula", f"sheet {place} has {formulas} formulas"))
    invisible = sum(1 for cell in cells if cell.number_format in (";;;", '"";"";"";""'))
    if invisible:
        found.append(_finding("hidden-cells", f"sheet {place} has {invisible} invisible numbers"))
    return found


def _finding(rule: str, what: str) -> Finding:
    return Finding(
        rule=rule,
        severity="blocking",
        message=f"In the workbook, {what}.",
        remedy="Paste the values alone into a new workbook, or save them as CSV.",
    )
