"""Rows, the first of them the head, as files that a researcher would hand in."""

from __future__ import annotations

import io
from collections.abc import Sequence

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

Rows = Sequence[Sequence[object]]


def as_xlsx(rows: Rows) -> bytes:
    """A workbook of one sheet."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(list(row))
    book.save(out)
    book.close()
    return out.getvalue()


def as_parquet(rows: Rows) -> bytes:
    """A Parquet file, its columns of the types of the values."""
    out = io.BytesIO()
    columns = {str(name): [row[at] for row in rows[1:]] for at, name in enumerate(rows[0])}
    pq.write_table(pa.table(columns), out)
    return out.getvalue()
