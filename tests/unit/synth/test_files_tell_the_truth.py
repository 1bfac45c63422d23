"""A second reader recounts the files with SQL, and must find the truth of the model."""

# ruff: noqa: S608 - every query is made of constants of this file.

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from bercail.catalogue import load

KEY = (
    "FLX_DIS_DTD, FLX_TRT_DTD, FLX_EMT_TYP, FLX_EMT_NUM, FLX_EMT_ORD, ORG_CLE_NUM,"
    " DCT_ORD_NUM, PRS_ORD_NUM, REM_TYP_AFF"
)

NET = f"""
SELECT p.idt, p.EXE_SOI_DTD AS day, h.PHA_PRS_C13 AS cip13, any_value(d.units_per_pack) AS units,
       any_value(p.born) AS born, any_value(p.sex) AS sex
FROM (
    SELECT prs.*, ben.idt, ben.born, ben.sex FROM prs
    JOIN ben USING (BEN_NIR_PSA, BEN_RNG_GEM)
    WHERE coalesce(DPN_QLF, 0) NOT IN (71, 72) AND PRS_DPN_QLP NOT IN (71, 72) AND CPL_MAJ_TOP < 2
) p
JOIN pha h USING ({KEY})
JOIN drugs d ON d.cip13 = h.PHA_PRS_C13
WHERE d.atc LIKE 'A10%'
GROUP BY ALL HAVING sum(h.PHA_ACT_QSN) > 0
"""

TREATED = """
SELECT year(day) AS year, idt, any_value(born) AS born, any_value(sex) AS sex FROM net
GROUP BY year, idt
HAVING count(DISTINCT day) >= 3 OR (count(DISTINCT day) >= 2 AND max(units) >= 84)
"""


@pytest.fixture(scope="module")
def db(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    registry = load()
    connection.register("drugs", registry.drugs())
    views = {
        "prs": ("ER_PRS_F", "DCIR_*"),
        "pha": ("ER_PHA_F", "DCIR_*"),
        "imb": ("IR_IMB_R", "BEN_*"),
        "ben_raw": ("IR_BEN_R", "BEN_*"),
        "b23": ("T_MCO23B", "MCO_2023"),
        "c23": ("T_MCO23C", "MCO_2023"),
        "b24": ("T_MCO24B", "MCO_2024"),
        "c24": ("T_MCO24C", "MCO_2024"),
    }
    kinds = {"char": "VARCHAR", "date": "DATE"}
    for view, (table, where) in views.items():
        known = registry.table(table)
        first = next(folder.glob(f"{where}/{table}.csv"))
        names = first.read_text(encoding="utf-8").partition("\n")[0].split(";")
        types = {
            name: kinds.get(column.physical_type)
            or ("BIGINT" if column.declared_type in ("integer", "boolean") else "DECIMAL(18,4)")
            for name in names
            for column in (known.column(name),)
        }
        connection.execute(
            f"CREATE TABLE {view} AS SELECT * FROM read_csv('{folder}/{where}/{table}.csv',"
            f" delim=';', header=true, quote='', dateformat='%d/%m/%Y', columns={types})"
        )
    connection.execute(
        "CREATE TABLE ben AS SELECT *, BEN_NAI_ANN::INT AS born, BEN_SEX_COD AS sex,"
        " coalesce(BEN_NIR_ANO, BEN_NIR_PSA || BEN_RNG_GEM) AS idt FROM ben_raw"
    )
    connection.execute(f"CREATE TABLE net AS {NET}")
    connection.execute(f"CREATE TABLE treated AS {TREATED}")
    return connection


def one(db: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = db.execute(sql).fetchone()
    assert row is not None
    return row[0]


def test_treated_diabetics_are_found_again(
    db: duckdb.DuckDBPyConnection, truth: dict[str, Any]
) -> None:
    rows = db.execute("SELECT year, count(*) FROM treated GROUP BY year").fetchall()
    assert {str(year): count for year, count in rows} == truth["treated_diabetics"]
    assert min(truth["treated_diabetics"].values()) > 30


def test_treated_diabetics_alive_at_the_end_of_the_year_are_found_again(
    db: duckdb.DuckDBPyConnection, truth: dict[str, Any]
) -> None:
    rows = db.execute(
        "SELECT year, count(*) FROM treated JOIN"
        " (SELECT idt, max(BEN_DCD_DTE) AS died FROM ben GROUP BY idt) USING (idt)"
        " WHERE died = DATE '1600-01-01' OR died > make_date(year, 12, 31) GROUP BY year"
    ).fetchall()
    assert {str(year): count for year, count in rows} == truth["treated_diabetics_alive"]


def test_treated_diabetics_by_age_and_sex_are_found_again(
    db: duckdb.DuckDBPyConnection, truth: dict[str, Any]
) -> None:
    rows = db.execute(
        "SELECT year, least((year - born) // 10, 9), sex, count(*) FROM treated GROUP BY ALL"
    ).fetchall()
    found = {(str(year), int(decade), str(sex)): count for year, decade, sex, count in rows}
    expected = {
        (year, place, sex): count
        for year, groups in truth["treated_diabetics_by_age_sex"].items()
        for place, sexes in enumerate(groups.values())
        for sex, count in sexes.items()
        if count
    }
    assert found == expected


def test_about_one_person_in_twenty_is_treated(truth: dict[str, Any]) -> None:
    share = truth["treated_diabetics"]["2023"] / truth["persons"]["persons"]
    assert 0.03 < share < 0.08


def test_counting_identifiers_or_forgetting_reversals_gives_other_numbers(
    truth: dict[str, Any],
) -> None:
    wrong = truth["treated_diabetics_if_wrong"]
    right = truth["treated_diabetics"]
    assert wrong["identifiers_counted_as_persons"] != right
    assert wrong["reversals_ignored"] != right
    assert wrong["late_lines_missed"] != right


def test_the_key_needs_its_nine_columns(db: duckdb.DuckDBPyConnection) -> None:
    total = one(db, "SELECT count(*) FROM prs")
    assert one(db, f"SELECT count(*) FROM (SELECT DISTINCT {KEY} FROM prs)") == total
    for name in ("REM_TYP_AFF", "PRS_ORD_NUM", "DCT_ORD_NUM", "ORG_CLE_NUM", "FLX_TRT_DTD"):
        fewer = ", ".join(column for column in KEY.split(", ") if column != name)
        assert one(db, f"SELECT count(*) FROM (SELECT DISTINCT {fewer} FROM prs)") < total


def test_every_drug_line_belongs_to_one_line_of_care(
    db: duckdb.DuckDBPyConnection, truth: dict[str, Any]
) -> None:
    assert one(db, f"SELECT count(*) FROM pha ANTI JOIN prs USING ({KEY})") == 0
    assert one(db, "SELECT count(*) FROM pha") == truth["drug_lines"]["arrived"]
    several = one(
        db, f"SELECT count(*) FROM (SELECT {KEY} FROM pha GROUP BY ALL HAVING count(*)>1)"
    )
    assert several == truth["drug_lines"]["lines_with_several_drugs"] > 0


def test_lines_by_difficulty(db: duckdb.DuckDBPyConnection, truth: dict[str, Any]) -> None:
    lines = truth["lines"]
    lag = "datediff('month', EXE_SOI_DTD, FLX_DIS_DTD)"
    counts = {
        "arrived": "true",
        "late": f"{lag} > 6",
        "negative": "PRS_ACT_QTE < 0 AND CPL_MAJ_TOP < 2 AND CPL_AFF_COD <> 16",
        "for_information": "DPN_QLF = 71",
        "shares_with_origin_71": "DPN_QLF = 0 AND PRS_DPN_QLP = 71",
        "empty_dpn_qlf": "DPN_QLF IS NULL",
        "shares_of_patient": "CPL_AFF_COD = 16",
        "under_fictitious_number": "BEN_CDI_NIR = '11'",
    }
    found = {name: one(db, f"SELECT count(*) FROM prs WHERE {sql}") for name, sql in counts.items()}
    # Shares corrected by a reversal are negative lines of another kind.
    corrected = one(db, "SELECT count(*) FROM prs WHERE PRS_ACT_QTE < 0 AND CPL_AFF_COD = 16")
    found["negative"] += corrected
    assert found == {name: lines[name] for name in counts}
    complements = one(db, "SELECT count(*) FROM prs WHERE CPL_MAJ_TOP = 1")
    assert complements == lines["by_kind"]["complement"]


def test_flows_are_late_as_published(db: duckdb.DuckDBPyConnection) -> None:
    lag = "datediff('month', EXE_SOI_DTD, FLX_DIS_DTD)"
    first, last, soon = db.execute(
        f"SELECT min({lag}), max({lag}), avg(({lag} <= 6)::INT) FROM prs"
    ).fetchall()[0]
    assert (first, last) == (1, 27)
    assert 0.985 < soon < 0.995
    assert one(db, "SELECT count(*) FROM prs WHERE FLX_TRT_DTD < EXE_SOI_DTD") == 0
    assert one(db, "SELECT count(*) FROM prs WHERE day(FLX_DIS_DTD) <> 1") == 0
    month_before = "date_trunc('month', FLX_DIS_DTD - INTERVAL 1 DAY)"
    wrong = f"date_trunc('month', FLX_TRT_DTD) <> {month_before}"
    assert one(db, f"SELECT count(*) FROM prs WHERE {wrong}") == 0


def test_reversals_cancel_what_they_reverse(db: duckdb.DuckDBPyConnection) -> None:
    """A reversal comes in a later flux, and no drug is taken back more than it was given."""
    groups = f"""
        SELECT p.BEN_NIR_PSA, p.BEN_RNG_GEM, p.EXE_SOI_DTD, h.PHA_PRS_C13,
               sum(h.PHA_ACT_QSN) AS net, min(h.PHA_ACT_QSN) AS least,
               max(p.FLX_DIS_DTD) FILTER (h.PHA_ACT_QSN < 0) AS back,
               min(p.FLX_DIS_DTD) FILTER (h.PHA_ACT_QSN > 0) AS given
        FROM prs p JOIN pha h USING ({KEY}) WHERE h.PHA_DEC_TOP IS NULL GROUP BY ALL
    """
    bad = f"SELECT count(*) FROM ({groups}) WHERE net < 0 OR (least < 0 AND NOT back > given)"
    assert one(db, bad) == 0
    assert one(db, f"SELECT count(*) FROM ({groups}) WHERE net = 0") > 0


def test_persons_are_resolved_through_the_referential(
    db: duckdb.DuckDBPyConnection, truth: dict[str, Any]
) -> None:
    persons = truth["persons"]
    assert one(db, "SELECT count(*) FROM ben") == persons["identities"]
    distinct = one(db, "SELECT count(DISTINCT idt) FROM ben")
    assert distinct == persons["persons"] + persons["fictitious_numbers"]
    two = one(db, "SELECT count(*) FROM (SELECT idt FROM ben GROUP BY idt HAVING count(*) = 2)")
    assert two == persons["with_two_identifiers"] > 0
    without = one(db, "SELECT count(*) FROM ben WHERE BEN_NIR_ANO IS NULL AND BEN_CDI_NIR <> '11'")
    assert without == persons["without_own_number"]
    assert one(db, "SELECT count(*) FROM ben WHERE BEN_IDT_ANO IS NOT NULL") == 0
    tops = one(db, "SELECT count(*) FROM ben WHERE (BEN_IDT_TOP = 1) <> (BEN_NIR_ANO IS NOT NULL)")
    assert tops == 0


def test_twins_of_the_same_sex_share_an_identifier(
    db: duckdb.DuckDBPyConnection, truth: dict[str, Any]
) -> None:
    shared = db.execute(
        "SELECT BEN_NIR_PSA, list_sort(list(BEN_RNG_GEM)), count(DISTINCT idt) FROM ben"
        " GROUP BY BEN_NIR_PSA HAVING count(*) > 1"
    ).fetchall()
    assert shared
    assert all(ranks == [1, 2] and persons == 2 for _psa, ranks, persons in shared)
    alike = one(
        db,
        "SELECT count(DISTINCT idt) FROM ben WHERE BEN_NIR_PSA IN"
        " (SELECT BEN_NIR_PSA FROM ben GROUP BY 1 HAVING count(*) > 1)",
    )
    assert alike == truth["persons"]["twins_of_same_sex"]


def test_every_line_is_paid_under_a_known_identity(db: duckdb.DuckDBPyConnection) -> None:
    for table in ("prs", "imb"):
        lost = f"SELECT count(*) FROM {table} ANTI JOIN ben USING (BEN_NIR_PSA, BEN_RNG_GEM)"
        assert one(db, lost) == 0


def test_clear_identities_have_the_agreed_form(db: duckdb.DuckDBPyConnection) -> None:
    form = r"^[125-8]\d{4}(\d\d|2[AB])\d{6}(19|20)\d{6}[12]$"
    for column in ("BEN_NIR_PSA", "BEN_NIR_ANO", "ASS_NIR_ANO"):
        bad = f"SELECT count(*) FROM ben WHERE NOT regexp_matches({column}, '{form}')"
        assert one(db, bad) == 0
    own = "BEN_NIR_PSA[14:] <> BEN_NIR_ANO[14:]"
    assert one(db, f"SELECT count(*) FROM ben WHERE {own}") == 0
    assert one(db, "SELECT count(DISTINCT BEN_NIR_ANO[:13]) FROM ben") == one(
        db, "SELECT count(DISTINCT BEN_NIR_ANO) FROM ben"
    )


def test_sentinels_and_infant_ages(db: duckdb.DuckDBPyConnection, truth: dict[str, Any]) -> None:
    nobody = "BEN_DCD_DTE = DATE '1600-01-01'"
    dead = one(db, f"SELECT count(*) FROM ben WHERE NOT ({nobody})")
    assert dead == truth["persons"]["dead_by_as_of"]
    assert one(db, f"SELECT count(*) FROM ben WHERE ({nobody}) <> (BEN_DCD_AME = '160001')") == 0
    ages = "BEN_AMA_COD BETWEEN 1000 AND 1023"
    infants = one(db, f"SELECT count(*) FROM prs WHERE {ages}")
    assert infants > 0
    assert one(db, "SELECT count(*) FROM prs WHERE BEN_AMA_COD < 2") == 0
    long_term = truth["long_term"]
    for date, name in (("1600-01-01", "end_1600"), ("2099-12-31", "end_2099")):
        found = one(db, f"SELECT count(*) FROM imb WHERE IMB_ALD_DTF = DATE '{date}'")
        assert found == long_term[name] > 0


def test_stays_belong_to_the_year_of_discharge(
    db: duckdb.DuckDBPyConnection, truth: dict[str, Any]
) -> None:
    for year in (2023, 2024):
        known = truth["stays"]["by_year"][str(year)]
        b, c = f"b{year % 100}", f"c{year % 100}"
        joined = f"{b} JOIN {c} USING (ETA_NUM, RSA_NUM)"
        counts = {
            "stays": "true",
            "sessions": "GRG_GHM IN ('28Z04Z', '28Z07Z') OR (NBR_SEA > 0)",
            "copies": "SEJ_TYP = 'B'",
            "grouping_errors": "GRG_GHM LIKE '90%'",
            "begun_the_year_before": f"year(EXE_SOI_DTD) < {year}",
            "bad_return_codes": "NIR_RET || NAI_RET || SEX_RET || SEJ_RET || FHO_RET || PMS_RET"
            " || DAT_RET <> '0000000'",
            "counted": "GRG_GHM NOT LIKE '90%' AND GRG_GHM NOT LIKE '28%'"
            " AND coalesce(SEJ_TYP, 'A') <> 'B' AND NBR_SEA = 0",
        }
        found = {
            name: one(db, f"SELECT count(*) FROM {joined} WHERE {sql}")
            for name, sql in counts.items()
        }
        assert found == known
        assert one(db, f"SELECT count(*) FROM {c} WHERE year(EXE_SOI_DTF) <> {year}") == 0


def test_stay_numbers_start_again_every_year(db: duckdb.DuckDBPyConnection) -> None:
    for table in ("b23", "b24"):
        keys = one(db, f"SELECT count(*) FROM (SELECT DISTINCT ETA_NUM, RSA_NUM FROM {table})")
        assert keys == one(db, f"SELECT count(*) FROM {table}")
    assert one(db, "SELECT count(*) FROM b23 JOIN b24 USING (ETA_NUM, RSA_NUM)") > 0


def test_a_bad_number_is_masked_and_no_other(db: duckdb.DuckDBPyConnection) -> None:
    masked = "NIR_ANO_17 LIKE 'XXXX%'"
    assert one(db, f"SELECT count(*) FROM c23 WHERE ({masked}) <> (NIR_RET <> '0')") == 0
    lost = f"SELECT count(*) FROM c23 WHERE NOT {masked} AND NIR_ANO_17 NOT IN"
    assert one(db, f"{lost} (SELECT BEN_NIR_PSA FROM ben)") == 0


def test_hospital_deaths_agree_with_the_referential(
    db: duckdb.DuckDBPyConnection, truth: dict[str, Any]
) -> None:
    deaths = """
        SELECT c.NIR_ANO_17, c.EXE_SOI_DTF FROM b23 JOIN c23 c USING (ETA_NUM, RSA_NUM)
        WHERE SOR_MOD = '9'
        UNION ALL
        SELECT c.NIR_ANO_17, c.EXE_SOI_DTF FROM b24 JOIN c24 c USING (ETA_NUM, RSA_NUM)
        WHERE SOR_MOD = '9'
    """
    assert one(db, f"SELECT count(*) FROM ({deaths})") == truth["stays"]["deaths"] > 0
    unknown = f"""
        SELECT count(*) FROM ({deaths}) d WHERE d.NIR_ANO_17 NOT LIKE 'XXXX%' AND NOT EXISTS (
            SELECT 1 FROM ben a JOIN ben b USING (idt)
            WHERE a.BEN_NIR_PSA = d.NIR_ANO_17 AND b.BEN_DCD_DTE = d.EXE_SOI_DTF)
    """
    assert one(db, unknown) == 0


def test_nobody_receives_care_before_birth_or_after_death(db: duckdb.DuckDBPyConnection) -> None:
    late = """
        SELECT count(*) FROM prs JOIN ben USING (BEN_NIR_PSA, BEN_RNG_GEM)
        JOIN (SELECT idt, max(BEN_DCD_DTE) AS died FROM ben GROUP BY idt) USING (idt)
        WHERE died > DATE '1600-01-01' AND EXE_SOI_DTD > died
    """
    assert one(db, late) == 0
    born = "strptime(BEN_NIR_PSA[14:21], '%Y%m%d')"
    real = "BEN_CDI_NIR <> '11'"
    assert one(db, f"SELECT count(*) FROM prs WHERE {real} AND EXE_SOI_DTD < {born}") == 0


def test_cells_are_large_and_small(truth: dict[str, Any]) -> None:
    cells = [
        count
        for groups in truth["treated_diabetics_by_age_sex"].values()
        for sexes in groups.values()
        for count in sexes.values()
    ]
    assert any(0 < count < 11 for count in cells)
    assert any(count >= 11 for count in cells)
