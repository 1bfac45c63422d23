"""Every silver table on hard rows: what becomes an event, what does not, and with which values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bercail.cohorts.views import DCIR_KEY
from bercail.ingest.silver.concepts import CONCEPTS, concept
from bercail.ingest.silver.definition import column_names
from bercail.testing.silver_world import CHAIN_CODES, OPERATOR, Row, Tables, World

NEVER = date(1600, 1, 1)
DAY = date(2023, 3, 1)
A, B, TWINS = "A" * 17, "B" * 17, "T" * 17


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two persons, and twins of one sex who share a pseudonym."""
    made = World.build(tmp_path / "world", part_rows=1)
    people = [(A, 1, A), (B, 1, B), (TWINS, 1, "1" * 17), (TWINS, 2, "2" * 17)]
    rows = [
        {"BEN_NIR_PSA": psa, "BEN_RNG_GEM": rank, "BEN_IDT_ANO": who, "BEN_DCD_DTE": NEVER}
        for psa, rank, who in people
    ]
    made.bring("BEN", {"IR_BEN_R": rows})
    yield made
    made.close()


def care(number: int, flux: date = date(2023, 4, 1), **columns: Any) -> Row:
    """A line of ER_PRS_F; lines of one number share their key."""
    given = {
        **dict.fromkeys(DCIR_KEY, 1),
        "FLX_DIS_DTD": flux,
        "FLX_TRT_DTD": flux,
        "ORG_CLE_NUM": "01C010000",
        "DCT_ORD_NUM": number,
        "BEN_NIR_PSA": A,
        "BEN_RNG_GEM": 1,
        "BEN_CDI_NIR": "00",
        "EXE_SOI_DTD": DAY,
        "CPL_MAJ_TOP": 0,
        "DPN_QLF": 0,
        "PRS_DPN_QLP": 0,
        "BSE_PRS_NAT": 1111,
        "PRS_NAT_REF": 1111,
        "PRS_ACT_QTE": 1,
        "PSE_SPE_COD": 1,
        "BEN_RES_DPT": "075",
        "BEN_RES_COM": "101",
    }
    return given | columns


def detail(number: int, flux: date = date(2023, 4, 1), **columns: Any) -> Row:
    """A line of a detail table, of the care line of that number."""
    return {name: care(number, flux)[name] for name in DCIR_KEY} | columns


def made(world: World, name: str, tables: Tables, *columns: str) -> list[tuple[Any, ...]]:
    """Those columns of the silver table that the deliveries make, with whose each row is."""
    if tables:
        world.bring(f"D-{name}", tables)
    world.silver.build(OPERATOR, name)
    whose, names = world.whose(), column_names(concept(name))
    return [
        (whose[row[names.index("person")]], *(row[names.index(one)] for one in columns))
        for row in world.rows(name)
    ]


HARD_LINES = [
    care(1),
    # A payment, its reversal, and the right one.
    care(2, EXE_SOI_DTD=date(2023, 3, 2), PRS_ACT_QTE=2),
    care(3, date(2023, 5, 1), EXE_SOI_DTD=date(2023, 3, 2), PRS_ACT_QTE=-2),
    care(4, date(2023, 5, 1), EXE_SOI_DTD=date(2023, 3, 2), PRS_ACT_QTE=1),
    # One that is taken back whole is no event.
    care(5, EXE_SOI_DTD=date(2023, 3, 3)),
    care(6, date(2025, 6, 1), EXE_SOI_DTD=date(2023, 3, 3), PRS_ACT_QTE=-1),
    # An increase, a line for information, a fictitious identifier, no nature of act.
    care(7, CPL_MAJ_TOP=2),
    care(8, DPN_QLF=71, PRS_DPN_QLP=71),
    care(9, DPN_QLF=0, PRS_DPN_QLP=72),
    care(10, BEN_CDI_NIR="09"),
    care(11, BSE_PRS_NAT=0),
    # An empty qualifier is kept; a twin is who the rank says; nobody knows C.
    care(12, BEN_NIR_PSA=B, DPN_QLF=None, PRS_DPN_QLP=None),
    care(13, BEN_NIR_PSA=TWINS, BEN_RNG_GEM=2),
    care(14, BEN_NIR_PSA="C" * 17),
    # A day that is not known.
    care(15, BEN_NIR_PSA=B, EXE_SOI_DTD=NEVER),
]


def test_consultations(world: World) -> None:
    beside = [
        care(20 + number, PRS_NAT_REF=nature, BEN_NIR_PSA=B, EXE_SOI_DTD=date(2023, 3, 9))
        for number, nature in enumerate((1099, 1100, 1299, 1300))
    ]
    other = care(30, PSE_SPE_COD=22, EXE_SOI_DTD=DAY)
    rows = made(
        world,
        "consultations",
        {"ER_PRS_F": [*HARD_LINES, *beside, other]},
        *("date", "nature", "specialty", "quantity", "lines", "flux"),
    )
    april, may = date(2023, 4, 1), date(2023, 5, 1)
    assert sorted(rows, key=str) == sorted(
        [
            (A, DAY, "1111", "1", 1, 1, april),
            (A, DAY, "1111", "22", 1, 1, april),
            (A, date(2023, 3, 2), "1111", "1", 1, 3, may),
            (B, DAY, "1111", "1", 1, 1, april),
            (B, None, "1111", "1", 1, 1, april),
            (B, date(2023, 3, 9), "1100", "1", 1, 1, april),
            (B, date(2023, 3, 9), "1299", "1", 1, 1, april),
            ("2" * 17, DAY, "1111", "1", 1, 1, april),
        ],
        key=str,
    )


@pytest.mark.parametrize(
    ("name", "table", "stem"), [("biology", "ER_BIO_F", "BIO"), ("devices", "ER_TIP_F", "TIP")]
)
def test_biology_and_devices(world: World, name: str, table: str, stem: str) -> None:
    def line(number: int, order: int, code: int, quantity: int | None, **key: Any) -> Row:
        columns = {f"{stem}_PRS_IDE": code, f"{stem}_ACT_QSN": quantity}
        return detail(number, **key) | {f"{stem}_ORD_NUM": order} | columns

    lines = [
        # Two examinations of one care line, and one of them twice: true doubles add up.
        line(1, 1, 1104, 1),
        line(1, 2, 552, 2),
        line(1, 3, 552, 2),
        line(12, 1, 1104, None),
        # Taken back in another month, on a line of another key.
        line(2, 1, 1104, 3),
        line(3, 1, 1104, -3, flux=date(2023, 5, 1)),
        line(4, 1, 1104, 1, flux=date(2023, 5, 1)),
        # Of lines that are left out, and of no line at all.
        *(line(number, 1, 9999, 1) for number in (7, 8, 9, 10, 11, 14, 99)),
        line(13, 1, 1104, 1),
    ]
    tables = {"ER_PRS_F": HARD_LINES, table: lines}
    rows = made(world, name, tables, "date", "code", "quantity", "lines")
    assert sorted(rows) == [
        ("2" * 17, DAY, "1104", 1, 1),
        (A, DAY, "1104", 1, 1),
        (A, DAY, "552", 4, 2),
        (A, date(2023, 3, 2), "1104", 1, 3),
    ]


def test_dispensings(world: World) -> None:
    def pack(number: int, order: int, quantity: int, top: str = " ", **key: Any) -> Row:
        columns = {"PHA_PRS_C13": 3400930000001, "PHA_DEC_TOP": top, "PHA_DEC_QSU": 14}
        return detail(number, **key) | {"PHA_ORD_NUM": order, "PHA_ACT_QSN": quantity} | columns

    packs = [
        pack(1, 1, 2),
        # Given out of its pack: fourteen units, and no pack.
        pack(12, 1, 0, "D"),
        pack(2, 1, 1),
        pack(3, 1, -1, flux=date(2023, 5, 1)),
        pack(7, 1, 1),
        pack(13, 1, 1),
        pack(13, 2, 1),
    ]
    tables = {"ER_PRS_F": HARD_LINES, "ER_PHA_F": packs}
    rows = made(world, "dispensings", tables, "date", "cip13", "quantity", "units", "lines")
    assert sorted(rows) == [
        ("2" * 17, DAY, "3400930000001", 2, 0, 2),
        (A, DAY, "3400930000001", 2, 0, 1),
        (B, DAY, "3400930000001", 0, 14, 1),
    ]


def test_acts_of_the_town(world: World) -> None:
    ngap = [
        care(40 + number, PRS_NAT_REF=nature, BEN_NIR_PSA=B, EXE_SOI_DTD=date(2023, 3, 9))
        for number, nature in enumerate((1399, 1400, 3299, 3300))
    ]
    ccam = [
        detail(number, flux) | {"CAM_ORD_NUM": 1, "CAM_PRS_IDE": "DEQP003", "CAM_ACT_COD": "1"}
        for number, flux in ((1, date(2023, 4, 1)), (2, date(2023, 4, 1)), (3, date(2023, 5, 1)))
    ]
    tables = {"ER_PRS_F": [*HARD_LINES, *ngap], "ER_CAM_F": ccam}
    rows = made(world, "acts", tables, "date", "system", "code", "activity", "quantity", "stay")
    # The reversal of line 2 takes its act back: the table has no quantity, only the sign.
    assert sorted(rows, key=str) == [
        (A, DAY, "ccam", "DEQP003", "1", 1, None),
        (B, date(2023, 3, 9), "nature", "1400", None, 1, None),
        (B, date(2023, 3, 9), "nature", "3299", None, 1, None),
    ]


def chained(number: int, who: str, **columns: Any) -> Row:
    key = {"ETA_NUM": "010000001", "RSA_NUM": f"{number:010}", "NIR_ANO_17": who}
    dates = {"EXE_SOI_DTD": DAY, "EXE_SOI_DTF": date(2023, 3, 4)}
    return key | dates | dict.fromkeys(CHAIN_CODES, "0") | columns


def summary(number: int, **columns: Any) -> Row:
    given = {"DGN_PAL": "I639", "DGN_REL": None, "GRG_GHM": "01M301", "SEJ_TYP": "A"}
    key = {"ETA_NUM": "010000001", "RSA_NUM": f"{number:010}", "SOR_MOD": "8"}
    return key | given | columns


def mco() -> Tables:
    """Stays of one year; only 1, 6, 7 and 9 follow a person."""
    chain = [chained(number, A) for number in (1, 2, 3, 6, 9)]
    chain += [chained(4, A, DAT_RET="1"), chained(5, A, COH_SEX_RET="9")]
    chain += [chained(7, B), chained(8, TWINS), chained(10, "x" * 17)]
    stays = {number: summary(number) for number in range(1, 11)}
    stays[2]["GRG_GHM"] = "90Z00Z"
    stays[3]["SEJ_TYP"] = "B"
    stays[6] |= {"SEJ_TYP": "B", "GRG_GHM": "28Z04Z", "DGN_PAL": "N185", "DGN_REL": "I10"}
    stays[7] |= {"SEJ_TYP": None, "SOR_MOD": "9"}
    stays[9]["GRG_GHM"] = "01M901"
    return {"T_MCO23C": chain, "T_MCO23B": list(stays.values())}


def test_stays(world: World) -> None:
    rows = made(world, "stays", mco(), "date", "end", "principal_diagnosis", "ghm", "exit_mode")
    three = (DAY, date(2023, 3, 4))
    assert sorted(rows) == [
        (A, *three, "I639", "01M301", "8"),
        (A, *three, "I639", "01M901", "8"),
        (A, *three, "N185", "28Z04Z", "8"),
        (B, *three, "I639", "01M301", "9"),
    ]
    index = column_names(concept("stays")).index("stay")
    assert len({row[index] for row in world.rows("stays")}) == 4


def test_diagnoses(world: World) -> None:
    key = {"ETA_NUM": "010000001", "RSA_NUM": f"{1:010}"}
    tables = mco() | {
        "T_MCO23D": [key | {"ASS_DGN": "I10 "}, key | {"ASS_DGN": "E119"}, key | {"ASS_DGN": " "}],
        "T_MCO23UM": [key | {"DGN_PAL": "R471", "DGN_REL": None}],
    }
    rows = made(world, "diagnoses", tables, "code", "position")
    assert sorted(rows) == [
        (A, "E119", "das"),
        (A, "I10", "das"),
        (A, "I10", "dr"),
        (A, "I639", "dp"),
        (A, "I639", "dp"),
        (A, "N185", "dp"),
        (A, "R471", "um-dp"),
        (B, "I639", "dp"),
    ]
    world.silver.build(OPERATOR, "stays")
    place = {name: column_names(concept(name)).index("stay") for name in ("stays", "diagnoses")}
    stays = {row[place["stays"]] for row in world.rows("stays")}
    assert {row[place["diagnoses"]] for row in world.rows("diagnoses")} == stays


def test_a_year_before_exact_dates_does_not_stop_the_others(world: World) -> None:
    old = {
        "T_MCO08C": [{"ETA_NUM": "010000001", "RSA_NUM": f"{1:010}", "NIR_ANO_17": A}],
        "T_MCO08B": [summary(1)],
    }
    rows = made(world, "stays", mco() | old, "date")
    assert len(rows) == 4


def test_long_term_illnesses(world: World) -> None:
    def ill(nature: int, end: date, code: str, who: str = A) -> Row:
        dates = {"IMB_ALD_DTD": date(2010, 1, 1), "IMB_ALD_DTF": end}
        known = {"BEN_NIR_PSA": who, "BEN_RNG_GEM": 1, "IMB_ETM_NAT": nature}
        return known | dates | {"MED_MTF_COD": code}

    rows = [
        ill(41, NEVER, "E11"),
        # A renewal is a row of its own; 2099 is a date, however far.
        ill(41, date(2099, 12, 31), "E11"),
        ill(43, date(2015, 1, 1), "C50", B),
        ill(11, date(2015, 1, 1), "I10"),
        ill(45, NEVER, "F20", "C" * 17),
    ]
    found = made(world, "long_term_illnesses", {"IR_IMB_R": rows}, "icd10", "end")
    assert sorted(found, key=str) == [
        (A, "E11", None),
        (A, "E11", date(2099, 12, 31)),
        (B, "C50", date(2015, 1, 1)),
    ]


def test_deaths(world: World) -> None:
    died = date(2023, 9, 1)
    register = [
        # On one of the rows of a person, and another day on the other: the latest.
        {"BEN_NIR_PSA": "P" * 17, "BEN_RNG_GEM": 1, "BEN_IDT_ANO": A, "BEN_DCD_DTE": died},
        {"BEN_NIR_PSA": "Q" * 17, "BEN_RNG_GEM": 1, "BEN_IDT_ANO": A, "BEN_DCD_DTE": DAY},
    ]
    certificates = [
        {"BEN_IDT_ANO": A, "BEN_DCD_DTE": died, "DCD_CIM_COD": "I639"},
        # Present, and matched with nobody.
        {"BEN_IDT_ANO": None, "BEN_DCD_DTE": died, "DCD_CIM_COD": "C50"},
        {"BEN_IDT_ANO": B, "BEN_DCD_DTE": NEVER, "DCD_CIM_COD": "C50"},
    ]
    world.bring("BEN-2", {"IR_BEN_R": register})
    tables = mco() | {"KI_CCI_R": certificates}
    assert sorted(made(world, "deaths", tables, "origin", "date", "cause"), key=str) == [
        (A, "IR_BEN_R", died, None),
        (A, "KI_CCI_R", died, "I639"),
        (B, "T_MCO23B", date(2023, 3, 4), None),
    ]


def test_residence(world: World) -> None:
    days = [date(2023, 3, number) for number in range(1, 8)]
    places = ["075", "075", "013", "", "075", "013", "075"]
    lines = [
        care(number, EXE_SOI_DTD=day, BEN_RES_DPT=place)
        for number, (day, place) in enumerate(zip(days, places, strict=True))
    ]
    # Two places on one day: the last of them in the order of their codes; an increase counts too.
    lines += [care(20, EXE_SOI_DTD=days[5], BEN_RES_DPT="2A0", CPL_MAJ_TOP=2)]
    lines += [care(21, EXE_SOI_DTD=NEVER), care(22, BEN_CDI_NIR="09", BEN_RES_DPT="999")]
    rows = made(world, "residence", {"ER_PRS_F": lines}, "date", "end", "department", "lines")
    assert rows == [
        (A, days[0], days[1], "075", 2),
        (A, days[2], days[2], "013", 1),
        (A, days[4], days[4], "075", 1),
        (A, days[5], days[5], "2A0", 2),
        (A, days[6], days[6], "075", 1),
    ]


def test_register(world: World) -> None:
    plain = {"BEN_NIR_PSA": A, "BEN_RNG_GEM": 1, "BEN_IDT_ANO": A, "BEN_CDI_NIR": "09"}
    plain |= {"BEN_NAI_ANN": "1950", "BEN_SEX_COD": 2, "BEN_RES_DPT": "075"}
    plain |= {"BEN_DTE_MAJ": date(2020, 1, 1), "BEN_DCD_DTE": NEVER}
    who = {name: {**plain, "BEN_IDT_ANO": name * 17} for name in "CDEF"}
    rows = [
        # Lines that agree but for the home, the later of which counts; a death on one of them.
        who["C"],
        who["C"] | {"BEN_RES_DPT": "013", "BEN_DTE_MAJ": date(2021, 1, 1), "BEN_CDI_NIR": "03"},
        who["C"] | {"BEN_RES_DPT": " ", "BEN_DTE_MAJ": date(2022, 1, 1), "BEN_DCD_DTE": DAY},
        # Lines that disagree; an unknown day of update comes before any other.
        who["D"],
        who["D"]
        | {"BEN_SEX_COD": 1, "BEN_NAI_ANN": "1951", "BEN_RES_DPT": "2A0"}
        | {"BEN_DTE_MAJ": NEVER},
        # What is unknown disagrees with nothing; a year of 1600 and a sex of 9 are unknown.
        who["E"],
        who["E"] | {"BEN_NAI_ANN": "1600", "BEN_SEX_COD": 9, "BEN_RES_DPT": None},
        who["F"] | dict.fromkeys(("BEN_NAI_ANN", "BEN_SEX_COD", "BEN_RES_DPT", "BEN_CDI_NIR")),
    ]
    columns = ("identity", "birth_year", "sex", "death_date", "department", "real_identifier")
    found = made(world, "register", {"IR_BEN_R": rows}, *columns, "lines")
    assert {row[0]: row[2:] for row in found if row[0][0] in "CDEF"} == {
        "C" * 17: (1950, "female", DAY, "013", True, 3),
        "D" * 17: (None, None, None, "075", False, 2),
        "E" * 17: (1950, "female", None, "075", False, 2),
        "F" * 17: (None, None, None, None, False, 1),
    }
    # Whoever has a number has one row, and twins are two.
    assert {row[0] for row in found} == {row[1] for row in found} == set(world.whose().values())
    assert len(found) == 4 + 4


def test_what_was_known_of_every_table_on_a_day(world: World) -> None:
    """By flux month where its lines have one; by arrival for all, as the lake signed them."""
    late = date(2024, 1, 1)
    first = [care(1), care(2, PRS_NAT_REF=1451)]
    codes = {"BIO": 1104, "TIP": 2201}

    def lines(number: int, flux: date) -> Tables:
        stems = {
            f"ER_{stem}_F": [
                detail(number, flux)
                | {f"{stem}_ORD_NUM": 1, f"{stem}_PRS_IDE": code, f"{stem}_ACT_QSN": 1}
            ]
            for stem, code in codes.items()
        }
        return {"ER_PRS_F": [care(number, flux, EXE_SOI_DTD=date(2023, 3, number))], **stems}

    world.bring("D-1", lines(1, date(2023, 4, 1)) | {"ER_PRS_F": first})
    names = ("consultations", "biology", "devices", "residence")
    for name in names:
        world.silver.build(OPERATOR, name)
    then, today = {name: world.rows(name) for name in names}, world.house.clock.now().date()
    world.house.clock.advance(date(2026, 12, 24) - date(2026, 11, 21))
    world.bring("D-2", lines(3, late))
    for name in names:
        world.silver.build(OPERATOR, name)
        assert world.rows(name) != then[name]
        _, batches = world.silver.as_at(name, date(2023, 12, 31))
        assert [tuple(row.values()) for one in batches for row in one.to_pylist()] == then[name]
        table = world.lake.read(f"silver_{name}", as_of=today).read_all()
        columns = (column.to_pylist() for column in table.columns)
        assert list(zip(*columns, strict=True)) == then[name]


def test_every_concept_has_a_test_of_its_own() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    # The last in test_silver_hospital.
    tested |= {"acts", "biology", "devices", "other_stays", "hospital_drugs"}
    assert set(CONCEPTS) <= tested
