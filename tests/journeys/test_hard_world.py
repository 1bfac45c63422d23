"""The hardest synthetic world through the whole road: the holder's desk, our door, the lake.

Every delivery that the generator writes is loaded, month after month; what the truth counts is
counted again in the lake. Then what happens in life: late months, a delivery sent twice, a
corrected one, one that is held and let pass.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from attrs import frozen

from bercail.foundation import Refused, Role
from bercail.ingest.folder import LocalFiles
from bercail.ingest.service import LoadReport
from bercail.ingest.synth import SynthProfile, SynthReport, make
from bercail.testing.small_house import SmallHouse, person

OPERATOR = person("odile", Role.OPERATOR)
OFFICER = person("axel", Role.ACCESS_OFFICER)
WORLD = SynthProfile(
    persons=1500, seed=5, first_year=2015, years=1, as_of=date(2017, 1, 1), difficulty="hard"
)
# What the rules say of a hard world: a flux that dries up is told, and nothing else.
TOLERATED = {"unexpected-volume", "missing-period"}
LATE_FROM = "DCIR_201607"
CORRECTED, HELD = "DCIR_201506", "DCIR_201612"


@frozen(kw_only=True)
class Loaded:
    """A house after the whole story, and what was said on the way."""

    house: SmallHouse
    made: SynthReport
    level_one: Path
    reports: dict[str, LoadReport]
    rows_before_late: dict[str, int]
    refusals: dict[str, Refused]
    corrected: LoadReport
    rows_corrected: tuple[int, int]
    held: tuple[dict[str, Any], LoadReport]


def order(folder: str) -> tuple[int, str]:
    """The register first, then months and years as they come."""
    systems = ("BEN", "DCIR", "MCO", "HAD", "SSR", "RIP")
    return systems.index(folder.split("_")[0]), folder


def rows_of(house: SmallHouse) -> dict[str, int]:
    return {table: house.lake.snapshot(table).rows for table in house.lake.tables()}


def altered(source: Path, target: Path, change: Callable[[str, str], str], **manifest: Any) -> None:
    """A delivery like another one, whose text was changed, with a manifest that is true of it."""
    shutil.copytree(source, target)
    document = json.loads((target / "delivery.json").read_text()) | manifest
    for file in document["files"]:
        path = target / file["name"]
        data = change(file["table"], path.read_text()).encode()
        path.write_bytes(data)
        file |= {"rows": data.count(b"\n") - 1, "bytes": len(data)}
        file["sha256"] = hashlib.sha256(data).hexdigest()
    (target / "delivery.json").write_text(json.dumps(document))


def without_last_line(table: str, text: str) -> str:
    """One laboratory act less."""
    return text[: text.rstrip("\n").rfind("\n") + 1] if table == "ER_BIO_F" else text


def with_strange_codes(table: str, text: str) -> str:
    """Marks of the national number that no list has, on every line."""
    if table != "ER_PRS_F":
        return text
    lines = [line.split(";") for line in text.splitlines()]
    place = lines[0].index("BEN_CDI_NIR")
    for line in lines[1:]:
        line[place] = "77"
    return "\n".join(";".join(line) for line in lines) + "\n"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    root = tmp_path_factory.mktemp("hard")
    made = make(WORLD, root / "clear")
    house = SmallHouse.build(root)
    house.holder().prepare(root / "clear", root / "level-1")
    ingest, landing = house.ingest(), LocalFiles(root / "level-1")
    reports: dict[str, LoadReport] = {}
    refusals: dict[str, Refused] = {}
    before: dict[str, int] = {}
    held: dict[str, Any] = {}
    for name in sorted(ingest.deliveries(landing), key=order):
        if name == LATE_FROM:
            before = rows_of(house)
        if name == HELD:
            held["status"], held["refusal"] = _held(house, root, refusals)
        reports[name] = ingest.load(landing, name, OPERATOR)
    with pytest.raises(Refused) as twice:
        ingest.load(landing, CORRECTED, OPERATOR)
    refusals["twice"] = twice.value
    told = rows_of(house)["ER_BIO_F"]
    altered(
        root / "level-1" / CORRECTED,
        root / "again" / f"{CORRECTED}_R2",
        without_last_line,
        corrects=CORRECTED,
        revision=2,
    )
    corrected = ingest.load(LocalFiles(root / "again"), f"{CORRECTED}_R2", OPERATOR)
    after = rows_of(house)["ER_BIO_F"]
    yield Loaded(
        house=house,
        made=made,
        level_one=root / "level-1",
        reports=reports,
        rows_before_late=before,
        refusals=refusals,
        corrected=corrected,
        rows_corrected=(told, after),
        held=(held["status"], held["refusal"]),
    )
    house.close()


def _held(
    house: SmallHouse, root: Path, refusals: dict[str, Refused]
) -> tuple[dict[str, Any], LoadReport]:
    """A month with strange codes is held, released by an officer, and loaded under its name."""
    name = f"{HELD}_STRANGE"
    altered(root / "level-1" / HELD, root / "strange" / name, with_strange_codes)
    ingest, landing, before = house.ingest(), LocalFiles(root / "strange"), rows_of(house)
    with pytest.raises(Refused) as refused:
        ingest.load(landing, name, OPERATOR)
    refusals["held"] = refused.value
    assert rows_of(house) == before
    status = ingest.status(name)
    ingest.release(name, "The list of the holder is newer than ours.", OFFICER)
    return status, ingest.replay(landing, name, OPERATOR)


@pytest.fixture(scope="module")
def lake(loaded: Loaded) -> Iterator[Callable[..., Any]]:
    """Asks the lake one number in SQL, as it stood before the two deliveries were altered."""
    with duckdb.connect() as connection:
        connection.register_filesystem(loaded.house.lake.filesystem())
        for table in loaded.house.lake.tables():
            urls = [
                part.url
                for part in loaded.house.lake.parts(table)
                if part.delivery in loaded.reports or part.delivery == f"{CORRECTED}_R2"
            ]
            if urls:
                name = table.replace("T_MCO15", "MCO_")
                connection.execute(
                    f"CREATE VIEW {name} AS FROM read_parquet({urls}, union_by_name = true)"
                )

        def ask(*words: str) -> Any:
            row = connection.execute(" ".join(words)).fetchone()
            assert row is not None
            return row[0]

        yield ask


def test_every_table_of_the_hard_world_is_loaded_to_the_line(loaded: Loaded) -> None:
    manifests = [json.loads(p.read_text()) for p in loaded.level_one.glob("*/delivery.json")]
    assert len(manifests) == len(loaded.reports) == len(loaded.made.deliveries)
    loaded_rows = dict.fromkeys(loaded.made.rows, 0)
    for report in loaded.reports.values():
        for table in report.tables:
            loaded_rows[table.table] += table.rows
    assert loaded_rows == dict(loaded.made.rows)
    assert {"ER_TIP_F", "ER_UCD_F", "T_MCO15FA", "KI_CCI_R", "KI_ECD_R"} <= set(loaded_rows)
    assert {table for table, rows in loaded_rows.items() if not rows} == set()
    held = {table.table: table.rows for table in loaded.held[1].tables}
    now = rows_of(loaded.house)
    for table, rows in loaded_rows.items():
        assert now[table] == rows + held.get(table, 0) - (table == "ER_BIO_F")


def test_the_lake_holds_what_the_truth_counts(loaded: Loaded) -> None:
    truth, rows = loaded.made.truth, loaded.made.rows
    stays = truth["stays"]["by_year"]["2015"]["stays"]
    assert {
        "ER_PRS_F": rows["ER_PRS_F"],
        "ER_PHA_F": rows["ER_PHA_F"],
        "IR_BEN_R": rows["IR_BEN_R"],
        "IR_IMB_R": rows["IR_IMB_R"],
        "T_MCO15B": rows["T_MCO15B"],
        "T_MCO15C": rows["T_MCO15C"],
        "KI_CCI_R": rows["KI_CCI_R"],
    } == {
        "ER_PRS_F": truth["lines"]["arrived"],
        "ER_PHA_F": truth["drug_lines"]["arrived"],
        "IR_BEN_R": truth["persons"]["identities"],
        "IR_IMB_R": truth["long_term"]["lines"],
        "T_MCO15B": stays,
        "T_MCO15C": stays,
        "KI_CCI_R": truth["difficulties"]["causes-of-death"],
    }


def test_nothing_is_found_wrong_and_a_drying_flux_is_told(loaded: Loaded) -> None:
    found = {one.check for report in loaded.reports.values() for one in report.warnings}
    assert found <= TOLERATED
    assert "unexpected-volume" in found
    whole = [name for name in loaded.reports if "DCIR_201506" <= name <= "DCIR_201601"]
    assert not [one for name in whole for one in loaded.reports[name].warnings if "PRS" in one.file]


# Each difficulty counted in the lake as the truth counts it in the world.
COUNTED = {
    "unknown-ages": "SELECT count(*) FROM ER_PRS_F WHERE BEN_AMA_COD = 9999",
    "birth-year-1600": "SELECT count(*) FROM IR_BEN_R WHERE BEN_NAI_ANN = '1600'",
    "fictitious-numbers": "SELECT count(*) FROM IR_BEN_R WHERE BEN_CDI_NIR = '11'",
    "causes-of-death": "SELECT count(*) FROM KI_CCI_R",
    "causes-unmatched": "SELECT count(*) FROM KI_CCI_R WHERE BEN_IDT_ANO IS NULL",
    "hospital-billing": "SELECT count(*) FROM ER_ETE_F WHERE ETE_IND_TAA = 1",
    "late-flows": "SELECT count(*) FROM ER_PRS_F "
    "WHERE datediff('month', EXE_SOI_DTD, FLX_DIS_DTD) > 6",
    "complements": "SELECT count(*) FROM ER_PRS_F WHERE CPL_MAJ_TOP = 1",
    "ald-end-1600": "SELECT count(*) FROM IR_IMB_R WHERE IMB_ALD_DTF = DATE '1600-01-01'",
    "ald-end-2099": "SELECT count(*) FROM IR_IMB_R WHERE year(IMB_ALD_DTF) = 2099",
    "other-exemptions": "SELECT count(*) FROM IR_IMB_R WHERE IMB_ETM_NAT IN (11, 12, 13)",
    "pie-copies": "SELECT count(*) FROM MCO_B WHERE SEJ_TYP = 'B'",
    "grouping-errors": "SELECT count(*) FROM MCO_B WHERE GRG_GHM LIKE '90%'",
    "other-grouping": "SELECT count(*) FROM MCO_B WHERE GRG_GHM <> GRC_GHM",
    "stays-over-new-year": "SELECT count(*) FROM MCO_C WHERE year(EXE_SOI_DTD) = 2014",
}


@pytest.mark.parametrize("name", COUNTED)
def test_a_difficulty_is_in_the_lake_as_often_as_in_the_world(
    loaded: Loaded, lake: Callable[..., Any], name: str
) -> None:
    assert lake(COUNTED[name]) == loaded.made.truth["difficulties"][name]


def test_a_death_is_linked_to_the_person_of_the_register(lake: Callable[..., Any]) -> None:
    """CepiDc: BEN_IDT_ANO where a person was found, empty where nobody was; never a clear one."""
    linked = "FROM KI_CCI_R WHERE DCD_IDT_TOP = 1"
    assert lake("SELECT count(*)", linked) > 5
    assert lake("SELECT count(*)", linked, "AND BEN_IDT_ANO IS NULL") == 0
    assert lake("SELECT count(*) FROM KI_CCI_R WHERE DCD_IDT_TOP = 0 AND BEN_IDT_ANO > ''") == 0
    register = "(SELECT BEN_IDT_ANO FROM IR_BEN_R)"
    assert lake("SELECT count(*)", linked, "AND BEN_IDT_ANO NOT IN", register) == 0
    strange = r"NOT regexp_full_match(BEN_IDT_ANO, '[A-Z2-7]{17}[0-9]?')"
    assert lake("SELECT count(*) FROM KI_ECD_R WHERE", strange) == 0


def test_details_multiply_no_money_and_lose_no_line(lake: Callable[..., Any]) -> None:
    key = (
        "(DCT_ORD_NUM, FLX_DIS_DTD, FLX_EMT_NUM, FLX_EMT_ORD, FLX_EMT_TYP, FLX_TRT_DTD, "
        "ORG_CLE_NUM, PRS_ORD_NUM, REM_TYP_AFF)"
    )
    paid = lake("SELECT sum(PRS_PAI_MNT) FROM ER_PRS_F")
    for detail in ("ER_PHA_F", "ER_CAM_F", "ER_BIO_F", "ER_TIP_F", "ER_UCD_F", "ER_ETE_F"):
        lines = lake("SELECT count(*) FROM", detail)
        joined = ("JOIN ER_PRS_F USING", key)
        assert lake("SELECT count(*) FROM", detail, *joined) == lines > 0
        with_detail, without = (
            lake("SELECT sum(PRS_PAI_MNT) FROM ER_PRS_F", join, "JOIN", detail, "USING", key)
            for join in ("SEMI", "ANTI")
        )
        assert with_detail + without == paid


def test_city_care_has_no_line_in_the_table_of_hospitals(lake: Callable[..., Any]) -> None:
    """An inner join with ER_ETE_F would keep hospitals and lose all city care."""
    key = (
        "(DCT_ORD_NUM, FLX_DIS_DTD, FLX_EMT_NUM, FLX_EMT_ORD, FLX_EMT_TYP, FLX_TRT_DTD, "
        "ORG_CLE_NUM, PRS_ORD_NUM, REM_TYP_AFF)"
    )
    lines = lake("SELECT count(*) FROM ER_PRS_F")
    city = lake("SELECT count(*) FROM ER_PRS_F ANTI JOIN ER_ETE_F USING", key)
    kept = lake("SELECT count(*) FROM ER_PRS_F LEFT JOIN ER_ETE_F USING", key)
    assert lines == kept > city > 0.9 * lines


def test_persons_of_other_schemes_are_told_by_their_office(lake: Callable[..., Any]) -> None:
    """Before 2009 and 2012 they are not in the data: a study over time keeps to the general one."""
    schemes = lake("SELECT string_agg(DISTINCT substr(ORG_AFF_BEN, 1, 2), '') FROM IR_BEN_R")
    assert sorted(schemes) == sorted("010203")
    assert 0.1 < lake("SELECT avg((ORG_AFF_BEN NOT LIKE '01C%')::INT) FROM IR_BEN_R") < 0.4


def test_hospital_units_are_padded_and_private_stays_have_invoices(
    lake: Callable[..., Any],
) -> None:
    wrong = "NOT regexp_full_match(UCD_UCD_COD, '0{6}[0-9]{7}')"
    assert lake("SELECT count(*) FROM ER_UCD_F WHERE", wrong) == 0
    orphans = "FROM MCO_FA ANTI JOIN MCO_B USING (ETA_NUM, RSA_NUM)"
    assert lake("SELECT count(*)", orphans) == 0
    stays, invoices = (
        lake("SELECT count(", what, ") FROM MCO_FA")
        for what in ("DISTINCT ETA_NUM || RSA_NUM", "*")
    )
    assert 0 < stays < invoices


def test_late_months_are_added_and_nothing_before_them_changes(
    loaded: Loaded, lake: Callable[..., Any]
) -> None:
    late = [name for name in loaded.reports if name.startswith("DCIR") and name >= LATE_FROM]
    added = sum(
        table.rows
        for name in late
        for table in loaded.reports[name].tables
        if table.table == "ER_PRS_F"
    )
    assert added > 0
    before = loaded.rows_before_late["ER_PRS_F"]
    assert before + added == loaded.made.rows["ER_PRS_F"]
    known = "SELECT count(*) FROM ER_PRS_F WHERE FLX_DIS_DTD < DATE '2016-07-01'"
    assert lake(known) == before


def test_a_delivery_comes_in_once_and_a_correction_takes_its_place(loaded: Loaded) -> None:
    assert loaded.refusals["twice"].rule == "delivery-once"
    assert loaded.corrected.corrects == CORRECTED
    told, after = loaded.rows_corrected
    assert after == told - 1
    status = loaded.house.ingest().status(CORRECTED)
    assert status["state"] == "corrected"


def test_a_held_delivery_is_let_pass_for_a_reason_and_only_then(loaded: Loaded) -> None:
    status, report = loaded.held
    assert loaded.refusals["held"].rule == "delivery-checks"
    assert status["state"] == "quarantined"
    assert any("unknown-code in ER_PRS_F.csv column BEN_CDI_NIR" in f for f in status["findings"])
    assert {one.check for one in report.warnings} >= {"unknown-code"}
    assert loaded.house.ingest().status(f"{HELD}_STRANGE")["state"] == "loaded"
