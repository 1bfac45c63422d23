"""Attacks through the places that nobody looks at: provenance, escapes, odd parts, long cells."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from bercail.airlock import SNDS, State
from bercail.airlock.disclosure.check import check_table
from bercail.airlock.disclosure.counts import parse_counts
from bercail.airlock.inspection import Disposition, Inspection, Kind, Limits, inspect_bytes
from bercail.airlock.statements import AnonymityStatement
from bercail.foundation import Invalid
from bercail.testing.airlock_desk import AUTHOR, CHECKERS, PERMIT, AirlockDesk, document

NIR = "180127512345674"
NIR = NIR[:13] + f"{97 - int(NIR[:13]) % 97:02}"
ESCAPED = "".join(f"\\u{ord(sign):04x}" for sign in NIR)
CONTEXT = "Persons treated in 2025, by age."


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AirlockDesk]:
    made = AirlockDesk(tmp_path)
    yield made
    made.keys.close()


def blocking(found: Inspection) -> set[str]:
    return {one.rule for one in found.remarks if one.severity == "blocking"}


def packed(value: Any) -> bytes:
    return json.dumps(value).encode()


# Count tables.


@pytest.mark.parametrize(
    "change",
    [
        {"model_digest": "Dupont, Jean"},
        {"model_digest": "AB" * 32},
        {"model_digest": ["ab" * 32]},
        {"snapshots": "ER_PRS_F@7"},
        {"snapshots": ["any words at all"]},
        {"snapshots": ["ER_PRS_F@7\n"]},
        {"snapshots": ["ER_PRS_F@7"] * 201},
        {"snapshots": {"ER_PRS_F@7": 1}},
    ],
)
def test_the_provenance_of_a_table_carries_no_text_out(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"`model_digest`|`snapshots`"):
        parse_counts(packed(document([(40, 31), (20, 58)], **change)))
    good = document([(40, 31), (20, 58)], snapshots=["ER_PRS_F@8231", "T_MCO23B@7"])
    assert parse_counts(packed(good)).provenance["snapshots"] == ["ER_PRS_F@8231", "T_MCO23B@7"]


@pytest.mark.parametrize("place", ["title", "name", "label"])
def test_an_identifier_in_the_words_of_a_table_holds_it_back(desk: AirlockDesk, place: str) -> None:
    table = document([(40, 31), (20, 58)])
    if place == "title":
        table["title"] = f"About {NIR}"
    elif place == "name":
        table["dimensions"][0]["name"] = NIR
    else:
        table["dimensions"][0]["categories"][0] = NIR
        for cell in table["cells"][:2]:
            cell["categories"][0] = NIR
    path = desk.folder / "table.json"
    path.write_bytes(packed(table))
    request = desk.airlock.submit(path, PERMIT, AUTHOR)
    assert request.state is State.QUARANTINED
    assert "identifier" in request.checked.rules


def test_the_checkers_see_where_a_table_comes_from() -> None:
    table = parse_counts(packed(document([(40, 31), (20, 58)])))
    shown = check_table(table, SNDS).checker_report()
    assert shown["provenance"] == {"model_digest": "ab" * 32, "snapshots": ["ER_PRS_F@7"]}


# Words that the journal keeps.


def test_an_identifier_in_words_is_not_recorded(desk: AirlockDesk) -> None:
    page = desk.folder / "page.txt"
    page.write_text("hello all of you\n")
    said = f"It shows {NIR} only"
    with pytest.raises(Invalid) as refusal:
        desk.airlock.submit([page], PERMIT, AUTHOR, context=CONTEXT, insisted=said)
    assert refusal.value.rule == "identifier"
    words = AnonymityStatement(singling_out=said, correlation="x" * 20, inference="x" * 20)
    with pytest.raises(Invalid, match="identifies a person"):
        desk.airlock.submit(desk.table_file(), PERMIT, AUTHOR, statement=words)
    request = desk.submitted()
    with pytest.raises(Invalid, match="identifies a person"):
        desk.airlock.review(request, CHECKERS[0], approve=False, reason=said)
    with pytest.raises(Invalid, match="identifies a person"):
        desk.airlock.give_back(request, CHECKERS[0], said)
    with pytest.raises(Invalid, match="identifies a person"):
        desk.airlock.withdraw(request, AUTHOR, said)
    assert NIR not in repr([one.body for one in desk.ledger.history()])


# Text and JSON.


def test_a_long_field_does_not_hide_the_rest_of_a_table() -> None:
    rows = "x,120\n" * 200
    data = f'a,n\n{rows}"{"word " * 30_000}",65\n{NIR},130\n'.encode()
    found = inspect_bytes("t.csv", data)
    assert found.kind is Kind.DELIMITED
    assert {"broken", "identifier"} <= blocking(found)


@pytest.mark.parametrize(
    "shape",
    [
        '{"nbformat": 4, "metadata": {}, "cells": [], "more": {"x": ["%s"]}}',
        '{"nbformat": 4, "metadata": {}, "cells": [], "%s": 1}',
        '{"a": {"b": "%s"}}',
        '{"a": [{"%s": 1}]}',
        '{"mark": "bar", "encoding": {}, "usermeta": "%s"}',
        '{"format": "bercail-confidences", "members": [], "strangers": [], "note": "%s"}',
    ],
)
@pytest.mark.parametrize("written", [NIR, ESCAPED], ids=["plain", "escaped"])
def test_an_identifier_in_any_member_is_found(shape: str, written: str) -> None:
    found = inspect_bytes("o.json", (shape % written).encode())
    assert "identifier" in blocking(found)
    assert NIR not in json.dumps(found.as_dict())


def test_confidences_with_more_than_numbers_are_blocked() -> None:
    def look(row: Any, *, supporting: bool = False) -> set[str]:
        value = {"format": "bercail-confidences", "members": [row] * 40, "strangers": [0.5] * 40}
        return blocking(inspect_bytes("c.json", packed(value), supporting=supporting))

    assert "embedded-data" not in look(0.5)
    assert "embedded-data" not in look({"true_class": 0.5})
    assert "embedded-data" in look({"true_class": 0.5, "age": 44})
    assert "embedded-data" in look("0.5")


# Pictures, models, unknown content.

SCAN = b"\xff\xd8\xff\xe0\0\x04JF\xff\xda\0\x02\x01\xff\0\xff\xd3\x02\xff\xd9"


def test_a_picture_ends_at_its_first_end() -> None:
    assert blocking(inspect_bytes("p.jpg", SCAN)) == set()
    assert "trailing-data" in blocking(inspect_bytes("p.jpg", SCAN + b"rows\xff\xd9"))
    assert "broken" in blocking(inspect_bytes("p.jpg", SCAN[:-2]))
    assert "broken" in blocking(inspect_bytes("p.jpg", SCAN[:8] + b"rows" + SCAN[8:]))


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [("o.txt", b"\0\1\2\3", Kind.UNKNOWN), ("o.gif", b"GIF89a and more", Kind.PICTURE)],
)
def test_what_is_not_parsed_never_leaves(
    desk: AirlockDesk, name: str, data: bytes, kind: Kind
) -> None:
    found = inspect_bytes(name, data)
    assert (found.kind, found.disposition) == (kind, Disposition.NEVER)
    path = desk.folder / name
    path.write_bytes(data)
    with pytest.raises(Invalid) as refusal:
        desk.airlock.submit(path, PERMIT, AUTHOR, context=CONTEXT, insisted="I want it")
    assert refusal.value.rule == "output-type"


@pytest.mark.parametrize(
    "model",
    [
        {"learner": {"gradient_booster": {"model": {"trees": [{"base_weights": [0.5]}]}}}},
        {"learner": {"weights": [0.5]}},
        {"trees": [{"split": 3}]},
        {"trees": [{"leaf": True, "persons": 400}], "more": {"left_children": [1]}},
    ],
)
def test_trees_whose_leaves_have_no_known_size_are_blocked(model: dict[str, Any]) -> None:
    assert "model-leaf-unknown" in blocking(inspect_bytes("m.json", packed(model)))
    sized = {"trees": [{"leaf": True, "persons": 400}]}
    assert "model-leaf-unknown" not in blocking(inspect_bytes("m.json", packed(sized)))


# Workbooks.


def workbook(more: dict[str, bytes] | None = None, *rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in (["age", "n"], ["40", 120], ["50", 60], *rows):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as opened:
        for name, data in (more or {}).items():
            opened.writestr(name, data)
    return out.getvalue()


def test_a_part_that_no_program_shows_is_found() -> None:
    assert blocking(inspect_bytes("t.xlsx", workbook())) == set()
    for name in ("xl/data.bin", "notes.txt", "xl/worksheets/rows.xml"):
        assert "embedded-data" in blocking(inspect_bytes("t.xlsx", workbook({name: b"<a/>"})))
    wide = "<a/>".encode("utf-16")
    assert "broken" in blocking(inspect_bytes("t.xlsx", workbook({"xl/metadata.xml": wide})))


def test_a_sheet_under_another_name_is_read_as_a_sheet() -> None:
    cell = f'<c r="A1" t="inlineStr"><is><t>{NIR}</t></is></c>'
    sheet = f'<x:worksheet xmlns:x="urn:x"><sheetData><row r="1">{cell}</row></sheetData>'
    data = workbook({"xl/tables/table9.xml": f"{sheet}</x:worksheet>".encode()})
    found = inspect_bytes("t.xlsx", data)
    assert "identifier" in blocking(found)
    places = next(one.places for one in found.remarks if one.rule == "identifier")
    assert "sheet 1, row 1, column 1" in places


def test_a_text_beside_the_cells_of_a_sheet_is_searched() -> None:
    head = f"<headerFooter><oddHeader>{NIR}</oddHeader></headerFooter>"
    for body in (head, f"<sheetData>{NIR}</sheetData>", f"<sheetData/>{NIR}", f"<t>{NIR}</t>"):
        sheet = f"<worksheet>{body}</worksheet>".encode()
        found = inspect_bytes("t.xlsx", workbook({"xl/worksheets/sheet9.xml": sheet}))
        assert blocking(found) == {"identifier"}


def test_an_attribute_of_a_part_is_searched() -> None:
    escaped = "".join(f"&#{ord(sign)};" for sign in NIR)
    for tip in (f'tooltip="{NIR}"', f"tooltip = '{NIR}'", f'tooltip="{escaped}"'):
        link = f'<worksheet><hyperlinks><hyperlink ref="A1" {tip}/></hyperlinks></worksheet>'
        for name in ("xl/worksheets/sheet9.xml", "xl/metadata.xml", "xl/drawings/drawing1.xml"):
            found = inspect_bytes("t.xlsx", workbook({name: link.encode()}))
            assert "identifier" in blocking(found), (tip, name)


def test_a_member_that_stands_twice_makes_a_document_unreadable() -> None:
    rows = '"data": [{"a": 1}], "data": []'
    for text in (f"{{{rows}}}", f'{{"mark": "bar", "encoding": {{}}, "x": {{{rows}}}}}'):
        found = inspect_bytes("chart.json", text.encode())
        assert "broken" in blocking(found)
        once = text.replace(', "data": []', "")
        assert "broken" not in blocking(inspect_bytes("chart.json", once.encode()))


def test_a_shared_text_that_no_cell_shows_is_searched() -> None:
    shared = f"<sst><si><t>age</t></si><si><t>{NIR}</t></si></sst>".encode()
    for name in ("xl/sharedStrings.xml", "xl/SHAREDstrings.xml", "xl/worksheets/sheet7.xml"):
        found = inspect_bytes("t.xlsx", workbook({name: shared}))
        assert blocking(found) == {"identifier"}


def test_a_text_that_stands_in_every_cell_is_counted_each_time() -> None:
    rows = [["word " * 100, 120]] * 30
    assert blocking(inspect_bytes("t.xlsx", workbook(None, *rows))) == set()
    few = Limits(characters=10_000)
    found = inspect_bytes("t.xlsx", workbook(None, *rows), limits=few)
    assert "too-much" in blocking(found)
    assert Limits().characters == 4 * 1024 * 1024


def test_a_cell_longer_than_a_program_writes_is_refused() -> None:
    text = "word " * 6_554
    cell = f'<c r="A1" t="inlineStr"><is><t>{text}</t></is></c>'
    sheet = f"<worksheet><sheetData><row>{cell}</row></sheetData></worksheet>".encode()
    data = workbook({"xl/worksheets/sheet9.xml": sheet})
    assert "too-much" in blocking(inspect_bytes("t.xlsx", data))
    fits = workbook({"xl/worksheets/sheet9.xml": sheet.replace(text.encode(), text[9:].encode())})
    assert "too-much" not in blocking(inspect_bytes("t.xlsx", fits))


def test_the_long_number_of_a_snapshot_is_no_hidden_data(desk: AirlockDesk) -> None:
    """A snapshot of the lake has up to nineteen digits, and leaves with every table."""
    table = document([(40, 31), (20, 58)], snapshots=["ER_PRS_F@7399402251239823455"])
    path = desk.folder / "table.json"
    path.write_bytes(packed(table))
    assert desk.airlock.submit(path, PERMIT, AUTHOR).state is State.CHECKED
