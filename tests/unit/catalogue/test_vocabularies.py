"""Where a code lives, and what came and went between two years."""

from __future__ import annotations

import pytest

from bercail.catalogue import CodePlace, drift, load, vocabularies, where_is
from bercail.foundation import Invalid, Missing


def places(code: str) -> dict[str, CodePlace]:
    return {place.vocabulary: place for place in where_is(load(), code, vocabularies())}


@pytest.mark.parametrize(
    ("code", "vocabulary", "column", "table"),
    [
        ("E11.9", "CIM-10", "DGN_PAL", "T_MCOaaB"),
        ("e119", "CIM-10", "DGN_REL", "T_MCOaaUM"),
        ("E119", "CIM-10", "ASS_DGN", "T_MCOaaD"),
        ("E119", "CIM-10", "MED_MTF_COD", "IR_IMB_R"),
        ("I10", "CIM-10", "DCD_CIM_COD", "KI_CCI_R"),
        ("3400934826078", "CIP13", "PHA_PRS_C13", "ER_PHA_F"),
        ("YYYY600", "CCAM", "CAM_PRS_IDE", "ER_CAM_F"),
        ("0552", "NABM", "BIO_PRS_IDE", "ER_BIO_F"),
        ("28Z14Z", "GHM", "GRG_GHM", "T_MCOaaB"),
        ("750712184", "FINESS", "ETA_NUM", "T_MCOaaB"),
        ("02A", "Département", "BEN_RES_DPT", "IR_BEN_R"),
    ],
)
def test_a_code_is_found_where_the_snds_holds_it(
    code: str, vocabulary: str, column: str, table: str
) -> None:
    assert table in places(code)[vocabulary].columns[column]


def test_a_code_of_two_vocabularies_is_told_for_both() -> None:
    assert {"UCD7", "LPP"} <= set(places("9261110"))


def test_what_the_referentials_know_is_told() -> None:
    packs = places("A10BA02")["ATC"].known
    assert packs is not None
    assert int(packs.split()[0]) > 100
    stays = places("Z49.1")["CIM-10"].known
    assert stays is not None
    assert "stays" in stays


def test_an_unknown_code_is_missing() -> None:
    with pytest.raises(Missing, match="`zz`"):
        places("zz")


def test_every_pattern_of_columns_finds_a_column() -> None:
    registry = load()
    names = [(t.name, c.name) for t in registry.tables.values() for c in t.columns]
    through_drugs = {"ATC"}
    for vocabulary in vocabularies():
        if vocabulary.name not in through_drugs:
            assert any(vocabulary.holds(table, column) for table, column in names)


def test_exact_dates_of_stays_came_in_2009_and_the_month_went_after_2018() -> None:
    came = {item.table: item for item in drift(load(), 2008, 2009)}
    assert {"EXE_SOI_DTD", "EXE_SOI_DTF"} <= set(came["T_MCOaaC"].came)
    went = {item.table: item for item in drift(load(), 2018, 2019)}
    assert "SOR_MOI" in went["T_MCOaaC"].went


def test_the_drift_of_two_years_is_the_mirror_of_the_other_order() -> None:
    there = {item.table: (item.came, item.went) for item in drift(load(), 2010, 2015)}
    back = {item.table: (item.went, item.came) for item in drift(load(), 2015, 2010)}
    assert there == back
    assert drift(load(), 2012, 2012) == []


def test_an_unknown_year_is_refused() -> None:
    with pytest.raises(Invalid, match="`1999`"):
        drift(load(), 1999, 2012)
