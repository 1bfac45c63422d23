"""Staged parts are nobody's: given to a table, or removed, or orphans that a sweep finds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from bercail.foundation import Invalid, Refused, Unavailable
from bercail.lake import DeliveryRows, Lake, Staged
from bercail.lake.orphans import Orphan
from bercail.lake.part_writing import PartWriter
from bercail.storage.memory import MemoryStore

NARROW = pa.schema([("person", pa.string()), ("paid", pa.int64())])
WIDE = NARROW.append(pa.field("place", pa.string()))


def lines(schema: pa.Schema, rows: int = 3) -> list[pa.RecordBatch]:
    columns = {
        "person": [f"P{n}" for n in range(rows)],
        "paid": list(range(rows)),
        "place": ["001"] * rows,
    }
    taken = {name: columns[name] for name in schema.names}
    return [pa.RecordBatch.from_pydict(taken, schema=schema)]


def stage(lake: Lake, schema: pa.Schema, delivery: str = "d1") -> Staged:
    staged = lake.staging.stage("care", lines(schema), schema, delivery=delivery)
    assert staged is not None
    return staged


def unread() -> Iterator[pa.RecordBatch]:
    raise AssertionError("the lines were read again")
    yield


@pytest.mark.parametrize("schema", [NARROW, WIDE], ids=["the same columns", "one more"])
def test_staged_parts_become_a_snapshot_without_reading_the_lines_again(
    lake: Lake, schema: pa.Schema
) -> None:
    lake.append("care", lines(NARROW), NARROW, delivery="d0")
    staged = stage(lake, schema)
    assert lake.read("care").read_all().num_rows == 3
    made = lake.append("care", unread(), schema, delivery="d1", staged=staged)
    assert made.rows == 6
    assert lake.read("care").read_all().column_names == schema.names
    assert lake.verify("care").parts > 0
    assert lake.orphans(timedelta(0)) == ()


def test_the_first_delivery_of_a_table_makes_it_only_when_it_is_given(
    lake: Lake, host: MemoryStore
) -> None:
    staged = stage(lake, NARROW)
    assert lake.tables() == ()
    assert len(list(host.list(""))) == len(staged.parts) == 1
    made = lake.append("care", unread(), NARROW, delivery="d1", staged=staged)
    assert made.rows == 3
    assert lake.verify("care").parts > 0


def test_discarded_parts_leave_nothing(lake: Lake, host: MemoryStore) -> None:
    lake.append("care", lines(NARROW), NARROW, delivery="d0")
    before = [entry.name for entry in host.list("")]
    lake.staging.discard(stage(lake, WIDE))
    assert [entry.name for entry in host.list("")] == before
    assert lake.orphans(timedelta(0)) == ()
    assert lake.read("care").schema.names == NARROW.names


def test_lines_that_break_off_leave_nothing(lake: Lake, host: MemoryStore) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from lines(NARROW)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lake.staging.stage("care", broken(), NARROW, delivery="d1")
    assert list(host.list("")) == []
    assert lake.orphans(timedelta(0)) == ()


def test_what_a_killed_process_staged_is_an_orphan(lake: Lake, host: MemoryStore) -> None:
    staged = stage(lake, NARROW)
    (orphan,) = lake.orphans(timedelta(seconds=-1))
    assert orphan.location == staged.parts[0].part.url
    lake.remove_orphans(timedelta(seconds=-1))
    assert list(host.list("")) == []


def test_a_delivery_that_the_table_has_is_not_staged(lake: Lake) -> None:
    lake.append("care", lines(NARROW), NARROW, delivery="d1")
    assert lake.staging.stage("care", unread(), NARROW, delivery="d1") is None


def test_parts_that_no_longer_fit_are_written_again(lake: Lake) -> None:
    """Another delivery gave the new column of the table first, under another number."""
    lake.append("care", lines(NARROW), NARROW, delivery="d0")
    staged = stage(lake, WIDE)
    other = NARROW.append(pa.field("kind", pa.string())).append(pa.field("place", pa.string()))
    others = lines(NARROW)[0].to_pydict() | {"kind": ["k"] * 3, "place": ["002"] * 3}
    batch = pa.RecordBatch.from_pydict(others, schema=other)
    lake.append("care", [batch], other, delivery="d2")
    made = lake.append("care", lines(WIDE), WIDE, delivery="d1", staged=staged)
    assert made.rows == 9
    places = lake.read("care", columns=["place"]).read_all()["place"].to_pylist()
    assert sorted(places, key=str) == ["001"] * 3 + ["002"] * 3 + [None] * 3
    assert lake.verify("care").parts > 0


def test_rows_erased_meanwhile_took_the_staged_parts_with_them(lake: Lake) -> None:
    lake.append("care", lines(NARROW), NARROW, delivery="d0")
    staged = stage(lake, NARROW)
    lake.erasing.erase("care", DeliveryRows(delivery="d0"), "a reason that is long enough")
    with pytest.raises(Refused) as refused:
        lake.append("care", unread(), NARROW, delivery="d1", staged=staged)
    assert refused.value.rule == "lake-erased"


def test_a_column_of_another_kind_is_refused_before_a_line_is_taken(
    lake: Lake, host: MemoryStore
) -> None:
    lake.append("care", lines(NARROW), NARROW, delivery="d0")
    before = [entry.name for entry in host.list("")]
    other = pa.schema([("person", pa.string()), ("paid", pa.string())])
    with pytest.raises(Invalid, match="`paid`") as refused:
        lake.staging.stage("care", unread(), other, delivery="d1")
    assert refused.value.rule == "lake-schema"
    assert [entry.name for entry in host.list("")] == before


def test_staged_parts_that_a_sweep_removed_are_written_again(lake: Lake) -> None:
    lake.append("care", lines(NARROW), NARROW, delivery="d0")
    staged = stage(lake, NARROW)
    assert len(lake.remove_orphans(timedelta(seconds=-1))) == 1
    made = lake.append("care", lines(NARROW), NARROW, delivery="d1", staged=staged)
    assert made.rows == 6
    assert lake.verify("care").parts == 2
    assert lake.read("care").read_all().num_rows == 6


def test_parts_that_a_sweep_removed_before_their_commit_are_not_named(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.append("care", lines(NARROW), NARROW, delivery="d0")
    writes = PartWriter.write

    def swept(writer: PartWriter, *given: Any, **named: Any) -> Any:
        written = writes(writer, *given, **named)
        assert len(lake.remove_orphans(timedelta(seconds=-1))) == 1
        return written

    monkeypatch.setattr(PartWriter, "write", swept)
    with pytest.raises(Unavailable) as lost:
        lake.append("care", lines(NARROW), NARROW, delivery="d1")
    assert lost.value.rule == "lake-swept"
    monkeypatch.undo()
    assert lake.append("care", lines(NARROW), NARROW, delivery="d1").rows == 6
    assert lake.verify("care").parts == 2


def test_a_sweep_leaves_what_a_commit_named_since_it_looked(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.append("care", lines(NARROW), NARROW, delivery="d0")
    staged = stage(lake, NARROW)
    lists = Lake.orphans

    def overtaken(swept: Lake, older_than: timedelta) -> tuple[Orphan, ...]:
        found = lists(swept, older_than)
        swept.append("care", unread(), NARROW, delivery="d1", staged=staged)
        return found

    monkeypatch.setattr(Lake, "orphans", overtaken)
    assert lake.remove_orphans(timedelta(seconds=-1)) == ()
    assert lake.verify("care").parts == 2
    assert lake.read("care").read_all().num_rows == 6


def test_staged_parts_of_a_delivery_that_came_meanwhile_are_removed(lake: Lake) -> None:
    staged = stage(lake, NARROW)
    made = lake.append("care", lines(NARROW), NARROW, delivery="d1")
    assert lake.append("care", unread(), NARROW, delivery="d1", staged=staged) == made
    assert lake.orphans(timedelta(seconds=-1)) == ()
    assert lake.verify("care").parts == 1


def test_staged_parts_that_the_table_has_are_kept_when_they_are_given_again(lake: Lake) -> None:
    staged = stage(lake, NARROW)
    made = lake.append("care", unread(), NARROW, delivery="d1", staged=staged)
    assert lake.append("care", unread(), NARROW, delivery="d1", staged=staged) == made
    assert lake.verify("care").parts == 1
    assert lake.read("care").read_all().num_rows == 3


def test_staged_parts_that_no_longer_fit_leave_no_orphan(lake: Lake) -> None:
    lake.append("care", lines(NARROW), NARROW, delivery="d0")
    staged = stage(lake, WIDE)
    other = NARROW.append(pa.field("kind", pa.string()))
    batch = lines(NARROW)[0].append_column("kind", pa.array(["k"] * 3))
    lake.append("care", [batch], other, delivery="d2")
    lake.append("care", lines(WIDE), WIDE, delivery="d1", staged=staged)
    assert lake.orphans(timedelta(seconds=-1)) == ()


@pytest.mark.parametrize("epoch", [1, 7])
def test_staged_parts_of_a_refused_append_are_removed(lake: Lake, epoch: int) -> None:
    """Pseudonyms of another epoch, or a name that is none: nothing was tried."""
    lake.append("care", lines(NARROW), NARROW, delivery="d0")
    before = lake.orphans(timedelta(seconds=-1))
    staged = stage(lake, NARROW)
    name = "no name" if epoch == 1 else "d1"
    with pytest.raises((Refused, Invalid)):
        lake.append("care", unread(), NARROW, delivery=name, epoch=epoch, staged=staged)
    assert lake.orphans(timedelta(seconds=-1)) == before
