"""The self-controlled case series against the tutorial's example, and statsmodels' likelihood."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.discrete.conditional_models import ConditionalPoisson

from bercail.cohorts.analysis.case_series import (
    Case,
    case_series,
    intervals,
    read_cases,
    self_controlled,
)
from bercail.cohorts.analysis.conditional import fit_conditional_poisson
from bercail.foundation import Invalid

NAMES = {"person": "p", "start": "s", "end": "e", "event": "event", "exposure": "mmr"}


def oxford(published: SimpleNamespace) -> pa.Table:
    number = len(published.meningitis)
    return pa.table(
        {
            "p": list(range(number)),
            "s": [366] * number,
            "e": [730] * number,
            "event": published.meningitis,
            "mmr": published.mmr,
        }
    )


def test_meningitis_after_mmr(published: SimpleNamespace) -> None:
    """Whitaker et al. 2006, section 3.1: relative incidence 12.04 (3.00 to 48.26) in days 15 to
    35, with age groups 366-547 and 548-730; the age effect is 0.225 (0.025 to 2.016)."""
    found = self_controlled(oxford(published), **NAMES, windows=[(15, 35)], age_starts=[548])
    risk, age = found.rows
    assert (risk["term"], risk["events"]) == ("risk 15 to 35", 5)
    assert risk["relative_incidence"] == pytest.approx(12.037, abs=5.1e-4)
    assert (risk["low"], risk["high"]) == (
        pytest.approx(3.002, abs=5.1e-4),
        pytest.approx(48.259, abs=5.1e-4),
    )
    assert age["relative_incidence"] == pytest.approx(0.225, abs=5.1e-4)
    assert (age["low"], age["high"]) == (
        pytest.approx(0.025, abs=5.1e-4),
        pytest.approx(2.016, abs=5.1e-4),
    )
    assert (found.persons, found.events) == (10, 10)


def test_the_first_child_by_hand() -> None:
    """Vaccinated on day 458: at risk from 473 to 493, in the first age group."""
    one = Case(start=366, end=730, events=(398,), exposures=(458,))
    cut = [(i.age, i.risk, i.days, i.events) for i in intervals([one], [(15, 35)], [548])]
    assert cut == [(0, 0, 161, 1), (0, 1, 21, 0), (1, 0, 183, 0)]


def test_one_window_without_age_has_a_closed_form() -> None:
    """With one window and alike cases, the ratio is (events / days) inside over outside."""
    inside = [Case(start=0, end=99, events=(15,), exposures=(10,)) for _ in range(6)]
    outside = [Case(start=0, end=99, events=(60,), exposures=(10,)) for _ in range(8)]
    found = case_series([*inside, *outside], [(1, 20)])
    assert np.exp(found.terms[0].coefficient) == pytest.approx((6 / 20) / (8 / 80))
    assert found.terms[0].error == pytest.approx(np.sqrt(1 / 6 + 1 / 8))


cases = st.builds(
    lambda first, length, event, exposure: Case(
        start=first,
        end=first + length,
        events=(first + event % (length + 1),),
        exposures=(first + exposure % (length + 1),),
    ),
    st.integers(0, 300),
    st.integers(50, 300),
    st.integers(0, 300),
    st.integers(0, 300),
)


@given(st.lists(cases, min_size=1, max_size=12))
@settings(max_examples=30)
def test_every_day_and_event_stands_in_one_interval(found: list[Case]) -> None:
    cut = intervals(found, [(-14, -1), (0, 13), (14, 41)], [100, 200])
    for number, case in enumerate(found):
        own = [one for one in cut if one.case == number]
        assert sum(one.days for one in own) == case.end - case.start + 1
        assert sum(one.events for one in own) == len(case.events)


def test_the_likelihood_is_statsmodels() -> None:
    rng = np.random.default_rng(5)
    persons = np.repeat(np.arange(60), 3)
    x = np.column_stack([rng.integers(0, 2, 180), rng.normal(size=180)]).astype(np.float64)
    offset = np.log(rng.uniform(1, 9, 180))
    y = rng.poisson(np.exp(-1 + x @ [0.8, -0.3] + offset)).astype(np.float64)
    # statsmodels leaves out those whose counts are all equal; they are left out here too.
    uneven = np.array([np.ptp(y[persons == one]) > 0 for one in range(60)])
    kept = uneven[persons]
    numbered = np.unique(persons[kept], return_inverse=True)[1].astype(np.int64)
    ours = fit_conditional_poisson(y[kept], x[kept], offset[kept], numbered)
    model = ConditionalPoisson(y[kept], x[kept], groups=numbered, offset=offset[kept])
    theirs = model.fit(gtol=1e-9)
    assert ours.coefficients == pytest.approx(theirs.params, abs=1e-5)
    assert ours.errors == pytest.approx(theirs.bse, rel=1e-4)
    assert ours.log_likelihood == pytest.approx(theirs.llf, abs=1e-8)


def test_equal_counts_in_unequal_intervals_still_tell() -> None:
    """One event in 20 days and one in 80 is a ratio of four, for a single person too."""
    found = fit_conditional_poisson(
        np.array([1.0, 1.0]),
        np.array([[1.0], [0.0]]),
        np.log([20.0, 80.0]),
        np.array([0, 0]),
    )
    assert np.exp(found.coefficients[0]) == pytest.approx(4.0)


def test_events_of_a_person_are_joined() -> None:
    table = pa.table(
        {
            "p": ["a", "a", "b"],
            "s": [0, 0, 5],
            "e": [9, 9, 9],
            "event": [1, 8, 6],
            "mmr": [2, 4, None],
        }
    )
    first, second = read_cases(table, **NAMES)
    assert (first.events, first.exposures) == ((1, 8), (2, 4))
    assert (second.events, second.exposures) == ((6,), ())


def test_one_event_beside_two_exposures_is_one_event(published: SimpleNamespace) -> None:
    """The first child is vaccinated again, long after: a second row, but no second event."""
    table = oxford(published)
    again = table.slice(0, 1).set_column(4, "mmr", pa.array([700]))
    rows = pa.concat_tables([table, again, again])
    case = read_cases(rows, **NAMES)[0]
    assert (case.events, case.exposures) == ((398,), (458, 700))
    found = self_controlled(rows, **NAMES, windows=[(15, 35)], age_starts=[548])
    assert (found.persons, found.events) == (10, 10)


def test_what_cannot_be_is_refused(published: SimpleNamespace) -> None:
    one = Case(start=0, end=9, events=(3,))
    with pytest.raises(Invalid, match="no event inside"):
        Case(start=0, end=9, events=(10,))
    with pytest.raises(Invalid, match="ends before"):
        Case(start=9, end=0, events=(9,))
    with pytest.raises(Invalid, match="overlap"):
        intervals([one], [(0, 5), (5, 9)])
    with pytest.raises(Invalid, match="no event in `risk 100 to 120`"):
        self_controlled(oxford(published), **NAMES, windows=[(100, 120)])
    table = oxford(published)
    doubled = pa.concat_tables([table, table.set_column(2, "e", pa.array([700] * 10))])
    with pytest.raises(Invalid, match="two periods"):
        read_cases(doubled, **NAMES)
    with pytest.raises(Invalid, match="whole days"):
        read_cases(table.set_column(3, "event", pa.array([400.5] * 10)), **NAMES)
