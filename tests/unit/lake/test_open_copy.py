"""An unsealed copy is a standard Iceberg table, equal to what was signed."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.table import StaticTable

from bercail.foundation import Missing, Refused, Unproven
from bercail.lake import DeliveryRows, Lake, open_copy
from bercail.vault import DualSignature, Keyring, signer, verify_dual

TABLE = "ER_PRS_F"
SCHEMA = pa.schema([("BEN_NIR_PSA", pa.string()), ("n", pa.int64())])
WIDE = SCHEMA.append(pa.field("BEN_SEX_COD", pa.int32()))


def lines(first: int, count: int, schema: pa.Schema = SCHEMA) -> pa.RecordBatch:
    numbers = range(first, first + count)
    found = [{"BEN_NIR_PSA": f"p{n}", "n": n, "BEN_SEX_COD": 1} for n in numbers]
    return pa.RecordBatch.from_pylist(found, schema=schema)


@pytest.fixture
def filled(lake: Lake) -> Lake:
    lake.append(TABLE, [lines(0, 5)], SCHEMA, delivery="D1")
    lake.append(TABLE, [lines(5, 4, WIDE)], WIDE, delivery="D2")
    lake.compaction.compact(TABLE, 1 << 20)
    lake.append(TABLE, [lines(9, 3)], SCHEMA, delivery="D3")
    return lake


def test_a_stranger_reads_the_copy(filled: Lake, tmp_path: Path) -> None:
    out = tmp_path / "a place with spaces" / "copy"
    made = filled.opening.write(TABLE, out)
    assert (made.parts, made.rows) == (2, 12)
    table = StaticTable.from_metadata(made.metadata)
    expected = filled.read(TABLE).read_all()
    found = table.scan().to_arrow()
    assert found.column_names == expected.column_names
    assert found.sort_by("n").to_pydict() == expected.sort_by("n").to_pydict()
    assert table.scan(row_filter="n >= 9").to_arrow().num_rows == 3
    hinted = StaticTable.from_metadata(str(out))
    assert str(hinted.metadata.current_snapshot_id) == made.snapshot == filled.snapshot(TABLE).id
    listed = json.loads((out / "parts.json").read_bytes())
    with duckdb.connect() as connection:
        files = [str(out / one["path"]) for one in listed]
        counted = "SELECT count(*), sum(n) FROM read_parquet(?, union_by_name = true)"
        assert connection.execute(counted, [files]).fetchone() == (12, 66)


def test_no_sealed_path_is_left(filled: Lake, tmp_path: Path) -> None:
    filled.opening.write(TABLE, tmp_path / "copy")
    for path in (tmp_path / "copy" / "metadata").iterdir():
        assert b"sealed://" not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0 or path.suffix == ".avro"
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o700


def test_the_copy_carries_its_proof(filled: Lake, keys: Keyring, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    filled.opening.write(TABLE, out)
    statement = (out / "statement.json").read_bytes()
    signature = DualSignature.from_dict(json.loads((out / "statement.sig.json").read_bytes()))
    verify_dual(signer(keys, "lake").public, statement, signature)
    signed = {part["sha256"] for part in json.loads(statement)["parts"]}
    found = {hashlib.sha256(path.read_bytes()).hexdigest() for path in out.rglob("*.parquet")}
    assert found == signed


def test_a_former_snapshot_is_copied_as_it_was(filled: Lake, tmp_path: Path) -> None:
    first = filled.snapshots(TABLE)[0]
    made = filled.opening.write(TABLE, tmp_path / "copy", first.id)
    table = StaticTable.from_metadata(made.metadata)
    assert (made.rows, table.scan().to_arrow().column_names) == (5, SCHEMA.names)
    filled.erasing.erase(TABLE, DeliveryRows(delivery="D1"), "for a test of it", destroy_keys=False)
    with pytest.raises(Missing, match="can be read"):
        filled.opening.write(TABLE, tmp_path / "again", first.id)


def test_an_empty_table_is_copied(lake: Lake, tmp_path: Path) -> None:
    lake.append(TABLE, [], SCHEMA, delivery="D1")
    made = lake.opening.write(TABLE, tmp_path / "copy")
    assert StaticTable.from_metadata(made.metadata).scan().to_arrow().num_rows == 0


def test_nothing_is_overwritten(filled: Lake, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(Refused, match="holds something already"):
        filled.opening.write(TABLE, tmp_path)


def test_a_copy_that_the_disk_altered_is_unproven(
    filled: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = open_copy._write_metadata

    def altering(*given: object) -> str:
        path = next((tmp_path / "copy").rglob("*.parquet"))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(open_copy, "_write_metadata", altering)
    with pytest.raises(Unproven, match="is not the part that was signed"):
        filled.opening.write(TABLE, tmp_path / "copy")
    assert not (tmp_path / "copy" / "metadata" / "version-hint.text").exists()
