"""Each named cleaning rule, with rows it keeps and rows it drops."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bercail.cohorts import Cohort, dispensings, long_term_illnesses, stays
from bercail.cohorts.cleaning import RULES
from bercail.testing.small_snds import SmallSnds

LINES: list[tuple[str, dict[str, Any], bool]] = [
    ("dcir-base-acts", {"CPL_MAJ_TOP": 0}, True),
    ("dcir-base-acts", {"CPL_MAJ_TOP": 1}, True),
    ("dcir-base-acts", {"CPL_MAJ_TOP": 2}, False),
    ("dcir-base-acts", {"CPL_MAJ_TOP": None}, False),
    ("dcir-not-for-information", {"DPN_QLF": 0, "PRS_DPN_QLP": 0}, True),
    ("dcir-not-for-information", {"DPN_QLF": None, "PRS_DPN_QLP": None}, True),
    ("dcir-not-for-information", {"DPN_QLF": None, "PRS_DPN_QLP": 71}, False),
    ("dcir-not-for-information", {"DPN_QLF": 71}, False),
    ("dcir-not-for-information", {"DPN_QLF": 72}, False),
    ("dcir-not-for-information", {"PRS_DPN_QLP": 72}, False),
    ("dcir-real-identifiers", {"BEN_CDI_NIR": "03"}, True),
    ("dcir-real-identifiers", {"BEN_CDI_NIR": "11"}, False),
    ("dcir-real-identifiers", {"BEN_CDI_NIR": None}, False),
    ("dcir-known-act", {"BSE_PRS_NAT": 3313}, True),
    ("dcir-known-act", {"BSE_PRS_NAT": 0}, False),
]
STAYS: list[tuple[str, dict[str, Any], bool]] = [
    ("mco-return-codes", {}, True),
    *(
        ("mco-return-codes", {f"{code}_RET": "1"}, False)
        for code in ("NIR", "NAI", "SEX", "SEJ", "FHO", "PMS", "DAT", "COH_NAI", "COH_SEX")
    ),
    ("mco-return-codes", {"NIR_RET": None}, False),
    ("mco-no-error-groups", {"GRG_GHM": "90Z00Z"}, False),
    ("mco-no-error-groups", {"GRG_GHM": "05M901"}, True),
    ("mco-no-error-groups", {"GRG_GHM": None}, False),
    ("mco-no-sessions", {"GRG_GHM": "28Z04Z"}, False),
    ("mco-no-sessions", {"GRG_GHM": "05M281"}, True),
    ("mco-pie", {"SEJ_TYP": "A"}, True),
    ("mco-pie", {"SEJ_TYP": None}, True),
    ("mco-pie", {"SEJ_TYP": "B"}, False),
    ("mco-pie", {"SEJ_TYP": "B", "GRG_GHM": "28Z04Z"}, True),
    ("mco-pie", {"SEJ_TYP": "B", "GRG_GHM": "28Z14Z"}, False),
    ("mco-pie", {"SEJ_TYP": "B", "GRG_GHM": "28Z15Z"}, False),
    ("mco-pie", {"SEJ_TYP": "B", "GRG_GHM": "28Z16Z"}, False),
    ("mco-pie", {"SEJ_TYP": "B", "GRG_GHM": None}, False),
]
PERSONS: list[tuple[str, dict[str, Any], bool]] = [
    ("person-known-sex", {"sex": 1}, True),
    ("person-known-sex", {"sex": 9}, False),
    ("person-known-birth-year", {"birth": 1950}, True),
    ("person-known-birth-year", {"birth": 1600}, False),
    ("person-real-identifier", {"BEN_CDI_NIR": "00"}, True),
    ("person-real-identifier", {"BEN_CDI_NIR": "99"}, False),
    ("person-plausible-death", {}, True),
    ("person-plausible-death", {"BEN_DCD_DTE": date(1950, 1, 1)}, True),
    ("person-plausible-death", {"BEN_DCD_DTE": date(1949, 12, 31)}, False),
]
# (lines of one person, date and drug as packs and loose units, packs left; None: dropped)
NETS: list[tuple[list[tuple[int | None, int | None]], int | None]] = [
    ([(1, None)], 1),
    ([(1, None), (-1, None)], None),
    ([(1, None), (-1, None), (2, None)], 2),
    ([(-1, None)], None),
    ([(None, None)], None),
    ([(None, None), (2, None)], 2),
    ([(0, 7)], 0),
    ([(0, 7), (0, -7)], None),
]


def test_every_rule_has_cases_of_both_kinds() -> None:
    seen = {(rule, kept) for rule, _, kept in (*LINES, *STAYS, *PERSONS)}
    seen |= {("ald-only", True), ("ald-only", False)}
    seen |= {("dcir-net-lines", left is not None) for _, left in NETS}
    assert seen == {(rule, kept) for rule in RULES for kept in (True, False)}


@pytest.mark.parametrize(("rule", "columns", "kept"), LINES)
def test_care_lines(columns_of_values, rule, columns, kept) -> None:
    data = SmallSnds()
    data.person("a")
    data.dispensing("a", "2024-01-01", **columns)
    both = [dispensings.clean(rule).exists(), dispensings.exists()]
    assert columns_of_values(data, both) == [{"a": kept}, {"a": True}]


@pytest.mark.parametrize(("rule", "columns", "kept"), STAYS)
def test_stays(columns_of_values, rule, columns, kept) -> None:
    data = SmallSnds()
    data.person("a")
    data.stay("a", "2024-01-01", "2024-01-02", **columns)
    both = [stays.clean(rule).exists(), stays.exists()]
    assert columns_of_values(data, both) == [{"a": kept}, {"a": True}]


@pytest.mark.parametrize(("nature", "kept"), [(41, True), (43, True), (45, True), (11, False)])
def test_illnesses(values, nature, kept) -> None:
    data = SmallSnds()
    data.person("a")
    data.illness("a", "2024-01-01", IMB_ETM_NAT=nature)
    assert values(data, long_term_illnesses.clean("ald-only").exists()) == {"a": kept}


@pytest.mark.parametrize(("rule", "columns", "kept"), PERSONS)
def test_persons(ask, rule, columns, kept) -> None:
    data = SmallSnds()
    data.person("a", **columns)
    data.dispensing("a", "2024-01-01")
    study = Cohort(name="spec", title="spec", person_rules=[rule], population=dispensings.exists())
    result = ask(data, study.model)
    assert [step.persons for step in result.flowchart] == [1, int(kept), int(kept)]


@pytest.mark.parametrize(("lines", "left"), NETS)
def test_regularisations_cancel(columns_of_values, lines, left) -> None:
    data = SmallSnds()
    data.person("a")
    for packs, units in lines:
        loose = {} if units is None else {"PHA_DEC_TOP": "D", "PHA_DEC_QSU": units}
        data.dispensing("a", "2024-01-01", PHA_ACT_QSN=packs, **loose)
    net = dispensings.clean("dcir-net-lines")
    asked = [net.count(), net.total(dispensings.quantity), net.first().date]
    first = None if left is None else date(2024, 1, 1)
    answers = columns_of_values(data, asked)
    assert answers == [{"a": 0 if left is None else 1}, {"a": left or 0}, {"a": first}]


def test_lines_of_another_date_or_drug_do_not_cancel(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.person("b")
    data.dispensing("a", "2024-01-01")
    data.dispensing("a", "2024-01-02", PHA_ACT_QSN=-1)
    data.dispensing("b", "2024-01-01", PHA_ACT_QSN=-1)
    assert values(data, dispensings.clean("dcir-net-lines").count()) == {"a": 1, "b": 0}


def test_a_quantity_is_tested_after_lines_are_added_up(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.dispensing("a", "2024-01-01", PHA_ACT_QSN=3)
    data.dispensing("a", "2024-01-01", PHA_ACT_QSN=-2)
    net = dispensings.clean("dcir-net-lines")
    assert values(data, net.where(dispensings.quantity >= 2).exists()) == {"a": False}
    assert values(data, net.where(dispensings.quantity == 1).exists()) == {"a": True}


def test_dropped_lines_take_no_part_in_netting(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.dispensing("a", "2024-01-01")
    data.dispensing("a", "2024-01-01", PHA_ACT_QSN=-1, CPL_MAJ_TOP=2)
    net = dispensings.clean("dcir-net-lines", "dcir-base-acts")
    assert values(data, net.count()) == {"a": 1}
