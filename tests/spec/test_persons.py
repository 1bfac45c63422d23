"""One person may stand under several pseudonyms, and one pseudonym for several persons."""

from __future__ import annotations

from datetime import date

import pytest

from bercail.cohorts import dispensings, long_term_illnesses, persons, stays
from bercail.testing.small_snds import SmallSnds


def test_events_under_two_pseudonyms_belong_to_one_person(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.person("other", BEN_IDT_ANO="a")
    data.dispensing("a", "2024-01-01")
    data.dispensing("other", "2024-02-01")
    data.stay("other", "2024-03-01", "2024-03-02")
    assert values(data, dispensings.count()) == {"a": 2}
    assert values(data, stays.count()) == {"a": 1}


def test_the_rank_tells_twins_apart(values) -> None:
    data = SmallSnds()
    data.person("p", BEN_RNG_GEM=1, BEN_IDT_ANO="twin 1")
    data.person("p", BEN_RNG_GEM=2, BEN_IDT_ANO="twin 2")
    data.dispensing("p", "2024-01-01", BEN_RNG_GEM=2)
    data.illness("p", "2024-01-01", BEN_RNG_GEM=1)
    assert values(data, dispensings.count()) == {"twin 1": 0, "twin 2": 1}
    assert values(data, long_term_illnesses.count()) == {"twin 1": 1, "twin 2": 0}


def test_a_stay_of_same_sex_twins_is_attributed_to_nobody(values) -> None:
    data = SmallSnds()
    data.person("p", BEN_RNG_GEM=1, BEN_IDT_ANO="twin 1")
    data.person("p", BEN_RNG_GEM=2, BEN_IDT_ANO="twin 2")
    data.stay("p", "2024-03-01", "2024-03-02")
    assert values(data, stays.count()) == {"twin 1": 0, "twin 2": 0}


def test_events_of_an_unknown_pseudonym_or_rank_are_left_out(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.dispensing("nobody", "2024-01-01")
    data.dispensing("a", "2024-01-01", BEN_RNG_GEM=3)
    data.dispensing("a", "2024-01-01", BEN_RNG_GEM=None)
    assert values(data, dispensings.count()) == {"a": 0}


def test_a_row_without_person_is_no_person(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.person("b", BEN_IDT_ANO=None)
    data.dispensing("b", "2024-01-01")
    assert values(data, dispensings.exists()) == {"a": False}


def test_rows_that_disagree_leave_the_value_unknown(values) -> None:
    data = SmallSnds()
    data.person("a", birth=1950, sex=1)
    data.person("b", birth=1951, sex=2, BEN_IDT_ANO="a")
    data.person("c", birth=1960, sex=1)
    data.person("d", birth=None, sex=0, BEN_IDT_ANO="c")
    assert values(data, persons.sex.is_known()) == {"c": True}
    assert values(data, persons.sex) == {"c": "male"}
    assert values(data, persons.birth_year) == {"c": 1960}


@pytest.mark.parametrize("code", [0, 3, 9, None])
def test_another_sex_code_is_unknown(values, code) -> None:
    data = SmallSnds()
    data.person("a", sex=code)
    assert values(data, persons.sex) == {"a": None}


NO_YEARS = ["1600", "0001", "-1", "0", "2200", "", "19x0", "\u00a01950", "\u0661950"]


@pytest.mark.parametrize("text", NO_YEARS)
def test_a_birth_year_that_cannot_be_is_unknown(values, text) -> None:
    data = SmallSnds()
    data.person("a", BEN_NAI_ANN=text)
    assert values(data, persons.birth_year) == {"a": None}


def test_padding_around_a_number_is_ignored(values) -> None:
    data = SmallSnds()
    data.person("a", BEN_NAI_ANN=" 1950 ")
    assert values(data, persons.birth_year) == {"a": 1950}


def test_a_death_on_one_row_is_the_death_of_the_person(values) -> None:
    data = SmallSnds()
    data.person("a", BEN_DCD_DTE=date(1600, 1, 1))
    data.person("b", BEN_DCD_DTE=date(2024, 5, 1), BEN_IDT_ANO="a")
    data.person("c", BEN_DCD_DTE=date(2024, 4, 1), BEN_IDT_ANO="a")
    assert values(data, persons.death_date) == {"a": date(2024, 5, 1)}


def test_the_department_is_that_of_the_row_updated_last(values) -> None:
    data = SmallSnds()
    data.person("a", BEN_RES_DPT="075", BEN_DTE_MAJ=date(2020, 1, 1))
    data.person("b", BEN_RES_DPT="013", BEN_DTE_MAJ=date(2023, 1, 1), BEN_IDT_ANO="a")
    data.person("c", BEN_RES_DPT=None, BEN_DTE_MAJ=date(2024, 1, 1), BEN_IDT_ANO="a")
    data.person("d", BEN_RES_DPT="02A", BEN_DTE_MAJ=None)
    data.person("e", BEN_RES_DPT="  ", BEN_DTE_MAJ=date(2024, 1, 1))
    assert values(data, persons.department) == {"a": "013", "d": "02A", "e": None}
