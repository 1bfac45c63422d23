"""A file as typed tables: what it is by its bytes, what is in it, and what is left to people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from attrs import field, frozen

from bercail.airlock.disclosure.counts import parse_counts
from bercail.airlock.disclosure.findings import Finding
from bercail.airlock.disclosure.tables.grid import Grid
from bercail.airlock.disclosure.tables.markup import read_html, read_latex
from bercail.airlock.disclosure.tables.plain_files import read_csv, read_parquet
from bercail.airlock.disclosure.tables.recover import recover
from bercail.airlock.disclosure.tables.schema import Protection, TableSchema, infer
from bercail.airlock.disclosure.tables.typed import TypedTable, typed_counts
from bercail.airlock.disclosure.tables.workbook import read_xlsx
from bercail.foundation import Invalid

FileKind = Literal["counts", "csv", "xlsx", "parquet", "html", "latex"]


@frozen(kw_only=True)
class Reading:
    """What a file holds. `unread` says of each thing that was not understood why not.

    `grids` and `schemas` are those of `tables`, in the same order; none for count tables.
    `inferred` numbers the tables that nobody declared.
    """

    kind: FileKind
    tables: tuple[TypedTable, ...]
    findings: tuple[Finding, ...]
    unread: tuple[str, ...] = field(default=())
    inferred: tuple[int, ...] = field(default=())
    grids: tuple[Grid, ...] = field(default=(), repr=False)
    schemas: tuple[TableSchema, ...] = field(default=(), repr=False)

    @property
    def protection(self) -> Protection:
        """How the tables are asked to be protected; count tables are suppressed."""
        return self.schemas[0].protection if self.schemas else "suppression"


def kind_of(data: bytes) -> FileKind:
    """What `data` is, by its first bytes and not by a name; raises `Invalid`."""
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if data[:4] == b"PK\x03\x04":
        if b"xl/workbook.xml" in data:
            return "xlsx"
        raise _no_table("it is an archive", "c'est une archive")
    if data[:4] == b"PAR1":
        return "parquet"
    if start[:1] == b"{":
        return "counts"
    if b"\\begin{tabular" in data or b"\\begin{longtable" in data:
        return "latex"
    if start[:1] == b"<":
        return "html"
    if not start or b"\x00" in data:
        raise _no_table("it is empty or no text", "il est vide ou n'est pas du texte")
    return "csv"


_READERS: dict[FileKind, Callable[[bytes], tuple[tuple[Grid, ...], tuple[Finding, ...]]]] = {
    "csv": read_csv,
    "xlsx": read_xlsx,
    "parquet": read_parquet,
    "html": read_html,
    "latex": read_latex,
}


def read_grids(data: bytes) -> tuple[FileKind, tuple[Grid, ...], tuple[Finding, ...]]:
    """The grids of `data` before anyone knows what they mean; raises `Invalid` as `read_tables`."""
    kind = kind_of(data)
    if kind == "counts":
        raise _no_table(
            "it is a count table, which says itself what it counts",
            "c'est un tableau d'effectifs, qui dit lui-même ce qu'il compte",
        )
    return (kind, *_READERS[kind](data))


def read_tables(data: bytes, schemas: Sequence[TableSchema] = ()) -> Reading:
    """Every table of `data`; `schemas` say what they mean, in their order, else it is inferred.

    Raises:
        Invalid: the bytes are no table of a known kind, or are larger than results are.
    """
    kind = kind_of(data)
    if kind == "counts":
        return Reading(kind=kind, tables=(typed_counts(parse_counts(data)),), findings=())
    kind, grids, findings = read_grids(data)
    tables: list[TypedTable] = []
    unread: list[str] = []
    inferred: list[int] = []
    understood: list[tuple[Grid, TableSchema]] = []
    if not grids:
        unread.append(
            "No table was found in the file. / Aucun tableau n'a été trouvé dans le fichier."
        )
    for place, grid in enumerate(grids):
        schema = schemas[place] if place < len(schemas) else infer(grid)
        if not isinstance(schema, TableSchema):
            unread.append(_NOT_UNDERSTOOD.format(grid.name, *schema))
            continue
        try:
            tables.append(recover(grid, schema, grid.name))
        except Invalid as problem:
            unread.append(f"`{grid.name}`: {problem.message}")
            continue
        understood.append((grid, schema))
        if schema.inferred:
            inferred.append(len(tables) - 1)
    return Reading(
        kind=kind,
        tables=tuple(tables),
        findings=findings,
        unread=tuple(unread),
        inferred=tuple(inferred),
        grids=tuple(grid for grid, _ in understood),
        schemas=tuple(schema for _, schema in understood),
    )


_NOT_UNDERSTOOD = "`{0}` is not understood: {1}. / `{0}` n'est pas compris : {2}."


def _no_table(why: str, why_fr: str) -> Invalid:
    return Invalid(
        f"The file is no table: {why}. / Le fichier n'est pas un tableau : {why_fr}.",
        remedy="Hand in CSV, XLSX, Parquet, HTML or LaTeX with one table of counts. / "
        "Remettez un CSV, XLSX, Parquet, HTML ou LaTeX avec un tableau d'effectifs.",
        rule="output-type",
    )
