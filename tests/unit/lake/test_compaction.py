"""Small parts joined: which, how their lineage is kept, and who still reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.foundation import FixedClock, Invalid, SeededRandomness, Unproven
from bercail.lake import Lake, Part, part_writing
from bercail.lake.compaction import plan_compaction
from bercail.lake.rewrites import rewrite_keeps
from bercail.lake.shares import merged, ranges_of, shares_note, shares_of
from bercail.lake.snapshot import Share, decode_statement, rows_by_delivery
from bercail.storage.memory import MemoryStore
from bercail.vault import Keyring

TABLE = "ER_PHA_F"
MIB = 1 << 20


def schema(*extra: str) -> pa.Schema:
    return pa.schema([("d", pa.int64()), ("n", pa.int64()), *((x, pa.string()) for x in extra)])


def batch(delivery: int, count: int, *extra: str) -> pa.RecordBatch:
    found = [{"d": delivery, "n": n} | dict.fromkeys(extra, "x") for n in range(count)]
    return pa.RecordBatch.from_pylist(found, schema=schema(*extra))


def part(delivery: str, size: int, name: str = "p") -> Part:
    url = f"sealed://T/data/{delivery}/{name}.parquet"
    return Part(url=url, delivery=delivery, rows=1, size=size, sha256="")


def sizes(groups: Sequence[Sequence[Part]]) -> list[list[int]]:
    return [[one.size for one in group] for group in groups]


def test_small_neighbours_are_joined_up_to_the_target() -> None:
    parts = [part(f"D{n}", size) for n, size in enumerate([40, 40, 40, 200, 10, 10])]
    assert sizes(plan_compaction(parts, 100)) == [[40, 40, 40], [200], [10, 10]]
    assert sizes(plan_compaction(parts, 1)) == [[40], [40], [40], [200], [10], [10]]


def test_a_delivery_is_joined_whole_or_not_at_all() -> None:
    large = [part("D1", 60, "a"), part("D1", 60, "b"), part("D2", 5)]
    assert sizes(plan_compaction(large, 100)) == [[60], [60], [5]]
    small = [part("D1", 10, "a"), part("D1", 10, "b"), part("D2", 5)]
    assert sizes(plan_compaction(small, 100)) == [[10, 10, 5]]
    apart = [part("D1", 10, "a"), part("D2", 5), part("D1", 10, "b")]
    assert sizes(plan_compaction(apart, 100)) == [[10], [5], [10]]


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 90)), max_size=12),
    target=st.integers(1, 150),
)
def test_a_plan_loses_and_reorders_nothing(counts: list[tuple[int, int]], target: int) -> None:
    parts = [
        part(f"D{d}", size, f"{d}-{n}")
        for d, (many, size) in enumerate(counts)
        for n in range(many)
    ]
    groups = plan_compaction(parts, target)
    assert [one for group in groups for one in group] == parts
    joined = {one.delivery for group in groups if len(group) > 1 for one in group}
    alone = {group[0].delivery for group in groups if len(group) == 1}
    assert not {d for d in joined & alone if sum(p.delivery == d for p in parts) > 1}


@settings(max_examples=60, deadline=None)
@given(shares=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5)), max_size=8))
def test_ranges_and_shares_agree(shares: list[tuple[str, int]]) -> None:
    held = [Share(delivery=name, rows=rows) for name, rows in shares]
    owner = [share.delivery for share in held for _ in range(share.rows)]
    for wanted in ({"a"}, {"a", "c"}, set("abc"), set()):
        ranges = ranges_of(held, wanted)
        found = [row for first, last in ranges for row in range(first, last)]
        assert found == [row for row, name in enumerate(owner) if name in wanted]
    assert shares_of({b"bercail.holds": shares_note(held).encode()}) == tuple(held)
    assert sum(one.rows for one in merged(held)) == len(owner)


@pytest.mark.parametrize("note", [b"", b"{}", b'[["a"]]', b'[["a","1"]]', b'[[1,"a"]]'])
def test_a_note_of_another_form_is_no_note(note: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        shares_of({b"bercail.holds": note})


@pytest.fixture
def filled(lake: Lake) -> Lake:
    lake.append(TABLE, [batch(1, 3)], schema(), delivery="D1")
    lake.append(TABLE, [batch(2, 4, "x")], schema("x"), delivery="D2")
    lake.append(TABLE, [], schema(), delivery="D3")
    lake.append(TABLE, [batch(4, 5)], schema(), delivery="D4")
    return lake


def held(lake: Lake, snapshot: str | None = None) -> list[tuple[int, int]]:
    read = lake.read(TABLE, ["d", "n"], snapshot).read_all()
    return list(zip(*(column.to_pylist() for column in read.columns), strict=True))


def test_a_joined_table_holds_the_same_rows(filled: Lake, clock: FixedClock) -> None:
    before, rows = filled.snapshot(TABLE), held(filled)
    made = filled.compaction.compact(TABLE, MIB)
    assert (made.before, made.after, made.rows) == (3, 1, 12)
    assert held(filled) == rows == held(filled, before.id)
    (one,) = filled.parts(TABLE)
    assert one.holds == tuple(Share(delivery=f"D{n}", rows=r) for n, r in ((1, 3), (2, 4), (4, 5)))
    assert rows_by_delivery((one,)) == {"D1": 3, "D2": 4, "D4": 5}
    assert filled.verify(TABLE).rows == 12
    assert filled.read(TABLE).read_all().column("x").to_pylist().count("x") == 4
    with duckdb.connect() as connection:
        connection.register_filesystem(filled.filesystem())
        counted = "SELECT count(*), count(x) FROM read_parquet(?)"
        found = connection.execute(counted, [[one.url]]).fetchone()
    assert found == (12, 4)


def test_nothing_to_join_makes_no_snapshot(filled: Lake) -> None:
    filled.compaction.compact(TABLE, MIB)
    count = len(filled.snapshots(TABLE))
    again = filled.compaction.compact(TABLE, MIB)
    assert (again.before, again.after) == (1, 1)
    assert len(filled.snapshots(TABLE)) == count
    assert filled.compaction.plan(TABLE, MIB) == ()
    with pytest.raises(Invalid, match="`0` bytes"):
        filled.compaction.compact(TABLE, 0)


def test_a_delivery_after_a_compaction_is_joined_by_the_next(filled: Lake) -> None:
    filled.compaction.compact(TABLE, MIB)
    filled.append(TABLE, [batch(5, 2)], schema(), delivery="D5")
    assert filled.append(TABLE, [], schema(), delivery="D2").delivery == "D2"
    filled.compaction.compact(TABLE, MIB)
    (one,) = filled.parts(TABLE)
    assert [share.delivery for share in one.holds] == ["D1", "D2", "D4", "D5"]
    assert filled.verify(TABLE).rows == 14


def test_many_parts_of_one_delivery_become_one_of_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(part_writing, "GROUP_ROWS", 10)
        patch.setattr(part_writing, "PART_BYTES", 100)
        lake.append(TABLE, [batch(1, 30)], schema(), delivery="D1")
    assert len(lake.parts(TABLE)) > 1
    lake.compaction.compact(TABLE, MIB)
    (one,) = lake.parts(TABLE)
    assert (one.delivery, one.rows, one.holds) == ("D1", 30, ())


def test_another_delivery_comes_in_while_parts_are_joined(
    filled: Lake,
    host: MemoryStore,
    keys: Keyring,
    tmp_path: object,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"sqlite:///{tmp_path}/lake.sqlite"
    real = type(filled.compaction)._join

    def meanwhile(self: object, *given: object) -> object:
        monkeypatch.setattr(type(filled.compaction), "_join", real)
        with Lake(host, keys, url, None, SeededRandomness(8), clock) as other:
            other.append(TABLE, [batch(9, 2)], schema(), delivery="D9")
        return real(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(type(filled.compaction), "_join", meanwhile)
    filled.compaction.compact(TABLE, MIB)
    assert rows_by_delivery(filled.parts(TABLE)) == {"D1": 3, "D2": 4, "D4": 5, "D9": 2}
    assert filled.verify(TABLE).rows == 14


def test_expiry_removes_what_only_old_snapshots_reach(
    filled: Lake, host: MemoryStore, clock: FixedClock
) -> None:
    old = filled.snapshots(TABLE)
    clock.advance(timedelta(hours=1))
    filled.compaction.compact(TABLE, MIB)
    assert filled.expiring.expirable(TABLE, timedelta(days=1)) == ()
    clock.advance(timedelta(days=2))
    assert len(filled.expiring.expirable(TABLE, timedelta(days=1))) == len(old)
    count = len(list(host.list()))
    made = filled.expiring.expire(TABLE, timedelta(days=1))
    assert made.expired == tuple(one.id for one in old)
    assert made.files >= 3
    assert len(list(host.list())) == count - made.files + 1
    assert filled.expiring.expire(TABLE, timedelta(days=1)).files == 0
    assert filled.verify(TABLE).rows == 12
    assert len(held(filled)) == 12
    with pytest.raises(Exception, match="were let go"):
        held(filled, old[0].id)
    with pytest.raises(Exception, match="were let go"):
        filled.verify(TABLE, old[0].id)
    assert filled.orphans(timedelta(0)) == ()
    filled.append(TABLE, [batch(5, 2)], schema(), delivery="D5")
    assert filled.verify(TABLE).rows == 14


def test_expiry_keeps_the_parts_of_a_running_append(filled: Lake, clock: FixedClock) -> None:
    def watched() -> object:
        yield batch(7, 2)
        filled.compaction.compact(TABLE, MIB)
        clock.advance(timedelta(days=5))
        filled.expiring.expire(TABLE, timedelta(days=1))
        yield batch(7, 1)

    filled.append(TABLE, watched(), schema(), delivery="D7")  # type: ignore[arg-type]
    assert filled.verify(TABLE).rows == 15


def test_a_compaction_that_loses_rows_is_never_signed(
    filled: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = filled.snapshot(TABLE)
    monkeypatch.setattr(
        type(filled.compaction),
        "_rows",
        lambda _self, _group, kept: iter([batch(1, 2).select(kept.names[:2])]),
    )
    monkeypatch.setattr(type(filled.compaction), "_columns", lambda *_: schema())
    with pytest.raises(Unproven) as refusal:
        filled.compaction.compact(TABLE, MIB)
    assert refusal.value.rule == "lake-rewrite"
    assert filled.snapshot(TABLE) == before


def test_the_rows_that_a_rewrite_must_keep() -> None:
    one, two = part("D1", 1), part("D2", 1)
    assert rewrite_keeps("rewrite:compact:r", (one, two), (two, one))
    assert not rewrite_keeps("rewrite:compact:r", (one, two), (one,))
    assert not rewrite_keeps("rewrite:rotation", (one,), (two,))
    assert rewrite_keeps("rewrite:erase:delivery:D1", (one, two), (two,))
    assert not rewrite_keeps("rewrite:erase:delivery:D1", (one, two), (one,))
    assert rewrite_keeps("rewrite:erase:persons:R", (one, two), (two,))
    assert not rewrite_keeps("rewrite:erase:persons:R", (one,), (one, two))


def test_a_statement_with_shares_that_do_not_add_up_is_unproven(filled: Lake) -> None:
    filled.compaction.compact(TABLE, MIB)
    signed = filled._shelf.latest(TABLE)
    assert signed is not None
    assert b'"bercail-snapshot/3"' in signed.statement
    assert decode_statement(signed.statement).parts == filled.parts(TABLE)
    for old, new in ((b'"rows":3}', b'"rows":2}'), (b'"compact:', b'"zompact:')):
        with pytest.raises(Unproven):
            decode_statement(signed.statement.replace(old, new))
