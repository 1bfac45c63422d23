"""Every parser of the airlock under coverage-guided fuzzing; run as a program, bounded.

    python fuzzed_parsers.py TARGET CORPUS -runs=2000 -seed=7

TARGET is `every`, one of `inspect`, `counts`, `history`, `schema`, `results`, or `broken`: a
parser with a planted mistake, which shows that the harness can fail. CORPUS is a folder that this
program fills with one small file of each kind, so that the fuzzer begins inside every parser.
"""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["bercail.airlock"]):
    from bercail.airlock.disclosure.counts import parse_counts
    from bercail.airlock.disclosure.policy import SNDS
    from bercail.airlock.history.azuretre import NotReadableError, past_request, read_documents
    from bercail.airlock.inspection import Kind, Limits, inspect_bytes
    from bercail.airlock.inspection.words import RULES
    from bercail.airlock.tabled import declared_tables, undeclared_tables, words_of_schema
from bercail.foundation import BercailError

SMALL = Limits(unpacked=1_000_000, entries=50, cells=20_000, elements=5_000, text=200_000)


def inspect(data: bytes) -> None:
    """Never raises; says only rules that have words, at places that are short."""
    for supporting in (False, True):
        found = inspect_bytes("output.txt", data, limits=SMALL, supporting=supporting)
        assert isinstance(found.kind, Kind)
        assert {one.rule for one in found.remarks} <= set(RULES)
        assert all(len(place) < 300 for one in found.remarks for place in one.places)
        assert found.remarks


def counts(data: bytes) -> None:
    """A count table, or one of the five families of errors."""
    try:
        parse_counts(data)
    except BercailError:
        return


def history(data: bytes) -> None:
    """Documents of another platform, or a refusal that names a field."""
    try:
        for document in read_documents(data, "requests.json"):
            past_request(document)
    except (BercailError, NotReadableError):
        return


def schema(data: bytes) -> None:
    """What the tables of a file count: they are protected, or one of the five families."""
    words_of_schema(data)
    with contextlib.suppress(BercailError):
        declared_tables("a.csv", b"age,n\n0-39,120\n40+,7\n", data, SNDS)
    undeclared_tables("a", data)


RESULTS = [
    {"result": "survival", "columns": {n: n for n in ("time", "at_risk", "events", "survival")}},
    {
        "result": "percentiles",
        "columns": {n: n for n in ("percentile", "value", "persons_below", "persons_above")},
    },
    {"result": "ratios", "columns": {n: n for n in ("ratio", "numerator", "denominator")}},
    {"result": "map", "columns": {"zone": "zone", "persons": "persons"}, "zones": ["75", "2A"]},
]


def results(data: bytes) -> None:
    """Rows of any declared result, and any schema of one: judged, or one of the five families."""
    for declared in RESULTS:
        head = ",".join(declared["columns"]).encode() + b"\n"
        meaning = json.dumps({"format": "bercail-table-schema/1", **declared}).encode()
        with contextlib.suppress(BercailError):
            found = declared_tables("a.csv", head + data, meaning, SNDS)
            assert found.verdict != "protected"
            found.lines()
    with contextlib.suppress(BercailError):
        declared_tables("a.csv", b"zone,persons\n75,120\n2A,40\n", data, SNDS)


def broken(data: bytes) -> None:
    """Stumbles over what an ordinary seed begins with, so the fuzzer finds it at once."""
    if data[:1] == b"{" and b"nbformat" in data:
        raise ValueError("a planted mistake")
    inspect(data)


def every(data: bytes) -> None:
    """All parsers, one after the other."""
    inspect(data)
    counts(data)
    history(data)
    schema(data)
    results(data)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "every": every,
    "inspect": inspect,
    "counts": counts,
    "history": history,
    "schema": schema,
    "results": results,
    "broken": broken,
}


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members.items():
            opened.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def tarred(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as opened:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        opened.addfile(info, io.BytesIO(data))
    return out.getvalue()


def seeds() -> dict[str, bytes]:
    """One small file of each kind."""
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    sheet = (
        b'<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1"><f>A1</f>'
        b"<v>12</v></c></row></sheetData></worksheet>"
    )
    table = {
        "format": "bercail-count-table",
        "version": 1,
        "title": "t",
        "dimensions": [{"name": "a", "categories": ["x", "y"]}],
        "cells": [{"categories": ["x"], "persons": 3}, {"categories": ["y"], "persons": 40}],
    }
    model = {
        "format": "bercail-model",
        "card": {"persons": 90, "purpose": "p", "protection": "q"},
        "tree": {"left": {"leaf": True, "persons": 4}, "right": {"leaf": True, "persons": 86}},
    }
    meaning = {
        "format": "bercail-table-schema/1",
        "snapshots": ["A@1"],
        "tables": [
            {
                "measure": {"name": "n", "kind": "persons", "unit": "p"},
                "dimensions": [{"column": "age"}],
                "columns": {"value": "n"},
            }
        ],
    }
    sure = {"format": "bercail-confidences", "members": [0.9] * 30, "strangers": [0.5] * 30}
    past = {"id": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "type": "export", "history": []}
    return {
        "csv": b"age,n\n40,120\n50,7\n",
        "log": b"2026-11-21 10:00 INFO read\n2026-11-21 10:01 INFO done\n",
        "py": b"import os\nx = [1, 2, 3]\nprint(os.getcwd())\n",
        "tex": b"\\begin{tabular}{ll} a & 12 \\\\ \\hline b & 7 \\end{tabular}\n",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="2"/><!-- x --></svg>',
        "html": b"<html><body><p style='display:none'>x</p><table></table></body></html>",
        "pmml": b'<PMML><Node recordCount="4"/><Header><Annotation>persons=90</Annotation>'
        b"</Header></PMML>",
        "xml": b"<a><b>1</b></a>",
        "pdf": b"%PDF-1.4\n1 0 obj\n<< /Author (x) >>\nstream\n"
        + zlib.compress(b"BT (hello) Tj ET")
        + b"\nendstream\n%%EOF\n",
        "png": b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tEXt", b"Author\0me")
        + chunk(b"IDAT", zlib.compress(bytes(14)))
        + chunk(b"IEND", b""),
        "jpeg": b"\xff\xd8\xff\xe1\0\x08Exif\0\0\xff\xda\0\x02\0\xff\xd9",
        "pickle": pickle.dumps({"a": [1, "b", 2.5]}),
        "pickle0": pickle.dumps({"a": [1, 2]}, 0),
        "zip": zipped({"a.csv": b"a,b\n1,2\n"}),
        "tar": tarred("a.txt", b"hello\n"),
        "gz": b"\x1f\x8b" + zlib.compress(b"hello", wbits=31)[2:],
        "xlsx": zipped(
            {
                "[Content_Types].xml": b"<Types/>",
                "xl/workbook.xml": b'<workbook><sheets><sheet state="hidden"/></sheets></workbook>',
                "xl/sharedStrings.xml": b"<sst><si><t>n</t></si></sst>",
                "xl/worksheets/sheet1.xml": sheet,
                "docProps/core.xml": b"<p><creator>me</creator></p>",
            }
        ),
        "table": json.dumps(table).encode(),
        "notebook": json.dumps(
            {"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": ["x=1"]}]}
        ).encode(),
        "chart": json.dumps({"mark": "bar", "data": {"values": [{"a": 1}, {"a": 2}]}}).encode(),
        "curve": b"6,200,20,0.9\n12,168,24,0.771\n",
        "percentiles": b"p25,3,50,150\nmedian,7,100,100\n",
        "ratios": b"0.25,50,200\n0.333,40,120\n",
        "zones": b"75,120\n2A,40\n",
        "result": json.dumps({"format": "bercail-table-schema/1", **RESULTS[3]}).encode(),
        "meaning": json.dumps(meaning).encode(),
        "model": json.dumps(model).encode(),
        "confidences": json.dumps(sure).encode(),
        "past": json.dumps([past]).encode(),
    }


def main() -> None:
    target, corpus = sys.argv[1], Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    for name, data in seeds().items():
        (corpus / name).write_bytes(data)
    options = ["-max_len=4096", "-timeout=60", "-rss_limit_mb=2048", f"-artifact_prefix={corpus}-"]
    atheris.Setup([sys.argv[0], *options, *sys.argv[3:], str(corpus)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
