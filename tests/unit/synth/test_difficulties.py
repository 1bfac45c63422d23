"""Difficulties are a table: each has a rate, a count in the truth, and an effect in the files."""

# ruff: noqa: S608 - every query is made of constants of this file.

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from bercail.catalogue import load
from bercail.foundation import Invalid
from bercail.ingest.synth import SynthProfile, difficulties, make
from bercail.ingest.synth.difficulties import BAD_RETURN_CODES, CAUSES_UNMATCHED
from bercail.ingest.synth.truth import truth_of
from bercail.ingest.synth.truth_difficulties import COUNTERS
from bercail.ingest.synth.world import draw_world

KEY = (
    "FLX_DIS_DTD, FLX_TRT_DTD, FLX_EMT_TYP, FLX_EMT_NUM, FLX_EMT_ORD, ORG_CLE_NUM,"
    " DCT_ORD_NUM, PRS_ORD_NUM, REM_TYP_AFF"
)
SWITCHED = {name: 0.0 for name, item in difficulties().items() if item.rates is not None}
FILES = {
    "prs": "DCIR_*/ER_PRS_F",
    "pha": "DCIR_*/ER_PHA_F",
    "cam": "DCIR_*/ER_CAM_F",
    "tip": "DCIR_*/ER_TIP_F",
    "bio": "DCIR_*/ER_BIO_F",
    "ete": "DCIR_*/ER_ETE_F",
    "ben": "BEN_*/IR_BEN_R",
    "cci": "BEN_*/KI_CCI_R",
    "ecd": "BEN_*/KI_ECD_R",
    "b17": "MCO_2017/T_MCO17B",
    "c17": "MCO_2017/T_MCO17C",
    "b18": "MCO_2018/T_MCO18B",
}


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("hard")
    profile = SynthProfile(persons=1500, seed=7, difficulty="hard", first_year=2017)
    return out, dict(make(profile, out).truth)


@pytest.fixture(scope="module")
def db(hard: tuple[Path, dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.register("drugs", load().drugs())
    for view, name in FILES.items():
        connection.execute(
            f"CREATE VIEW {view} AS SELECT * FROM read_csv('{hard[0]}/{name}.csv',"
            " delim=';', header=true, quote='', all_varchar=true)"
        )
    return connection


def one(db: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = db.execute(sql).fetchone()
    assert row is not None
    return row[0]


def test_every_difficulty_is_counted_and_says_where_it_comes_from() -> None:
    assert set(COUNTERS) == set(difficulties())
    for item in difficulties().values():
        assert item.what.endswith(".")
        assert item.source
        assert item.traps
        assert all(1 <= trap <= 35 for trap in item.traps)


def test_every_difficulty_happens_in_a_hard_profile(hard: tuple[Path, dict[str, Any]]) -> None:
    old = SynthProfile(persons=900, seed=2, difficulty="hard", first_year=2007, years=1)
    before = truth_of(draw_world(old, load()))["difficulties"]
    counts = hard[1]["difficulties"]
    of_old_years = ("no-cip13", "archived-lines")
    assert [name for name in of_old_years if not before[name]] == []
    missing = [name for name in counts if not counts[name] and name not in of_old_years]
    assert missing == []


def test_a_difficulty_switched_off_does_not_happen() -> None:
    profile = SynthProfile(persons=700, seed=7, difficulty="hard", rates=SWITCHED, first_year=2017)
    counts = truth_of(draw_world(profile, load()))["difficulties"]
    assert {name: counts[name] for name in SWITCHED if counts[name]} == {}


@pytest.mark.parametrize("name", ["late-flows", "split-reversals", "bad-return-codes"])
def test_a_higher_rate_gives_more(name: str, hard: tuple[Path, dict[str, Any]]) -> None:
    profile = SynthProfile(
        persons=1500, seed=7, difficulty="hard", first_year=2017, rates={name: 0.5}
    )
    counts = truth_of(draw_world(profile, load()))["difficulties"]
    assert counts[name] > 2 * hard[1]["difficulties"][name]


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"nothing": 0.1}, "no difficulty `nothing`"),
        ({"late-flows": 1.5}, "`1.5`"),
        ({"nine-column-key": 0.0}, "shape of the data"),
    ],
)
def test_a_wrong_rate_is_invalid(rates: dict[str, float], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        SynthProfile(persons=500, rates=rates)


def test_a_wrong_level_or_form_is_invalid() -> None:
    for given in ({"difficulty": "worse"}, {"form": "xlsx"}):
        with pytest.raises(Invalid, match=r"`(worse|xlsx)`"):
            SynthProfile(persons=500, **given)  # type: ignore[arg-type]


def test_published_rates_are_those_of_their_year() -> None:
    profile = SynthProfile(persons=500, difficulty="hard")
    assert profile.rate_in("bad-return-codes", 2008) == BAD_RETURN_CODES[2008] == 0.1084
    assert profile.rate_in("bad-return-codes", 2023) == 0.014
    assert profile.rate_in("causes-unmatched", 2006) == CAUSES_UNMATCHED[2006] == 0.657
    given = SynthProfile(persons=500, difficulty="hard", rates={"causes-unmatched": 0.5})
    assert given.rate_in("causes-unmatched", 2006) == 0.5


def test_the_files_hold_what_the_truth_counts(
    db: duckdb.DuckDBPyConnection, hard: tuple[Path, dict[str, Any]]
) -> None:
    counts = hard[1]["difficulties"]
    details = one(
        db,
        "SELECT (SELECT count(*) FROM cam) + (SELECT count(*) FROM bio)"
        " + (SELECT count(*) FROM tip)",
    )
    found = {
        "unknown-ages": one(db, "SELECT count(*) FROM prs WHERE BEN_AMA_COD = '9999'"),
        "birth-year-1600": one(db, "SELECT count(*) FROM ben WHERE BEN_NAI_ANN = '1600'"),
        "causes-of-death": one(db, "SELECT count(*) FROM cci"),
        "causes-unmatched": one(db, "SELECT count(*) FROM cci WHERE BEN_NIR_ANO IS NULL"),
        "hospital-billing": one(db, "SELECT count(*) FROM ete WHERE ETE_IND_TAA = '1'"),
        "detail-tables": details,
        "three-identifiers": one(
            db,
            "SELECT count(*) FROM (SELECT BEN_NIR_ANO FROM ben WHERE BEN_NIR_ANO IS NOT NULL"
            " GROUP BY 1 HAVING count(*) = 3)",
        ),
        "split-reversals": one(
            db,
            "SELECT count(*) FROM prs WHERE PRS_ACT_QTE::INT = 0 AND PRS_PAI_MNT::DOUBLE <"
            " 0 AND CPL_MAJ_TOP = '0'",
        ),
    }
    # The rest of a reversal of shares paid by patients is positive, and is of another kind.
    found["split-reversals"] += one(
        db,
        "SELECT count(*) FROM prs WHERE PRS_ACT_QTE::INT = 0 AND CPL_AFF_COD = '16'"
        " AND CPL_MAJ_TOP = '2'",
    )
    assert found == {name: counts[name] for name in found}


def test_treated_diabetics_are_found_again_among_hard_data(
    db: duckdb.DuckDBPyConnection, hard: tuple[Path, dict[str, Any]]
) -> None:
    rows = db.execute(
        f"""
        WITH who AS (SELECT *, coalesce(BEN_NIR_ANO, BEN_NIR_PSA || BEN_RNG_GEM) AS idt FROM ben),
        net AS (
            SELECT w.idt, p.EXE_SOI_DTD AS day, h.PHA_PRS_C13,
                   any_value(d.units_per_pack) AS units
            FROM prs p JOIN who w USING (BEN_NIR_PSA, BEN_RNG_GEM) JOIN pha h USING ({KEY})
            JOIN drugs d ON d.cip13 = h.PHA_PRS_C13::BIGINT
            WHERE d.atc LIKE 'A10%' AND coalesce(p.DPN_QLF, '0') <> '71'
            GROUP BY ALL HAVING sum(h.PHA_ACT_QSN::INT) > 0)
        SELECT year, count(*) FROM (
            SELECT right(day, 4) AS year, idt FROM net GROUP BY ALL
            HAVING count(DISTINCT day) >= 3 OR (count(DISTINCT day) >= 2 AND max(units) >= 84))
        GROUP BY year
        """
    ).fetchall()
    assert dict(rows) == hard[1]["treated_diabetics"]


def test_detail_lines_multiply_the_money_of_a_join(db: duckdb.DuckDBPyConnection) -> None:
    assert one(db, f"SELECT count(*) FROM cam ANTI JOIN prs USING ({KEY})") == 0
    right = one(
        db,
        f"SELECT sum(PRS_PAI_MNT::DECIMAL(18,2)) FROM prs SEMI JOIN cam USING ({KEY})",
    )
    wrong = one(db, f"SELECT sum(PRS_PAI_MNT::DECIMAL(18,2)) FROM prs JOIN cam USING ({KEY})")
    assert wrong > right > 0
    assert one(db, f"SELECT count(*) FROM (SELECT DISTINCT {KEY} FROM prs)") == one(
        db, "SELECT count(*) FROM prs"
    )


def test_doubles_stand_under_a_number_of_the_printed_list_until_2017(
    db: duckdb.DuckDBPyConnection, hard: tuple[Path, dict[str, Any]]
) -> None:
    rows = load().duplicate_finess().to_pylist()
    listed = ", ".join(f"'{row['eta_num']}'" for row in rows if row["cnam_2020"])
    doubles = f"FROM b17 WHERE ETA_NUM IN ({listed})"
    assert one(db, f"SELECT count(*) {doubles}") == hard[1]["difficulties"]["duplicate-finess"]
    assert one(db, f"SELECT count(*) FROM b18 WHERE ETA_NUM IN ({listed})") == 0
    assert one(db, "SELECT count(*) FROM (SELECT DISTINCT ETA_NUM, RSA_NUM FROM b17)") == one(
        db, "SELECT count(*) FROM b17"
    )


def test_a_death_that_only_the_hospital_knows_is_in_no_line_of_the_referential(
    db: duckdb.DuckDBPyConnection, hard: tuple[Path, dict[str, Any]]
) -> None:
    hidden = hard[1]["difficulties"]["deaths-only-in-pmsi"]
    shown = one(db, "SELECT count(DISTINCT BEN_NIR_PSA) FROM ben WHERE BEN_DCD_DTE <> '01/01/1600'")
    assert shown == hard[1]["persons"]["dead_by_as_of"] - hidden


def test_causes_of_death_are_one_line_for_a_death_and_several_for_its_causes(
    db: duckdb.DuckDBPyConnection,
) -> None:
    assert one(db, "SELECT count(*) FROM cci WHERE NOT regexp_matches(DCD_IDT_ENC, '^0{48}')") == 0
    deaths = one(db, "SELECT count(DISTINCT DCD_IDT_ENC) FROM cci")
    assert deaths == one(db, "SELECT count(*) FROM cci")
    assert one(db, "SELECT count(*) FROM ecd") > deaths
    first = (
        "SELECT count(*) FROM cci JOIN ecd USING (DCD_IDT_ENC)"
        " WHERE CER_LIG_NUM = '1' AND DCD_CIM_COD = ECD_CIM_COD"
    )
    assert one(db, first) == deaths
