"""Interrupted time series against printed fits."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.cohorts.analysis.interrupted import interrupted, linear_series, segments
from bercail.foundation import Invalid


def test_cigarettes_in_california(published: SimpleNamespace) -> None:
    """Linden, Stata Journal 2015;15:480-500, section 4.1: Proposition 99, Newey-West, one lag."""
    found = linear_series(published.cigarettes, segments(31, 19), lags=1)
    terms = {term.name: (term.coefficient, term.error) for term in found.terms}
    printed = {
        "trend": (-1.779474, 0.3834188),
        "level_change": (-20.0581, 4.724395),
        "slope_change": (-1.494652, 0.4368201),
    }
    for name, (coefficient, error) in printed.items():
        assert terms[name][0] == pytest.approx(coefficient, rel=5e-7)
        assert terms[name][1] == pytest.approx(error, rel=5e-6)


@pytest.mark.parametrize(
    ("pairs", "ratio", "low", "high"),
    # Lopez Bernal, Cummins, Gasparrini, Int J Epidemiol 2017;46:348-355: the ban's step, without
    # and with season (their model 3: 0.885, 0.839 to 0.933).
    [(0, 0.894, 0.839, 0.953), (2, 0.885, 0.839, 0.933)],
)
def test_smoking_ban_in_sicily(
    published: SimpleNamespace, pairs: int, ratio: float, low: float, high: float
) -> None:
    table = pa.table({"events": published.sicily_events, "population": published.sicily_population})
    found = interrupted(
        table,
        value="events",
        population="population",
        start=36,
        counted=True,
        slope=False,
        pairs=pairs,
    )
    step = next(row for row in found.rows if row["term"] == "level_change")
    assert step["rate_ratio"] == pytest.approx(ratio, abs=5.1e-4)
    assert step["low"] == pytest.approx(low, abs=6e-4)
    assert step["high"] == pytest.approx(high, abs=6e-4)
    assert found.events == int(published.sicily_events.sum())


@given(
    st.floats(-50, 50),
    st.floats(-3, 3),
    st.floats(-20, 20),
    st.floats(-3, 3),
    st.integers(min_value=5, max_value=20),
)
@settings(max_examples=30)
def test_a_series_without_noise_is_found_again(
    start: float, trend: float, step: float, bend: float, change: int
) -> None:
    at = np.arange(26.0)
    after = at >= change
    values = start + trend * at + after * (step + bend * (at - change))
    found = linear_series(values, segments(26, change), lags=2)
    wanted = [start, trend, step, bend]
    assert [term.coefficient for term in found.terms] == pytest.approx(wanted, abs=1e-7)


def test_what_cannot_be_is_refused() -> None:
    for change in (0, 2, 9, 30):
        with pytest.raises(Invalid, match="fewer than 3 points"):
            segments(11, change)
    with pytest.raises(Invalid, match="no number of lags"):
        linear_series(np.arange(10.0), segments(10, 5), lags=10)
