"""Care at home, in rehabilitation and in psychiatry; and the archived tables of former fluxes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bercail.catalogue import load
from bercail.foundation import Role
from bercail.ingest.folder import LocalFiles
from bercail.ingest.synth import SynthProfile, check, make
from bercail.testing.small_house import SmallHouse, person

OPERATOR = person("odile", Role.OPERATOR)
SECTORS = ("HAD", "SSR", "RIP")
ONLY = {
    "other-sectors": 1.0,
    "sector-error-groups": 0.2,
    "sector-return-codes": 0.3,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sectors")
    make(SynthProfile(persons=9000, seed=3, first_year=2018, years=1, rates=ONLY), out)
    return out


@pytest.fixture(scope="module")
def truth(made: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((made / "truth.json").read_bytes())
    return content


@pytest.fixture(scope="module")
def db(made: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for path in made.glob("*/*.csv"):
            if path.parent.name.startswith((*SECTORS, "BEN")):
                connection.execute(
                    f"CREATE VIEW {path.stem} AS FROM read_csv('{path}', delim=';', header=true,"
                    " all_varchar=true)"
                )
        yield connection


def one(db: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = db.execute(sql).fetchone()
    assert row is not None
    return row[0]


def test_stays_patients_and_days_are_found_again(
    db: duckdb.DuckDBPyConnection, truth: dict[str, Any]
) -> None:
    nights = (
        "date_diff('day', strptime(EXE_SOI_DTD, '%d/%m/%Y'), strptime(EXE_SOI_DTF, '%d/%m/%Y'))"
    )
    for name in SECTORS:
        told = truth["sectors"][name]["2018"]
        link = f"T_{name}18C"
        assert told["stays"] == one(db, f"FROM {link} SELECT count(*)") > 0
        assert told["days"] == one(db, f"FROM {link} SELECT sum({nights})")
        codes = [
            row[0] for row in db.execute(f"DESCRIBE {link}").fetchall() if row[0].endswith("_RET")
        ]
        bad = " OR ".join(f"coalesce({code}, '0') <> '0'" for code in codes)
        assert told["bad_return_codes"] == one(db, f"FROM {link} SELECT count(*) WHERE {bad}")
    acts = truth["sectors"]["ambulatory"]["2018"]
    assert acts["acts"] == one(db, "SELECT count(*) FROM T_RIP18R3A")


def test_a_patient_of_psychiatry_is_one_within_a_hospital_only(
    db: duckdb.DuckDBPyConnection, truth: dict[str, Any]
) -> None:
    patients = truth["sectors"]["ambulatory"]["2018"]["patients"]
    assert one(db, "SELECT count(DISTINCT IPP_IRR_CRY) FROM T_RIP18R3A") == patients
    known = "SELECT BEN_NIR_PSA FROM IR_BEN_R"
    for table in ("T_RIP18R3A", "T_RIP18RSA"):
        assert one(db, f"FROM {table} SELECT count(*) WHERE IPP_IRR_CRY IN ({known})") == 0
    lines = db.execute("FROM T_RIP18R3A").fetchall()
    assert not [line for line in lines if re.search(r"[0-9]{22}", str(line))]


def test_the_linked_persons_are_those_of_the_register(db: duckdb.DuckDBPyConnection) -> None:
    for name in SECTORS:
        lost = (
            f"FROM T_{name}18C ANTI JOIN IR_BEN_R ON NIR_ANO_17 = BEN_NIR_PSA"
            " SELECT count(*) WHERE NIR_RET = '0'"
        )
        assert one(db, lost) == 0
        masked = (
            f"FROM T_{name}18C SELECT count(*) WHERE NIR_RET <> '0' AND NIR_ANO_17 NOT LIKE 'X%'"
        )
        assert one(db, masked) == 0


def test_what_was_not_grouped_is_marked(
    db: duckdb.DuckDBPyConnection, truth: dict[str, Any]
) -> None:
    home, weeks = truth["sectors"]["HAD"]["2018"], truth["sectors"]["SSR"]["2018"]
    assert home["not_grouped"] == one(
        db, "SELECT count(*) FROM T_HAD18GRP WHERE GHT_NUM = '99' AND PAP_GRP_GHPC LIKE '99%'"
    )
    assert weeks["not_grouped"] == one(
        db, "SELECT count(DISTINCT (ETA_NUM, RHA_NUM)) FROM T_SSR18B WHERE GRG_GME LIKE '90%'"
    )
    assert home["not_grouped"] + weeks["not_grouped"] > 0


def test_a_stay_of_rehabilitation_has_a_line_for_each_week(db: duckdb.DuckDBPyConnection) -> None:
    wrong = (
        "SELECT count(*) FROM (SELECT count(*) AS weeks, max(RHS_NUM::INT) AS last,"
        " sum((DEB_FIN = '1')::INT) AS ends FROM T_SSR18B GROUP BY ETA_NUM, RHA_NUM)"
        " WHERE weeks <> last OR ends <> 1"
    )
    assert one(db, wrong) == 0
    assert one(db, "SELECT max(RHS_NUM::INT) FROM T_SSR18B") > 4


def test_every_column_is_one_of_its_year(made: Path) -> None:
    registry = load()
    paths = [path for name in SECTORS for path in made.glob(f"{name}_2018/*.csv")]
    assert len(paths) == 12
    for path in paths:
        with path.open(encoding="utf-8") as stream:
            columns = stream.readline().rstrip("\n").split(";")
        known = registry.table(path.stem).column_names(registry.year_of(path.stem))
        assert set(columns) <= set(known)


def test_patients_are_as_many_as_published(made: Path) -> None:
    found = {m.name: m for m in check(made).measures if m.name.startswith("patients-")}
    assert set(found) == {f"patients-{name}" for name in (*SECTORS, "ambulatory")}
    assert [name for name, measure in found.items() if not measure.within] == []
    assert found["patients-SSR"].published == 0.01493


def test_they_come_in_at_the_door(made: Path, tmp_path: Path) -> None:
    house = SmallHouse.build(tmp_path)
    try:
        (tmp_path / "clear").mkdir()
        for name in SECTORS:
            (tmp_path / "clear" / f"{name}_2018").symlink_to(made / f"{name}_2018")
        house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
        reports = house.ingest().load_all(LocalFiles(tmp_path / "level-1"), OPERATOR)
        assert [report.warnings for report in reports] == [(), (), ()]
        for report in reports:
            for table in report.tables:
                assert house.lake.snapshot(table.table).rows == table.rows
    finally:
        house.close()


def test_switched_off_they_are_not_there(tmp_path: Path) -> None:
    make(SynthProfile(persons=300, years=1), tmp_path)
    assert not list(tmp_path.glob("HAD_*"))
    told = json.loads((tmp_path / "truth.json").read_bytes())
    assert told["sectors"]["SSR"]["2023"]["stays"] == 0
    assert not [m for m in check(tmp_path).measures if m.name.startswith("patients-")]


def test_former_fluxes_stand_in_tables_of_their_year_and_come_in(tmp_path: Path) -> None:
    rates = {"archived-lines": 1.0, "detail-tables": 1.0}
    until = date(2013, 3, 1)
    profile = SynthProfile(persons=120, seed=5, first_year=2012, years=1, as_of=until, rates=rates)
    make(profile, tmp_path / "clear")
    truth = json.loads((tmp_path / "clear" / "truth.json").read_bytes())
    old = sum(
        path.read_bytes().count(b"\n") - 1
        for path in (tmp_path / "clear").glob("DCIR_*/ER_PRS_F_2012.csv")
    )
    new = list((tmp_path / "clear").glob("DCIR_2013*/ER_PRS_F.csv"))
    assert old == truth["difficulties"]["archived-lines"] > 0
    assert new
    assert not list((tmp_path / "clear").glob("DCIR_2012*/ER_PRS_F.csv"))
    house = SmallHouse.build(tmp_path)
    try:
        house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
        landing = LocalFiles(tmp_path / "level-1")
        for name in ("DCIR_201212", "DCIR_201301"):
            house.ingest().load(landing, name, OPERATOR)
        tables = house.lake.tables()
        assert {"ER_PRS_F", "ER_PRS_F_2012", "ER_CAM_F", "ER_CAM_F_2012"} <= set(tables)
    finally:
        house.close()
