"""What names a line, and what rows are ordered by."""

# ruff: noqa: S608 - every query is made of constants of this file.

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bercail.ingest.silver.concepts import CONCEPTS, concept
from bercail.ingest.silver.definition import order_of
from bercail.ingest.silver.line_names import FACTORS, PRIME, named, weights
from bercail.ingest.silver.ordering import number_columns, ordered, telling
from bercail.lake.cuts import Cut
from bercail.lake.parquet_stream import ParquetEncoding
from bercail.testing.silver_world import OPERATOR, World, Writer

LINES = [
    (date(2023, 2, 1), 5, "01C000123", -7),
    (date(1600, 1, 1), 2**40 + 3, "9", 0),
    (None, None, None, 2**62),
    (date(2199, 12, 31), -(2**40), "a longer text than 16", 1),
]


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def as_numbers(line: tuple[date | None, int | None, str | None, int]) -> list[int]:
    """The numbers of a key, as `line_names` tells them."""
    day, number, text, last = line
    ends = [text[:8], text[-8:]] if text else ["", ""]
    return [
        2023,
        (day - date(1600, 1, 1)).days if day else 0,
        _remainder(number or 0),
        *(int.from_bytes(one.encode(), "big") % PRIME for one in ends),
        _remainder(last),
    ]


def _remainder(number: int) -> int:
    return abs(number) % PRIME * (1 if number >= 0 else -1)


def test_anybody_recomputes_the_name_of_a_line(db: duckdb.DuckDBPyConnection) -> None:
    days, numbers, texts, last = (list(one) for one in zip(*LINES, strict=True))
    held = pa.table(
        {
            "day": pa.array(days, pa.date32()),
            "number": pa.array(numbers, pa.int64()),
            "text": pa.array(texts, pa.string()),
            "last": pa.array(last, pa.int64()),
        }
    )
    db.register("held", held)
    columns = [(f'h."{one.name}"', one.type, one.name != "last") for one in held.schema]
    sql = f"SELECT {named('2023', columns)} FROM held AS h"
    found = [name for (name,) in db.execute(sql).fetchall()]
    for line, name in zip(LINES, found, strict=True):
        high, low = (
            sum(n * w for n, w in zip(as_numbers(line), weights(6, factor), strict=True)) % PRIME
            for factor in FACTORS
        )
        assert name == high << 31 | low
    assert len(set(found)) == len(LINES)
    assert max(weights(40, FACTORS[0])) < 2**26


def test_a_long_key_does_not_overflow(db: duckdb.DuckDBPyConnection) -> None:
    columns = [(str(PRIME - 1), pa.int64(), False)] * 70
    row = db.execute(f"SELECT {named('0', columns)}").fetchone()
    assert row is not None
    assert 0 <= row[0] < 2**62


def test_only_columns_that_can_differ_are_compared() -> None:
    dispensings, residence, stays = (
        concept(name) for name in ("dispensings", "residence", "stays")
    )
    (net,), (periods,), (each,) = (one.branches for one in (dispensings, residence, stays))
    assert telling(dispensings, [net]) == ("bucket", "person", "date", "cip13")
    assert telling(residence, [periods]) == ("bucket", "person", "date")
    assert telling(stays, [each]) == order_of(stays)
    for one in CONCEPTS.values():
        # Two ways may make rows that agree in the keys of one of them.
        assert telling(one, [*one.branches, *one.branches]) == order_of(one)


def test_a_code_is_a_number_where_its_one_way_keeps_it_as_one() -> None:
    dispensings, acts = concept("dispensings"), concept("acts")
    number, text = {"cip13": True, "date": False}, {"cip13": False}
    assert number_columns(dispensings, [number, {}]) == {"cip13"}
    assert number_columns(dispensings, [number, text]) == frozenset()
    assert number_columns(dispensings, []) == frozenset()
    # A way that the lake does not have yet may bring texts later.
    assert number_columns(acts, [{"code": True}]) == frozenset()


def test_numbers_are_ordered_as_numbers_and_become_texts(db: duckdb.DuckDBPyConnection) -> None:
    dispensings = concept("dispensings")
    cells = [(64, 3, 10), (64, 3, 9), (64, 3, None), (1, 5, 7), (64, 2, 11)]
    rows = ", ".join(
        f"({person}, DATE '2023-01-01' + {day}, {'NULL' if code is None else code}::BIGINT)"
        for person, day, code in cells
    )
    made = (
        "SELECT person, date, cip13, 1 AS quantity, 0 AS units, 'ER_PHA_F' AS origin, "
        f"NULL::DATE AS flux, 1 AS lines, 2 AS line FROM (VALUES {rows}) AS v(person, date, cip13)"
    )
    sql = ordered(dispensings, dispensings.branches, [made], {"cip13"})
    found = db.execute(f"SELECT bucket, person, day(date), cip13 FROM ({sql})").fetchall()
    assert found == [
        (0, 64, 3, "11"),
        (0, 64, 4, None),
        (0, 64, 4, "9"),
        (0, 64, 4, "10"),
        (1, 1, 6, "7"),
    ]


def test_the_name_of_a_line_is_kept_without_a_dictionary(tmp_path: Path) -> None:
    world = World.build(tmp_path / "world")
    writer = Writer(3)
    world.bring("BEN-1", {"IR_BEN_R": writer.register(1)})
    month = writer.month(0)
    world.bring("DCIR-0", {name: month[name] for name in ("ER_PRS_F", "ER_PHA_F")})
    world.silver.build(OPERATOR, "dispensings")
    (part,) = world.lake.parts("silver_dispensings")
    with world.lake.filesystem().open_for_one(part.url) as source:
        group = pq.ParquetFile(pa.PythonFile(source, mode="r")).metadata.row_group(0)
    found = {
        group.column(place).path_in_schema: group.column(place).has_dictionary_page
        for place in range(group.num_columns)
    }
    assert [name for name, has in found.items() if not has] == ["line"]
    world.close()


def test_a_cut_without_plain_columns_writes_dictionaries() -> None:
    table = pa.table({"line": pa.array([1, 2], pa.int64())})
    for plain in ((), Cut(column="line", rows=1, plain=("line",)).plain):
        encoding = ParquetEncoding(table, iter(()), plain=plain)
        read = pq.ParquetFile(pa.BufferReader(b"".join(encoding.pieces())))
        assert read.read().equals(table)
        assert read.metadata.row_group(0).column(0).has_dictionary_page is not bool(plain)
