"""Silver tables of stays at home, in rehabilitation and in psychiatry; and of archives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bercail.cohorts.views import DCIR_KEY
from bercail.ingest.silver.bronze import family_of
from bercail.ingest.silver.concepts import concept
from bercail.ingest.silver.definition import column_names
from bercail.testing.silver_world import (
    CHAIN_CODES,
    OPERATOR,
    RETURN_CODES,
    Row,
    Tables,
    World,
    world_of_two,
)

NEVER, DAY, END = date(1600, 1, 1), date(2015, 3, 1), date(2015, 3, 20)
A, B = "A" * 17, "B" * 17


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield from world_of_two(tmp_path / "world")


def chain(who: str, codes: tuple[str, ...] = CHAIN_CODES, **columns: Any) -> Row:
    dates = {"EXE_SOI_DTD": DAY, "EXE_SOI_DTF": END}
    return {"NIR_ANO_17": who, **dates, **dict.fromkeys(codes, "0"), **columns}


def ssr(number: int = 1) -> Row:
    return {"ETA_NUM": "750000001", "RHA_NUM": f"{number:07}"}


def week(number: int, of: int = 1, **columns: Any) -> Row:
    given = {"FP_PEC": "Z501", "MOR_PRP": "I639", "ETL_AFF": None, "SOR_MOD": " "}
    return ssr(of) | {"RHS_NUM": f"{number:03}", "GRG_GME": "0147A1"} | given | columns


def rehabilitation() -> Tables:
    """Stay 1 of A has three weeks, the last one wrongly grouped; stay 2 is not chained."""
    within = {number: ssr() | {"RHS_NUM": f"{number:03}"} for number in (1, 2, 3)}
    ccam = {"CCAM_COD_ACT": "1", "CCAM_PHA_ACT": "0", "CCAM_DEL_ENT_UM": 4, "CCAM_NBR_REA": 1}
    csarr = {"CSARR_COD": "PER+256", "TYP_INTERV": "21", "ENT_DAT_DEL_UM": 9, "NBR_CSARR": 2}
    return {
        "T_SSR15C": [ssr() | chain(A), ssr(2) | chain(A, DAT_RET="1"), ssr(3) | chain("x" * 17)],
        "T_SSR15B": [
            week(1),
            week(2, ETL_AFF="I639", SOR_MOD="9"),
            week(3, GRG_GME="9001A0", MOR_PRP="X999", SOR_MOD="8"),
            *(week(1, of) for of in (2, 3)),
        ],
        "T_SSR15D": [
            within[number] | {"DGN_COD": code}
            for number, code in ((1, "I10"), (2, "I10"), (3, "Z999"))
        ],
        "T_SSR15CCAM": [one | ccam | {"CCAM_ACT": "DEQP003"} for one in within.values()],
        "T_SSR15CSARR": [within[1] | csarr, within[2] | csarr],
    }


def test_weeks_of_rehabilitation_are_one_stay(world: World) -> None:
    world.bring("SSR", rehabilitation())
    stays = world.events("other_stays", "date", "end", "sector", "exit_mode", "lines")
    assert stays == [(A, DAY, END, "ssr", "9", 2)]
    assert world.events("diagnoses", "code", "position", "lines") == [
        (A, "I10", "ssr-das", 2),
        (A, "I639", "ssr-ae", 1),
        (A, "I639", "ssr-mmp", 2),
        (A, "Z501", "ssr-fp", 2),
    ]
    # By the day of entry: the delay counts from the entry into the unit, which nobody knows.
    assert world.events("acts", "date", "system", "code", "activity", "quantity") == [
        (A, DAY, "ccam", "DEQP003", "1", 2),
        (A, DAY, "csarr", "PER+256", None, 4),
    ]
    assert world.events("deaths", "date", "origin") == [(A, END, "T_SSR15B")]


def test_the_years_of_rehabilitation_have_their_own_columns(world: World) -> None:
    world.bring("SSR", rehabilitation())
    # The same numbers name another stay in another year.
    without = {name: value for name, value in week(1).items() if name != "GRG_GME"}
    older = {"T_SSR12C": [ssr() | chain(B, RETURN_CODES)], "T_SSR12B": [without]}
    world.bring("SSR-12", older)
    undated = {"T_SSR08C": [ssr() | {"NIR_ANO_17": B, "SOR_ANN": "2008"}], "T_SSR08B": [without]}
    world.bring("SSR-08", undated)
    assert world.events("other_stays", "sector", "origin") == [
        (A, "ssr", "T_SSR15B"),
        (B, "ssr", "T_SSR12B"),
    ]
    place = column_names(concept("other_stays")).index("stay")
    assert len({row[place] for row in world.rows("other_stays")}) == 2


def had(number: int = 1) -> Row:
    return {"ETA_NUM_EPMSI": "750000001", "RHAD_NUM": f"{number:05}"}


def part(sequence: int, of: int = 1) -> Row:
    return had(of) | {"SEQ_NUM": f"{sequence:04}", "SSEQ_NUM": "0001"}


def home(error: dict[str, str] | None = None) -> Tables:
    """Stay 1 of A has two sequences; the first has two groups, as care grows cheaper with time."""
    good = {"GHT_NUM": "07", "PAP_GRP_GHPC": "1234"}
    act = {"CCAM_COD": "DEQP003", "ACT_COD": "1", "PHA_COD": "0", "DEL_DEB_SSEQ": 3, "REAL_NBR": 1}
    return {
        "T_HAD15C": [had() | chain(A), had(2) | chain(B, NIR_RET="3")],
        "T_HAD15B": [
            part(1) | {"DGN_PAL": "C50", "SOR_MOD": None},
            part(2) | {"DGN_PAL": "C509", "SOR_MOD": "8"},
            part(1, 2) | {"DGN_PAL": "C61", "SOR_MOD": "8"},
        ],
        "T_HAD15GRP": [
            part(1) | good,
            part(1) | good | {"GHT_NUM": "05"},
            part(2) | good | (error or {}),
        ],
        "T_HAD15D": [part(1) | {"DGN_ASS": "E119"}, part(2) | {"DGN_ASS": "I10"}],
        "T_HAD15DMPP": [part(1) | {"DGN_ASS_MPP": "Z511"}],
        "T_HAD15DMPA": [part(2) | {"DGN_ASS_MPA": "Z515"}],
        "T_HAD15A": [part(1) | act, part(2) | act],
    }


ALL_AT_HOME = [
    (A, "C50", "had-dp"),
    (A, "C509", "had-dp"),
    (A, "E119", "had-das"),
    (A, "I10", "had-das"),
    (A, "Z511", "had-mpp"),
    (A, "Z515", "had-mpa"),
]


@pytest.mark.parametrize("error", [{"GHT_NUM": "99"}, {"PAP_GRP_GHPC": "9999"}])
def test_a_sequence_at_home_that_was_wrongly_grouped_takes_its_lines_along(
    world: World, error: dict[str, str]
) -> None:
    world.bring("HAD", home(error))
    # Two groups of one sequence make no line twice.
    assert world.events("diagnoses", "code", "position") == [
        one for one in ALL_AT_HOME if one[1] in ("C50", "E119", "Z511")
    ]
    assert world.events("acts", "code", "quantity", "lines") == [(A, "DEQP003", 1, 1)]
    assert world.events("other_stays", "sector", "lines") == [(A, "had", 1)]
    # A correction brings the sequence back; it names B too, whose sequence has no group.
    world.bring("HAD-2", home(), "HAD")
    (report,) = world.silver.build(OPERATOR, "diagnoses")
    assert (report.state, report.persons) == ("built", 2)
    further = world.rows("diagnoses")
    assert world.events("diagnoses", "code", "position") == ALL_AT_HOME
    world.silver.rebuild(OPERATOR, "diagnoses")
    assert world.rows("diagnoses") == further


def test_psychiatry_follows_who_stays_and_never_who_comes_by(world: World) -> None:
    key = {"ETA_NUM_EPMSI": "750000001", "RIP_NUM": "000001"}
    tables: Tables = {
        "T_RIP17C": [key | chain(A)],
        "T_RIP17RSA": [
            key | {"SEQ_SEQ_NUM": f"{n:03}", "DGN_PAL": "F20", "SOR_MOD": out}
            for n, out in ((1, None), (2, "8"))
        ],
        "T_RIP17RSAD": [key | {"SEQ_SEQ_NUM": "001", "ASS_DGN": "F10"}] * 2,
        "T_RIP17CCAM": [
            key | {"CDC_ACT": "AZRP001", "ACV_ACT": "1", "PHA_ACT": "0", "ENT_DAT_DEL": 2}
            | {"NBR_EXE_ACT": 1}
        ],
        # Its number of the person is the hospital's own.
        "T_RIP17R3A": [{"ETA_NUM_EPMSI": "750000001", "IPP_IRR_CRY": "X" * 16, "DGN_PAL": "F32"}],
    }  # fmt: skip
    world.bring("RIP", tables)
    assert world.events("other_stays", "sector", "exit_mode", "lines") == [(A, "rip", "8", 2)]
    assert world.events("diagnoses", "code", "position", "lines") == [
        (A, "F10", "rip-das", 2),
        (A, "F20", "rip-dp", 2),
    ]
    acts = world.events("acts", "date", "code", "quantity")
    assert acts == [(A, date(2015, 3, 3), "AZRP001", 1)]


def test_stays_of_two_sectors_with_the_same_numbers_are_two(world: World) -> None:
    world.bring("HAD", home())
    world.bring("SSR", rehabilitation())
    found = world.events("other_stays", "sector", "stay")
    assert [one[1] for one in found] == ["had", "ssr"]
    assert found[0][2] != found[1][2]
    world.silver.build(OPERATOR, "diagnoses")
    place = column_names(concept("diagnoses")).index("stay")
    assert {row[place] for row in world.rows("diagnoses")} == {one[2] for one in found}


def paid(number: int, flux: date, **columns: Any) -> Row:
    given = {
        **dict.fromkeys(DCIR_KEY, 1),
        "FLX_DIS_DTD": flux,
        "FLX_TRT_DTD": flux,
        "ORG_CLE_NUM": "01C010000",
        "DCT_ORD_NUM": number,
    }
    return given | columns


def care(number: int, flux: date, who: str = A, **columns: Any) -> Row:
    given = {"BEN_NIR_PSA": who, "BEN_RNG_GEM": 1, "BEN_CDI_NIR": "00", "CPL_MAJ_TOP": 0}
    rest = {"EXE_SOI_DTD": date(2012, 11, 5), "DPN_QLF": 0, "BSE_PRS_NAT": 3313}
    return paid(number, flux, **given | rest | columns)


def pack(number: int, flux: date, quantity: int) -> Row:
    drug = {"PHA_ORD_NUM": 1, "PHA_PRS_C13": 3400930000001, "PHA_ACT_QSN": quantity}
    return paid(number, flux, **drug | {"PHA_DEC_TOP": " ", "PHA_DEC_QSU": 0})


DECEMBER, JANUARY, MARCH = date(2012, 12, 1), date(2013, 1, 1), date(2013, 3, 1)


def test_archives_are_read_with_the_table_that_they_were_taken_from(world: World) -> None:
    # The archive lacks PRS_DPN_QLP; its flux of January stands half in the next table.
    archived = {
        "ER_PRS_F_2012": [care(1, DECEMBER), care(2, JANUARY), care(3, DECEMBER, "Z" * 17)],
        "ER_PHA_F_2012": [pack(1, DECEMBER, 2), pack(3, DECEMBER, 1)],
    }
    world.bring("ARC", archived)
    first = {"ER_PRS_F": [care(9, MARCH, "Z" * 17, PRS_DPN_QLP=0)], "ER_PHA_F": [pack(9, MARCH, 1)]}
    world.bring("DCIR-1", first)
    assert world.events("dispensings", "date", "quantity") == [(A, date(2012, 11, 5), 2)]
    current = {
        "ER_PRS_F": [care(4, MARCH, PRS_DPN_QLP=None), care(5, MARCH, B, PRS_DPN_QLP=71)],
        # The drug of an archived line, and the reversal of another.
        "ER_PHA_F": [pack(2, JANUARY, 3), pack(4, MARCH, -1), pack(5, MARCH, 9)],
    }
    world.bring("DCIR", current)
    (report,) = world.silver.build(OPERATOR, "dispensings")
    assert (report.state, report.persons) == ("built", 2)
    further = world.rows("dispensings")
    assert world.events("dispensings", "date", "quantity", "lines", "flux") == [
        (A, date(2012, 11, 5), 4, 3, MARCH)
    ]
    pins = {one["concept"]: one["made_from"] for one in world.silver.status()}["dispensings"]
    assert set(pins) == {"ER_PRS_F", "ER_PRS_F_2012", "ER_PHA_F", "ER_PHA_F_2012", "IR_BEN_R"}
    world.silver.rebuild(OPERATOR, "dispensings")
    assert world.rows("dispensings") == further
    _, batches = world.silver.as_at("dispensings", date(2012, 12, 31))
    assert [row["quantity"] for one in batches for row in one.to_pylist()] == [2]


def test_who_stands_in_the_archived_register_alone_has_events_and_a_death(world: World) -> None:
    gone, died = "Z" * 17, date(2010, 5, 5)
    row = {"BEN_NIR_PSA": gone, "BEN_RNG_GEM": 1, "BEN_IDT_ANO": gone, "BEN_DCD_DTE": died}
    world.bring("BEN-ARC", {"IR_BEN_R_ARC": [row]})
    world.bring(
        "ARC",
        {
            "ER_PRS_F_2012": [care(3, DECEMBER, gone, PRS_DPN_QLP=0)],
            "ER_PHA_F_2012": [pack(3, DECEMBER, 1)],
        },
    )
    assert world.events("dispensings", "quantity") == [(gone, 1)]
    assert world.events("deaths", "date", "origin") == [(gone, died, "IR_BEN_R_ARC")]


def test_names_of_tables_say_their_family_and_year() -> None:
    assert family_of("T_MCO23UM") == ("T_MCOaaUM", 2023)
    assert family_of("T_SSR09CSARR") == ("T_SSRaaCSARR", 2009)
    assert family_of("T_RIP15R3AD") == ("T_RIPaaR3AD", 2015)
    assert family_of("ER_PHA_F_2006") == ("ER_PHA_F", 0)
    # Infra-annual tables are not final, and no part of any year.
    for name in ("T_MCO23_06B", "IR_BEN_R_ARC", "ER_PRS_F", "CT_IDE_2019_G8"):
        assert family_of(name) == (name, 0)
