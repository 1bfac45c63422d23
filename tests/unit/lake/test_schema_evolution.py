"""Columns come, go and widen over the years, as the catalogue says that they did."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from bercail.catalogue import load
from bercail.foundation import Invalid
from bercail.lake import Lake
from bercail.lake.rules import widens

TABLE = "STAYS"


def one_row(schema: pa.Schema) -> pa.RecordBatch:
    columns: list[pa.Array[Any]] = [pa.nulls(1, field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def numbered(kind: pa.DataType, values: Sequence[Any]) -> tuple[pa.Schema, pa.RecordBatch]:
    schema = pa.schema([("x", kind)])
    return schema, pa.record_batch([pa.array(values, kind)], schema=schema)


@pytest.mark.parametrize(("family", "every"), [("T_MCOaaB", 4), ("T_MCOaaC", 2)])
def test_the_real_drift_of_the_pmsi_goes_into_one_table(
    lake: Lake, family: str, every: int
) -> None:
    """In the lake each year is a table of its own; here all years of one family meet in one."""
    table = load("snds").table(family)
    years = table.years[::every]
    columns = {year: table.column_names(year) for year in years}
    assert len({frozenset(names) for names in columns.values()}) > 3
    for year in years:
        schema = table.arrow_schema(columns[year])
        lake.append(TABLE, [one_row(schema)], schema, delivery=f"Y{year}")
    held: list[str] = []
    for year, snapshot in zip(years, lake.snapshots(TABLE), strict=True):
        held += [name for name in columns[year] if name not in held]
        read = lake.read(TABLE, snapshot_id=snapshot.id)
        assert read.schema.names == held
        assert read.read_all().num_rows == years.index(year) + 1
    ids = [one.id for one in lake.snapshots(TABLE)]
    found = lake.history.diff(TABLE, ids[0], ids[-1])
    assert set(found.columns_added) == set(held) - set(columns[years[0]])
    assert lake.verify(TABLE).rows == len(years)
    lake.compaction.compact(TABLE, 1 << 24)
    assert lake.read(TABLE).read_all().num_rows == len(years)
    assert lake.read(TABLE, snapshot_id=ids[0]).schema.names == list(columns[years[0]])


WIDER = [
    (pa.int32(), pa.int64(), [1, None, -7]),
    (pa.float32(), pa.float64(), [0.5, None, 2.0]),
    (pa.decimal128(9, 2), pa.decimal128(18, 2), [Decimal("1.25"), None, Decimal("-3.00")]),
]


@pytest.mark.parametrize(("narrow", "wide", "values"), WIDER)
def test_a_wider_type_widens_the_column(
    lake: Lake, narrow: pa.DataType, wide: pa.DataType, values: list[Any]
) -> None:
    schema, batch = numbered(narrow, values)
    first = lake.append(TABLE, [batch], schema, delivery="D1")
    later, more = numbered(wide, values)
    lake.append(TABLE, [more], later, delivery="D2")
    read = lake.read(TABLE).read_all()
    assert (read.schema.field("x").type, read.column("x").to_pylist()) == (wide, values * 2)
    old = lake.read(TABLE, snapshot_id=first.id).read_all()
    assert (old.schema.field("x").type, old.column("x").to_pylist()) == (narrow, values)
    (changed,) = lake.history.diff(TABLE, first.id, lake.snapshot(TABLE).id).columns_changed
    assert changed.startswith("x: ")
    assert " -> " in changed
    with duckdb.connect() as connection:
        connection.register_filesystem(lake.filesystem())
        urls = [part.url for part in lake.parts(TABLE)]
        query = "SELECT count(x) FROM read_parquet(?, union_by_name = true)"
        assert connection.execute(query, [urls]).fetchone() == (4,)
    with pytest.raises(Invalid, match="`x` of `STAYS` arrives as"):
        lake.append(TABLE, [batch], schema, delivery="D3")
    lake.compaction.compact(TABLE, 1 << 20)
    assert lake.read(TABLE).read_all().column("x").to_pylist() == values * 2
    assert lake.read(TABLE, snapshot_id=first.id).read_all().column("x").to_pylist() == values
    lake.rewriting.rewrite(TABLE, lambda rows: rows, name="r", reason="none", epoch=2)
    assert lake.verify(TABLE).rows == 6


def test_what_does_not_hold_every_value_is_not_wider() -> None:
    pairs = [
        (pa.int64(), pa.int32()),
        (pa.int64(), pa.float64()),
        (pa.int32(), pa.string()),
        (pa.decimal128(18, 2), pa.decimal128(9, 2)),
        (pa.decimal128(9, 2), pa.decimal128(18, 3)),
        (pa.date32(), pa.timestamp("us")),
        (pa.int64(), pa.int64()),
    ]
    assert not any(widens(held, arriving) for held, arriving in pairs)
    assert all(widens(narrow, wide) for narrow, wide, _ in WIDER)
