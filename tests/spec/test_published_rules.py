"""Each published rule on a small table, with the rows that its wrong wordings give instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp

from bercail.catalogue import arrow_type, load
from bercail.cohorts.cleaning import (
    PUBLISHED,
    RULES,
    SECTOR_RULES,
    PublishedRule,
    find_published,
    listed,
)
from bercail.cohorts.views import DCIR_KEY
from bercail.foundation import Missing

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
FIRST, LAST = date(2022, 1, 1), date(2022, 1, 31)
REGISTRY = load()
# A column that the platform adds to a yearly family, and the list that the catalogue holds.
RETURNS = ("NIR_RET", "NAI_RET", "SEX_RET", "SEJ_RET", "FHO_RET", "PMS_RET", "DAT_RET")
OURS = {"year"}
LIST = "duplicate_finess"


def care(number: int = 1, **columns: Any) -> Row:
    """A line of ER_PRS_F or of a detail table; lines of one number share their key."""
    key: Row = dict.fromkeys(DCIR_KEY, 1) | {
        "FLX_DIS_DTD": date(2022, 2, 1),
        "FLX_TRT_DTD": date(2022, 1, 15),
        "ORG_CLE_NUM": "01C123456",
        "DCT_ORD_NUM": number,
    }
    return {**key, **columns}


def paid(number: int, **columns: Any) -> Row:
    given = {"BEN_NIR_PSA": "a", "BEN_RNG_GEM": 1, "EXE_SOI_DTD": date(2022, 1, 10)}
    return care(number, **given | columns)


def stay(number: int = 1, year: int = 2022, eta: str = "010000001", **columns: Any) -> Row:
    return {"year": year, "ETA_NUM": eta, "RSA_NUM": f"{number:010}", **columns}


def returned(year: int = 2022, **columns: Any) -> Row:
    codes = dict.fromkeys(RETURNS, "0")
    later = dict.fromkeys(("COH_NAI_RET", "COH_SEX_RET"), "0" if year >= 2013 else None)
    return {"year": year, **codes | later | columns}


def chained(number: int, year: int = 2022, **columns: Any) -> Row:
    return stay(number, **returned(year, **columns))


def week(number: int, year: int = 2015, **columns: Any) -> Row:
    return {"year": year, "ETA_NUM": "010000001", "RHA_NUM": f"{number:07}", **columns}


def people(*rows: tuple[str, str, date]) -> list[Row]:
    return [
        {"BEN_NIR_PSA": psa, "BEN_RNG_GEM": 1, "BEN_IDT_ANO": who, "BEN_DCD_DTE": death}
        for psa, who, death in rows
    ]


NEVER = date(1600, 1, 1)
DOUBTS = [
    {"DPN_QLF": 0, "PRS_DPN_QLP": 0},
    {"DPN_QLF": None, "PRS_DPN_QLP": None},
    {"DPN_QLF": 71, "PRS_DPN_QLP": 71},
    {"DPN_QLF": 0, "PRS_DPN_QLP": 71},
    {"DPN_QLF": 0, "PRS_DPN_QLP": 72},
]
PIE = [
    stay(1, SEJ_TYP="A", GRG_GHM="01M301", ENT_MOD="8", SOR_MOD="8"),
    stay(2, SEJ_TYP=None, GRG_GHM="01M301", ENT_MOD="8", SOR_MOD="8"),
    stay(3, SEJ_TYP="B", GRG_GHM="01M301", ENT_MOD="0", SOR_MOD="0"),
    stay(4, SEJ_TYP="B", GRG_GHM="28Z04Z", ENT_MOD="0", SOR_MOD="0"),
    stay(5, SEJ_TYP="B", GRG_GHM="28Z14Z", ENT_MOD="0", SOR_MOD="0"),
    stay(6, SEJ_TYP="B", GRG_GHM="28Z15Z", ENT_MOD="0", SOR_MOD="0"),
    stay(7, SEJ_TYP=None, GRG_GHM="28Z04Z", ENT_MOD="8", SOR_MOD="8"),
]
GROUPS = [
    stay(1, GRG_GHM="05M901", GRC_GHM="05M901"),
    stay(2, GRG_GHM="90Z00Z", GRC_GHM="05M901"),
    stay(3, GRG_GHM="28Z04Z", GRC_GHM="90Z01Z"),
    stay(4, GRG_GHM="28Z07Z", GRC_GHM="90Z01Z"),
]
SITES = [
    stay(1, 2017, "690787460"),
    stay(2, 2018, "690787460"),
    stay(3, 2017, "750100075"),
    stay(4, 2017, "010000001"),
    stay(5, 2017, "130014558"),
]
LISTED = [
    {"eta_num": "90787460", "cnam_2020": False},
    {"eta_num": "750100075", "cnam_2020": True},
    {"eta_num": "130014558", "cnam_2020": False},
]
ILL = [
    {"IMB_ETM_NAT": 41, "IMB_ALD_DTD": date(2010, 1, 1), "IMB_ALD_DTF": NEVER},
    {"IMB_ETM_NAT": 43, "IMB_ALD_DTD": date(2010, 1, 1), "IMB_ALD_DTF": date(2021, 1, 1)},
    {"IMB_ETM_NAT": 11, "IMB_ALD_DTD": date(2022, 1, 9), "IMB_ALD_DTF": date(2023, 1, 1)},
    {"IMB_ETM_NAT": 45, "IMB_ALD_DTD": date(2022, 3, 1), "IMB_ALD_DTF": date(2099, 12, 31)},
]
RENEWED = [
    {"BEN_NIR_PSA": "a", "BEN_RNG_GEM": 1, "MED_MTF_COD": "G30", "IMB_ALD_NUM": 15},
    {"BEN_NIR_PSA": "a", "BEN_RNG_GEM": 1, "MED_MTF_COD": "G30", "IMB_ALD_NUM": 23},
    {"BEN_NIR_PSA": "b", "BEN_RNG_GEM": 1, "MED_MTF_COD": "G301", "IMB_ALD_NUM": 23},
    {"BEN_NIR_PSA": "c", "BEN_RNG_GEM": 1, "MED_MTF_COD": "F00", "IMB_ALD_NUM": 15},
]
RECTIFIED = [paid(1), paid(2), paid(3), paid(4), paid(5)]
PACKS = [
    care(1, PHA_ORD_NUM=1, PHA_PRS_C13=3400930000001, PHA_ACT_QSN=1),
    care(2, PHA_ORD_NUM=1, PHA_PRS_C13=3400930000001, PHA_ACT_QSN=-1),
    care(3, PHA_ORD_NUM=1, PHA_PRS_C13=3400930000002, PHA_ACT_QSN=1),
    care(4, PHA_ORD_NUM=1, PHA_PRS_C13=3400930000002, PHA_ACT_QSN=1),
    care(5, PHA_ORD_NUM=1, PHA_PRS_C13=3400930000003, PHA_ACT_QSN=2),
]
COMPLEMENT = [paid(1), paid(1, REM_TYP_AFF=2), paid(2)]
DETAILS = [
    care(1, PHA_ORD_NUM=1, PHA_PRS_C13=3400930000001),
    care(1, PHA_ORD_NUM=2, PHA_PRS_C13=3400930000002),
]
MONEY = [paid(1, PRS_PAI_MNT=Decimal(10)), paid(2, PRS_PAI_MNT=Decimal(5))]
ETE = [care(2, ETE_IND_TAA=1), care(3, ETE_IND_TAA=0)]
# Rule: (tables, rows that it keeps, rows of each wrong wording in turn).
CASES: dict[str, tuple[Mapping[str, list[Row]], int, tuple[int, ...]]] = {
    "dcir-base-acts": ({"ER_PRS_F": [care(CPL_MAJ_TOP=n) for n in (0, 1, 2, 2)]}, 2, (4,)),
    "dcir-not-for-information": ({"ER_PRS_F": [care(**one) for one in DOUBTS]}, 2, (3,)),
    "dcir-lines-of-cost": ({"ER_PRS_F": [care(**one) for one in DOUBTS]}, 3, (2,)),
    "dcir-real-identifiers": (
        {"ER_PRS_F": [care(BEN_CDI_NIR=code) for code in ("00", "03", "04", "11", None)]},
        3,
        (1,),
    ),
    "dcir-known-act": ({"ER_PRS_F": [care(BSE_PRS_NAT=0), care(BSE_PRS_NAT=3313)]}, 1, ()),
    "dcir-real-schemes": ({"ER_PRS_F": [care(RGM_COD=n) for n in (101, 888, None)]}, 2, ()),
    "dcir-net-lines": ({"ER_PRS_F": RECTIFIED, "ER_PHA_F": PACKS}, 2, (3, 3)),
    "dcir-nine-columns": ({"ER_PRS_F": COMPLEMENT, "ER_PHA_F": DETAILS}, 2, (4,)),
    "dcir-money-once": ({"ER_PRS_F": MONEY, "ER_PHA_F": DETAILS}, 1, (1,)),
    "dcir-billed-in-town": ({"ER_PRS_F": [paid(n) for n in (1, 2, 3)], "ER_ETE_F": ETE}, 2, (1, 1)),
    "dcir-flux-months": (
        {
            "ER_PRS_F": [
                paid(n, FLX_DIS_DTD=flux)
                for n, flux in enumerate(
                    (date(2022, 1, 1), date(2022, 2, 1), date(2022, 7, 1), date(2022, 8, 1))
                )
            ]
        },
        2,
        (1,),
    ),
    "dcir-age-in-years": (
        {"ER_PRS_F": [care(BEN_AMA_COD=code) for code in (45, 1003, 1014, 9999)]},
        3,
        (4,),
    ),
    "dcir-drug-codes": (
        {
            "ER_PHA_F": [
                care(PHA_PRS_C13=3400930000001, PHA_PRS_IDE=3000001),
                care(PHA_PRS_C13=None, PHA_PRS_IDE=3000001),
                care(PHA_PRS_C13=0, PHA_PRS_IDE=0),
            ]
        },
        2,
        (2,),
    ),
    "dcir-ucd-seven-digits": ({"ER_UCD_F": [care(UCD_UCD_COD="0000009100001")]}, 1, (0,)),
    "mco-return-codes": (
        {
            "T_MCOaaC": [
                chained(1),
                chained(2, NIR_RET="1"),
                chained(3, COH_SEX_RET="4"),
                chained(4, 2010),
                chained(5, 2005, DAT_RET=None),
                chained(6, **dict.fromkeys(RETURNS, "9")),
            ]
        },
        3,
        (1, 1),
    ),
    "mco-count-stays": (
        {
            "T_MCOaaB": [stay(1, GRG_GHM="01M301"), stay(2, GRG_GHM="01M301")],
            "T_MCOaaC": [chained(1), chained(2, NAI_RET="2")],
        },
        2,
        (1,),
    ),
    "mco-known-person": (
        {"T_MCOaaC": [stay(1, NIR_ANO_17=who) for who in ("a", "x" * 17, "X" * 16 + "D")]},
        1,
        (3,),
    ),
    "ace-return-codes": (
        {
            "T_MCOaaCSTC": [
                dict.fromkeys(("NIR_RET", "NAI_RET", "SEX_RET", "IAS_RET", "ENT_DAT_RET"), code)
                for code in "01"
            ]
        },
        1,
        (),
    ),
    "mco-no-error-groups": ({"T_MCOaaB": GROUPS}, 3, (2, 2)),
    "mco-type-of-record": ({"T_MCOaaB": [stay(TYP_GEN_RSA=kind) for kind in "01"]}, 1, ()),
    "had-no-error-groups": ({"T_HADaaGRP": [{"PAP_GRP_GHPC": c} for c in ("99", "05")]}, 1, ()),
    "ssr-no-error-groups": ({"T_SSRaaB": [{"GRG_GME": c} for c in ("9001A0", "0190C2")]}, 1, ()),
    "had-no-error-groups@2": (
        {
            "T_HADaaGRP": [
                {"GHT_NUM": ght, "PAP_GRP_GHPC": group}
                for ght, group in (
                    ("05", "1234"),
                    ("05", "9999"),
                    ("99", "1234"),
                    ("99", "99  "),
                    ("05", None),
                    (None, "1299"),
                )
            ]
        },
        3,
        (5,),
    ),
    **{
        f"{sector}-return-codes": (
            {table: [returned(2012), returned(), returned(NIR_RET="1"), returned(COH_SEX_RET="9")]},
            2,
            (4, 1),
        )
        for sector, table in (("had", "T_HADaaC"), ("ssr", "T_SSRaaC"), ("rip", "T_RIPaaC"))
    },
    **{
        f"{sector}-one-stay": (
            {table: [{"year": year, hospital: "010000001", number: "1"} for year in (15, 15, 16)]},
            2,
            (3,),
        )
        for sector, table, hospital, number in (
            ("had", "T_HADaaB", "ETA_NUM_EPMSI", "RHAD_NUM"),
            ("ssr", "T_SSRaaB", "ETA_NUM", "RHA_NUM"),
            ("rip", "T_RIPaaRSA", "ETA_NUM_EPMSI", "RIP_NUM"),
        )
    },
    "ssr-illness-columns": (
        {
            "T_SSRaaB": [
                week(1, FP_PEC="Z501", MOR_PRP="G300", ETL_AFF=None),
                week(1, FP_PEC="Z501", MOR_PRP="G300", ETL_AFF=None),
                week(2, FP_PEC="G301", MOR_PRP="F00", ETL_AFF="I10"),
                week(3, FP_PEC=None, MOR_PRP="F00", ETL_AFF="G309"),
                week(4, FP_PEC=None, MOR_PRP="I10", ETL_AFF=None),
            ],
            "T_SSRaaD": [week(4, DGN_COD="G301"), week(5, DGN_COD="I10")],
        },
        4,
        (1,),
    ),
    "ssr-ccam-code": (
        {"T_SSRaaCCAM": [{"CCAM_ACT": "DEQP003", "CCAM_COD_ACT": "1"}]},
        1,
        (0,),
    ),
    "rip-ambulatory-nobody": (
        {
            "T_RIPaaR3A": [
                {"year": 2015, "ETA_NUM_EPMSI": hospital, "IPP_IRR_CRY": "X" * 16}
                for hospital in ("010000001", "010000001", "690000001")
            ]
        },
        2,
        (1,),
    ),
    "dcir-archives": (
        {
            "ER_PRS_F": [paid(1), paid(2, EXE_SOI_DTD=date(2022, 2, 1))],
            "ER_PRS_F_2012": [paid(3), paid(4)],
        },
        3,
        (1, 2),
    ),
    "mco-no-sessions": ({"T_MCOaaB": GROUPS}, 2, (4,)),
    "mco-pie": ({"T_MCOaaB": PIE}, 4, (5, 3, 5, 5)),
    "mco-no-doubles": ({"T_MCOaaB": SITES, LIST: LISTED}, 2, (3, 1, 4)),
    "mco-yearly-key": ({"T_MCOaaB": [stay(1, 2021), stay(1, 2022), stay(2, 2022)]}, 3, (2,)),
    "mco-diagnoses-everywhere": (
        {
            "T_MCOaaD": [stay(1, ASS_DGN="G301"), stay(2, ASS_DGN="I10")],
            "T_MCOaaUM": [
                stay(2, DGN_PAL="G300", DGN_REL=None),
                stay(3, DGN_PAL="I10", DGN_REL="G309"),
                stay(1, DGN_PAL="G301", DGN_REL=None),
            ],
        },
        3,
        (1,),
    ),
    "mco-principal-since-2009": (
        {
            "T_MCOaaB": [
                stay(1, 2008, SOR_MOI="12"),
                stay(2, 2009, SOR_MOI="02"),
                stay(3, 2009, SOR_MOI="03"),
                stay(4, 2010, SOR_MOI="01"),
            ]
        },
        2,
        (4,),
    ),
    "mco-no-abortions": (
        {
            "T_MCOaaB": [
                stay(1, GRG_GHM="14Z08Z", GHS_NUM="5000"),
                stay(2, GRG_GHM="01M301", GHS_NUM="9999"),
                stay(3, GRG_GHM="01M301", GHS_NUM=None),
            ]
        },
        1,
        (),
    ),
    "stays-once": ({"T_MCOaaB": [stay(1), stay(2)], "ER_ETE_F": [care(7)]}, 2, (3,)),
    "ald-only": ({"IR_IMB_R": ILL}, 3, (4,)),
    "ald-active": ({"IR_IMB_R": ILL}, 2, (1, 1)),
    "ald-persons": ({"IR_IMB_R": RENEWED}, 3, (4,)),
    "ald-by-disease": ({"IR_IMB_R": RENEWED}, 3, (2,)),
    "person-by-identity": (
        {"IR_BEN_R": people(("a", "x", NEVER), ("b", "x", NEVER), ("c", "x", NEVER))},
        1,
        (3,),
    ),
    "person-known-death": (
        {"IR_BEN_R": people(("a", "x", NEVER), ("b", "x", date(2020, 1, 2)), ("c", "y", NEVER))},
        1,
        (3, 0),
    ),
    "person-known-birth-year": (
        {"IR_BEN_R": [{"BEN_NAI_ANN": year} for year in ("1950", "1600", "0001", None)]},
        1,
        (3,),
    ),
    "residence-two-columns": (
        {"IR_BEN_R": [{"BEN_RES_DPT": d, "BEN_RES_COM": "001"} for d in ("075", "013")]},
        2,
        (1,),
    ),
    "causes-all-deaths": (
        {"KI_CCI_R": [{"DCD_IDT_ENC": str(top), "DCD_IDT_TOP": top} for top in (0, 1)]},
        2,
        (1,),
    ),
}
CODES = {"dcir-ucd-seven-digits": "9100001", "ssr-ccam-code": "DEQP%"}


def case(rule: PublishedRule) -> tuple[dict[str, list[Row]], int, tuple[int, ...]]:
    """The tables of a rule, of its version where that has its own."""
    return CASES.get(rule.key) or CASES[rule.id]


def asked(rule: PublishedRule, sql: str) -> dict[str, Any]:
    """What a query asks about, of the period and code of these tests."""
    known = {"first": FIRST, "last": LAST, "code": CODES.get(rule.id, "G30%")}
    return {name: value for name, value in known.items() if f"${name}" in sql}


def kind(table: str, column: str) -> pa.DataType:
    if table == LIST:
        return REGISTRY.duplicate_finess().schema.field(column).type
    return pa.int64() if column in OURS else arrow_type(REGISTRY.table(table).column(column))


def columns_of(tables: Mapping[str, list[Row]]) -> Iterator[tuple[str, pa.Table]]:
    for name, rows in tables.items():
        names = list(dict.fromkeys(column for row in rows for column in row))
        arrays = [
            pa.array([row.get(column) for row in rows]).cast(kind(name, column)) for column in names
        ]
        yield name, pa.table(arrays, names=names)


def answer(rule: PublishedRule, sql: str) -> Counter[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        for name, table in columns_of(case(rule)[0]):
            connection.register(name, table)
        return Counter(connection.execute(sql, asked(rule, sql)).fetchall())


RIGHT = [pytest.param(rule, id=rule.key) for rule in PUBLISHED.values()]
WRONG = [
    pytest.param(rule, place, id=f"{rule.key}: {wrong.wording}")
    for rule in PUBLISHED.values()
    for place, wrong in enumerate(rule.wrong)
]


@pytest.mark.parametrize("rule", RIGHT)
def test_a_rule_keeps_the_rows_that_it_says(rule: PublishedRule) -> None:
    assert answer(rule, rule.sql).total() == case(rule)[1]
    assert len(case(rule)[2]) == len(rule.wrong)


@pytest.mark.parametrize(("rule", "place"), WRONG)
def test_a_wrong_wording_gives_another_answer(rule: PublishedRule, place: int) -> None:
    wrong = answer(rule, rule.wrong[place].sql)
    assert wrong.total() == case(rule)[2][place]
    assert wrong != answer(rule, rule.sql)


def test_every_rule_has_a_case_and_a_source() -> None:
    assert {rule.id for rule in PUBLISHED.values()} == {name.partition("@")[0] for name in CASES}
    for rule in SECTOR_RULES.values():
        assert find_published(rule.id).version == rule.version
    for rule in PUBLISHED.values():
        assert all((rule.en, rule.fr, rule.source, rule.note))
        assert all((one.wording, one.why, one.source) for one in rule.wrong)


def queries() -> Iterator[tuple[PublishedRule, str]]:
    for rule in PUBLISHED.values():
        yield from ((rule, sql) for sql in (rule.sql, *(one.sql for one in rule.wrong)))


def test_every_column_of_every_query_is_one_of_the_catalogue() -> None:
    for rule, sql in queries():
        tree = sqlglot.parse_one(sql, read="duckdb")
        made = {alias.alias for alias in tree.find_all(exp.Alias)} | OURS
        tables = {table.name for table in tree.find_all(exp.Table)}
        known = {
            column.name for table in tables - {LIST} for column in REGISTRY.table(table).columns
        } | set(REGISTRY.duplicate_finess().column_names)
        used = {column.name for column in tree.find_all(exp.Column)} - made - {"*"}
        assert used <= known, (rule.key, used - known)


def test_rules_of_the_language_are_published_under_the_same_id_and_version() -> None:
    shared = {rule.id for rule in PUBLISHED.values()} & set(RULES)
    assert len(shared) >= 10
    for name in shared:
        assert RULES[name].key in PUBLISHED


def test_doubles_are_removed_by_the_list_of_the_catalogue() -> None:
    with duckdb.connect() as connection:
        connection.register(LIST, REGISTRY.duplicate_finess())
        for name, table in columns_of({"T_MCOaaB": SITES}):
            connection.register(name, table)
        rule = find_published("mco-no-doubles")
        kept = connection.execute(rule.sql).fetchall()
        as_printed = connection.execute(rule.wrong[0].sql).fetchall()
    assert {row[1] for row in as_printed} - {row[1] for row in kept} == set()
    assert sorted((row[0], row[1]) for row in kept) == [(2017, "010000001"), (2018, "690787460")]
    assert len(as_printed) == 3


def test_the_page_names_every_rule_and_every_wrong_wording() -> None:
    page = (ROOT / "docs" / "reference" / "cleaning-rules.md").read_text(encoding="utf-8")
    for rule in PUBLISHED.values():
        assert f"## {rule.key}\n\n{rule.en}\n\n*{rule.fr}*" in page
        assert all(f"| {one.wording} | {one.why} |" in page for one in rule.wrong)


def test_rules_are_found_by_id_and_by_version() -> None:
    assert find_published("mco-pie") is find_published("mco-pie@1")
    assert {one["rule"] for one in listed()} == set(PUBLISHED) | {r.key for r in RULES.values()}
    assert [one["rule"] for one in listed("mco-pie")] == ["mco-pie@1"]
    assert listed("person-known-sex")[0]["sql"] == ""
    with pytest.raises(Missing):
        find_published("mco-pie@9")
