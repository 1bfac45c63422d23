"""Chosen parts of a table make room for others; every other part stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from bercail.foundation import FixedClock, Invalid, Missing, SeededRandomness, Unavailable, Unproven
from bercail.lake import Lake, PersonRows, Snapshot
from bercail.lake.cuts import Cut, pieces
from bercail.lake.renewing import Renewing
from bercail.lake.rewrites import require_kept
from bercail.storage.memory import MemoryStore
from bercail.vault import Keyring

TABLE = "silver_things"
SCHEMA = pa.schema([("bucket", pa.int32()), ("who", pa.string()), ("n", pa.int64())])
CUT = Cut(column="bucket", rows=2)


def rows(*buckets: int, turn: int = 0) -> list[pa.RecordBatch]:
    """Two rows of each bucket."""
    found = [
        {"bucket": one, "who": f"p{one}", "n": 100 * turn + n} for one in buckets for n in (1, 2)
    ]
    return [pa.RecordBatch.from_pylist(found, schema=SCHEMA)] if found else []


def held(lake: Lake, snapshot: str | None = None) -> list[tuple[int, int]]:
    table = lake.read(TABLE, ["bucket", "n"], snapshot).read_all()
    return list(zip(table["bucket"].to_pylist(), table["n"].to_pylist(), strict=True))


def renew(
    lake: Lake, name: str, leaving: tuple[int, ...], batches: Any, onto: str | None = None
) -> Snapshot:
    """Renew the parts that begin with one of the buckets `leaving`."""
    spans = lake.renewing.spans(TABLE, "bucket")
    gone = [url for url, span in spans.items() if span is not None and span[0] in leaving]
    return lake.renewing.renew(
        TABLE,
        batches,
        SCHEMA,
        delivery=name,
        onto=onto or lake.snapshot(TABLE).id,
        leaving=gone,
        epoch=1,
        cut=CUT,
    )


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """Four buckets, each in a part of its own."""
    lake.append(TABLE, rows(0, 1, 5, 7), SCHEMA, delivery="first", cut=CUT)
    return lake


def test_parts_end_with_a_bucket(filled: Lake) -> None:
    assert list(filled.renewing.spans(TABLE, "bucket").values()) == [(0, 0), (1, 1), (5, 5), (7, 7)]
    assert [part.rows for part in filled.parts(TABLE)] == [2, 2, 2, 2]
    assert filled.verify(TABLE).parts == 4


def test_other_parts_stay_and_the_order_holds(filled: Lake, host: MemoryStore) -> None:
    before = filled.parts(TABLE)
    stored = {info.name: host.get(info.name) for info in host.list()}
    made = renew(filled, "second", (1, 5), rows(1, 3, 5, turn=1))
    after = filled.parts(TABLE)
    assert [part.url for part in after if part.delivery == "first"] == [
        before[0].url,
        before[3].url,
    ]
    assert held(filled) == [
        (0, 1), (0, 2), (1, 101), (1, 102), (3, 101), (3, 102), (5, 101), (5, 102), (7, 1), (7, 2),
    ]  # fmt: skip
    assert filled.verify(TABLE).rows == made.rows == 10
    assert {name: host.get(name) for name in stored} == stored
    assert held(filled, filled.snapshots(TABLE)[0].id) == [
        (bucket, n) for bucket in (0, 1, 5, 7) for n in (1, 2)
    ]
    change = filled.history.diff(TABLE, filled.snapshots(TABLE)[0].id, made.id)
    assert (change.parts_removed, change.parts_added) == (2, 3)
    assert change.rewrites == ("rewrite:renew:second",)


def test_nothing_to_put_and_nothing_to_take(filled: Lake) -> None:
    before = filled.parts(TABLE)
    renew(filled, "second", (), [])
    assert filled.parts(TABLE) == before
    renew(filled, "third", (0, 1, 5, 7), [])
    assert filled.parts(TABLE) == ()
    renew(filled, "fourth", (), rows(2))
    assert held(filled) == [(2, 1), (2, 2)]
    assert filled.verify(TABLE).statements == 4


def test_asked_again_it_takes_nothing(filled: Lake) -> None:
    onto = filled.snapshot(TABLE).id
    made = renew(filled, "second", (1,), rows(1, turn=1))

    def never() -> Iterator[pa.RecordBatch]:
        raise AssertionError("the rows are not asked for")
        yield

    assert renew(filled, "second", (1,), never(), onto) == made


def test_of_two_writers_one_wins_and_the_other_is_told(filled: Lake) -> None:
    seen = filled.snapshot(TABLE).id

    def meanwhile() -> Iterator[pa.RecordBatch]:
        renew(filled, "theirs", (7,), rows(7, turn=2))
        yield from rows(1, turn=1)

    with pytest.raises(Unavailable, match="committed to `silver_things` first") as lost:
        renew(filled, "ours", (1,), meanwhile(), seen)
    assert lost.value.rule == "lake-overtaken"
    assert [one.delivery for one in filled.snapshots(TABLE)] == ["first", "rewrite:renew:theirs"]
    with pytest.raises(Unavailable):
        renew(filled, "ours", (1,), rows(1, turn=1), seen)
    renew(filled, "ours", (1,), rows(1, turn=1))
    assert dict(held(filled)) == {0: 2, 1: 102, 5: 2, 7: 202}


@pytest.mark.parametrize("commits", [False, True])
def test_only_one_delivery_is_the_first_of_a_table(
    lake: Lake,
    host: MemoryStore,
    keys: Keyring,
    tmp_path: Path,
    clock: FixedClock,
    commits: bool,
) -> None:
    def first(desk: Renewing, name: str, batches: Any) -> Snapshot:
        return desk.renew(
            TABLE, batches, SCHEMA, delivery=name, onto=None, leaving=(), epoch=1, cut=CUT
        )

    def meanwhile() -> Iterator[pa.RecordBatch]:
        url = f"sqlite:///{tmp_path}/lake.sqlite"
        with Lake(host, keys, url, None, SeededRandomness(8), clock) as other:
            first(other.renewing, "theirs" if commits else "ours", rows(3))
        yield from rows(1)

    if not commits:
        # The same delivery: what the other brought is what was asked for.
        assert first(lake.renewing, "ours", meanwhile()).rows == 2
    else:
        with pytest.raises(Unavailable) as lost:
            first(lake.renewing, "ours", meanwhile())
        assert lost.value.rule == "lake-overtaken"
    assert held(lake) == [(3, 1), (3, 2)]


def test_a_part_of_another_snapshot_is_not_renewed(filled: Lake) -> None:
    with pytest.raises(Invalid, match="does not have the part"):
        filled.renewing.renew(
            TABLE,
            rows(1),
            SCHEMA,
            delivery="second",
            onto=filled.snapshot(TABLE).id,
            leaving=["sealed://silver_things/data/first/none.parquet"],
            epoch=1,
            cut=CUT,
        )


@pytest.mark.parametrize("buckets", [[3, 1], [0, None]], ids=["a bucket that falls", "no bucket"])
def test_rows_out_of_order_are_invalid(filled: Lake, buckets: list[int | None]) -> None:
    strange = [{"bucket": one, "who": "p", "n": 1} for one in buckets]
    batch = pa.RecordBatch.from_pylist(strange, schema=SCHEMA)
    with pytest.raises(Invalid, match="not in the order of `bucket`"):
        renew(filled, "second", (), [batch])
    with pytest.raises(Invalid, match="`0` rows"):
        Cut(column="bucket", rows=0)


def test_a_renewal_adds_rows_of_its_own_delivery_alone(filled: Lake) -> None:
    before = filled.parts(TABLE)
    mine = evolve(before[0], url="sealed://silver_things/data/second/x.parquet", delivery="second")
    forged = evolve(mine, delivery="first")
    changed = evolve(before[1], rows=3)
    require_kept(TABLE, "rewrite:renew:second", before, [before[1], mine])
    for after in ([before[1], forged], [changed], [before[1], before[1]]):
        with pytest.raises(Unproven, match="does not hold the rows it should"):
            require_kept(TABLE, "rewrite:renew:second", before, after)


def test_a_joined_part_and_an_erased_person_go_on(filled: Lake) -> None:
    filled.compaction.compact(TABLE, 1 << 20)
    assert list(filled.renewing.spans(TABLE, "bucket").values()) == [(0, 7)]
    renew(filled, "second", (0,), rows(0, 1, 5, 7, turn=1))
    persons = PersonRows(request="R-1", column="who", persons=frozenset({"p5"}))
    filled.erasing.erase(TABLE, persons, "asked for by these persons", destroy_keys=False)
    assert [bucket for bucket, _ in held(filled)] == [0, 0, 1, 1, 7, 7]
    renew(filled, "third", (7,), [])
    assert held(filled) == [(0, 101), (0, 102), (1, 101), (1, 102)]


def test_what_was_known_on_a_day(filled: Lake, clock: FixedClock) -> None:
    then, first = date(2026, 11, 21), filled.snapshot(TABLE)
    clock.advance(timedelta(days=3))
    renew(filled, "second", (1,), rows(1, turn=1))
    read: Callable[[], list[int]] = lambda: (  # noqa: E731
        filled.read(TABLE, ["n"], as_of=then).read_all()["n"].to_pylist()
    )
    assert filled.history.known(TABLE, then).snapshot == first.id
    assert read() == [1, 2] * 4
    # Once the snapshot is let go, the rows of that day are refused, never told in part.
    filled.expiring.expire(TABLE, timedelta(days=1))
    with pytest.raises(Missing, match="other rows stand in the place"):
        read()
    assert dict(held(filled))[1] == 102


@given(st.lists(st.integers(0, 6), max_size=40), st.integers(1, 9), st.integers(1, 7))
def test_pieces_hold_all_rows_and_never_share_a_value(
    values: list[int], least: int, size: int
) -> None:
    values = sorted(values)
    table = pa.table({"bucket": pa.array(values, pa.int32())})
    batches = table.to_batches(max_chunksize=size)
    found = [
        [value for batch in piece for value in batch.column(0).to_pylist()]
        for piece in pieces(batches, Cut(column="bucket", rows=least))
    ]
    assert [value for piece in found for value in piece] == values
    assert all(not set(one) & set(two) for one, two in pairwise(found))
    assert all(len(piece) >= least for piece in found[:-1])
