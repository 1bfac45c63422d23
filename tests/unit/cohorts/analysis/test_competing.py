"""Cumulative incidence: a small case by hand, and what must hold always."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.cohorts.analysis.competing import aalen_johansen, competing
from bercail.cohorts.analysis.survival import kaplan_meier
from bercail.foundation import Invalid


def test_a_case_by_hand() -> None:
    """Gooley et al., Statistics in Medicine 1999;18:695-706, section 3: each event's jump is its
    share of those at risk, times the share that has had no event yet."""
    time = np.array([1.0, 2.0, 2.0, 3.0, 4.0, 5.0])
    state = np.array([1, 2, 0, 1, 2, 1])
    first, second = aalen_johansen(time, state)
    # 1/6; then 1/6 + (1 - 1/6)(1 - 1/5) / 3; the last takes what is left of those.
    assert first.incidence.tolist() == pytest.approx([1 / 6, 1 / 6, 7 / 18, 7 / 18, 11 / 18])
    assert second.incidence.tolist() == pytest.approx([0, 1 / 6, 1 / 6, 7 / 18, 7 / 18])
    assert first.at_risk.tolist() == [6, 5, 3, 2, 1]
    assert first.events.tolist() == [1, 0, 1, 0, 1]


rows = st.lists(
    st.tuples(st.integers(min_value=1, max_value=15), st.integers(min_value=0, max_value=3)),
    min_size=2,
    max_size=40,
).filter(lambda found: any(state for _, state in found))


@given(rows)
@settings(max_examples=40)
def test_events_and_survival_make_a_whole(found: list[tuple[int, int]]) -> None:
    time, state = (np.array(column) for column in zip(*found, strict=True))
    curves = aalen_johansen(time.astype(np.float64), state)
    together = kaplan_meier(time.astype(np.float64), state > 0)
    for place, moment in enumerate(curves[0].time):
        total = sum(float(curve.incidence[place]) for curve in curves)
        assert total + together.at(float(moment)) == pytest.approx(1.0)
    assert sum(int(curve.events.sum()) for curve in curves) == int((state > 0).sum())


@given(st.lists(st.integers(min_value=1, max_value=2), min_size=5, max_size=60))
@settings(max_examples=30)
def test_without_censoring_it_is_a_share_with_a_binomial_interval(states: list[int]) -> None:
    state = np.array(states)
    time = np.arange(1.0, len(state) + 1)
    for curve in aalen_johansen(time, state):
        share = np.cumsum(state == curve.cause) / len(state)
        assert curve.incidence == pytest.approx(share)
        error = np.sqrt(share * (1 - share) / len(state))
        # The limits are on the log(-log) scale; undone, they give the error back.
        inside = (share > 0) & (share < 1) & np.isfinite(curve.low)
        reach = np.log(np.log(curve.low[inside]) / np.log(share[inside]))
        undone = reach * share[inside] * np.abs(np.log(share[inside])) / 1.959963984540054
        assert undone == pytest.approx(error[inside], rel=1e-6)


def test_a_table_with_groups() -> None:
    table = pa.table(
        {"time": [1, 2, 3, 4, 1, 2], "state": [1, 2, 0, 1, 2, 1], "g": ["a"] * 4 + ["b"] * 2}
    )
    found = competing(table, time="time", state="state", by=["g"])
    assert (found.persons, found.events) == (6, 5)
    assert [(r["g"], r["cause"], r["time"]) for r in found.rows] == [
        ("a", 1, 1),
        ("a", 1, 4),
        ("a", 2, 2),
        ("b", 1, 2),
        ("b", 2, 1),
    ]
    assert all(row["events"] == 1 for row in found.rows)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(Invalid, match="Nobody has any event"):
        aalen_johansen(np.array([1.0]), np.array([0]))
    with pytest.raises(Invalid, match="holds no states"):
        competing(pa.table({"t": [1.0], "s": [0.5]}), time="t", state="s")
