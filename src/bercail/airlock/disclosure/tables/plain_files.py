"""CSV and Parquet as grids."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from bercail.airlock.disclosure.findings import Finding
from bercail.airlock.disclosure.tables.grid import MOST_COLUMNS, MOST_ROWS, Grid, grid_of
from bercail.foundation import Invalid

_DELIMITERS = (",", ";", "\t", "|")


def read_csv(data: bytes) -> tuple[tuple[Grid, ...], tuple[Finding, ...]]:
    """One grid of a text with separated values; raises `Invalid`."""
    findings = []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
        findings.append(_NOT_UTF8)
    if "\x00" in text:
        raise Invalid(
            "The file is no text. / Le fichier n'est pas du texte.",
            remedy="Hand in CSV. / Remettez un CSV.",
            rule="output-type",
        )
    lines = text.splitlines()
    remarks = sum(1 for line in lines if line.startswith("#"))
    if remarks:
        findings.append(_remarks(remarks))
    kept = "\n".join(line for line in lines if not line.startswith("#"))
    reader = csv.reader(io.StringIO(kept), delimiter=delimiter_of(kept), strict=True)
    try:
        rows = list(reader)
    except csv.Error as problem:
        raise Invalid(
            f"The CSV cannot be read at line {reader.line_num}. / "
            f"Le CSV ne peut être lu à la ligne {reader.line_num}.",
            remedy="Write it by RFC 4180. / Écrivez-le selon la RFC 4180.",
            rule="output-type",
        ) from problem
    require_size(len(rows), max(map(len, rows), default=0))
    return (grid_of("csv", rows),), tuple(findings)


_NOT_UTF8 = Finding(
    rule="encoding",
    severity="note",
    message="The text is not UTF-8; it was read as Windows-1252. / "
    "Le texte n'est pas en UTF-8 ; il a été lu comme du Windows-1252.",
    remedy="Save it as UTF-8. / Enregistrez-le en UTF-8.",
)


def _remarks(many: int) -> Finding:
    return Finding(
        rule="comment",
        severity="blocking",
        message=f"{many} lines are remarks, which nobody checks as numbers. / "
        f"{many} lignes sont des remarques, que personne ne contrôle comme des nombres.",
        remedy="Take them out; say it in the request. / Retirez-les ; dites-le dans la demande.",
    )


def delimiter_of(text: str) -> str:
    """The sign that separates the values of `text`: the one that most lines hold equally often."""
    return max(_DELIMITERS, key=lambda one: _regularity(text, one))


def _regularity(text: str, delimiter: str) -> tuple[int, int]:
    """How many lines have the same number of a delimiter, which must be there at all."""
    counts = [line.count(delimiter) for line in text.splitlines() if line.strip()]
    usual = max(set(counts), key=counts.count, default=0)
    return (counts.count(usual) if usual else 0, usual)


def read_parquet(data: bytes) -> tuple[tuple[Grid, ...], tuple[Finding, ...]]:
    """One grid of a Parquet file; raises `Invalid`."""
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        require_size(file.metadata.num_rows, file.metadata.num_columns)
        table = file.read()
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise Invalid(
            "The Parquet file cannot be read. / Le fichier Parquet ne peut être lu.",
            remedy="Write it again. / Écrivez-le de nouveau.",
            rule="output-type",
        ) from problem
    if any(pa.types.is_nested(one.type) or pa.types.is_binary(one.type) for one in table.schema):
        raise Invalid(
            "The Parquet file has nested or binary columns. / "
            "Le fichier Parquet a des colonnes imbriquées ou binaires.",
            remedy="Use numbers and texts only. / N'employez que des nombres et des textes.",
            rule="output-type",
        )
    rows: list[list[object]] = [list(table.column_names)]
    rows += [list(row) for row in zip(*(one.to_pylist() for one in table.columns), strict=True)]
    return (grid_of("parquet", rows),), tuple(_metadata(file.schema_arrow.metadata or {}))


def _metadata(known: Mapping[bytes, bytes]) -> list[Finding]:
    """What a Parquet file carries beside its columns."""
    findings = []
    extra = set(known) - {b"pandas", b"ARROW:schema"}
    if extra:
        findings.append(
            Finding(
                rule="metadata",
                severity="blocking",
                message=f"The Parquet file carries {len(extra)} entries of metadata. / "
                f"Le fichier Parquet porte {len(extra)} entrées de métadonnées.",
                remedy="Write it without key-value metadata. / "
                "Écrivez-le sans métadonnées de clés et de valeurs.",
            )
        )
    if b"pandas" in known:
        findings.append(
            Finding(
                rule="metadata",
                severity="note",
                message="The Parquet file carries the description that pandas adds. / "
                "Le fichier Parquet porte la description qu'ajoute pandas.",
                remedy="Write it with `store_schema=False` from Arrow. / "
                "Écrivez-le depuis Arrow avec `store_schema=False`.",
            )
        )
    return findings


def require_size(rows: int, columns: int) -> None:
    """Raise `Invalid` for more than a table of results has."""
    if rows > MOST_ROWS or columns > MOST_COLUMNS:
        raise Invalid(
            f"The table has {rows} rows and {columns} columns; the most is {MOST_ROWS} "
            f"and {MOST_COLUMNS}. / Le tableau a {rows} lignes et {columns} colonnes ; le maximum "
            f"est {MOST_ROWS} et {MOST_COLUMNS}.",
            remedy="Let out results, not data: use fewer and wider categories. / "
            "Faites sortir des résultats, pas des données : moins de catégories, plus larges.",
            rule="table-size",
        )
