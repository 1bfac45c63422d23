"""Count regression against printed fits."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from bercail.cohorts.analysis.design import Design
from bercail.cohorts.analysis.regression import count_regression, negative_binomial, poisson
from bercail.foundation import Invalid

NO_COLUMNS = Design(names=(), matrix=np.empty((150, 0)))


def doctors(published: SimpleNamespace) -> pa.Table:
    return pa.table(
        {
            "events": published.doctor_deaths,
            "person_years": published.doctor_years,
            "smokes": published.doctor_smokes,
            "age": published.doctor_ages,
        }
    )


def test_british_doctors(published: SimpleNamespace) -> None:
    """Frome, Biometrics 1983;39:665-674; the figures are those of Stata's manual, [R] poisson."""
    found = count_regression(
        doctors(published), events="events", person_years="person_years", columns=["smokes", "age"]
    )
    rows = {row["term"]: row for row in found.rows}
    smokes = rows["smokes"]
    assert smokes["rate_ratio"] == pytest.approx(1.425519, abs=5e-7)
    assert (smokes["low"], smokes["high"]) == (
        pytest.approx(1.154984, abs=5e-7),
        pytest.approx(1.759421, abs=5e-7),
    )
    printed = {"45-54": 4.410584, "55-64": 13.8392, "65-74": 28.51678, "75-84": 40.45121}
    for age, ratio in printed.items():
        assert rows[f"age={age}"]["rate_ratio"] == pytest.approx(ratio, rel=2e-7)
    assert found.facts["log_likelihood"] == pytest.approx(-33.600153, abs=5e-7)
    assert found.events == 731


def test_robust_errors_of_a_two_by_two_table() -> None:
    """Zou, Am J Epidemiol 2004;159:702-706: the error of log RR is that of the delta method."""
    cases, persons = (30, 12), (80, 90)
    y = np.concatenate(
        [np.r_[np.ones(a), np.zeros(n - a)] for a, n in zip(cases, persons, strict=True)]
    )
    x = np.r_[np.ones(80), np.zeros(90)]
    planned = Design(names=("x",), matrix=x[:, None])
    found = poisson(y, planned, errors="robust").terms[1]
    expected = math.sqrt(1 / 30 - 1 / 80 + 1 / 12 - 1 / 90)
    assert found.coefficient == pytest.approx(math.log((30 / 80) / (12 / 90)))
    assert found.error == pytest.approx(expected, rel=1e-6)
    # The model's own error takes the outcome for a count, and is larger.
    assert poisson(y, planned).terms[1].error == pytest.approx(math.sqrt(1 / 30 + 1 / 12), rel=1e-6)
    # Each row a cluster of its own: the same but for the factor of few clusters.
    alone = poisson(y, planned, clusters=np.arange(170)).terms[1]
    assert alone.error == pytest.approx(expected, rel=0.01)


def test_red_mites() -> None:
    """Bliss and Fisher, Biometrics 1953;9:176-200: k = 1.02459 for mites on 150 apple leaves."""
    seen = {0: 70, 1: 38, 2: 17, 3: 10, 4: 9, 5: 3, 6: 2, 7: 1}
    mites = np.repeat(list(seen), list(seen.values())).astype(np.float64)
    found = negative_binomial(mites, NO_COLUMNS)
    assert 1 / found.dispersion == pytest.approx(1.02459, abs=2e-4)
    assert math.exp(found.terms[0].coefficient) == pytest.approx(172 / 150)


def test_without_extra_spread_both_families_agree(published: SimpleNamespace) -> None:
    rng = np.random.default_rng(11)
    x, years = rng.integers(0, 2, 600).astype(np.float64), rng.uniform(1, 4, 600)
    y = rng.negative_binomial(2.0, 2.0 / (2.0 + np.exp(0.3 + 0.7 * x) * years)).astype(np.float64)
    planned = Design(names=("x",), matrix=x[:, None])
    wide = negative_binomial(y, planned, exposure=years)
    narrow = poisson(y, planned, exposure=years)
    quasi = poisson(y, planned, exposure=years, errors="quasi")
    assert wide.terms[1].coefficient == pytest.approx(0.7, abs=0.2)
    assert wide.dispersion == pytest.approx(0.5, abs=0.15)
    assert narrow.dispersion > 1.5
    assert wide.terms[1].error > narrow.terms[1].error
    assert quasi.terms[1].error == pytest.approx(
        narrow.terms[1].error * math.sqrt(narrow.dispersion), rel=1e-4
    )


def test_a_table_through_both_families(published: SimpleNamespace) -> None:
    table = doctors(published)
    asked = {"events": "events", "person_years": "person_years", "columns": ["smokes"]}
    wide = count_regression(table, **asked, family="negative-binomial", errors="robust")
    assert wide.rows[1]["term"] == "smokes"
    assert wide.facts["dispersion"] > 0
    robust = count_regression(table, **asked, clusters="age")
    assert "robust to clusters" in robust.method
    with pytest.raises(Invalid, match="no family `gamma`"):
        count_regression(table, **asked, family="gamma")
    with pytest.raises(Invalid, match="with errors `quasi`"):
        count_regression(table, **asked, family="negative-binomial", errors="quasi")
    with pytest.raises(Invalid, match="no errors `guess`"):
        count_regression(table, **asked, errors="guess")


def test_rows_without_person_years_are_refused() -> None:
    planned = Design(names=(), matrix=np.empty((2, 0)))
    with pytest.raises(Invalid, match="1 rows have no person-years"):
        poisson(np.array([1.0, 2.0]), planned, exposure=np.array([1.0, 0.0]))


def test_levels_without_events_are_refused() -> None:
    table = pa.table(
        {"events": [3, 0, 5], "person_years": [10.0, 10.0, 10.0], "age": ["0-4", "5-9", "10+"]}
    )
    asked = {"events": "events", "person_years": "person_years", "columns": ["age"]}
    with pytest.raises(Invalid, match="no event where `age=5-9`"):
        count_regression(table, **asked)
    with pytest.raises(Invalid, match=r"has no finite estimate|cannot be fitted"):
        count_regression(table, **asked, references={"age": "5-9"})
