"""Silver tables of outpatient care of hospitals, and of the drugs of hospitals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from bercail.cohorts.views import DCIR_KEY
from bercail.foundation import Missing
from bercail.ingest.silver.concepts import concept
from bercail.ingest.silver.definition import column_names
from bercail.testing.silver_world import CHAIN_CODES, OPERATOR, Row, Tables, World, world_of_two

NEVER, DAY, FLUX = date(1600, 1, 1), date(2015, 3, 1), date(2015, 4, 1)
A, B = "A" * 17, "B" * 17
OUTPATIENT_CODES = ("NIR_RET", "NAI_RET", "SEX_RET", "IAS_RET", "ENT_DAT_RET")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from world_of_two(tmp_path / "world")


def after(days: int) -> date:
    return DAY + timedelta(days=days)


def invoice(number: int = 1) -> Row:
    return {"ETA_NUM": "750000001", "SEQ_NUM": f"{number:08}"}


def chained(who: str, number: int = 1, **columns: Any) -> Row:
    codes = dict.fromkeys(OUTPATIENT_CODES, "0")
    return invoice(number) | {"NIR_ANO_17": who, "EXE_SOI_DTD": DAY} | codes | columns


def letter(code: str, number: int = 1, **columns: Any) -> Row:
    given = {"NUM_FAC": "001", "ACT_COD": code, "EXE_SPE": "03", "ACT_NBR": 1, "DEL_DAT_ENT": 0}
    return invoice(number) | given | columns


def ccam(code: str, **columns: Any) -> Row:
    given = {"NUM_FAC": "001", "ACV_ACT": "1", "PHA_ACT": "0", "DEL_DAT_ENT": 0}
    return invoice() | given | {"CCAM_COD": code} | columns


def outpatients() -> Tables:
    """Invoice 1 is of A; 2 and 3 cannot be followed to a person."""
    return {
        "T_MCO15CSTC": [
            chained(A),
            chained(B, 2, IAS_RET="1"),
            chained("x" * 17, 3),
        ],
        "T_MCO15FCSTC": [
            letter("CS"),
            letter("CS", DEL_DAT_ENT=2),
            # A letter of nursing is an act.
            letter("AMI", ACT_NBR=2, EXE_SPE="24"),
            letter("C", 2),
            letter("C", 3),
        ],
        "T_MCO15FBSTC": [letter("ATU"), letter("FFM", 2)],
        "T_MCO15FMSTC": [
            ccam("DEQP003"),
            ccam("DEQP003-01"),
            ccam("DEQP003", ACV_ACT="4"),
            ccam("YYYY010", DEL_DAT_ENT=1),
        ],
    }


def test_outpatient_care_of_hospitals_is_consultations_and_acts(world: World) -> None:
    world.bring("ACE", outpatients())
    told = ("date", "nature", "specialty", "quantity", "origin", "flux")
    assert world.events("consultations", *told) == [
        (A, DAY, "CS", "3", 1, "T_MCO15FCSTC", None),
        (A, after(2), "CS", "3", 1, "T_MCO15FCSTC", None),
    ]
    told = ("date", "system", "code", "activity", "quantity", "stay", "lines")
    assert world.events("acts", *told) == [
        (A, DAY, "ccam", "DEQP003", "1", 2, None, 2),
        (A, DAY, "ccam", "DEQP003", "4", 1, None, 1),
        (A, DAY, "flat-rate", "ATU", None, 1, None, 1),
        (A, DAY, "ngap", "AMI", None, 2, None, 1),
        (A, after(1), "ccam", "YYYY010", "1", 1, None, 1),
    ]


@pytest.mark.parametrize("code", OUTPATIENT_CODES)
def test_outpatient_care_has_return_codes_of_its_own(world: World, code: str) -> None:
    tables = outpatients()
    tables["T_MCO15CSTC"][0][code] = "2"
    world.bring("ACE", tables)
    assert world.events("consultations", "nature") == []


def test_before_2013_outpatient_care_has_no_delay(world: World) -> None:
    tables = {name.replace("15", "11"): rows for name, rows in outpatients().items()}
    for rows in tables.values():
        for row in rows:
            row.pop("DEL_DAT_ENT", None)
    world.bring("ACE-11", tables)
    found = world.events("consultations", "date", "nature", "quantity", "lines")
    assert found == [(A, DAY, "CS", 2, 2)]
    # Years without exact dates are left out.
    older = {name.replace("11", "08"): rows for name, rows in tables.items()}
    for row in older["T_MCO08CSTC"]:
        for late in ("EXE_SOI_DTD", "ENT_DAT_RET"):
            row.pop(late)
    world.bring("ACE-08", older)
    assert world.events("consultations", "origin") == [(A, "T_MCO11FCSTC")]


def examination(code: str, number: int = 1, **columns: Any) -> Row:
    given = {"NUM_FAC": "001", "NABM_COD": code, "ACT_NBR": 1, "DEL_DAT_ENT": 0}
    return invoice(number) | given | columns


def test_examinations_of_outpatients_stand_with_those_of_town_and_once(world: World) -> None:
    examined = {
        "T_MCO15CSTC": outpatients()["T_MCO15CSTC"],
        "T_MCO15FLSTC": [
            # The same code as in the DCIR, with zeros before it.
            examination("00001104"),
            examination("1104", ACT_NBR=2),
            examination("00000552", DEL_DAT_ENT=1),
            examination("00000552", DEL_DAT_ENT=1, ACT_NBR=-1),
            examination("00001577", 2),
        ],
    }
    world.bring("ACE", examined)
    told = ("date", "code", "quantity", "origin", "lines")
    hospital = (A, DAY, "1104", 3, "T_MCO15FLSTC", 2)
    assert world.events("biology", *told) == [hospital]
    lines = [
        key(number) | {"BIO_ORD_NUM": 1, "BIO_PRS_IDE": 1104, "BIO_ACT_QSN": 1}
        for number in (1, 2, 3)
    ]
    cares = [care(1), care(2), care(3, DPN_QLF=71)]
    # Line 2 was billed by the hospital itself, whose invoice says the same.
    billed = [key(2) | {"ETE_IND_TAA": 1}]
    world.bring("DCIR", {"ER_PRS_F": cares, "ER_BIO_F": lines, "ER_ETE_F": billed})
    assert world.events("biology", *told) == [(A, DAY, "1104", 1, "ER_BIO_F", 1), hospital]


def test_rows_keep_their_order_when_codes_that_are_no_numbers_come_in(world: World) -> None:
    """As numbers 3 comes before 22, as texts after it."""
    cares = [
        care(line, BEN_NIR_PSA=who, PSE_SPE_COD=specialty)
        for line, (who, specialty) in enumerate([(A, 3), (A, 22), (B, 3), (B, 22)])
    ]
    world.bring("DCIR", {"ER_PRS_F": cares})
    world.silver.build(OPERATOR, "consultations")
    world.bring("ACE", {"T_MCO15CSTC": [chained(A)], "T_MCO15FCSTC": [letter("CS")]})
    (report,) = world.silver.build(OPERATOR, "consultations")
    assert (report.persons, report.parts_kept) == (1, 1)
    further = world.rows("consultations")
    world.silver.rebuild(OPERATOR, "consultations")
    assert world.rows("consultations") == further


def care(line: int, **columns: Any) -> Row:
    given = {
        "BEN_NIR_PSA": A,
        "BEN_RNG_GEM": 1,
        "BEN_CDI_NIR": "00",
        "EXE_SOI_DTD": DAY,
        "CPL_MAJ_TOP": 0,
        "DPN_QLF": None,
        "PRS_DPN_QLP": None,
        "BSE_PRS_NAT": 1111,
        "PRS_NAT_REF": 1111,
        "PRS_ACT_QTE": 1,
        "PSE_SPE_COD": 3,
    }
    return key(line) | given | columns


def key(line: int) -> Row:
    numbers = dict.fromkeys(DCIR_KEY, 1)
    days = {"FLX_DIS_DTD": FLUX, "FLX_TRT_DTD": FLUX, "ORG_CLE_NUM": "01C010000"}
    return numbers | days | {"DCT_ORD_NUM": line}


def test_what_a_hospital_bills_directly_is_read_in_the_pmsi_alone(world: World) -> None:
    """The consultation of invoice 1 stands three times: twice in the DCIR, once in the PMSI."""
    world.bring("ACE", outpatients())
    sent = {"DPN_QLF": 71, "EXE_SOI_DTD": after(9)}
    cares = [care(1), care(2), care(3, **sent), care(4, EXE_SOI_DTD=after(4))]
    world.bring("DCIR", {"ER_PRS_F": cares})
    town = (A, DAY, "1111", "3", 2, "ER_PRS_F")
    private = (A, after(4), "1111", "3", 1, "ER_PRS_F")
    hospital = [
        (A, DAY, "CS", "3", 1, "T_MCO15FCSTC"),
        (A, after(2), "CS", "3", 1, "T_MCO15FCSTC"),
    ]
    told = ("date", "nature", "specialty", "quantity", "origin")
    # As long as nothing says where line 2 was billed, it is one of town.
    assert world.events("consultations", *told) == [town, *hospital, private]
    # Line 1 is of town and has no line there; that of a private hospital says 0, or nothing.
    billed = [key(2) | {"ETE_IND_TAA": 1}, key(4) | {"ETE_IND_TAA": None}]
    world.bring("ETE", {"ER_ETE_F": billed})
    once = (*town[:4], 1, town[5])
    further = world.events("consultations", *told)
    assert further == [once, *hospital, private]
    rows = world.rows("consultations")
    world.silver.rebuild(OPERATOR, "consultations")
    assert world.rows("consultations") == rows


def stay(number: int = 1) -> Row:
    return {"ETA_NUM": "750000001", "RSA_NUM": f"{number:010}"}


def stays() -> Tables:
    """Stay 1 of A is good; stay 2 of B is a grouping error."""
    codes = dict.fromkeys(CHAIN_CODES, "0")
    dates = {"EXE_SOI_DTD": DAY, "EXE_SOI_DTF": after(3)}
    summary = {"DGN_PAL": "C50", "DGN_REL": None, "SEJ_TYP": "A", "SOR_MOD": "8"}
    drug = {"DELAI": 1, "UCD_UCD_COD": "0000009213845"}
    early = {"DAT_DELAI": 2, "UCD_UCD_COD": "0000009400001", "ADM_NBR": 3}
    private = {"DEL_DAT_ENT": 1, "UCD_UCD_COD": "0000009213845", "QUA_COD": 2}
    return {
        "T_MCO15C": [
            stay(number) | {"NIR_ANO_17": who} | dates | codes for number, who in ((1, A), (2, B))
        ],
        "T_MCO15B": [
            stay(number) | summary | {"GRG_GHM": group}
            for number, group in ((1, "09M051"), (2, "90Z00Z"))
        ],
        "T_MCO15MED": [
            stay() | drug | {"ADM_NBR": 1.5},
            stay() | drug | {"ADM_NBR": 0.25},
            stay() | drug | {"ADM_NBR": 1, "DELAI": 2},
            stay(2) | drug | {"ADM_NBR": 1},
        ],
        "T_MCO15MEDATU": [stay() | early],
        "T_MCO15FH": [stay() | private],
    }


def test_drugs_on_top_of_a_stay_have_a_code_a_day_and_a_part_of_a_unit(world: World) -> None:
    world.bring("MCO", stays())
    told = ("date", "ucd", "thousandths", "way", "origin", "lines")
    assert world.events("hospital_drugs", *told) == [
        (A, after(1), "9213845", 1750, "on-top", "T_MCO15MED", 2),
        (A, after(1), "9213845", 2000, "on-top", "T_MCO15FH", 1),
        (A, after(2), "9213845", 1000, "on-top", "T_MCO15MED", 1),
        (A, after(2), "9400001", 3000, "early-access", "T_MCO15MEDATU", 1),
    ]
    world.silver.build(OPERATOR, "stays")
    place = {
        name: column_names(concept(name)).index("stay") for name in ("stays", "hospital_drugs")
    }
    (whole,) = {row[place["stays"]] for row in world.rows("stays")}
    assert {row[place["hospital_drugs"]] for row in world.rows("hospital_drugs")} == {whole}


def test_drugs_of_stays_of_other_sectors_are_dated_from_their_entry(world: World) -> None:
    codes = dict.fromkeys(CHAIN_CODES, "0")
    dates = {"EXE_SOI_DTD": DAY, "EXE_SOI_DTF": after(30)}
    drug = {"UCD_UCD_COD": "0000009213845", "DAT_DELAI": 12, "ADM_NBR": 0.5}
    home = {"ETA_NUM_EPMSI": "750000001", "RHAD_NUM": "00001"}
    away = {"ETA_NUM": "750000001", "RHA_NUM": "0000001"}
    at_home = [home | {"SEQ_SEJ": f"{number:04}", "SSEQ_NUM": "0001"} | drug for number in (1, 2)]
    week = away | {"RHS_NUM": "002"} | drug
    world.bring(
        "HAD-SSR",
        {
            "T_HAD16C": [home | {"NIR_ANO_17": A} | dates | codes],
            "T_HAD16MED": at_home,
            "T_HAD16MEDATU": [at_home[0] | {"UCD_UCD_COD": "0000009400001"}],
            "T_HAD16MEDCHL": [at_home[0] | {"UCD_UCD_COD": "0000009400002", "DAT_DELAI": None}],
            "T_SSR16C": [
                away | {"NIR_ANO_17": B} | dates | codes,
                away | {"RHA_NUM": "0000002", "NIR_ANO_17": A} | dates | codes | {"NIR_RET": "3"},
            ],
            "T_SSR16MED": [week, week | {"ADM_NBR": -0.5}, week | {"DAT_DELAI": 13}],
            "T_SSR16MEDATU": [week | {"RHA_NUM": "0000002"}, week | {"UCD_UCD_COD": None}],
        },
    )
    told = ("date", "ucd", "thousandths", "way", "origin", "lines")
    assert world.events("hospital_drugs", *told) == [
        (A, DAY, "9400002", 500, "off-list", "T_HAD16MEDCHL", 1),
        (A, after(12), "9213845", 1000, "on-top", "T_HAD16MED", 2),
        (A, after(12), "9400001", 500, "early-access", "T_HAD16MEDATU", 1),
        (B, after(13), "9213845", 500, "on-top", "T_SSR16MED", 1),
    ]
    # The stay is that of the other tables.
    summary = away | {"RHS_NUM": "001", "GRG_GME": "0147A1", "SOR_MOD": "8"}
    world.bring("SSR-B", {"T_SSR16B": [summary]})
    assert [one[1] for one in world.events("other_stays", "stay")] == [
        one[1] for one in world.events("hospital_drugs", "stay") if one[0] == B
    ]


def test_thrombolysis_is_a_drug_of_its_stay(world: World) -> None:
    given = {"DAT_DELAI": 0, "UCD_UCD_COD": "0000009113844", "ADM_NBR": 1}
    world.bring("MCO", {**stays(), "T_MCO15MEDTHROMBO": [stay() | given, stay(2) | given]})
    thrombolysis = ("9113844", 1000, "thrombolysis", "T_MCO15MEDTHROMBO")
    found = world.events("hospital_drugs", "date", "ucd", "thousandths", "way", "origin")
    assert (A, DAY, *thrombolysis) in found
    assert [one for one in found if one[4] == "thrombolysis"] == [(A, DAY, *thrombolysis)]


def test_retrocession_is_net_and_what_a_stay_was_billed_is_not_taken_twice(world: World) -> None:
    unit = {"UCD_ORD_NUM": 1, "UCD_UCD_COD": "0000009213845", "UCD_TOP_UCD": 0}
    cares = [
        care(1),
        care(2, PRS_ACT_QTE=-1),
        care(3, PRS_ACT_QTE=1),
        care(4, EXE_SOI_DTD=after(5)),
        care(5, DPN_QLF=71),
    ]
    units = [
        key(1) | unit | {"UCD_DLV_NBR": 4},
        key(2) | unit | {"UCD_DLV_NBR": -4},
        key(3) | unit | {"UCD_DLV_NBR": 3},
        # On top of a stay of a private hospital: T_MCOaaFH has it.
        key(4) | unit | {"UCD_DLV_NBR": 2, "UCD_TOP_UCD": 1},
        key(5) | unit | {"UCD_DLV_NBR": 9},
    ]
    world.bring("DCIR", {"ER_PRS_F": cares, "ER_UCD_F": units})
    told = ("date", "ucd", "thousandths", "way", "stay", "flux", "lines")
    assert world.events("hospital_drugs", *told) == [
        (A, DAY, "9213845", 3000, "retrocession", None, FLUX, 3)
    ]


def test_what_was_known_of_hospital_care_on_a_day(world: World) -> None:
    """Lines of the DCIR by their flux month, years of the PMSI by their arrival in this lake."""
    world.bring("DCIR", {"ER_PRS_F": [care(1)]})
    world.bring("ACE", outpatients())
    world.bring("MCO", stays())
    first = world.house.clock.now().date()
    names = ("consultations", "stays", "deaths", "hospital_drugs")
    for name in names:
        world.silver.build(OPERATOR, name)
    then = {name: world.rows(name) for name in names}
    world.house.clock.advance(timedelta(days=40))
    later = outpatients()
    later["T_MCO15FCSTC"] = later["T_MCO15FCSTC"][:1]
    world.bring("ACE-2", later, "ACE")
    more = stays()
    more["T_MCO15B"][1]["GRG_GHM"] = "09M051"
    world.bring("MCO-2", more, "MCO")
    died = {"BEN_NIR_PSA": A, "BEN_RNG_GEM": 1, "BEN_IDT_ANO": A, "BEN_DCD_DTE": after(100)}
    world.bring("BEN-2", {"IR_BEN_R": [died]})
    world.bring("DCIR-2", {"ER_PRS_F": [care(2, FLX_DIS_DTD=first + timedelta(days=31))]})
    world.bring("MCO-16", {name.replace("15", "16"): rows for name, rows in stays().items()})
    for name in names:
        world.silver.build(OPERATOR, name)
        assert world.rows(name) != then[name], name
        _, batches = world.silver.as_at(name, first)
        assert [tuple(row.values()) for one in batches for row in one.to_pylist()] == then[name]
        counted = world.silver.count_at(name, first - timedelta(days=1))
        assert counted["rows"] == (1 if name == "consultations" else 0)


def test_what_was_let_go_and_replaced_is_not_told_in_part(world: World) -> None:
    world.bring("MCO", stays())
    day = world.house.clock.now().date()
    world.house.clock.advance(timedelta(days=40))
    world.bring("MCO-2", stays(), "MCO")
    world.lake.expiring.expire("T_MCO15B", timedelta(days=1))
    _, batches = world.silver.as_at("stays", day)
    with pytest.raises(Missing, match="let go"):
        list(batches)
