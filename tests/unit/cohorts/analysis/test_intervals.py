"""Intervals of counts and shares against printed tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.cohorts.analysis.intervals import (
    byar_poisson,
    exact_poisson,
    gamma_interval,
    normal_quantile,
    share,
)
from bercail.foundation import Invalid


@pytest.mark.parametrize(
    ("events", "low", "high"),
    # Breslow and Day, volume II, IARC 1987, table 2.10: factors of 95 % limits, p. 70.
    [(1, 0.0253, 5.57), (2, 0.121, 3.61), (5, 0.324, 2.33), (10, 0.480, 1.84), (100, 0.814, 1.22)],
)
def test_exact_limits_are_those_of_breslow_and_day(events: int, low: float, high: float) -> None:
    found = exact_poisson(events)
    assert found.low / events == pytest.approx(low, abs=8e-4)
    assert found.high / events == pytest.approx(high, rel=4e-3)


def test_no_event_has_an_upper_limit() -> None:
    # Garwood, Biometrika 1936;28:437-442: 3.689 for none at 95 %.
    assert exact_poisson(0).low == 0.0
    assert exact_poisson(0).high == pytest.approx(3.689, abs=5e-4)


@given(st.integers(min_value=4, max_value=5000))
@settings(max_examples=40)
def test_byar_is_near_the_exact_limits(events: int) -> None:
    """`Byar's approximation is accurate even for small numbers`, Breslow and Day 1987, p. 69."""
    exact, byar = exact_poisson(events), byar_poisson(events)
    assert byar.low == pytest.approx(exact.low, rel=0.025)
    assert byar.high == pytest.approx(exact.high, rel=0.006)


def test_byar_of_nothing_begins_at_nothing() -> None:
    assert byar_poisson(0).low == 0.0
    assert byar_poisson(1, level=0.9999).low == 0.0


@pytest.mark.parametrize(
    ("cases", "persons", "method", "low", "high"),
    # Newcombe, Statistics in Medicine 1998;17:857-872, table I: methods 3 and 5.
    [
        (81, 263, "wilson", 0.2553, 0.3662),
        (81, 263, "exact", 0.2527, 0.3676),
        (15, 148, "wilson", 0.0624, 0.1605),
        (15, 148, "exact", 0.0578, 0.1617),
        (0, 20, "wilson", 0.0, 0.1611),
        (0, 20, "exact", 0.0, 0.1684),
        (1, 29, "wilson", 0.0061, 0.1718),
        (1, 29, "exact", 0.0009, 0.1776),
    ],
)
def test_shares_are_newcombes(
    cases: int, persons: int, method: str, low: float, high: float
) -> None:
    found = share(cases, persons, method=method)
    assert found.low == pytest.approx(low, abs=5.1e-5)
    assert found.high == pytest.approx(high, abs=5.1e-5)


@given(st.integers(min_value=1, max_value=400), st.data(), st.sampled_from(["wilson", "exact"]))
@settings(max_examples=60)
def test_a_share_lies_in_its_interval_and_mirrors(
    persons: int, data: st.DataObject, how: str
) -> None:
    cases = data.draw(st.integers(min_value=0, max_value=persons))
    found, mirror = share(cases, persons, method=how), share(persons - cases, persons, method=how)
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0
    assert mirror.low == pytest.approx(1 - found.high, abs=1e-9)


def test_one_stratum_is_garwoods_interval() -> None:
    """With one weight the gamma interval is exact (Fay and Feuer 1997, section 3)."""
    one = gamma_interval(np.array([7.0]), np.array([0.5]))
    exact = exact_poisson(7).times(0.5)
    assert one.low == pytest.approx(exact.low)
    assert one.high == pytest.approx(exact.high)
    none = gamma_interval(np.array([0.0]), np.array([0.5]))
    assert (none.low, none.high) == (0.0, pytest.approx(0.5 * 3.6888794, rel=1e-6))


def test_levels() -> None:
    assert normal_quantile(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert exact_poisson(10, 0.90).high < exact_poisson(10, 0.99).high
    for wrong in (0.0, 1.0, 95.0, math.nan):
        with pytest.raises(Invalid, match="no level of confidence"):
            exact_poisson(1, wrong)


def test_what_is_no_share_is_refused() -> None:
    for cases, persons in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(Invalid, match="no share"):
            share(cases, persons)
    with pytest.raises(Invalid, match="no interval `wald`"):
        share(1, 2, method="wald")
