"""Survival curves against printed ones, and against what they must be."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.cohorts.analysis.survival import compare_groups, kaplan_meier, survival
from bercail.foundation import Invalid


def test_remission_under_six_mercaptopurine(published: SimpleNamespace) -> None:
    """Cox and Oakes 1984, table 4.1, and Kleinbaum and Klein 2012, p. 67-69."""
    treated = published.arm == "6-MP"
    found = kaplan_meier(published.weeks[treated], published.relapse[treated])
    assert found.time.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert found.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert found.events.tolist() == [3, 1, 1, 1, 1, 1, 1]
    printed = [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    assert found.survival == pytest.approx(printed, abs=5.1e-5)
    # Greenwood's errors, as R, SAS and Stata print them for these data.
    errors = [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]
    assert found.error == pytest.approx(errors, abs=5.1e-5)
    # Limits on the log(-log) scale: 0.6197 to 0.9516 at 6 weeks (Stata's `sts list`).
    assert (found.low[0], found.high[0]) == (
        pytest.approx(0.6197, abs=5.1e-5),
        pytest.approx(0.9516, abs=5.1e-5),
    )
    median = found.median()
    assert (median.value, median.low) == (23.0, 13.0)
    assert math.isnan(median.high)
    assert found.at(5.9) == 1.0
    assert found.at(6) == found.at(6.5) == pytest.approx(0.8571, abs=5.1e-5)


def test_median_of_placebo(published: SimpleNamespace) -> None:
    other = published.arm == "placebo"
    median = kaplan_meier(published.weeks[other], published.relapse[other]).median()
    # Kleinbaum and Klein 2012, p. 70: 8 weeks; limits as SAS LIFETEST prints them, 4 to 11.
    assert (median.value, median.low, median.high) == (8.0, 4.0, 11.0)


@pytest.mark.parametrize(
    ("name", "chi_squared"),
    # Kleinbaum and Klein 2012, p. 76 and 82: 16.79 and, weighted as Wilcoxon, 13.46; Tarone-Ware.
    [("logrank", 16.79), ("gehan-breslow", 13.46), ("tarone-ware", 15.12)],
)
def test_the_arms_differ(published: SimpleNamespace, name: str, chi_squared: float) -> None:
    found = compare_groups(published.weeks, published.relapse, published.arm, name)
    assert found.chi_squared == pytest.approx(chi_squared, abs=5.1e-3)
    assert found.freedom == 1
    assert found.p_value < 0.001


@given(st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=40))
@settings(max_examples=40)
def test_without_censoring_it_is_the_empirical_curve(times: list[int]) -> None:
    at = np.array(times, dtype=np.float64)
    found = kaplan_meier(at, np.ones(len(at), dtype=np.bool_))
    for time, left in zip(found.time, found.survival, strict=True):
        assert left == pytest.approx((at > time).mean())
    # Greenwood's error is then the binomial one.
    binomial = np.sqrt(found.survival * (1 - found.survival) / len(at))
    inside = found.survival > 1e-12
    assert found.error[inside] == pytest.approx(binomial[inside])


@given(
    st.lists(
        st.tuples(st.integers(min_value=1, max_value=20), st.booleans()), min_size=2, max_size=30
    ).filter(lambda rows: any(event for _, event in rows))
)
@settings(max_examples=40)
def test_curves_fall_within_their_limits(rows: list[tuple[int, bool]]) -> None:
    time, event = (np.array(column) for column in zip(*rows, strict=True))
    found = kaplan_meier(time.astype(np.float64), event)
    assert (np.diff(found.survival) <= 1e-12).all()
    assert found.events.sum() == event.sum()
    inside = (found.survival > 1e-9) & (found.survival < 1)
    assert (found.low[inside] <= found.survival[inside]).all()
    assert (found.survival[inside] <= found.high[inside]).all()


def test_late_entry_counts_from_there() -> None:
    time, event = np.array([5.0, 6.0, 9.0]), np.array([True, True, True])
    found = kaplan_meier(time, event, entry=np.array([0.0, 5.5, 0.0]))
    assert found.at_risk.tolist() == [2, 2, 1]
    with pytest.raises(Invalid, match="1 persons leave"):
        kaplan_meier(time, event, entry=np.array([5.0, 0.0, 0.0]))


def test_a_table_with_groups(published: SimpleNamespace) -> None:
    table = pa.table(
        {"time": published.weeks, "event": published.relapse, "arm": published.arm.tolist()}
    )
    found = survival(table, time="time", event="event", by=["arm"])
    assert (found.persons, found.events) == (42, 30)
    assert found.facts["p_value"] == pytest.approx(4.17e-5, rel=1e-3)
    assert found.facts["median"]["6-MP"] == {"median": 23.0, "low": 13.0, "high": None}
    last = found.rows[-1]
    assert (last["arm"], last["time"], last["survival"], last["low"]) == ("placebo", 23, 0, None)
    alone = survival(table, time="time", event="event")
    assert "p_value" not in alone.facts


def test_what_cannot_be_is_refused(published: SimpleNamespace) -> None:
    with pytest.raises(Invalid, match="Nobody has the event"):
        kaplan_meier(np.array([1.0, 2.0]), np.array([False, False]))
    with pytest.raises(Invalid, match="one group only"):
        compare_groups(published.weeks, published.relapse, ["a"] * 42)
    with pytest.raises(Invalid, match="no test `peto`"):
        compare_groups(published.weeks, published.relapse, published.arm, "peto")
