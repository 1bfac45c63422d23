"""A delivery of which one file is wrong changes nothing in a lake that holds something.

Each delivery has a file that is right beside the one that is wrong, and comes after a delivery
that was loaded: the tables, their snapshots, and every object on the host are compared.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bercail.foundation import Refused, Role
from bercail.ingest.folder import LocalFiles
from bercail.testing.small_house import SmallHouse, person

OPERATOR = person("odile", Role.OPERATOR)
NINE = (
    "FLX_DIS_DTD;FLX_TRT_DTD;FLX_EMT_TYP;FLX_EMT_NUM;FLX_EMT_ORD;ORG_CLE_NUM;DCT_ORD_NUM;"
    "PRS_ORD_NUM;REM_TYP_AFF"
)
HEADER = f"{NINE};BEN_NIR_PSA;EXE_SOI_DTD;PRS_PAI_MNT;BEN_RES_COM"
SECRET = "PQRSTUVWXYZ234567"


def key(order: int, month: int = 2) -> str:
    return f"01/{month:02d}/2024;15/01/2024;1;1;1;01C010000;{order};1;1"


def care(month: int = 2) -> str:
    lines = [f"{key(n, month)};{SECRET};09/01/2024;12.50;001" for n in range(1, 6)]
    return "\n".join([HEADER, *lines]) + "\n"


def drugs(month: int = 2) -> str:
    lines = [f"{key(n, month)};{n};3400930000001" for n in range(1, 6)]
    return "\n".join([f"{NINE};PHA_ORD_NUM;PHA_PRS_C13", *lines]) + "\n"


Sent = dict[str, tuple[str, bytes, int]]


def deliver(folder: Path, period: str, files: Sent, system: str = "DCIR") -> None:
    """`files` gives for each table its file name, its bytes, and the lines announced."""
    folder.mkdir(parents=True)
    told = []
    for table, (name, data, rows) in files.items():
        (folder / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        told.append(
            {"table": table, "name": name, "rows": rows, "bytes": len(data), "sha256": digest}
        )
    document = {"holder": "CNAM", "system": system, "period": period}
    document |= {"identifiers": "level-1", "files": told}
    (folder / "delivery.json").write_text(json.dumps(document))


def right(month: int) -> Sent:
    return {
        "ER_PHA_F": ("ER_PHA_F.csv", drugs(month).encode(), 5),
        "ER_PRS_F": ("ER_PRS_F.csv", care(month).encode(), 5),
    }


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    """A house whose lake holds January."""
    built = SmallHouse.build(tmp_path)
    deliver(tmp_path / "first" / "DCIR_202401", "2024-01", right(1))
    built.ingest().load_all(LocalFiles(tmp_path / "first"), OPERATOR)
    yield built
    built.close()


def lake_of(house: SmallHouse) -> tuple[Any, ...]:
    """Every table with its snapshot and lines, and every object of the host."""
    tables = house.lake.tables()
    states = [
        (name, house.lake.snapshot(name).id, house.lake.snapshot(name).rows) for name in tables
    ]
    lines = [house.lake.read(name).read_all().to_pylist() for name in tables]
    return states, lines, [entry.name for entry in house.host.list("")]


def bad(data: bytes, name: str = "ER_PRS_F.csv", rows: int = 5) -> Sent:
    return right(2) | {"ER_PRS_F": (name, data, rows)}


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"FLX_DIS_DTD": ["01/02/2024"]}), sink)
    return sink.getvalue()


TEXT = care()
WRONG: dict[str, tuple[Callable[[], Sent], str]] = {
    "a field too few": (
        lambda: bad(TEXT.replace(";001\n", "\n", 1).encode()),
        "field-count in ER_PRS_F.csv: 1, first at line 2",
    ),
    "a letter in an amount": (
        lambda: bad(TEXT.replace("12.50", "douze", 1).encode()),
        "not-a-number in ER_PRS_F.csv column PRS_PAI_MNT: 1, first at line 2",
    ),
    "Latin-1": (
        lambda: bad(TEXT.replace(";001", ";né", 1).encode("latin-1")),
        "encoding-latin-1 in ER_PRS_F.csv: 1, first at line 2",
    ),
    "cp1252": (
        lambda: bad(TEXT.replace(";001", ";œ", 1).encode("cp1252")),
        "encoding-cp1252 in ER_PRS_F.csv: 1, first at line 2",
    ),
    "UTF-8 and Latin-1 mixed": (
        lambda: bad(
            TEXT.replace(";001", ";é", 1).encode() + f"{key(9)};;;;è\n".encode("latin-1"), rows=6
        ),
        "encoding-mixed in ER_PRS_F.csv: 1, first at line 7",
    ),
    "UTF-16 with its mark": (
        lambda: bad(TEXT.encode("utf-16")),
        "encoding-utf-16 in ER_PRS_F.csv: 1, first at line 1",
    ),
    "a packed file cut": (
        lambda: bad(gzip.compress(TEXT.encode(), mtime=0)[:-12], "ER_PRS_F.csv.gz"),
        "damaged-gzip in ER_PRS_F.csv.gz: 1",
    ),
    "a Parquet file cut": (
        lambda: bad(parquet()[:-9], "ER_PRS_F.parquet"),
        "damaged-parquet in ER_PRS_F.parquet: 1, first at line 1",
    ),
    "columns of another year": (
        lambda: (
            right(2)
            | {
                "T_MCO19C": (
                    "T_MCO19C.csv",
                    b"ETA_NUM;RSA_NUM;SOR_MOI\n010000001;0000000001;1\n",
                    1,
                )
            }
        ),
        "column-not-in-year in T_MCO19C.csv column SOR_MOI: 1, first at line 1",
    ),
    "swapped columns": (
        lambda: bad(TEXT.replace("BEN_NIR_PSA;EXE_SOI_DTD", "EXE_SOI_DTD;BEN_NIR_PSA", 1).encode()),
        "swapped-columns in ER_PRS_F.csv column EXE_SOI_DTD BEN_NIR_PSA: 1, first at line 1",
    ),
    "commas": (
        lambda: bad(TEXT.replace(";", ",").encode()),
        "other-separator in ER_PRS_F.csv: 1, first at line 1",
    ),
    "a claim without its lines": (
        lambda: (
            right(2)
            | {
                "ER_DCT_F": (
                    "ER_DCT_F.csv",
                    f"{NINE.replace(';PRS_ORD_NUM;REM_TYP_AFF', '')}\n"
                    f"{key(1)[:-4]}\n{key(77)[:-4]}\n".encode(),
                    2,
                )
            }
        ),
        "line-without-parent in ER_DCT_F.csv: 1, first at line 3",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_one_wrong_file_keeps_all_of_its_delivery_out(
    house: SmallHouse, tmp_path: Path, kind: str
) -> None:
    made, said = WRONG[kind]
    deliver(tmp_path / "in" / "DCIR_202402", "2024-02", made())
    before = lake_of(house)
    with pytest.raises(Refused) as refused:
        house.ingest().load_all(LocalFiles(tmp_path / "in"), OPERATOR)
    assert refused.value.rule == "delivery-checks"
    status = house.ingest().status("DCIR_202402")
    assert said in status["findings"]
    assert status["state"] == "quarantined"
    assert SECRET not in f"{refused.value} {status}"
    assert lake_of(house) == before


def test_a_byte_order_mark_is_told_and_everything_comes_in(
    house: SmallHouse, tmp_path: Path
) -> None:
    marked = b"\xef\xbb\xbf" + TEXT.encode()
    deliver(tmp_path / "in" / "DCIR_202402", "2024-02", bad(marked))
    (report,) = house.ingest().load_all(LocalFiles(tmp_path / "in"), OPERATOR)
    assert report.as_dict()["warnings"] == ["byte-order-mark in ER_PRS_F.csv: 1, first at line 1"]
    assert house.lake.snapshot("ER_PRS_F").rows == 10


def test_a_month_that_never_came_holds_the_one_after_it(house: SmallHouse, tmp_path: Path) -> None:
    deliver(tmp_path / "in" / "DCIR_202403", "2024-03", right(3))
    before = lake_of(house)
    with pytest.raises(Refused, match=r"missing-period in delivery\.json: 1"):
        house.ingest().load_all(LocalFiles(tmp_path / "in"), OPERATOR)
    assert lake_of(house) == before
    # The month comes, and the one after it is tried again.
    deliver(tmp_path / "late" / "DCIR_202402", "2024-02", right(2))
    house.ingest().load_all(LocalFiles(tmp_path / "late"), OPERATOR)
    house.ingest().replay(LocalFiles(tmp_path / "in"), "DCIR_202403", OPERATOR)
    assert house.lake.snapshot("ER_PRS_F").rows == 15


class Endless(io.RawIOBase):
    """A header, then one line of two gigabytes that is never in memory; `given` counts bytes."""

    size = 2 << 30
    given = 0

    def __init__(self) -> None:
        self.head = io.BytesIO(HEADER.encode() + b"\n")

    def readline(self, size: int | None = -1, /) -> bytes:
        return self.head.readline()

    def read(self, size: int = -1, /) -> bytes:
        taken = min(size if size > 0 else 1 << 20, Endless.size - Endless.given)
        Endless.given += taken
        return b"7" * taken


def test_a_line_of_two_gigabytes_is_cut_off_early(
    house: SmallHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(tmp_path / "in" / "DCIR_202402", "2024-02", right(2))
    before, opened = lake_of(house), LocalFiles.open
    monkeypatch.setattr(
        LocalFiles,
        "open",
        lambda self, name: Endless() if name.endswith("PRS_F.csv") else opened(self, name),
    )
    with pytest.raises(Refused, match=r"line-too-long in ER_PRS_F\.csv: 1, first at line 2"):
        house.ingest().load_all(LocalFiles(tmp_path / "in"), OPERATOR)
    assert 0 < Endless.given < Endless.size // 20
    assert lake_of(house) == before
