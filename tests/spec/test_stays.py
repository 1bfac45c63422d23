"""Hospital stays: diagnoses in several tables, keys that repeat from year to year."""

from __future__ import annotations

from datetime import date

import pytest

from bercail.cohorts import stays
from bercail.testing.small_snds import SmallSnds

STROKE = ("I63",)


@pytest.mark.parametrize(
    ("columns", "principal", "associated", "anywhere"),
    [
        ({"DGN_PAL": "I630"}, True, False, True),
        ({"DGN_PAL": "Z00", "DGN_REL": "I639"}, False, False, True),
        ({"DGN_PAL": "Z00", "associated": ["E119", "I639 "]}, False, True, True),
        ({"DGN_PAL": "Z00", "units": [("I639", None)]}, False, True, True),
        ({"DGN_PAL": "Z00", "units": [("Z00", "I639")]}, False, True, True),
        ({"DGN_PAL": "Z00", "associated": ["AI63"]}, False, False, False),
        ({"DGN_PAL": None}, None, False, False),
    ],
)
def test_a_diagnosis_is_looked_for_where_it_may_stand(
    columns_of_values, columns, principal, associated, anywhere
) -> None:
    data = SmallSnds()
    data.person("a")
    data.stay("a", "2024-01-01", "2024-01-05", **columns)
    found = {
        "principal": stays.where(stays.principal_diagnosis.starts_with(*STROKE)),
        "associated": stays.where(stays.associated_diagnoses.any_starts_with(*STROKE)),
        "anywhere": stays.where(stays.diagnoses.any_starts_with(*STROKE)),
        "not anywhere": stays.where(~stays.diagnoses.any_starts_with(*STROKE)),
        "not principal": stays.where(~stays.principal_diagnosis.starts_with(*STROKE)),
    }
    answers = columns_of_values(data, [events.exists() for events in found.values()])
    assert {name: one["a"] for name, one in zip(found, answers, strict=True)} == {
        "principal": principal is True,
        "associated": associated,
        "anywhere": anywhere,
        "not anywhere": not anywhere,
        "not principal": principal is False,
    }


def test_codes_are_looked_up_in_a_list(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.stay("a", "2024-01-01", "2024-01-05", DGN_PAL="Z00", associated=["E119"])
    assert values(data, stays.where(stays.diagnoses.any_in(["E119", "E118"])).exists()) == {
        "a": True
    }
    assert values(data, stays.where(stays.diagnoses.any_in(["E11"])).exists()) == {"a": False}


def test_the_same_key_in_two_years_is_two_stays(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.person("b")
    data.stay("a", "2023-02-01", "2023-02-02", RSA_NUM=7, DGN_PAL="I639", associated=["E119"])
    data.stay("b", "2024-02-01", "2024-02-02", RSA_NUM=7, DGN_PAL="Z00")
    assert values(data, stays.count()) == {"a": 1, "b": 1}
    assert values(data, stays.first().principal_diagnosis) == {"a": "I639", "b": "Z00"}
    with_e11 = stays.where(stays.diagnoses.any_starts_with("E11"))
    assert values(data, with_e11.exists()) == {"a": True, "b": False}


def test_a_stay_over_new_year_stands_in_the_year_of_discharge(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.stay("a", "2023-12-20", "2024-01-05")
    assert values(data, stays.during(2023).count()) == {"a": 1}
    assert values(data, stays.between("2024-01-01", "2024-12-31", on="discharge").count()) == {
        "a": 1
    }
    assert values(data, stays.active_between("2024-01-01", "2024-01-31").exists()) == {"a": True}


def test_first_and_last_stay(values) -> None:
    data = SmallSnds()
    data.person("a")
    data.stay("a", "2024-01-01", "2024-01-09", GRG_GHM="05M091")
    data.stay("a", "2024-01-01", "2024-01-02", GRG_GHM="01M301")
    assert values(data, stays.first().ghm) == {"a": "01M301"}
    assert values(data, stays.last().ghm) == {"a": "05M091"}
    assert values(data, stays.last().discharge) == {"a": date(2024, 1, 9)}
    assert values(data, stays.first().related_diagnosis) == {"a": None}


def test_a_summary_without_chaining_is_nobody_s_stay(values) -> None:
    data = SmallSnds()
    data.person("a")
    key = data.stay("a", "2024-01-01", "2024-01-09")
    data.row("T_MCO24B", ETA_NUM=key[0], RSA_NUM="0000009999", DGN_PAL="I639")
    assert values(data, stays.count()) == {"a": 1}
