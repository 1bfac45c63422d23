"""Cox's model against printed fits."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from bercail.cohorts.analysis.design import Design, design
from bercail.cohorts.analysis.hazards import cox, hazards
from bercail.foundation import Invalid, Missing

# Therneau and Grambsch, Modeling survival data, 2000, appendix E.1, `test data 1`.
TIME = np.array([1, 1, 6, 6, 8, 9], dtype=np.float64)
EVENT = np.array([1, 0, 1, 1, 0, 1], dtype=np.bool_)
X = np.array([1, 1, 1, 0, 0, 0], dtype=np.float64)


def one(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Design:
    return Design(names=("x",), matrix=values[:, None])


def test_therneau_and_grambsch_with_breslow() -> None:
    found = cox(TIME, EVENT, one(X), ties="breslow")
    # Appendix E.1.1: exp(beta) solves r^2 - 3r - 6 = 0; log likelihood -3.824750.
    assert found.terms[0].coefficient == pytest.approx(math.log((3 + math.sqrt(33)) / 2))
    assert found.log_likelihood == pytest.approx(-3.824750, abs=5e-7)


def test_therneau_and_grambsch_with_efron() -> None:
    found = cox(TIME, EVENT, one(X), ties="efron")
    # Appendix E.1.2: 1.676857, log likelihood -3.358979, variance 1 / 0.612632.
    assert found.terms[0].coefficient == pytest.approx(1.676857, abs=5e-7)
    assert found.log_likelihood == pytest.approx(-3.358979, abs=5.1e-6)
    assert 1 / found.terms[0].error ** 2 == pytest.approx(0.612632, abs=5e-6)


@pytest.mark.parametrize(
    ("ties", "coefficient", "error"),
    # The remission data as R's coxph prints them; Kleinbaum and Klein 2012, p. 98, and Collett.
    [("efron", 1.5721, 0.4124), ("breslow", 1.5092, 0.4096)],
)
def test_remission(published: SimpleNamespace, ties: str, coefficient: float, error: float) -> None:
    table = pa.table(
        {"time": published.weeks, "event": published.relapse, "arm": published.arm.tolist()}
    )
    found = hazards(table, time="time", event="event", columns=["arm"], ties=ties)
    (row,) = found.rows
    assert (row["term"], row["rows"]) == ("arm=placebo", 21)
    assert row["coefficient"] == pytest.approx(coefficient, abs=5.1e-5)
    assert row["error"] == pytest.approx(error, abs=5.1e-5)
    assert row["hazard_ratio"] == pytest.approx(math.exp(coefficient), rel=1e-4)
    assert (found.persons, found.events) == (42, 30)
    turned = hazards(
        table, time="time", event="event", columns=["arm"], ties=ties, references={"arm": "placebo"}
    )
    assert turned.rows[0]["hazard_ratio"] == pytest.approx(1 / row["hazard_ratio"])


def lin_wei(
    time: np.ndarray, event: np.ndarray, x: np.ndarray, beta: float, clusters: np.ndarray
) -> float:
    """The robust error of one coefficient from its definition (Lin and Wei 1989, eq. 2.1)."""
    risk = np.exp(beta * x)
    mean = [(risk * x)[time >= t].sum() / risk[time >= t].sum() for t in time]
    scores = np.zeros(len(time))
    for i in range(len(time)):
        scores[i] = event[i] * (x[i] - mean[i])
        for j in np.flatnonzero(event & (time <= time[i])):
            scores[i] -= risk[i] / risk[time >= time[j]].sum() * (x[i] - mean[j])
    information = sum(
        ((risk * x**2)[time >= time[j]].sum() / risk[time >= time[j]].sum()) - mean[j] ** 2
        for j in np.flatnonzero(event)
    )
    joined = np.array([scores[clusters == one].sum() for one in np.unique(clusters)])
    return float(np.sqrt((joined**2).sum()) / information)


@pytest.mark.parametrize("size", [1, 3])
def test_robust_errors_are_those_of_lin_and_wei(published: SimpleNamespace, size: int) -> None:
    treated = (published.arm == "placebo").astype(np.float64)
    clusters = np.arange(42) // size
    found = cox(published.weeks, published.relapse, one(treated), ties="breslow", clusters=clusters)
    beta = found.terms[0].coefficient
    expected = lin_wei(published.weeks, published.relapse, treated, beta, clusters)
    assert found.terms[0].error == pytest.approx(expected, rel=1e-6)
    plain = cox(published.weeks, published.relapse, one(treated), ties="breslow")
    assert plain.terms[0].coefficient == pytest.approx(beta)
    assert plain.terms[0].error != pytest.approx(found.terms[0].error, rel=1e-3)


def test_scale_of_time_does_not_matter(published: SimpleNamespace) -> None:
    treated = one((published.arm == "placebo").astype(np.float64))
    weeks = cox(published.weeks, published.relapse, treated).terms[0]
    days = cox(published.weeks * 7, published.relapse, treated).terms[0]
    assert days.coefficient == pytest.approx(weeks.coefficient)


def test_strata_and_late_entry_change_who_is_compared(published: SimpleNamespace) -> None:
    treated = one((published.arm == "placebo").astype(np.float64))
    strata = np.arange(42) % 2
    apart = cox(published.weeks, published.relapse, treated, strata=strata)
    late = cox(published.weeks, published.relapse, treated, entry=np.full(42, 0.5))
    whole = cox(published.weeks, published.relapse, treated)
    assert apart.terms[0].coefficient != pytest.approx(whole.terms[0].coefficient, rel=1e-3)
    # Everybody enters before the first event, so nothing changes.
    assert late.terms[0].coefficient == pytest.approx(whole.terms[0].coefficient)


def test_nobody_is_at_risk_at_the_time_of_entry() -> None:
    """Risk is over (entry, time], Therneau and Grambsch 2000, section 3.7.

    At 5 the second and third are at risk, at 10 the first and third, at 12 the third alone. The
    score of this covariate is 0 at 0, so the fit is the null model: 2 log(1/2).
    """
    time, entry = np.array([10.0, 5.0, 12.0]), np.array([5.0, 0.0, 0.0])
    everybody = np.ones(3, dtype=np.bool_)
    balanced = one(np.array([1.0, -1.0, 0.0]))
    for ties in ("efron", "breslow"):
        found = cox(time, everybody, balanced, ties=ties, entry=entry)
        assert found.terms[0].coefficient == pytest.approx(0.0, abs=1e-6)
        assert found.log_likelihood == pytest.approx(2 * math.log(0.5), abs=1e-9)
    with pytest.raises(Invalid, match="2 persons leave before they enter"):
        cox(time, everybody, balanced, entry=np.array([10.0, 6.0, 0.0]))


def test_what_cannot_be_fitted_is_refused(published: SimpleNamespace) -> None:
    treated = (published.arm == "placebo").astype(np.float64)
    with pytest.raises(Invalid, match="no way `exact` with ties"):
        cox(published.weeks, published.relapse, one(treated), ties="exact")
    with pytest.raises(Invalid, match="Nobody has the event"):
        cox(published.weeks, np.zeros(42, dtype=np.bool_), one(treated))
    table = pa.table({"t": [1.0, 2.0, 3.0, 4.0], "e": [1, 1, 0, 0], "g": ["a", "a", "b", "b"]})
    with pytest.raises(Invalid, match="no event where `g=b`"):
        hazards(table, time="t", event="e", columns=["g"])
    twice = Design(names=("x", "y"), matrix=np.column_stack([treated, treated]))
    with pytest.raises(Invalid, match="follows from the others"):
        cox(published.weeks, published.relapse, twice)


def test_designs_name_levels_and_count_them() -> None:
    table = pa.table({"age": ["5-9", "10-14", "5-9", None], "dose": [1.5, 2.0, 0.0, 1.0]})
    found = design(table, ["age", "dose"])
    assert found.names == ("age=10-14", "age=unknown", "dose")
    assert found.levels == {"age=10-14": 1, "age=unknown": 1}
    assert found.matrix[:, 0].tolist() == [0, 1, 0, 0]
    other = design(table, ["age"], {"age": "10-14"})
    assert other.names == ("age=5-9", "age=unknown")
    with pytest.raises(Invalid, match="has no `old` to be the reference"):
        design(table, ["age"], {"age": "old"})
    with pytest.raises(Invalid, match="one value only"):
        design(pa.table({"g": ["a", "a"]}), ["g"])
    with pytest.raises(Missing, match="no column `sex`"):
        design(table, ["sex"])
