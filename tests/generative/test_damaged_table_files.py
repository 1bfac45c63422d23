"""Damaged files of every kind: a reader answers or refuses, and never fails otherwise."""

from __future__ import annotations

import io

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.airlock.disclosure.tables.reading import read_tables
from bercail.foundation import Invalid


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (["age", "sex", "persons"], ["young", "F", 40], ["old", "M", 6]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"age": ["young", "old"], "persons": [40, 6]}), out)
    return out.getvalue()


WHOLE = {
    "csv": b"age;F;M;Total\nyoung;40;31;71\nold;<11;58;64\nTotal;46;89;135\n",
    "html": b"<table><tr><th>age<th>F<th>M<tr><td rowspan=2>a<td>4<td>5<tr><td>6<td>7</table>",
    "latex": rb"\begin{tabular}{l|rr} age & F & M \\ \multicolumn{1}{c}{a} & 4 & 5 \end{tabular}",
    "counts": b'{"format": "bercail-count-table", "version": 1, "title": "t", "cells": []}',
    "parquet": _parquet(),
    "xlsx": _workbook(),
}
EDIT = st.tuples(st.floats(0, 1), st.sampled_from(["put", "cut", "double"]), st.binary(max_size=8))


def outcome(data: bytes) -> object:
    """What was read, what was left to people, or the rule of the refusal."""
    try:
        found = read_tables(data)
    except Invalid as refusal:
        return refusal.rule
    return found.tables or found.unread


@settings(max_examples=200)
@given(st.sampled_from(sorted(WHOLE)), st.lists(EDIT, min_size=1, max_size=6))
def test_a_damaged_file_is_read_or_refused(
    kind: str, edits: list[tuple[float, str, bytes]]
) -> None:
    data = WHOLE[kind]
    for share, act, piece in edits:
        at = int(share * len(data))
        if act == "put":
            data = data[:at] + piece + data[at + len(piece) :]
        elif act == "cut":
            data = data[:at] + data[at + len(piece) :]
        else:
            data = data[:at] + data[at : at + 40] + data[at:]
    assert outcome(data)
