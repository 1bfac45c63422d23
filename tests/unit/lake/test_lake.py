from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from bercail.foundation import (
    FixedClock,
    Invalid,
    Missing,
    SeededRandomness,
    Unavailable,
    Unproven,
)
from bercail.lake import Lake, count_rows, part_writing, split_url, verify_tables
from bercail.lake.appending import Appending
from bercail.storage.memory import MemoryStore
from bercail.vault import Keyring

SCHEMA = pa.schema(
    [
        ("BEN_NIR_PSA", pa.string()),
        ("FLX_DIS_DTD", pa.date32()),
        ("PRS_NAT_REF", pa.int64()),
        ("PRS_PAI_MNT", pa.decimal128(18, 4)),
    ]
)


def rows(first: int, count: int) -> pa.RecordBatch:
    numbers = range(first, first + count)
    return pa.record_batch(
        [
            pa.array([f"person{n % 7}" for n in numbers]),
            pa.array([date(2023, 2, 1)] * count),
            pa.array(list(numbers), pa.int64()),
            pa.array([Decimal(n) / 4 for n in numbers], pa.decimal128(18, 4)),
        ],
        schema=SCHEMA,
    )


def numbers_in(lake: Lake, snapshot: str | None = None) -> list[int]:
    read = lake.read("ER_PRS_F", ["PRS_NAT_REF"], snapshot).read_all()
    return sorted(read.column(0).to_pylist())


def test_a_delivery_makes_one_signed_snapshot(lake: Lake) -> None:
    first = lake.append("ER_PRS_F", [rows(0, 5), rows(5, 5)], SCHEMA, delivery="DCIR_202302")
    second = lake.append("ER_PRS_F", [rows(10, 3)], SCHEMA, delivery="DCIR_202303")
    assert lake.tables() == ("ER_PRS_F",)
    assert [(s.delivery, s.rows, s.sequence) for s in lake.snapshots("ER_PRS_F")] == [
        ("DCIR_202302", 10, 1),
        ("DCIR_202303", 13, 2),
    ]
    assert lake.snapshot("ER_PRS_F") == second
    assert lake.snapshot("ER_PRS_F", first.id) == first
    assert numbers_in(lake) == list(range(13))
    assert count_rows(lake, "ER_PRS_F") == 13


def test_a_former_snapshot_reads_as_it_was(lake: Lake) -> None:
    first = lake.append("ER_PRS_F", [rows(0, 4)], SCHEMA, delivery="a")
    lake.append("ER_PRS_F", [rows(4, 4)], SCHEMA, delivery="b")
    assert numbers_in(lake, first.id) == [0, 1, 2, 3]
    assert len(lake.parts("ER_PRS_F", first.id)) == 1
    assert count_rows(lake, "ER_PRS_F", first.id) == 4


def test_the_same_delivery_again_changes_nothing(lake: Lake) -> None:
    def never() -> Iterator[pa.RecordBatch]:
        raise AssertionError("the batches of a known delivery are not asked for")
        yield

    first = lake.append("ER_PRS_F", [rows(0, 4)], SCHEMA, delivery="a")
    assert lake.append("ER_PRS_F", never(), SCHEMA, delivery="a") == first
    assert numbers_in(lake) == [0, 1, 2, 3]
    assert lake.orphans(timedelta(0)) == ()


def test_values_types_and_nulls_come_back(lake: Lake) -> None:
    schema = pa.schema(
        [
            ("t", pa.large_string()),
            ("d", pa.dictionary(pa.int8(), pa.string())),
            ("i", pa.int16()),
            ("u", pa.uint32()),
            ("b", pa.bool_()),
            ("f", pa.float64()),
            ("m", pa.timestamp("ns")),
        ]
    )
    batch = pa.RecordBatch.from_pylist(
        [
            {"t": "é", "d": "x", "i": -3, "u": 2**32 - 1, "b": True, "f": 0.5, "m": 1_000},
            dict.fromkeys(schema.names),
        ],
        schema=schema,
    )
    lake.append("T", [batch], schema, delivery="a")
    read = lake.read("T").read_all()
    assert [str(kind) for kind in read.schema.types] == [
        "string",
        "string",
        "int32",
        "int64",
        "bool",
        "double",
        "timestamp[us]",
    ]
    kept = read.to_pylist()
    assert [kept[0][name] for name in "tdiubf"] == ["é", "x", -3, 2**32 - 1, True, 0.5]
    assert set(kept[1].values()) == {None}


def test_columns_may_come_and_go_between_deliveries(lake: Lake) -> None:
    more = SCHEMA.append(pa.field("BEN_SEX_COD", pa.int32()))
    fewer = pa.schema([SCHEMA.field("PRS_NAT_REF")])
    lake.append("ER_PRS_F", [rows(0, 2)], SCHEMA, delivery="a")
    wide = rows(2, 2).append_column(more.field("BEN_SEX_COD"), pa.array([1, 2], pa.int32()))
    lake.append("ER_PRS_F", [wide], more, delivery="b")
    lake.append("ER_PRS_F", [rows(4, 2).select(["PRS_NAT_REF"])], fewer, delivery="c")

    read = lake.read("ER_PRS_F").read_all().sort_by("PRS_NAT_REF")
    assert read.schema.names == more.names
    assert read.column("BEN_SEX_COD").to_pylist() == [None, None, 1, 2, None, None]
    assert read.column("BEN_NIR_PSA").to_pylist()[4:] == [None, None]
    first = lake.snapshots("ER_PRS_F")[0]
    assert lake.read("ER_PRS_F", snapshot_id=first.id).schema.names == SCHEMA.names
    with duckdb.connect() as connection:
        connection.register_filesystem(lake.filesystem())
        found = connection.execute(
            "SELECT count(*), count(BEN_SEX_COD) FROM read_parquet(?, union_by_name = true)",
            [[part.url for part in lake.parts("ER_PRS_F")]],
        ).fetchone()
    assert found == (6, 2)
    assert lake.verify("ER_PRS_F").parts == 3


def test_a_column_never_changes_its_type(lake: Lake) -> None:
    lake.append("ER_PRS_F", [rows(0, 2)], SCHEMA, delivery="a")
    text = pa.schema([("PRS_NAT_REF", pa.string())])
    with pytest.raises(Invalid, match="`PRS_NAT_REF` of `ER_PRS_F` arrives as `string`"):
        lake.append("ER_PRS_F", [], text, delivery="b")
    assert len(lake.snapshots("ER_PRS_F")) == 1


def test_a_delivery_without_rows_is_a_snapshot_too(lake: Lake) -> None:
    lake.append("ER_PRS_F", [rows(0, 2)], SCHEMA, delivery="a")
    empty = lake.append("ER_PRS_F", [], SCHEMA, delivery="b")
    assert (empty.rows, empty.parts) == (2, 1)
    assert lake.verify("ER_PRS_F").statements == 2
    first = lake.append("NEW", [rows(0, 0)], SCHEMA, delivery="a")
    assert (first.rows, first.parts) == (0, 0)
    assert lake.read("NEW").read_all().num_rows == 0


def test_a_large_delivery_is_cut_into_parts(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_writing, "GROUP_ROWS", 100)
    monkeypatch.setattr(part_writing, "PART_BYTES", 3_000)
    batches = [rows(0, 250), rows(250, 30), rows(280, 720)]
    snapshot = lake.append("ER_PRS_F", batches, SCHEMA, delivery="a")
    parts = lake.parts("ER_PRS_F")
    assert snapshot.parts == len(parts) > 2
    assert len({part.url for part in parts}) == len(parts)
    assert sum(part.rows for part in parts) == 1_000
    assert numbers_in(lake) == list(range(1_000))
    assert lake.verify("ER_PRS_F").rows == 1_000


@pytest.mark.parametrize("table", ["", "1a", "a b", "a/b", "a" * 101, "é"])
def test_strange_table_names_are_invalid(lake: Lake, table: str) -> None:
    with pytest.raises(Invalid, match="cannot name a table"):
        lake.append(table, [], SCHEMA, delivery="a")


@pytest.mark.parametrize("delivery", ["", "..", "a/b", "a b", "a" * 101])
def test_strange_delivery_names_are_invalid(lake: Lake, delivery: str) -> None:
    with pytest.raises(Invalid, match="cannot name a delivery"):
        lake.append("T", [], SCHEMA, delivery=delivery)


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.int64()), pa.uint64(), pa.float16(), pa.null(), pa.time64("us")]
)
def test_types_that_the_lake_does_not_keep_are_invalid(lake: Lake, kind: pa.DataType) -> None:
    with pytest.raises(Invalid, match="`x` of `T` has the type"):
        lake.append("T", [], pa.schema([("x", kind)]), delivery="a")


def test_a_column_named_twice_or_none_is_invalid(lake: Lake) -> None:
    for fields in ([], [("x", pa.int64()), ("x", pa.int64())]):
        with pytest.raises(Invalid, match="none, or one is named twice"):
            lake.append("T", [], pa.schema(fields), delivery="a")


def test_batches_must_be_of_the_schema_announced(lake: Lake) -> None:
    one = pa.schema([("x", pa.int64())])
    with pytest.raises(Invalid, match="columns announced"):
        lake.append("T", [rows(0, 1)], one, delivery="a")
    text = pa.record_batch([pa.array(["1850775123456"])], names=["x"])
    with pytest.raises(Invalid, match="cannot be kept as `int64`") as raised:
        lake.append("T", [text], one, delivery="a")
    assert "1850775123456" not in f"{raised.value}{raised.value.__cause__}"
    assert lake.append("T", [], one, delivery="a").rows == 0


def test_a_moment_too_fine_is_invalid_and_not_quoted(lake: Lake) -> None:
    schema = pa.schema([("m", pa.timestamp("ns"))])
    batch = pa.record_batch([pa.array([1_234_567_891], pa.timestamp("ns"))], schema=schema)
    with pytest.raises(Invalid, match="microseconds") as raised:
        lake.append("T", [batch], schema, delivery="a")
    assert "1234567891" not in str(raised.value)


def test_what_is_not_there_is_missing(lake: Lake) -> None:
    assert lake.tables() == ()
    with pytest.raises(Missing, match="no table `ER_PRS_F`"):
        lake.snapshot("ER_PRS_F")
    lake.append("ER_PRS_F", [rows(0, 1)], SCHEMA, delivery="a")
    with pytest.raises(Missing, match="no snapshot `7`"):
        lake.parts("ER_PRS_F", "7")
    with pytest.raises(Missing, match="no signed snapshot `7`"):
        lake.verify("ER_PRS_F", "7")
    with pytest.raises(Missing, match="no column `NIR`"):
        lake.read("ER_PRS_F", ["NIR"])
    with pytest.raises(Invalid, match="No column"):
        lake.read("ER_PRS_F", [])


def test_a_second_process_sees_and_extends_the_same_tables(
    lake: Lake, host: MemoryStore, keys: Keyring, tmp_path: Path, clock: FixedClock
) -> None:
    url = f"sqlite:///{tmp_path}/lake.sqlite"
    lake.append("ER_PRS_F", [rows(0, 2)], SCHEMA, delivery="a")
    with Lake(host, keys, url, None, SeededRandomness(8), clock) as other:
        assert numbers_in(other) == [0, 1]

        def meanwhile() -> Iterator[pa.RecordBatch]:
            yield rows(2, 2)
            other.append("ER_PRS_F", [rows(4, 2)], SCHEMA, delivery="c")

        lake.append("ER_PRS_F", meanwhile(), SCHEMA, delivery="b")
        assert [s.delivery for s in other.snapshots("ER_PRS_F")] == ["a", "c", "b"]
    assert numbers_in(lake) == [0, 1, 2, 3, 4, 5]
    assert lake.verify("ER_PRS_F").statements == 3


def test_two_processes_bring_one_delivery_only_once(
    lake: Lake, host: MemoryStore, keys: Keyring, tmp_path: Path, clock: FixedClock
) -> None:
    url = f"sqlite:///{tmp_path}/lake.sqlite"
    with Lake(host, keys, url, None, SeededRandomness(8), clock) as other:

        def meanwhile() -> Iterator[pa.RecordBatch]:
            yield rows(0, 2)
            other.append("ER_PRS_F", [rows(0, 2)], SCHEMA, delivery="a")

        snapshot = lake.append("ER_PRS_F", meanwhile(), SCHEMA, delivery="a")
        assert other.snapshots("ER_PRS_F") == (snapshot,)
    assert numbers_in(lake) == [0, 1]
    clock.advance(timedelta(days=2))
    orphans = lake.orphans(timedelta(days=1))
    assert any(orphan.location.endswith(".parquet") for orphan in orphans)
    held = len(list(host.list()))
    assert lake.remove_orphans(timedelta(days=1)) == orphans
    assert len(list(host.list())) < held
    assert lake.orphans(timedelta(0)) == ()
    assert lake.verify("ER_PRS_F").rows == 2


def test_a_running_append_is_not_swept_away(lake: Lake) -> None:
    def watched() -> Iterator[pa.RecordBatch]:
        yield rows(0, 1)
        assert lake.remove_orphans(timedelta(hours=1)) == ()

    lake.append("ER_PRS_F", watched(), SCHEMA, delivery="a")
    assert lake.verify("ER_PRS_F").rows == 1


def test_the_registry_decides_which_tables_there_are(
    host: MemoryStore, keys: Keyring, tmp_path: Path, clock: FixedClock
) -> None:
    from bercail.catalogue import load

    url = f"sqlite:///{tmp_path}/lake.sqlite"
    with Lake(host, keys, url, load("snds"), SeededRandomness(3), clock) as lake:
        lake.append("T_MCO23B", [rows(0, 1)], SCHEMA, delivery="MCO_2023")
        assert lake.tables() == ("T_MCO23B",)
        assert lake.snapshot("T_MCO23B").rows == 1
        with pytest.raises(Missing):
            lake.append("ER_PRS_X", [], SCHEMA, delivery="a")


def test_a_lost_trust_side_is_unavailable(lake: Lake, tmp_path: Path) -> None:
    lake.append("ER_PRS_F", [rows(0, 1)], SCHEMA, delivery="a")
    lake.__exit__()
    (tmp_path / "lake.sqlite").unlink()
    (tmp_path / "lake.sqlite").mkdir()
    with pytest.raises(Unavailable, match="trust side does not answer"):
        lake.snapshots("ER_PRS_F")


def test_progress_is_told_part_by_part(lake: Lake) -> None:
    lake.append("ER_PRS_F", [rows(0, 1)], SCHEMA, delivery="a")
    lake.append("ER_PRS_F", [rows(1, 1)], SCHEMA, delivery="b")
    seen: list[tuple[str, int, int]] = []
    lake.verify("ER_PRS_F", progress=lambda *step: seen.append(step))
    assert seen == [("ER_PRS_F", 0, 2), ("ER_PRS_F", 1, 2), ("ER_PRS_F", 2, 2)]


def test_verify_tables_proves_one_or_all(lake: Lake) -> None:
    assert verify_tables(lake) == []
    lake.append("ER_PRS_F", [rows(0, 1)], SCHEMA, delivery="a")
    lake.append("ER_PHA_F", [rows(0, 2)], SCHEMA, delivery="a")
    assert [(found.table, found.rows) for found in verify_tables(lake)] == [
        ("ER_PHA_F", 2),
        ("ER_PRS_F", 1),
    ]
    assert verify_tables(lake, "ER_PRS_F")[0].as_dict()["rows"] == 1


def test_a_table_whose_creation_was_interrupted_is_not_listed_but_swept(
    lake: Lake, clock: FixedClock
) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield rows(0, 1)
        raise ConnectionError("the source is gone")

    with pytest.raises(ConnectionError):
        lake.append("ER_PRS_F", broken(), SCHEMA, delivery="a")
    assert lake.tables() == ()
    lake._files.write("sealed://NEW/metadata/0.metadata.json", b"{}")
    clock.advance(timedelta(hours=2))
    swept = {orphan.location for orphan in lake.remove_orphans(timedelta(hours=1))}
    assert "sealed://NEW/metadata/0.metadata.json" in swept
    assert lake.append("ER_PRS_F", [rows(0, 1)], SCHEMA, delivery="a").rows == 1


def test_the_wrong_count_on_the_host_is_unproven(lake: Lake) -> None:
    lake.append("ER_PRS_F", [rows(0, 3)], SCHEMA, delivery="a")
    lake.append("ER_PRS_F", [rows(0, 4)], SCHEMA, delivery="b")
    first, second = (split_url(part.url)[1] for part in lake.parts("ER_PRS_F"))
    held = lake._files.sealed("ER_PRS_F")
    held.put(first, held.read(second))
    with pytest.raises(Unproven, match="has 4 rows, 3 were signed"):
        count_rows(lake, "ER_PRS_F")


@pytest.mark.parametrize("when", ["evolved", "_commit"])
def test_another_process_dies_unsigned_while_we_append(
    lake: Lake,
    host: MemoryStore,
    keys: Keyring,
    tmp_path: Path,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    more = SCHEMA.append(pa.field("BEN_SEX_COD", pa.int32()))
    wide = rows(4, 2).append_column(more.field("BEN_SEX_COD"), pa.array([1, 2], pa.int32()))
    lake.append("ER_PRS_F", [rows(0, 2)], SCHEMA, delivery="a")
    url = f"sqlite:///{tmp_path}/lake.sqlite"
    real = getattr(Appending, when)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    def meanwhile(self: Appending, *given: object, **named: object) -> object:
        with Lake(host, keys, url, None, SeededRandomness(8), clock) as other:
            with monkeypatch.context() as patch:
                patch.setattr(Appending, when, real)
                patch.setattr("bercail.lake.shelf.Shelf.store", dies)
                with pytest.raises(KeyboardInterrupt):
                    other.append("ER_PRS_F", [rows(2, 2)], SCHEMA, delivery="b")
        monkeypatch.setattr(Appending, when, real)
        return real(self, *given, **named)

    monkeypatch.setattr(Appending, when, meanwhile)
    lake.append("ER_PRS_F", [wide], more, delivery="c")
    assert [s.delivery for s in lake.snapshots("ER_PRS_F")] == ["a", "b", "c"]
    for snapshot in lake.snapshots("ER_PRS_F"):
        lake.verify("ER_PRS_F", snapshot.id)
    assert numbers_in(lake) == [0, 1, 2, 3, 4, 5]


def test_snapshots_left_unsigned_in_a_row_are_signed_in_order(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("bercail.lake.signing.Statements.complete", lambda *_: None)
        for index, delivery in enumerate("abc"):
            with pytest.raises(Missing):
                lake.append("ER_PRS_F", [rows(index, 1)], SCHEMA, delivery=delivery)
    assert [s.delivery for s in lake.snapshots("ER_PRS_F")] == ["a", "b", "c"]
    for snapshot in lake.snapshots("ER_PRS_F"):
        lake.verify("ER_PRS_F", snapshot.id)
