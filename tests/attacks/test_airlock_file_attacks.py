"""Attacks through files, by name: what hides data in an output is stopped or put before people."""

from __future__ import annotations

import base64
import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment

from bercail.airlock import State
from bercail.airlock.inspection import Inspection, Kind, Limits, inspect_bytes
from bercail.foundation import Invalid
from bercail.testing.airlock_desk import AUTHOR, PERMIT, AirlockDesk

CONTEXT = "Persons treated in 2025, by age."


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AirlockDesk]:
    made = AirlockDesk(tmp_path)
    yield made
    made.keys.close()


def nir(thirteen: str) -> str:
    number = int(thirteen.replace("2A", "19").replace("2B", "18"))
    return f"{thirteen}{97 - number % 97:02}"


def blocking(found: Inspection) -> set[str]:
    return {one.rule for one in found.remarks if one.severity == "blocking"}


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(*extra: bytes, points: bytes = bytes(14), tail: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(points))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + chunk(b"IEND", b"") + tail


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members.items():
            opened.writestr(name, data)
    return out.getvalue()


def workbook(change: Any = None) -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["age", "n"])
    book.active.append(["40", 120])
    book.active.append(["50", 60])
    if change:
        change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


# Identifiers.


@pytest.mark.parametrize(
    "token",
    [
        nir("1801275123456"),
        nir("2800475123456"),
        nir("180042A123456"),
        nir("180042B123456"),
        "1 80 12 75 123 456 " + nir("1801275123456")[-2:],
        "A1B2C3D4E5F6G7H8J",
        "KJ3DPQ7ZLMN2XWVTA",
    ],
    ids=["nir", "nir-woman", "nir-2a", "nir-corsica", "nir-spaced", "pseudonym", "pseudonym-32"],
)
@pytest.mark.parametrize(
    "shape",
    ["age,n,who\n40,120,{}\n50,60,x\n", "read one row: {}\n", "import os\nwho = '{}'\n"],
    ids=["table", "log", "program"],
)
def test_an_identifier_in_any_text_is_found_and_not_repeated(token: str, shape: str) -> None:
    found = inspect_bytes("output.txt", shape.format(token).encode())
    assert "identifier" in blocking(found)
    assert token not in json.dumps(found.as_dict())


def test_a_wrong_key_is_no_nir_but_is_noted() -> None:
    right = nir("1801275123456")
    wrong = right[:13] + f"{(int(right[13:]) % 97) + 1:02}"
    found = inspect_bytes("note.txt", f"see {wrong} here\n".encode())
    assert "identifier" not in found.rules
    assert "identifier-possible" in found.rules


def test_the_finess_of_one_doctor_in_a_column_is_found() -> None:
    codes = ["750712184", "130786049", "690781810"]
    rows = "".join(f"{code},120\n" for code in codes)
    found = inspect_bytes("table.csv", f"place,n\n{rows}".encode())
    assert "identifier" in blocking(found)


def test_ordinary_numbers_are_no_identifiers() -> None:
    text = "In 2025 the mean was 12.5 (11.9 to 13.1), of 123456 persons and 1234567 euros.\n"
    assert inspect_bytes("note.txt", text.encode()).rules == ("by-eye",)


def test_a_file_named_by_an_identifier_is_stopped() -> None:
    assert "file-name" in blocking(inspect_bytes(f"{nir('1801275123456')}.txt", b"hello all\n"))
    assert "file-name" in blocking(inspect_bytes("../escape.txt", b"hello all\n"))


def test_rows_that_cross_traits_of_persons_are_found() -> None:
    rows = "".join(f"{40 + n},{n % 2},{75000 + n}\n" for n in range(30))
    found = inspect_bytes("table.csv", f"age,sex,commune\n{rows}".encode())
    assert "crossing" in blocking(found)
    many = "".join(f"{40 + n % 2},{n % 2},75000\n" for n in range(60))
    assert "crossing" not in inspect_bytes("t.csv", f"age,sex,commune\n{many}".encode()).rules


# Spreadsheets.


def test_a_hidden_sheet_is_found() -> None:
    def hide(book: Any) -> None:
        book.create_sheet("more").sheet_state = "veryHidden"

    found = inspect_bytes("t.xlsx", workbook(hide))
    assert found.kind is Kind.SPREADSHEET
    assert "hidden-content" in blocking(found)
    assert "hidden-content" not in inspect_bytes("t.xlsx", workbook()).rules


def test_a_comment_a_formula_a_hidden_column_and_an_author_are_found() -> None:
    def spoil(book: Any) -> None:
        book.active["A1"].comment = Comment("see the other file", "somebody")
        book.active["C2"] = "=1+1"
        book.active.column_dimensions["B"].hidden = True
        book.properties.creator = "Somebody Else"

    found = inspect_bytes("t.xlsx", workbook(spoil))
    assert {"comments", "formula", "hidden-content"} <= blocking(found)
    assert "metadata" in found.rules
    assert "somebody" not in json.dumps(found.as_dict()).lower()


def test_the_cache_of_a_pivot_table_is_found() -> None:
    with zipfile.ZipFile(io.BytesIO(workbook())) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    members["xl/pivotCache/pivotCacheRecords1.xml"] = b"<pivotCacheRecords><r/></pivotCacheRecords>"
    assert "data-cache" in blocking(inspect_bytes("t.xlsx", zipped(members)))


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "+cmd|x", "@SUM(A1)", "-2+3"])
def test_a_formula_in_a_csv_is_found(cell: str) -> None:
    assert "formula" in blocking(inspect_bytes("t.csv", f"a,n\n{cell},120\nb,60\n".encode()))
    assert "formula" not in inspect_bytes("t.csv", b"a,n\nx,-120\ny,+60\n").rules


# Drawings, pages, notebooks.


def test_a_second_file_behind_a_picture_is_found() -> None:
    assert "trailing-data" in blocking(inspect_bytes("p.png", png(tail=b"PK\x03\x04rows")))
    assert "trailing-data" in blocking(inspect_bytes("p.png", png(points=bytes(14) + b"rows")))
    assert blocking(inspect_bytes("p.png", png())) == set()


def test_the_metadata_of_a_picture_are_found() -> None:
    said = chunk(b"tEXt", b"Comment\0" + nir("1801275123456").encode())
    found = inspect_bytes("p.png", png(said))
    assert "identifier" in blocking(found)
    assert "metadata" in found.rules
    software = chunk(b"tEXt", b"Software\0Matplotlib version3.10")
    assert "metadata" not in inspect_bytes("p.png", png(software)).rules
    exif = b"\xff\xd8\xff\xe1\0\x10Exif\0\0camera\0\0\xff\xda\0\x02\0\xff\xd9"
    assert "metadata" in inspect_bytes("p.jpg", exif).rules


def test_points_comments_scripts_and_embedded_data_of_a_drawing_are_found() -> None:
    dots = "<circle r='1'/>" * 80
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg'><!-- rows: 1,2,3 -->"
        f"{dots}<script>1</script><image href='data:text/csv;base64,AAAA'/>"
        "<text style='display:none'>x</text></svg>"
    )
    found = inspect_bytes("p.svg", drawing.encode())
    wanted = {"comments", "active-content", "embedded-data", "hidden-content"}
    assert wanted <= blocking(found)
    assert "plot-points" in found.rules


def test_entities_of_a_drawing_are_not_expanded() -> None:
    bomb = b'<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>'
    assert "broken" in blocking(inspect_bytes("p.svg", bomb))


def test_the_rows_behind_a_chart_are_found() -> None:
    rows = [{"patient_id": n, "x": n * 1.5} for n in range(300)]
    chart = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "mark": "point"}
    found = inspect_bytes("c.json", json.dumps({**chart, "data": {"values": rows}}).encode())
    assert found.kind is Kind.CHART
    assert {"embedded-data", "identifying-column"} <= blocking(found)
    few = [{"group": "a", "n": 120}, {"group": "b", "n": 60}]
    clean = inspect_bytes("c.json", json.dumps({**chart, "data": {"values": few}}).encode())
    assert blocking(clean) == set()


def test_outputs_and_attachments_of_a_notebook_are_found() -> None:
    cell = {"cell_type": "code", "source": ["print(1)"], "outputs": [], "metadata": {}}
    book = {"nbformat": 4, "metadata": {}, "cells": [cell]}
    assert blocking(inspect_bytes("n.ipynb", json.dumps(book).encode())) == set()
    for extra in ({"outputs": [{"text": "1"}]}, {"attachments": {"a.png": {}}}):
        spoilt = {**book, "cells": [{**cell, **extra}]}
        found = inspect_bytes("n.ipynb", json.dumps(spoilt).encode())
        assert "notebook-outputs" in blocking(found)


# Data written as something else.


def test_rows_in_base_64_hexadecimal_and_literals_are_found() -> None:
    rows = b"".join(f"{n},{n * 7 % 13}\n".encode() for n in range(200))
    encoded = base64.b64encode(zlib.compress(rows)).decode()
    for text in (f"# {encoded}\n", f"x = 0x{rows.hex()}\n"):
        assert "encoded-data" in blocking(inspect_bytes("s.py", b"import os\n" + text.encode()))
    wrapped = "\n".join(encoded[n : n + 76] for n in range(0, len(encoded), 76))
    assert "encoded-data" in blocking(inspect_bytes("s.txt", f"the proof\n{wrapped}\n".encode()))
    literal = f"import os\nx = [{', '.join(str(n * 7) for n in range(80))}]\n"
    assert "literal-data" in blocking(inspect_bytes("s.py", literal.encode()))


def test_text_inside_floats_is_found() -> None:
    hidden = struct.unpack(">d", b"Dupont J")[0]
    table = f"group,mean\na,{hidden!r}\nb,2.5\n"
    assert "encoded-number" in blocking(inspect_bytes("t.csv", table.encode()))
    whole = int.from_bytes(b"Dupont Jean", "big")
    assert "encoded-number" in blocking(inspect_bytes("t.csv", f"g,v\na,{whole}\nb,2\n".encode()))
    assert "long-number" in inspect_bytes("t.csv", b"g,v\na,0.12345678901\nb,2.5\n").rules


def test_printed_rows_in_a_log_are_found() -> None:
    rows = "".join(f"{n}  {n * 3}  {n * 7}  1\n" for n in range(12))
    assert "printed-rows" in blocking(inspect_bytes("run.log", f"head of data\n{rows}".encode()))


def test_a_secret_in_a_program_is_found() -> None:
    text = "import os\npassword = 'correct horse battery'\n"
    found = inspect_bytes("s.py", text.encode())
    assert "secret" in blocking(found)
    assert "horse" not in json.dumps(found.as_dict())


# What is run, unpacked, or pretends.


class Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("/tmp/this-must-never-exist-anywhere"),))


def test_a_pickle_is_listed_and_never_loaded() -> None:
    for protocol in (0, 2, 5):
        found = inspect_bytes("m.pkl", pickle.dumps(Runs(), protocol))
        assert {"pickle", "active-content"} <= blocking(found)
        places = next(one.places for one in found.remarks if one.rule == "pickle")
        assert any("REDUCE" in place for place in places)
    assert not Path("/tmp/this-must-never-exist-anywhere").exists()


@pytest.mark.parametrize(
    "bomb",
    [
        zipped({"a": bytes(40_000_000)}),
        gzip.compress(bytes(40_000_000)),
        zipped({f"{n}.txt": b"x" for n in range(1_500)}),
        zipped({"b.xlsx": zipped({"xl/workbook.xml": bytes(40_000_000)})}),
    ],
    ids=["zip", "gzip", "many-members", "sheet"],
)
def test_a_bomb_is_stopped_within_bounds(bomb: bytes) -> None:
    found = inspect_bytes("a.zip", bomb)
    assert blocking(found) & {"bomb", "too-much"}


def test_an_archive_inside_archives_is_stopped_at_a_depth() -> None:
    nested = b"hello all of you\n"
    for _ in range(6):
        nested = zipped({"more.zip": nested})
    assert "bomb" in blocking(inspect_bytes("a.zip", nested))


def test_a_file_hidden_in_an_archive_is_found_and_the_archive_refused() -> None:
    out = io.BytesIO()
    rows = f"nir,n\n{nir('1801275123456')},1\n".encode()
    with tarfile.open(fileobj=out, mode="w") as opened:
        info = tarfile.TarInfo("../rows.csv")
        info.size = len(rows)
        opened.addfile(info, io.BytesIO(rows))
    found = inspect_bytes("a.tar", out.getvalue())
    assert {"archive", "identifier", "identifying-column", "active-content"} <= blocking(found)


def test_a_name_that_lies_about_its_type_is_found() -> None:
    assert "disguised" in blocking(inspect_bytes("table.csv", png()))
    assert "disguised" in blocking(inspect_bytes("plot.png", b"age,n\n40,120\n50,60\n"))
    assert "disguised" in blocking(inspect_bytes("t.txt", zipped({"a.csv": b"a,b\n1,2\n"})))


def test_a_parser_that_reaches_a_bound_says_so() -> None:
    small = Limits(cells=10, text=1_000, elements=20)
    for data in (b"a,b\n" + b"1,2\n" * 20, b"word " * 400, b"[" + b"{}," * 50 + b"{}]"):
        assert "too-much" in blocking(inspect_bytes("o.txt", data, limits=small))


# Models.


def model(**changes: Any) -> bytes:
    card = {"persons": 900, "purpose": "triage", "protection": "leaves of 20 persons at least"}
    leaf = {"leaf": True, "value": 0.5}
    tree = {"left": {**leaf, "persons": 400}, "right": {**leaf, "persons": 500}}
    value = {"format": "bercail-model", "kind": "tree", "card": card, "tree": tree, **changes}
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"card": {}}, "model-card"),
        ({"tree": {"leaf": True, "persons": 4}}, "model-leaf"),
        ({"tree": {"leaf": True, "value": 1.5}}, "model-leaf-unknown"),
        ({"kind": "k nearest neighbours"}, "model-rows"),
        ({"support_vectors": [[1.5, 2.5]]}, "model-rows"),
        ({"parameters": 895}, "model-parameters"),
        ({"weights": [n + 0.5 for n in range(895)]}, "model-parameters"),
    ],
)
def test_a_model_that_remembers_persons_is_stopped(changes: dict[str, Any], rule: str) -> None:
    assert blocking(inspect_bytes("m.json", model())) == set()
    assert rule in blocking(inspect_bytes("m.json", model(**changes)))


def test_a_model_in_pmml_is_read_the_same_way() -> None:
    card = "<Header><Annotation>persons=900; purpose=p; protection=q</Annotation></Header>"
    good = f"<PMML>{card}<Node><Node recordCount='400'/><Node recordCount='500'/></Node></PMML>"
    assert blocking(inspect_bytes("m.pmml", good.encode())) == set()
    small = good.replace("400", "4")
    assert "model-leaf" in blocking(inspect_bytes("m.pmml", small.encode()))
    rows = good.replace("<Node>", "<SupportVectorMachineModel/><Node>", 1)
    assert "model-rows" in blocking(inspect_bytes("m.pmml", rows.encode()))


def test_a_leaf_that_does_not_call_itself_one_is_a_leaf() -> None:
    card = {"persons": 400, "purpose": "p", "protection": "q"}

    def found(kind: str = "tree", **left: object) -> set[str]:
        tree = {"feature": "age", "left": left, "right": {"persons": 200, "value": 0.4}}
        value = {"format": "bercail-model", "kind": kind, "card": card, "tree": tree}
        return blocking(inspect_bytes("m.json", json.dumps(value).encode()))

    assert found(persons=200, value=0.1) == set()
    assert "model-leaf" in found(persons=4, value=0.1)
    assert "model-leaf" in found(persons=4, value=0.1, left=None, right=None)
    assert "model-leaf-unknown" in found(value=0.1)
    bare = {"format": "bercail-model", "kind": "random_forest", "card": card, "weights": [0.5]}
    assert "model-leaf-unknown" in blocking(inspect_bytes("m.json", json.dumps(bare).encode()))


def test_confidences_that_tell_members_block_with_their_measure() -> None:
    def document(shift: float) -> bytes:
        members = [min(1.0, 0.5 + shift + (n % 50) / 200) for n in range(200)]
        strangers = [0.5 + (n % 50) / 200 for n in range(200)]
        value = {"format": "bercail-confidences", "members": members, "strangers": strangers}
        return json.dumps(value).encode()

    telling = inspect_bytes("c.json", document(0.2), supporting=True)
    assert "membership" in blocking(telling)
    measure = next(one for one in telling.remarks if one.rule == "membership").places[0]
    assert measure.startswith("AUC 0.9")
    quiet = inspect_bytes("c.json", document(0.0), supporting=True)
    assert blocking(quiet) == set()
    assert "confidences" in {one.rule for one in inspect_bytes("c.json", document(0.0)).to_fix}


# At the desk.


def test_a_model_whose_confidences_tell_members_goes_to_quarantine(desk: AirlockDesk) -> None:
    card = {"persons": 400, "purpose": "p", "protection": "q"}
    model = {"format": "bercail-model", "kind": "logistic", "card": card, "coefficients": [0.5]}
    wide = [0.5 + (n % 50) / 200 for n in range(200)]
    for name, shift, state in (("telling", 0.2, "quarantined"), ("quiet", 0.0, "checked")):
        members = [min(1.0, value + shift) for value in wide]
        value = {"format": "bercail-confidences", "members": members, "strangers": wide}
        folder = desk.folder / name
        folder.mkdir()
        (folder / "model.json").write_text(json.dumps(model | {"card": card | {"purpose": name}}))
        (folder / "confidences.json").write_text(json.dumps(value))
        request = desk.airlock.submit(
            folder / "model.json",
            PERMIT,
            AUTHOR,
            supporting=[folder / "confidences.json"],
            context=CONTEXT,
        )
        assert request.state.value == state


def test_what_never_leaves_is_turned_away_and_recorded(desk: AirlockDesk) -> None:
    for name, data in (
        ("m.pkl", pickle.dumps([1, 2])),
        ("a.zip", zipped({"a.csv": b"a,b\n1,2\n"})),
        ("d.parquet", b"PAR1rows"),
        ("d.db", b"SQLite format 3\0rows"),
        ("empty.txt", b""),
    ):
        path = desk.folder / name
        path.write_bytes(data)
        with pytest.raises(Invalid) as refusal:
            desk.airlock.submit(path, PERMIT, AUTHOR, context=CONTEXT, insisted="I want it")
        assert refusal.value.rule == "output-type"
    kinds = [record.kind for record in desk.journal.read("airlock-project/diabetes")]
    assert kinds == ["OutputRefused"] * 5
    assert list(desk.store.list()) == []


def test_a_pickle_does_not_come_in_as_support_either(desk: AirlockDesk) -> None:
    support = desk.folder / "m.pkl"
    support.write_bytes(pickle.dumps([1]))
    with pytest.raises(Invalid):
        desk.airlock.submit(desk.table_file(), PERMIT, AUTHOR, supporting=[support])


def test_one_bad_file_holds_back_the_whole_request(desk: AirlockDesk) -> None:
    bad = desk.folder / "note.txt"
    bad.write_text(f"about {nir('1801275123456')}\n")
    request = desk.airlock.submit([desk.table_file(), bad], PERMIT, AUTHOR, context=CONTEXT)
    assert request.state is State.QUARANTINED
    assert "identifier" in request.checked.rules
