"""Files as tables: what is read, what is found in them, what goes to people."""

from __future__ import annotations

import io
import json
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl.comments import Comment

from bercail.airlock.disclosure.tables import markup
from bercail.airlock.disclosure.tables.grid import grid_of, is_hidden, is_total, number
from bercail.airlock.disclosure.tables.reading import kind_of, read_grids, read_tables
from bercail.airlock.disclosure.tables.schema import TableSchema, infer, read_schema
from bercail.foundation import Invalid
from bercail.testing.airlock_desk import document

ROWS = [
    ["age", "sex", "persons"],
    ["young", "F", 40],
    ["young", "M", 31],
    ["old", "F", 6],
    ["old", "M", 1058],
]
EXPECTED = {("young", "F"): 40, ("young", "M"): 31, ("old", "F"): 6, ("old", "M"): 1058}


def csv_bytes(rows: list[list[object]], delimiter: str = ",") -> bytes:
    return "\r\n".join(delimiter.join(map(str, row)) for row in rows).encode()


def xlsx_bytes(rows: list[list[object]], change: object = None) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if callable(change):
        change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def parquet_bytes(rows: list[list[object]], metadata: dict[str, str] | None = None) -> bytes:
    columns = {str(name): [row[place] for row in rows[1:]] for place, name in enumerate(rows[0])}
    table = pa.table(columns).replace_schema_metadata(metadata)
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def html_bytes(rows: list[list[object]], beside: str = "") -> bytes:
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<html><body>{beside}<table>{body}</table></body></html>".encode()


def latex_bytes(rows: list[list[object]], beside: str = "") -> bytes:
    body = " \\\\\n".join(" & ".join(map(str, row)) for row in rows)
    start, end = r"\begin{tabular}{l|rr} \toprule ", r" \\ \bottomrule \end{tabular}"
    return f"{start}{body}{end}{beside}".encode()


WRITERS = {
    "csv": csv_bytes,
    "xlsx": xlsx_bytes,
    "parquet": parquet_bytes,
    "html": html_bytes,
    "latex": latex_bytes,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_table_is_read_from_every_kind_of_file(kind: str) -> None:
    data = WRITERS[kind](ROWS)  # type: ignore[operator]
    assert kind_of(data) == kind
    found = read_tables(data)
    (table,) = found.tables
    assert {key: cell.value for key, cell in table.cells.items()} == EXPECTED
    assert [dimension.name for dimension in table.dimensions] == ["age", "sex"]
    assert table.measure.kind == "persons"
    assert found.inferred == (0,)
    assert found.findings == ()
    assert found.unread == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found(delimiter: str) -> None:
    (table,) = read_tables(csv_bytes(ROWS, delimiter)).tables
    assert len(table.cells) == 4


def test_a_count_table_is_one_too() -> None:
    data = json.dumps(document([(40, 31), (6, 58)])).encode()
    found = read_tables(data)
    assert found.kind == "counts"
    assert found.tables[0].cells[(None, None)].value == 135


def test_a_cross_table_with_margins_and_withheld_cells() -> None:
    data = b"age;F;M;Total\nyoung;40;31;71\nold;<11;58;64\nEnsemble;46;89;135\n"
    (table,) = read_tables(data).tables
    assert table.cells[("old", "F")].withheld
    assert table.cells[(None, None)].value == 135
    assert table.cells[("young", None)].value == 71


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 234", 1234), ("1\u202f234,5", 1234.5), ("1,234", 1234), ("12,5", 12.5), ("-3", -3),
     ("1.5e3", 1500), ("1,234,567.25", 1234567.25), ("", None), ("12%", None), ("1 23", None)],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, value: float | None) -> None:
    assert number(text) == value


def test_marks_and_totals() -> None:
    assert all(map(is_hidden, ["", "<11", "< 5", "n<11", "•••", "s", "≤10"]))
    assert not is_hidden("0")
    assert all(map(is_total, ["Total", "Ensemble", "(all)"]))
    assert not is_total("totally")


SHEET_TRAPS = {
    "hidden-sheet": lambda book: setattr(book.create_sheet("s"), "sheet_state", "veryHidden"),
    "comment": lambda book: setattr(book.active["A1"], "comment", Comment("persons 5", "x")),
    "formula": lambda book: book.active.__setitem__("C2", "=20+20"),
    "hidden-cells": lambda book: setattr(book.active.row_dimensions[3], "hidden", True),
    "defined-names": lambda book: book.defined_names.add(
        openpyxl.workbook.defined_name.DefinedName("n", attr_text="Sheet!$A$1")
    ),
}


@pytest.mark.parametrize("rule", SHEET_TRAPS)
def test_what_a_workbook_hides_is_found(rule: str) -> None:
    found = read_tables(xlsx_bytes(ROWS, SHEET_TRAPS[rule]))
    assert rule in {finding.rule for finding in found.findings}
    assert all(finding.severity == "blocking" for finding in found.findings)


def test_invisible_numbers_and_hidden_columns_are_found() -> None:
    def hide(book: openpyxl.Workbook) -> None:
        book.active["C2"].number_format = ";;;"
        book.active.column_dimensions["B"].hidden = True

    found = read_tables(xlsx_bytes(ROWS, hide)).findings
    assert [finding.rule for finding in found] == ["hidden-cells", "hidden-cells"]


def with_member(data: bytes, name: str, content: bytes) -> bytes:
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def test_parts_beside_the_sheets_are_found_and_bombs_refused() -> None:
    book = xlsx_bytes(ROWS)
    for name in ("xl/media/image1.png", "rows.csv"):
        found = read_tables(with_member(book, name, b"x")).findings
        assert "embedded-data" in {finding.rule for finding in found}
    with pytest.raises(Invalid, match="64 MiB"):
        read_tables(with_member(book, "xl/bomb.xml", bytes(65 * 1024 * 1024)))


def test_entities_in_a_workbook_are_refused() -> None:
    book = xlsx_bytes(ROWS)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            if member == "xl/worksheets/sheet1.xml":
                content = b'<!DOCTYPE x [<!ENTITY a "b">]>' + content.split(b"?>")[-1]
            new.writestr(member, content)
    with pytest.raises(Invalid, match="cannot be read"):
        read_tables(out.getvalue())


@pytest.mark.parametrize(
    ("data", "rules"),
    [
        (html_bytes(ROWS, "<!-- old F: 6 -->"), {"comment"}),
        (html_bytes(ROWS, "<p style='display: none'>6</p>"), {"hidden-cells"}),
        (html_bytes(ROWS, "<p data-rows='[1]'>x</p>"), {"embedded-data"}),
        (html_bytes(ROWS, "<script>let rows = 6</script>"), {"embedded-data"}),
        (latex_bytes(ROWS, "% was 5"), {"comment"}),
        (latex_bytes(ROWS, r"\phantom{5}"), {"hidden-cells"}),
        (parquet_bytes(ROWS, {"note": "rows"}), {"metadata"}),
        (b"# six persons\n" + csv_bytes(ROWS), {"comment"}),
        ("âge;persons\njeune;40\nâgé;50\n".encode("cp1252"), {"encoding"}),
    ],
)
def test_what_markup_and_text_hide_is_found(data: bytes, rules: set[str]) -> None:
    found = read_tables(data)
    assert {finding.rule for finding in found.findings} == rules
    assert len(found.tables) == 1


def test_cells_over_several_rows_and_columns_are_repeated() -> None:
    page = (
        b"<table><tr><th>age<th>sex<th>persons<tr><td rowspan=2>young<td>F<td>40"
        b"<tr><td>M<td>31<tr><td rowspan=2>old<td>F<td>20<tr><td>M<td>58</table>"
    )
    (table,) = read_tables(page).tables
    assert table.cells[("old", "M")].value == 58
    text = rb"""\begin{tabular}{lrr} & \multicolumn{1}{c}{\textbf{F}} & M \\ \midrule
    \multirow{1}{*}{young} & 1\,240 & 31 \\ old & 20 & 58 \\ \end{tabular}"""
    (table,) = read_tables(text).tables
    assert table.cells[("young", "F")].value == 1240


def test_a_table_in_a_cell_is_a_table_of_its_own() -> None:
    inner = html_bytes(ROWS).decode()
    page = f"<table><tr><th>a<th>persons<tr><td>x {inner}<td>40<tr><td>y<td>50</table>"
    found = read_tables(page.encode())
    assert sorted(len(table.cells) for table in found.tables) == [2, 4]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([["age", "sex"], ["a", "b"]], "no column is named"),
        ([["age", "age", "persons"], ["a", "b", 40]], None),
        ([["d", "age", "age"], ["a", "b", 40]], "each column once"),
        ([["age", "persons", "x", "y"], ["a", 40, 1, 2], ["b", 50, 3, 4], ["c", 1, 5, 6]],
         "2 columns of numbers"),
        ([["persons", "status"], [40, "x"]], "no column of categories"),
        ([["sex", "hospitals"], ["F", 4]], "nothing that is counted"),
        ([["age", "persons"]], "a row below"),
    ],
)  # fmt: skip
def test_what_is_not_understood_says_why(rows: list[list[object]], why: str | None) -> None:
    found = infer(grid_of("csv", rows))
    if why is None:
        assert isinstance(found, TableSchema)
    else:
        assert isinstance(found, tuple)
        assert why in found[0]
        assert found[1].startswith(("il ", "son ", "aucune ", "2 colonnes "))


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([["age", "persons"], ["a", "about 5"], ["b", 40]], "cannot be read"),
        ([["age", "persons"], ["a", 4.5], ["b", 40]], "not a whole number"),
        ([["age", "persons"], ["a", 40], ["a", 41]], "says the same cell again"),
        ([["age", "persons"], ["Total", 40]], "a total and nothing else"),
    ],
)
def test_a_table_that_does_not_fit_goes_to_people(rows: list[list[object]], why: str) -> None:
    found = read_tables(csv_bytes(rows))
    assert found.tables == ()
    assert why in found.unread[0]
    assert " / Le tableau n'est pas compris : " in found.unread[0]
    assert "about" not in found.unread[0]


def test_a_file_of_remarks_alone_holds_no_table() -> None:
    found = read_tables(b"# nothing,here\n")
    assert found.tables == ()
    assert "no header" in found.unread[0]


SCHEMA = {
    "format": "bercail-table-schema/1",
    "tables": [
        {
            "measure": {"name": "cost", "kind": "sum", "unit": "euros"},
            "population": "ab" * 32,
            "dimensions": [
                {
                    "column": "act",
                    "codes": [
                        {"code": "all acts", "parent": None},
                        {"code": "a", "parent": "all acts"},
                        {"code": "b", "parent": "all acts"},
                    ],
                },
                {"column": "sex"},
            ],
            "columns": {"value": "total", "persons": "nb", "top": ["first", "second"]},
        }
    ],
}


def test_a_declared_schema_is_followed() -> None:
    rows: list[list[object]] = [
        ["act", "sex", "total", "nb", "first", "second"],
        ["a", "F", "1 200,50", 30, 200, 100],
        ["b", "F", 800, 20, 90, 80],
        ["all acts", "F", "2000,50", 45, 200, 100],
    ]
    found = read_tables(csv_bytes(rows, ";"), read_schema(json.dumps(SCHEMA).encode()))
    (table,) = found.tables
    assert found.inferred == ()
    assert table.population == "ab" * 32
    assert table.cells[("a", "F")].top == (200, 100)
    assert table.cells[("all acts", "F")].value == 2000.5
    assert table.dimensions[0].parents["a"] == "all acts"
    wrong = read_tables(
        csv_bytes([["act", "sex"], ["a", "F"]]), read_schema(json.dumps(SCHEMA).encode())
    )
    assert "columns of its schema" in wrong.unread[0]
    other = read_tables(
        csv_bytes([*rows, ["z", "F", 1, 1, 1, 0]], ";"), read_schema(json.dumps(SCHEMA).encode())
    )
    assert "no code of its dimension" in other.unread[0]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format": "bercail-table-schema/1"}'])
def test_a_broken_schema_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match="schema"):
        read_schema(data)


def test_a_table_of_an_author_does_not_pass_for_part_of_a_declared_result() -> None:
    entry = SCHEMA["tables"][0]
    measure = {"name": "at risk", "kind": "persons", "unit": "persons of a declared result"}
    forged = SCHEMA | {"tables": [entry | {"measure": measure}]}
    with pytest.raises(Invalid, match="declared results alone"):
        read_schema(json.dumps(forged).encode())


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"", "empty"), (b"PK\x03\x04rest", "archive"), (b"a\x00b", "no text"), (b"PAR1x", "Parquet"),
     (b"PK\x03\x04 xl/workbook.xml", "whole archive"), (b'a,b\n"x', "CSV cannot be read"),
     (b"a,b\n" * 6000, "6000 rows")],
)  # fmt: skip
def test_no_table_at_all(data: bytes, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        read_tables(data)


def test_a_page_without_a_table_goes_to_people() -> None:
    assert read_tables(b"<p>nothing</p>").unread == (
        "No table was found in the file. / Aucun tableau n'a été trouvé dans le fichier.",
    )
    with pytest.raises(Invalid, match="nested or binary"):
        read_tables(parquet_bytes([["age", "persons"], [["a"], 40]]))


def test_a_page_at_which_the_parser_stops_is_refused_without_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As Python 3.11 does at `<![-- x`, which later parsers take for a remark.
    def stop(_: object, text: str) -> None:
        raise AssertionError(f"expected name token at {text!r}")

    monkeypatch.setattr(markup._Tables, "feed", stop)
    with pytest.raises(Invalid, match="declaration that is not HTML") as refused:
        read_grids(html_bytes(ROWS, "<![-- secret 7"))
    assert refused.value.rule == "output-type"
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
