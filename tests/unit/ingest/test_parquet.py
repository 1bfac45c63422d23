"""The Parquet form of a delivery: the same lines as CSV, or a finding with its place."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bercail.foundation import Invalid, Refused, Role
from bercail.ingest.folder import LocalFiles
from bercail.ingest.parquet_form import Misfit, fitted
from bercail.ingest.synth import SynthProfile, make
from bercail.testing.small_house import SmallHouse, person

OPERATOR = person("odile", Role.OPERATOR)
AMOUNT, DAY = pa.decimal128(18, 4), pa.date32()
NAME = "DCIR_202402"
PSA = "ABCDEFGHIJKLMNOP2"


def lines(**other: Any) -> pa.Table:
    """Two lines of ER_PRS_F at level 1, with some columns given otherwise."""
    columns: dict[str, Any] = {
        "FLX_DIS_DTD": [date(2024, 2, 1)] * 2,
        "FLX_TRT_DTD": [date(2024, 1, 15)] * 2,
        "FLX_EMT_TYP": [1, 1],
        "FLX_EMT_NUM": [1, 1],
        "FLX_EMT_ORD": [1, 1],
        "ORG_CLE_NUM": ["01C010000"] * 2,
        "DCT_ORD_NUM": [1, 2],
        "PRS_ORD_NUM": [1, 1],
        "REM_TYP_AFF": [1, 1],
        "BEN_NIR_PSA": [PSA] * 2,
        "BEN_RES_DPT": ["02A", None],
        "PRS_PAI_MNT": pa.array([Decimal("12.50"), Decimal("-3.10")], pa.decimal128(9, 2)),
    }
    return pa.table(columns | other)


def deliver(folder: Path, table: pa.Table, *, identifiers: str = "level-1") -> Path:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return deliver_bytes(folder, sink.getvalue(), table.num_rows, identifiers)


def deliver_bytes(folder: Path, data: bytes, rows: int, identifiers: str = "level-1") -> Path:
    folder.mkdir(parents=True)
    (folder / "ER_PRS_F.parquet").write_bytes(data)
    file = {"table": "ER_PRS_F", "name": "ER_PRS_F.parquet", "rows": rows, "bytes": len(data)}
    file["sha256"] = hashlib.sha256(data).hexdigest()
    document = {"holder": "CNAM", "system": "DCIR", "period": "2024-02"}
    document |= {"identifiers": identifiers, "files": [file]}
    (folder / "delivery.json").write_text(json.dumps(document))
    return folder


def refused(house: SmallHouse, tmp_path: Path, table: pa.Table) -> list[str]:
    deliver(tmp_path / "in" / NAME, table)
    with pytest.raises(Refused) as told:
        house.ingest().load_all(LocalFiles(tmp_path / "in"), OPERATOR)
    assert told.value.rule == "delivery-checks"
    assert house.lake.tables() == ()
    assert PSA not in str(told.value)
    return list(house.ingest().status(NAME)["findings"])


def test_both_forms_of_one_world_are_the_same_lines_in_the_lake(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    for form in ("csv", "parquet"):
        root = tmp_path / form
        profile = SynthProfile(
            persons=150, years=1, as_of=date(2024, 2, 1), difficulty="hard", form=form
        )
        make(profile, root / "all")
        for name in ("BEN_202402", "MCO_2023", "DCIR_202304"):
            (root / "clear").mkdir(exist_ok=True)
            (root / "all" / name).rename(root / "clear" / name)
        house = SmallHouse.build(root)
        house.holder().prepare(root / "clear", root / "level-1")
        house.ingest().load_all(LocalFiles(root / "level-1"), OPERATOR)
        read = {table: house.lake.read(table).read_all() for table in house.lake.tables()}
        rows.append({table: (found.schema, found.to_pylist()) for table, found in read.items()})
        house.close()
    assert rows[0] == rows[1]
    assert {"ER_PRS_F", "ER_TIP_F", "IR_BEN_R", "T_MCO23B"} <= set(rows[0])


def test_the_holder_turns_parquet_and_leaves_no_clear_identity(house, tmp_path):
    clear = "1620375056001196203121"
    table = lines(BEN_NIR_PSA=[clear] * 2, BEN_RNG_GEM=[1, 1])
    deliver(tmp_path / "clear" / NAME, table, identifiers="clear")
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    path = tmp_path / "level-1" / NAME / "ER_PRS_F.parquet"
    written = pq.read_table(path)
    assert written.schema.equals(table.schema)
    assert clear.encode() not in path.read_bytes()
    manifest = json.loads((path.parent / "delivery.json").read_text())
    assert manifest["files"][0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    house.ingest().load_all(LocalFiles(tmp_path / "level-1"), OPERATOR)
    assert house.lake.snapshot("ER_PRS_F").rows == 2


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        # Trap 4: a code kept as a number has lost its zeros.
        ("BEN_RES_DPT", [75, 13], "wrong-type in ER_PRS_F.parquet column BEN_RES_DPT: 2"),
        ("PRS_PAI_MNT", [12.5, 3.1], "wrong-type in ER_PRS_F.parquet column PRS_PAI_MNT: 2"),
        ("FLX_TRT_DTD", ["15/01/2024"] * 2, "wrong-type in ER_PRS_F.parquet column FLX_TRT_DTD"),
        (
            "DCT_ORD_NUM",
            [1.0, 2.5],
            "lossy-number in ER_PRS_F.parquet column DCT_ORD_NUM: 1, first at line 3",
        ),
        (
            "BEN_RES_DPT",
            ["075", "0\x005"],
            "nul-byte in ER_PRS_F.parquet column BEN_RES_DPT: 1, first at line 3",
        ),
        (
            "BEN_NIR_PSA",
            [PSA, "1850175123456"],
            "clear-nir in ER_PRS_F.parquet column BEN_NIR_PSA: 1, first at line 3",
        ),
    ],
)
def test_what_is_not_the_catalogue_s_is_told_with_its_place(house, tmp_path, column, values, said):
    found = refused(house, tmp_path, lines(**{column: values}))
    assert any(one.startswith(said) for one in found), found


def test_text_that_is_not_utf_8_is_found_inside_parquet(house, tmp_path):
    raw = pa.array([b"075", "é".encode("latin-1")], pa.binary())
    broken = pa.StringArray.from_buffers(2, raw.buffers()[1], raw.buffers()[2])
    found = refused(house, tmp_path, lines(BEN_RES_DPT=broken))
    assert "encoding-latin-1 in ER_PRS_F.parquet column BEN_RES_DPT: 1, first at line 3" in found


def test_two_columns_swapped_are_found_in_parquet(house, tmp_path):
    many = lines().take(pa.array([0] * 6))
    keys = many.set_column(6, "DCT_ORD_NUM", pa.array(range(6)))
    town = keys["BEN_NIR_PSA"]
    swapped = keys.set_column(9, "BEN_NIR_PSA", pa.array(["02A"] * 6)).set_column(
        10, "BEN_RES_DPT", town
    )
    found = refused(house, tmp_path, swapped)
    assert any("swapped-columns" in one for one in found), found


@pytest.mark.parametrize("spoil", ["cut", "no parquet", "a page turned"])
def test_a_damaged_parquet_file_is_told_as_such(house, tmp_path, spoil):
    sink = io.BytesIO()
    pq.write_table(lines(), sink, compression="zstd", write_page_checksum=True)
    whole = bytearray(sink.getvalue())
    if spoil == "a page turned":
        whole[40] ^= 0xFF
    data = {"cut": bytes(whole[:-9]), "no parquet": b"FLX_DIS_DTD;A\n"}.get(spoil, bytes(whole))
    deliver_bytes(tmp_path / "in" / NAME, data, 2)
    with pytest.raises(Refused, match=r"damaged-parquet in ER_PRS_F\.parquet: 1"):
        house.ingest().load_all(LocalFiles(tmp_path / "in"), OPERATOR)
    assert house.lake.tables() == ()
    deliver_bytes(tmp_path / "clear" / NAME, data, 2, "clear")
    with pytest.raises(Invalid) as told:
        house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    assert told.value.rule == "damaged-parquet"
    assert not (tmp_path / "level-1" / NAME).exists()


FITS: dict[str, tuple[Any, pa.DataType, list[Any]]] = {
    "whole numbers of any width": (pa.array([1, 2], pa.int16()), pa.int64(), [1, 2]),
    "whole numbers with a point": (pa.array([1.0, None]), pa.int64(), [1, None]),
    "amounts": (
        pa.array([Decimal("1.5")], pa.decimal128(9, 1)),
        AMOUNT,
        [Decimal("1.5000")],
    ),
    "amounts without cents": (pa.array([3]), AMOUNT, [Decimal("3.0000")]),
    "midnights": (pa.array([datetime(2024, 1, 2)], pa.timestamp("us")), DAY, [date(2024, 1, 2)]),  # noqa: DTZ001
    "long text": (pa.array(["01", ""], pa.large_string()), pa.string(), ["01", None]),
    "a dictionary": (pa.array(["2A", "2A"]).dictionary_encode(), pa.string(), ["2A", "2A"]),
    "nothing": (pa.nulls(2), AMOUNT, [None, None]),
}


@pytest.mark.parametrize("kind", FITS)
def test_values_that_fit_are_the_same_in_the_lake(kind):
    values, wanted, expected = FITS[kind]
    found = fitted(values, wanted)
    assert (found.type, found.to_pylist()) == (wanted, expected)


UNFIT: dict[str, tuple[Callable[[], Any], pa.DataType, str]] = {
    "an hour": (lambda: pa.array([datetime(2024, 1, 2, 3)]), DAY, "lossy-number"),  # noqa: DTZ001
    "a zone": (lambda: pa.array([datetime(2024, 1, 2, tzinfo=UTC)]), DAY, "wrong-type"),
    "five decimals": (
        lambda: pa.array([Decimal("0.00001")], pa.decimal128(9, 5)),
        AMOUNT,
        "lossy-number",
    ),
    "too large": (lambda: pa.array([10**17]), AMOUNT, "lossy-number"),
    "a list": (lambda: pa.array([["a"]]), pa.string(), "wrong-type"),
    "bytes": (lambda: pa.array([b"a"]), pa.string(), "wrong-type"),
    "a fraction": (lambda: pa.array(np.array([0.5])), pa.int64(), "lossy-number"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_values_that_would_change_do_not_fit(kind):
    values, wanted, check = UNFIT[kind]
    with pytest.raises(Misfit) as told:
        fitted(values(), wanted)
    assert told.value.check == check
    assert told.value.count == 1
