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
        names = len(book.defined_names)
        found.append(
            _finding("defined-names", f"{names} names are defined", f"{names} noms sont définis")
        )
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
            "The workbook cannot be read. / Le classeur ne peut être lu.",
            remedy="Save it again as XLSX. / Enregistrez-le de nouveau en XLSX.",
            rule="output-type",
        ) from problem


def _parts(data: bytes) -> list[Finding]:
    """The members of the archive: how many, how large, and what is no sheet."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except _BROKEN as problem:
        raise Invalid(
            "The workbook is no whole archive. / Le classeur n'est pas une archive entière.",
            remedy="Save it again. / Enregistrez-le de nouveau.",
            rule="output-type",
        ) from problem
    if len(members) > _MOST_MEMBERS or sum(one.file_size for one in members) > _MOST_BYTES:
        raise Invalid(
            "The workbook grows over 64 MiB when it is unpacked. / "
            "Le classeur dépasse 64 Mio une fois décompressé.",
            remedy="Let out results, not data. / Faites sortir des résultats, pas des données.",
            rule="archive-size",
        )
    names = [member.filename for member in members]
    loaded = [n for n in names if n.startswith(_LOADED_PARTS)]
    foreign = [n for n in names if not n.startswith(_PLAIN_PARTS)]
    found = []
    if loaded:
        found.append(
            _finding(
                "embedded-data",
                f"{len(loaded)} parts are pictures, links, pivots or code",
                f"{len(loaded)} parties sont des images, des liens, des croisés ou du code",
            )
        )
    if foreign:
        found.append(
            _finding(
                "embedded-data",
                f"{len(foreign)} parts are of no workbook",
                f"{len(foreign)} parties ne sont d'aucun classeur",
            )
        )
    return found


def _sheet(sheet: Any, place: int) -> list[Finding]:
    found = []
    if sheet.sheet_state != "visible":
        found.append(_finding("hidden-sheet", *_HIDDEN_SHEET, place))
    rows = sum(1 for one in sheet.row_dimensions.values() if one.hidden)
    columns = sum(1 for one in sheet.column_dimensions.values() if one.hidden)
    if rows or columns:
        found.append(_finding("hidden-cells", *_HIDES, place, rows, columns))
    cells = [cell for row in sheet.iter_rows() for cell in row]
    for rule, words, many in (
        ("comment", _COMMENTS, sum(1 for cell in cells if cell.comment is not None)),
        ("formula", _FORMULAS, sum(1 for cell in cells if cell.data_type == "f")),
        ("hidden-cells", _UNSEEN, sum(1 for cell in cells if cell.number_format in _NO_FORMAT)),
    ):
        if many:
            found.append(_finding(rule, *words, place, many))
    return found


_NO_FORMAT = (";;;", '"";"";"";""')
"""Formats under which a number is there and not seen."""

_HIDDEN_SHEET = ("sheet {0} is hidden", "la feuille {0} est masquée")
_HIDES = (
    "sheet {0} hides {1} rows and {2} columns",
    "la feuille {0} masque {1} lignes et {2} colonnes",
)
_COMMENTS = ("sheet {0} has {1} comments", "la feuille {0} a {1} commentaires")
_FORMULAS = ("sheet {0} has {1} formulas", "la feuille {0} a {1} formules")
_UNSEEN = ("sheet {0} has {1} invisible numbers", "la feuille {0} a {1} nombres invisibles")


def _finding(rule: str, what: str, what_fr: str, *numbers: int) -> Finding:
    """A finding; `numbers` stand at `{0}`, `{1}` of both texts."""
    what, what_fr = what.format(*numbers), what_fr.format(*numbers)
    return Finding(
        rule=rule,
        severity="blocking",
        message=f"In the workbook, {what}. / Dans le classeur, {what_fr}.",
        remedy="Paste the values alone into a new workbook, or save them as CSV. / "
        "Collez les valeurs seules dans un nouveau classeur, ou enregistrez-les en CSV.",
    )
