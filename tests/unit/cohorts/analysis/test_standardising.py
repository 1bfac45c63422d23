"""Standardised rates against Fay and Feuer; ratios against what they must be."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.cohorts.analysis.standardising import (
    direct_rate,
    expected_events,
    indirect,
    ratio_to_expected,
    standardise,
)
from bercail.cohorts.analysis.standards import AgeBand, age_band, standard_population
from bercail.foundation import Invalid, Missing


@pytest.mark.parametrize(
    ("order", "crude", "rate", "low", "high"),
    # Fay and Feuer, Statistics in Medicine 1997;16:791-801, table 1, per 100 000, after Fleiss
    # 1981; the same figures come from R's epitools, `ageadjust.direct`.
    [
        (0, 56.3, 92.3, 80.4, 105.8),
        (1, 67.6, 91.2, 82.4, 100.9),
        (2, 83.3, 85.1, 77.2, 94.2),
        (3, 115.5, 92.7, 80.0, 114.7),
        (4, 167.1, 75.5, 67.7, 188.3),
    ],
)
def test_down_syndrome(
    published: SimpleNamespace, order: int, crude: float, rate: float, low: float, high: float
) -> None:
    cases, births = published.down_cases[order], published.down_births[order]
    standard = published.down_births.sum(axis=0)
    found = direct_rate(cases, births, standard / standard.sum()).times(1e5)
    assert cases.sum() / births.sum() * 1e5 == pytest.approx(crude, abs=0.05)
    assert found.value == pytest.approx(rate, abs=0.05)
    assert found.low == pytest.approx(low, abs=0.06)
    assert found.high == pytest.approx(high, abs=0.06)


@given(st.lists(st.integers(min_value=0, max_value=500), min_size=2, max_size=12))
@settings(max_examples=40)
def test_on_its_own_population_a_rate_stays_crude(events: list[int]) -> None:
    d = np.array(events, dtype=np.float64)
    years = np.arange(1.0, len(d) + 1) * 1000
    found = direct_rate(d, years, years / years.sum())
    assert found.value == pytest.approx(d.sum() / years.sum())
    assert found.low <= found.value <= found.high


@given(st.lists(st.integers(min_value=0, max_value=400), min_size=1, max_size=10).filter(any))
@settings(max_examples=40)
def test_at_its_own_rates_the_ratio_is_one(events: list[int]) -> None:
    d = np.array(events, dtype=np.float64)
    years = np.linspace(10, 2000, len(d))
    expected = expected_events(years, d, years).sum()
    for method in ("exact", "byar"):
        found = ratio_to_expected(float(d.sum()), float(expected), method=method)
        assert found.value == pytest.approx(1.0)
        assert found.low < 1.0 < found.high


def test_ratio_limits_are_ulms() -> None:
    """Ulm, Am J Epidemiol 1990;131:373-375: limits from chi-squared, here for 10 over 5."""
    found = ratio_to_expected(10, 5.0)
    assert (found.low, found.high) == (
        pytest.approx(4.7954 / 5, abs=1e-4),
        pytest.approx(18.3904 / 5, abs=1e-4),
    )


def test_smokers_at_the_rates_of_others(published: SimpleNamespace) -> None:
    names = {"events": published.doctor_deaths, "person_years": published.doctor_years}
    table = pa.table({**names, "age": published.doctor_ages})
    found = indirect(
        table.slice(0, 5),
        table.slice(5),
        strata=["age"],
        events="events",
        person_years="person_years",
    )
    (row,) = found.rows
    # By hand: 5.58 + 48.63 + 140.30 + 137.16 + 112.74 deaths are expected.
    assert row["expected"] == pytest.approx(444.41, abs=0.01)
    assert row["ratio"] == pytest.approx(630 / 444.41, rel=1e-4)
    assert row["low"] < row["ratio"] < row["high"]
    assert found.events == 630


def test_strata_must_be_in_the_reference_once() -> None:
    table = pa.table({"age": ["0-4", "5-9"], "events": [1, 2], "person_years": [10.0, 20.0]})
    asked = {"strata": ["age"], "events": "events", "person_years": "person_years"}
    with pytest.raises(Invalid, match="no rate for 1 rows"):
        indirect(table, table.slice(0, 1), **asked)
    with pytest.raises(Invalid, match="a stratum twice"):
        indirect(table, pa.concat_tables([table, table]), **asked)


def test_standards_are_those_published() -> None:
    europe = standard_population("european-2013")
    assert sum(europe.persons) == 100_000
    assert sum(standard_population("european-1976").persons) == 100_000
    # Ahmad et al. 2001, table 4: the printed percentages sum to 100.035.
    assert sum(standard_population("world-who-2000").persons) == 100_035
    wide = [AgeBand(low=0, high=64), age_band("65+")]
    assert europe.shares(wide).tolist() == pytest.approx([0.805, 0.195])
    with pytest.raises(Missing, match="no standard population `mars`"):
        standard_population("mars")


def test_bands_that_do_not_fit_are_refused() -> None:
    europe = standard_population("european-2013")
    with pytest.raises(Invalid, match="cuts a group"):
        europe.shares([age_band("0-17"), age_band("18+")])
    with pytest.raises(Invalid, match="do not meet"):
        europe.shares([age_band("0-4"), age_band("10+")])
    for label in ("old", "9-5", "5 - 9"):
        with pytest.raises(Invalid, match="no age group"):
            age_band(label)


def test_standardised_rates_of_groups() -> None:
    table = pa.table(
        {
            "age": ["0-64", "65+", "0-64", "65+"],
            "sex": ["f", "f", "m", "m"],
            "events": [10, 90, 20, 30],
            "person_years": [10_000.0, 3_000.0, 10_000.0, 1_000.0],
        }
    )
    found = standardise(
        table,
        age="age",
        events="events",
        person_years="person_years",
        standard=standard_population("european-2013"),
        by=["sex"],
    )
    # The same rates in the old, twice the rate in the young: the crude order is reversed.
    women, men = found.rows
    assert women["crude"] > men["crude"]
    assert women["standardised"] == pytest.approx((0.805 * 0.001 + 0.195 * 0.03) * 1e5)
    assert men["standardised"] == pytest.approx((0.805 * 0.002 + 0.195 * 0.03) * 1e5)
    assert women["events"] == 100
    empty = table.filter(pa.array([True, True, True, False]))
    with pytest.raises(Invalid, match="1 strata of the standard have no person-years"):
        standardise(
            empty,
            age="age",
            events="events",
            person_years="person_years",
            standard=standard_population("european-2013"),
            by=["sex"],
        )
