"""A small house, and one clear delivery of a data holder written by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bercail.testing.small_house import SmallHouse

KEY = (
    "FLX_DIS_DTD;FLX_TRT_DTD;FLX_EMT_TYP;FLX_EMT_NUM;FLX_EMT_ORD;ORG_CLE_NUM;"
    "DCT_ORD_NUM;PRS_ORD_NUM;REM_TYP_AFF"
)
FIRST = "01/02/2024;15/01/2024;1;1;1;01C010000;1;1;1"
SECOND = "01/02/2024;15/01/2024;1;1;1;01C010000;2;1;1"
NIR = "1620375056001"
CLEAR = f"{NIR}196203121"
PRS = f"""{KEY};BEN_NIR_PSA;BEN_RNG_GEM;EXE_SOI_DTD;PRS_ACT_QTE;PRS_PAI_MNT
{FIRST};{CLEAR};1;09/01/2024;1;12.50
{SECOND};{CLEAR};1;10/01/2024;-1;-3.10
"""
PHA = f"""{KEY};PHA_ORD_NUM;PHA_PRS_C13;PHA_ACT_QSN
{FIRST};1;3400930000001;2
{FIRST};2;3400930000002;1
"""
Write = Callable[..., Path]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    built = SmallHouse.build(tmp_path)
    yield built
    built.close()


@pytest.fixture
def texts() -> dict[str, str]:
    """The tables of the delivery that `write` makes unless told otherwise."""
    return {"ER_PRS_F": PRS, "ER_PHA_F": PHA}


@pytest.fixture
def write(tmp_path: Path, texts: dict[str, str]) -> Write:
    """Writes a delivery folder with its manifest; `rows` counts lines unless given."""

    def deliver(
        name: str = "DCIR_202402",
        *,
        identifiers: str = "clear",
        root: str = "clear",
        rows: int | None = None,
        sha256: str | None = None,
        **tables: str,
    ) -> Path:
        folder = tmp_path / root / name
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for table, text in (tables or texts).items():
            data = text.encode("utf-8")
            (folder / f"{table}.csv").write_bytes(data)
            files.append(
                {
                    "table": table,
                    "name": f"{table}.csv",
                    "rows": data.count(b"\n") - 1 if rows is None else rows,
                    "bytes": len(data),
                    "sha256": sha256 or hashlib.sha256(data).hexdigest(),
                }
            )
        document = {
            "holder": "CNAM",
            "system": "DCIR",
            "period": "2024-02",
            "identifiers": identifiers,
            "files": files,
        }
        (folder / "delivery.json").write_text(json.dumps(document), encoding="utf-8")
        return folder

    return deliver
