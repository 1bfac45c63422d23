"""Propensity scores: a printed example, and what weights and pairs must do."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.cohorts.analysis.columns import Numbers
from bercail.cohorts.analysis.design import Design, design
from bercail.cohorts.analysis.matching import match, nearest_pairs
from bercail.cohorts.analysis.propensity import (
    balance,
    inverse_probability,
    propensity_scores,
    standardised_differences,
)
from bercail.foundation import Invalid

# Hernán and Robins, Causal inference: what if, 2020, table 2.2: twenty of Zeus's family. L is a
# critical condition, A a transplant, Y death.
L = [0] * 8 + [1] * 12
A = [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]
Y = [0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0]
GODS = pa.table({"critical": L, "heart": A})


def test_zeus_family_is_weighted_to_no_effect() -> None:
    treated, died = np.array(A, dtype=np.bool_), np.array(Y, dtype=np.float64)
    scores = propensity_scores(treated, design(GODS, ["critical"]))
    # Section 2.2: a heart for half of the others and three quarters of the critical.
    assert sorted(set(scores.round(6).tolist())) == [0.5, 0.75]
    found = inverse_probability(treated, scores, stabilised=False)
    # Section 2.4: a pseudo-population of twice twenty, risk one half in both, ratio 1.
    for chosen in (treated, ~treated):
        assert found.weights[chosen].sum() == pytest.approx(20)
        assert np.average(died[chosen], weights=found.weights[chosen]) == pytest.approx(0.5)
    # Section 2.1: before, 7/13 against 3/7.
    assert (died[treated].mean(), died[~treated].mean()) == (
        pytest.approx(7 / 13),
        pytest.approx(3 / 7),
    )


def test_differences_are_austins() -> None:
    """Austin, Multivar Behav Res 2011;46:399-424, p. 412: the two formulas, by hand."""
    treated = np.array([True, True, True, True, False, False, False, False])
    planned = Design(
        names=("age", "woman"),
        matrix=np.array([[1, 1], [2, 1], [3, 1], [4, 0], [2, 0], [3, 0], [4, 1], [5, 0]], float),
    )
    age, woman = standardised_differences(treated, planned)
    # Means 2.5 and 3.5 with variance 5/3 each; shares 3/4 and 1/4.
    assert age == pytest.approx(-1 / np.sqrt(5 / 3))
    assert woman == pytest.approx(0.5 / np.sqrt((3 / 16 + 3 / 16) / 2))


groups = st.lists(
    st.tuples(st.booleans(), st.integers(min_value=0, max_value=4)), min_size=30, max_size=80
)


@given(groups, st.sampled_from(["ate", "att"]))
@settings(max_examples=30)
def test_weights_balance_what_is_modelled(rows: list[tuple[bool, int]], target: str) -> None:
    # Two of each kind more, so that no group stands apart.
    rows = [*rows, *((arm, level) for arm in (True, False) for level in range(5))]
    treated = np.array([arm for arm, _ in rows])
    table = pa.table({"level": [f"l{level}" for _, level in rows]})
    planned = design(table, ["level"])
    scores = propensity_scores(treated, planned)
    found = inverse_probability(treated, scores, target=target)
    after = standardised_differences(treated, planned, found.weights)
    assert np.abs(after).max() < 1e-4
    if target == "ate":
        assert found.weights.mean() == pytest.approx(1.0)
    else:
        assert (found.weights[treated] == 1).all()
        assert found.weights[~treated].sum() == pytest.approx(treated.sum(), rel=1e-5)
    assert found.effective_treated <= treated.sum() + 1e-9
    assert found.effective_control <= (~treated).sum() + 1e-9


@given(st.lists(st.floats(0.05, 0.95), min_size=4, max_size=50), st.floats(0.05, 1.0))
@settings(max_examples=40)
def test_pairs_are_near_and_nobody_is_used_twice(scores: list[float], caliper: float) -> None:
    score = np.array(scores)
    treated = np.arange(len(score)) % 2 == 0
    logits = np.log(score / (1 - score))
    spread = np.sqrt((logits[treated].var(ddof=1) + logits[~treated].var(ddof=1)) / 2)
    try:
        pairs = match(treated, score, caliper)
    except Invalid:
        gaps = np.abs(logits[treated][:, None] - logits[~treated][None, :])
        assert gaps.min() > caliper * spread
        return
    assert treated[pairs.treated].all()
    assert not treated[pairs.control].any()
    assert (
        len(set(pairs.treated.tolist())) == len(set(pairs.control.tolist())) == len(pairs.treated)
    )
    gap = np.abs(logits[pairs.treated] - logits[pairs.control])
    assert (gap <= caliper * spread + 1e-12).all()


def test_the_nearest_control_and_of_two_the_earlier_is_taken() -> None:
    treated = np.array([True, False, False, False, True])
    scores = np.array([0.5, 0.6, 0.5, 0.5, 0.61])
    pairs = match(treated, scores, 2.0)
    assert pairs.treated.tolist() == [0, 4]
    assert pairs.control.tolist() == [2, 1]


def test_a_table_keeps_its_rows() -> None:
    weighed, rows = balance(GODS, treatment="heart", columns=["critical"])
    assert rows.column_names == ["critical", "heart", "propensity", "weight"]
    assert rows.num_rows == 20
    assert weighed.rows[0]["rows"] == 12
    assert weighed.facts["notable_after"] == 0
    paired, rows = balance(GODS, treatment="heart", columns=["critical"], caliper=0.2)
    pairs = [one for one in rows.column("pair").to_pylist() if one is not None]
    assert sorted(pairs) == sorted([*range(1, 8)] * 2)
    assert paired.facts["pairs"] == 7
    assert paired.facts["unmatched"] == 6


def test_groups_that_stand_apart_are_refused() -> None:
    table = pa.table({"x": [0.0, 1.0, 2.0, 10.0, 11.0, 12.0], "t": [0, 0, 0, 1, 1, 1]})
    with pytest.raises(Invalid, match=r"cannot be fitted|with certainty"):
        balance(table, treatment="t", columns=["x"])
    with pytest.raises(Invalid, match="one group"):
        propensity_scores(np.array([True, True]), design(table.slice(0, 2), ["x"]))
    with pytest.raises(Invalid, match="no target `atu`"):
        inverse_probability(np.array([True]), np.array([0.5]), target="atu")
    with pytest.raises(Invalid, match="no caliper"):
        match(np.array([True, False]), np.array([0.5, 0.5]), 0.0)


def _one_by_one(
    rows: list[tuple[bool, int, int]], scores: Numbers, caliper: float, ratio: int
) -> list[tuple[int, int]]:
    """The nearest pairs as they are told, without any order kept."""
    logits = np.log(scores / (1.0 - scores))
    groups = [np.array([treated for treated, _, _ in rows]) == side for side in (True, False)]
    parts = [logits[chosen] for chosen in groups]
    reach = caliper * np.sqrt(sum(part.var(ddof=1) if len(part) > 1 else 0 for part in parts) / 2)
    free = [row for row, (treated, _, _) in enumerate(rows) if not treated]
    cases = [row for row, (treated, _, _) in enumerate(rows) if treated]
    found = []
    for _ in range(ratio):
        for case in sorted(cases, key=lambda row: (-logits[row], row)):
            near = [
                (abs(logits[row] - logits[case]), row)
                for row in free
                if rows[row][2] == rows[case][2]
            ]
            if near and min(near)[0] <= reach:
                found.append((case, min(near)[1]))
                free.remove(min(near)[1])
    return sorted(found)


@given(
    rows=st.lists(st.tuples(st.booleans(), st.integers(-8, 8), st.integers(0, 2)), max_size=40),
    caliper=st.sampled_from((0.31, 0.97, 5.3)),
    ratio=st.integers(1, 3),
)
def test_the_nearest_are_those_found_one_by_one(
    rows: list[tuple[bool, int, int]], caliper: float, ratio: int
) -> None:
    scores = np.array([1 / (1 + 2.0 ** -(tenths / 10)) for _, tenths, _ in rows], dtype=float)
    found = nearest_pairs(
        np.array([treated for treated, _, _ in rows], dtype=bool),
        scores,
        caliper,
        ratio=ratio,
        strata=np.array([stratum for _, _, stratum in rows], dtype=np.int64),
    )
    pairs = list(zip(found.treated.tolist(), found.control.tolist(), strict=True))
    assert pairs == _one_by_one(rows, scores, caliper, ratio)
