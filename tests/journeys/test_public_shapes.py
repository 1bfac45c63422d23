"""Deliveries in the shape of the public SNDS material: no special case, no line lost, no sum twice.

The lines are made up here; what is as published is the form: the CNAM's CSV, the nine columns of
the care line, detail tables with several lines for one care line, negative lines, and the PMSI's
stay key of establishment and number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from bercail.foundation import Role
from bercail.ingest.folder import LocalFiles
from bercail.testing.small_house import SmallHouse, person

OPERATOR = person("odile", Role.OPERATOR)
NINE = (
    "DCT_ORD_NUM;FLX_DIS_DTD;FLX_EMT_NUM;FLX_EMT_ORD;FLX_EMT_TYP;FLX_TRT_DTD;ORG_CLE_NUM;"
    "PRS_ORD_NUM;REM_TYP_AFF"
)
ON = " AND ".join(f"d.{name} = p.{name}" for name in NINE.split(";"))
ANNE, BRUNO = "ABCDEFGHIJKLMNOP2", "ZYXWVUTSRQPONMLK7"


def key(order: int) -> str:
    return f"{order};01/02/2015;17;0;1;20/01/2015;01C931000;1;0"


DCIR = {
    "ER_PRS_F": [
        f"{NINE};BEN_NIR_PSA;BEN_RNG_GEM;EXE_SOI_DTD;BSE_PRS_NAT;PRS_ACT_QTE;PRS_PAI_MNT;PSP_SPE_COD",
        f"{key(1)};{ANNE};1;05/01/2015;3313;1;25.50;1",
        f"{key(2)};{ANNE};1;06/01/2015;1351;1;120.00;4",
        f"{key(3)};{BRUNO};1;07/01/2015;1111;1;23.00;1",
        f"{key(4)};{BRUNO};1;07/01/2015;1111;-1;-23.00;1",
    ],
    "ER_PHA_F": [
        f"{NINE};PHA_ACT_QSN;PHA_PRS_C13;PHA_PRS_IDE",
        f"{key(1)};1;3400930000001;2000001",
        f"{key(1)};2;3400930000002;2000002",
        f"{key(1)};1;3400930000001;2000001",
    ],
    "ER_CAM_F": [
        f"{NINE};CAM_PRS_IDE;CAM_ACT_COD;CAM_ACT_PRU",
        f"{key(2)};YYYY600;1;60.0",
        f"{key(2)};DEQP003;1;60.0",
    ],
}
STAYS = {
    "T_MCO15B": [
        "ETA_NUM;RSA_NUM;GRG_GHM;SEJ_NBJ;COD_SEX",
        "010000001;0000000001;05M09T;3;1",
        "2A0000002;0000000001;28Z04Z;0;2",
    ],
    "T_MCO15C": [
        "ETA_NUM;RSA_NUM;NIR_ANO_17;NIR_RET;EXE_SOI_DTD",
        f"010000001;0000000001;{ANNE};0;03/02/2015",
        "2A0000002;0000000001;xxxxxxxxxxxxxxxxx;1;04/02/2015",
    ],
    "T_MCO15D": [
        "ETA_NUM;RSA_NUM;ASS_DGN",
        "010000001;0000000001;I10",
        "010000001;0000000001;E119",
        "010000001;0000000001;I10",
    ],
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    built = SmallHouse.build(tmp_path)
    yield built
    built.close()


def deliver(folder: Path, system: str, period: str, tables: dict[str, list[str]]) -> None:
    folder.mkdir(parents=True)
    files = []
    for table, lines in tables.items():
        data = ("\n".join(lines) + "\n").encode()
        (folder / f"{table}.csv").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        told = {"table": table, "name": f"{table}.csv", "rows": len(lines) - 1, "bytes": len(data)}
        files.append(told | {"sha256": digest})
    document = {"holder": "CNAM", "system": system, "period": period}
    document |= {"identifiers": "level-1", "files": files}
    (folder / "delivery.json").write_text(json.dumps(document))


@pytest.fixture
def engine(house: SmallHouse, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB over the lake, after both deliveries were loaded."""
    deliver(tmp_path / "in" / "DCIR_201502", "DCIR", "2015-02", DCIR)
    deliver(tmp_path / "in" / "MCO_2015", "MCO", "2015", STAYS)
    house.ingest().load_all(LocalFiles(tmp_path / "in"), OPERATOR)
    with duckdb.connect() as connection:
        connection.register_filesystem(house.lake.filesystem())
        for table in (*DCIR, *STAYS):
            urls = [part.url for part in house.lake.parts(table)]
            connection.execute(f"CREATE VIEW {table} AS FROM read_parquet({urls})")
        yield connection


def one(engine: duckdb.DuckDBPyConnection, query: str) -> tuple[object, ...]:
    row = engine.execute(query).fetchone()
    assert row is not None
    return tuple(row)


def test_a_join_of_one_to_many_keeps_every_line(engine: duckdb.DuckDBPyConnection) -> None:
    drugs = f"FROM ER_PHA_F d JOIN ER_PRS_F p ON {ON}"
    assert one(
        engine, f"SELECT count(*), sum(PHA_ACT_QSN), count(DISTINCT p.DCT_ORD_NUM) {drugs}"
    ) == (3, 4, 1)
    assert one(engine, f"SELECT count(*) FROM ER_CAM_F d JOIN ER_PRS_F p ON {ON}") == (2,)  # noqa: S608
    # Two identical lines are two lines: a box given twice, not a repetition.
    assert one(engine, "SELECT count(*) FROM ER_PHA_F WHERE PHA_PRS_C13 = 3400930000001") == (2,)
    assert one(engine, "SELECT count(*) FROM T_MCO15D JOIN T_MCO15B USING (ETA_NUM, RSA_NUM)") == (
        3,
    )


def test_money_is_summed_on_the_care_line_once(engine: duckdb.DuckDBPyConnection) -> None:
    paid = Decimal("145.50")
    assert one(engine, "SELECT sum(PRS_PAI_MNT) FROM ER_PRS_F") == (paid,)
    having = f"WHERE EXISTS (FROM ER_PHA_F d WHERE {ON})"
    assert one(engine, f"SELECT sum(PRS_PAI_MNT) FROM ER_PRS_F p {having}") == (Decimal("25.50"),)  # noqa: S608
    # The join that multiplies it is seen to do so: the lake hides nothing, and adds nothing.
    joined = f"SELECT sum(PRS_PAI_MNT) FROM ER_PRS_F p JOIN ER_PHA_F d ON {ON}"  # noqa: S608
    assert one(engine, joined) == (3 * Decimal("25.50"),)


def test_corrections_codes_and_marks_are_as_delivered(engine: duckdb.DuckDBPyConnection) -> None:
    assert one(
        engine, "SELECT count(*), sum(PRS_ACT_QTE) FROM ER_PRS_F WHERE BSE_PRS_NAT = 1111"
    ) == (2, 0)
    assert engine.execute("SELECT ETA_NUM, RSA_NUM FROM T_MCO15B ORDER BY 1").fetchall() == [
        ("010000001", "0000000001"),
        ("2A0000002", "0000000001"),
    ]
    marked = "SELECT count(*) FROM T_MCO15C WHERE NIR_ANO_17 = 'xxxxxxxxxxxxxxxxx'"
    assert one(engine, marked) == (1,)
    assert one(engine, f"SELECT count(*) FROM T_MCO15C WHERE NIR_ANO_17 = '{ANNE}'") == (0,)  # noqa: S608


def test_the_person_of_city_and_hospital_is_one(engine: duckdb.DuckDBPyConnection) -> None:
    both = (
        "SELECT count(DISTINCT BEN_NIR_PSA) FROM ER_PRS_F JOIN T_MCO15C ON BEN_NIR_PSA = NIR_ANO_17"
    )
    assert one(engine, both) == (1,)
