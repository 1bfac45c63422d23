"""Differences between snapshots, and what was known on a day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from bercail.foundation import FixedClock, Invalid, Missing, Refused
from bercail.lake import Lake, count_known, known_parts
from bercail.lake.history import parse_day

TABLE = "ER_PRS_F"
SCHEMA = pa.schema([("FLX_DIS_DTD", pa.date32()), ("n", pa.int64())])
FIRST, SECOND = date(2026, 11, 21), date(2026, 11, 23)


def lines(flux: date | None, first: int, count: int) -> pa.RecordBatch:
    found = [{"FLX_DIS_DTD": flux, "n": n} for n in range(first, first + count)]
    return pa.RecordBatch.from_pylist(found, schema=SCHEMA)


@pytest.fixture
def months(lake: Lake, clock: FixedClock) -> Lake:
    """Two flux months that arrived on one day, a third that arrived two days later."""
    lake.append(TABLE, [lines(date(2023, 1, 1), 0, 3)], SCHEMA, delivery="D1")
    lake.append(TABLE, [lines(date(2023, 2, 1), 3, 4)], SCHEMA, delivery="D2")
    clock.advance(timedelta(days=2))
    lake.append(TABLE, [lines(date(2023, 3, 1), 7, 5)], SCHEMA, delivery="D3")
    return lake


def numbers(lake: Lake, day: date, by: Any = "arrival") -> list[int]:
    return sorted(lake.read(TABLE, ["n"], as_of=day, by=by).read_all().column(0).to_pylist())


def test_a_day_of_arrival_reads_the_snapshot_of_that_day(months: Lake) -> None:
    assert numbers(months, FIRST) == list(range(7))
    assert numbers(months, FIRST + timedelta(days=1)) == list(range(7))
    assert numbers(months, SECOND) == list(range(12))
    assert count_known(months, TABLE, FIRST) == 7
    known = months.history.known(TABLE, FIRST)
    second = months.snapshots(TABLE)[1]
    assert (known.snapshot, known.statement_digest) == (second.id, second.statement_digest)
    assert (known.deliveries, known.whole) == (("D1", "D2"), True)


def test_before_the_first_delivery_nothing_was_known(months: Lake) -> None:
    with pytest.raises(Missing, match="`2026-11-20`"):
        months.history.known(TABLE, date(2026, 11, 20))


def test_a_flux_month_reads_lines_by_their_own_date(months: Lake) -> None:
    assert numbers(months, date(2023, 2, 28), "flux") == list(range(7))
    assert numbers(months, date(2022, 12, 31), "flux") == []
    assert count_known(months, TABLE, date(2023, 1, 31), "flux") == 3


def test_a_flux_month_by_another_name_of_delivery(months: Lake) -> None:
    mixed = [lines(date(2023, 1, 1), 100, 2), lines(date(2023, 9, 1), 102, 2), lines(None, 104, 1)]
    months.append(TABLE, mixed, SCHEMA, delivery="CORRECTION")
    assert numbers(months, date(2023, 1, 31), "flux") == [0, 1, 2, 100, 101]
    with pytest.raises(Refused, match="and others") as refusal:
        known_parts(months, TABLE, date(2023, 1, 31), "flux")
    assert refusal.value.rule == "lake-as-of"


def test_an_engine_is_given_the_parts_of_a_day(months: Lake) -> None:
    for day, by, rows in ((FIRST, "arrival", 7), (date(2023, 2, 1), "flux", 7)):
        snapshot, parts = known_parts(months, TABLE, day, by)  # type: ignore[arg-type]
        assert snapshot in {one.id for one in months.snapshots(TABLE)}
        with duckdb.connect() as connection:
            connection.register_filesystem(months.filesystem())
            urls = [part.url for part in parts]
            counted = "SELECT count(*) FROM read_parquet(?)"
            found = connection.execute(counted, [urls]).fetchone()
        assert found == (rows,)


def test_a_table_without_flux_months_has_no_flux(lake: Lake) -> None:
    schema = pa.schema([("n", pa.int64())])
    lake.append("T_MCO23B", [], schema, delivery="D1")
    with pytest.raises(Refused, match="no column `FLX_DIS_DTD`"):
        lake.history.known("T_MCO23B", FIRST, "flux")


def test_the_answer_stays_when_the_snapshot_is_joined_and_let_go(
    months: Lake, clock: FixedClock
) -> None:
    before = numbers(months, FIRST)
    months.compaction.compact(TABLE, 1 << 20)
    clock.advance(timedelta(days=30))
    months.append(TABLE, [lines(date(2023, 4, 1), 50, 1)], SCHEMA, delivery="D4")
    months.expiring.expire(TABLE, timedelta(days=1))
    assert months.history.expired(TABLE) == {one.id for one in months.snapshots(TABLE)[:-1]}
    known = months.history.known(TABLE, FIRST)
    assert known.snapshot == months.snapshot(TABLE).id
    assert not known.whole
    assert numbers(months, FIRST) == before
    assert count_known(months, TABLE, FIRST) == 7
    assert numbers(months, date(2023, 2, 1), "flux") == before
    with pytest.raises(Refused):
        months.history.parts(known)


def test_a_difference_counts_rows_parts_and_columns(months: Lake) -> None:
    wide = SCHEMA.append(pa.field("BEN_SEX_COD", pa.int32()))
    months.append(TABLE, [], wide, delivery="D4")
    ids = [one.id for one in months.snapshots(TABLE)]
    found = months.history.diff(TABLE, ids[0], ids[-1]).as_dict()
    assert found["rows_by_delivery"] == {
        "D2": {"before": 0, "after": 4},
        "D3": {"before": 0, "after": 5},
    }
    assert (found["rows_before"], found["rows_after"]) == (3, 12)
    assert (found["parts_added"], found["parts_removed"]) == (2, 0)
    assert (found["columns_added"], found["columns_removed"]) == (["BEN_SEX_COD"], [])
    back = months.history.diff(TABLE, ids[-1], ids[0])
    assert (back.parts_removed, back.columns_removed) == (2, ("BEN_SEX_COD",))
    assert months.history.diff(TABLE, ids[1], ids[1]).rows == {}
    with pytest.raises(Missing, match="no snapshot `1`"):
        months.history.diff(TABLE, "1", ids[0])


def test_a_difference_names_the_rewrites_between(months: Lake) -> None:
    first = months.snapshot(TABLE).id
    made = months.compaction.compact(TABLE, 1 << 20)
    found = months.history.diff(TABLE, first, made.snapshot)
    assert found.rows == {}
    assert (found.parts_added, found.parts_removed) == (1, 3)
    assert [name.rpartition(":")[0] for name in found.rewrites] == ["rewrite:compact"]


def test_a_month_stands_for_its_last_day() -> None:
    assert parse_day("2024-02") == date(2024, 2, 29)
    assert parse_day("2026-12") == date(2026, 12, 31)
    assert parse_day("2026-01-30") == date(2026, 1, 30)
    for text in ("2026-13", "yesterday", "2026-02-30"):
        with pytest.raises(Invalid, match="no day of the calendar"):
            parse_day(text)
