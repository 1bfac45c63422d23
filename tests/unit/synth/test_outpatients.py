"""Outpatient care of hospitals in the synthetic deliveries, as far as the silver tables."""

# ruff: noqa: S608 - every query is made of constants of this file.
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bercail.foundation import Role
from bercail.ingest.folder import LocalFiles
from bercail.ingest.silver.numbers import RegisterPersons
from bercail.ingest.silver.service import SilverService
from bercail.ingest.synth import SynthProfile, make
from bercail.testing.small_house import SmallHouse, person

OPERATOR = person("odile", Role.OPERATOR)
RATES = {
    "outpatient-care": 1.0,
    "outpatient-return-codes": 0.3,
    "for-information": 0.9,
    "hospital-billing": 0.4,
    "detail-tables": 1.0,
}
CODES = ("NIR_RET", "NAI_RET", "SEX_RET", "IAS_RET", "ENT_DAT_RET")
GOOD = " AND ".join(f"{code} = '0'" for code in CODES)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("outpatients")
    make(SynthProfile(persons=400, seed=4, first_year=2018, years=1, rates=RATES), out)
    return out


@pytest.fixture(scope="module")
def db(made: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for name, files in {
            **{name: f"MCO_2018/T_MCO18{name}" for name in ("CSTC", "FASTC", "FCSTC", "MED", "C")},
            "PRS": "DCIR_*/ER_PRS_F",
        }.items():
            connection.execute(
                f"CREATE VIEW {name} AS FROM read_csv('{made}/{files}.csv', delim=';', "
                "header=true, quote='', all_varchar=true)"
            )
        yield connection


def one(db: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = db.execute(sql).fetchone()
    assert row is not None
    return row[0]


def test_the_invoices_are_those_that_the_truth_counts(
    made: Path, db: duckdb.DuckDBPyConnection
) -> None:
    told = json.loads((made / "truth.json").read_bytes())["difficulties"]
    assert one(db, "SELECT count(*) FROM CSTC") == told["outpatient-care"] > 100
    bad = one(db, f"SELECT count(*) FROM CSTC WHERE NOT ({GOOD})")
    assert bad == told["outpatient-return-codes"] > 10
    for table in ("FASTC", "FCSTC"):
        alone = f"FROM {table} ANTI JOIN CSTC USING (ETA_NUM, SEQ_NUM)"
        assert one(db, f"SELECT count(*) {alone}") == 0
    assert one(db, "SELECT count(DISTINCT ETA_NUM || SEQ_NUM) FROM CSTC") == told["outpatient-care"]
    assert one(db, "SELECT count(*) FROM MED ANTI JOIN C USING (ETA_NUM, RSA_NUM)") == 0
    assert one(db, "SELECT count(*) FROM MED WHERE ADM_NBR = '0.50'") > 0


def test_each_stands_in_the_dcir_too_for_information(db: duckdb.DuckDBPyConnection) -> None:
    same = "p.BEN_NIR_PSA = c.NIR_ANO_17 AND p.EXE_SOI_DTD = c.EXE_SOI_DTD"
    both = f"SELECT count(*) FROM CSTC c WHERE {GOOD} AND"
    twice = f"EXISTS (SELECT 1 FROM PRS p WHERE {same} AND p.DPN_QLF = '71')"
    followed = one(db, f"SELECT count(*) FROM CSTC WHERE {GOOD}")
    # The last lines come after the last flux.
    assert one(db, f"{both} {twice}") > 0.9 * followed


def test_they_come_in_at_the_door_and_are_counted_once(
    made: Path, db: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    house = SmallHouse.build(tmp_path)
    try:
        (tmp_path / "clear").mkdir()
        for name in ("BEN_*", "MCO_2018", "DCIR_201804"):
            (one_path,) = made.glob(name)
            (tmp_path / "clear" / one_path.name).symlink_to(one_path)
        house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
        reports = house.ingest().load_all(LocalFiles(tmp_path / "level-1"), OPERATOR)
        assert [report.warnings for report in reports] == [()] * 3
        silver = SilverService(lake=house.lake, ledger=house.ledger, persons=RegisterPersons())
        silver.build(OPERATOR, "consultations")
        silver.build(OPERATOR, "hospital_drugs")
        table = house.lake.read("silver_consultations").read_all()
        hospital = [row for row in table.to_pylist() if row["origin"] == "T_MCO18FCSTC"]
        # Twins who share a number are nobody, and the profile has some.
        followed = one(db, f"SELECT count(*) FROM CSTC WHERE {GOOD}")
        assert 0.95 * followed <= sum(row["quantity"] for row in hospital) <= followed
        assert {row["nature"] for row in hospital} == {"C", "CS"}
        town = [row for row in table.to_pylist() if row["origin"] == "ER_PRS_F"]
        assert {row["specialty"] for row in town if row["nature"] == "1111"} <= {"1", "22", "23"}
        drugs = house.lake.read("silver_hospital_drugs").read_all()
        assert set(drugs.column("way").to_pylist()) == {"on-top", "retrocession"}
        assert 500 in drugs.column("thousandths").to_pylist()
    finally:
        house.close()


def test_switched_off_they_are_not_there(tmp_path: Path) -> None:
    make(SynthProfile(persons=200, years=1), tmp_path)
    assert not list(tmp_path.glob("MCO_*/T_MCO*STC.csv"))
