"""Propensity scores: weights, and how alike the groups are before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import frozen
from statsmodels.discrete.discrete_model import Logit

from bercail.cohorts.analysis.columns import Flags, Integers, Numbers, flags, require_rows
from bercail.cohorts.analysis.design import Design, design, honest_fit, require_full_rank
from bercail.cohorts.analysis.matching import Pairs, match
from bercail.cohorts.analysis.result import Analysis
from bercail.foundation import Invalid

TARGETS = ("ate", "att")
# A difference above this is commonly called an imbalance (Austin 2009).
NOTABLE = 0.1


@frozen(kw_only=True, eq=False)
class Weights:
    """A weight for each row, and how many unweighted rows each group is worth (Kish 1965)."""

    weights: Numbers
    effective_treated: float
    effective_control: float


def propensity_scores(treated: Flags, planned: Design) -> Numbers:
    """The probability of treatment given the covariates, by logistic regression
    (Rosenbaum and Rubin, Biometrika 1983;70:41-55).

    Raises:
        Invalid: one group only, or a model that cannot be fitted.
    """
    if treated.all() or not treated.any():
        raise Invalid("All rows are in one group, so there is no choice to model.")
    whole = planned.with_constant()
    require_full_rank(whole)
    with honest_fit("propensity model"):
        fitted = Logit(treated.astype(np.float64), whole.matrix).fit(disp=False, maxiter=100)
    scores: Numbers = np.asarray(fitted.predict(whole.matrix), dtype=np.float64)
    # Scores of exactly 0 or 1 mean that a group stands apart: no weight makes it comparable.
    if scores.min() < 1e-10 or scores.max() > 1 - 1e-10:
        raise Invalid(
            "Some rows are in one group with certainty.",
            remedy="Leave out of the study those who could not be in the other group.",
        )
    return scores


def inverse_probability(
    treated: Flags, scores: Numbers, *, target: str = "ate", stabilised: bool = True
) -> Weights:
    """Weights by inverse probability of the treatment had.

    `ate` weighs both groups to all persons, `att` the controls to the treated. Stabilised
    weights of `ate` are multiplied by the group's share, so their mean is near 1
    (Robins, Hernán and Brumback, Epidemiology 2000;11:550-560).

    Raises:
        Invalid: another target.
    """
    if target not in TARGETS:
        raise Invalid(f"There is no target `{target}`.", remedy="Choose ate or att.")
    if target == "att":
        weights = np.where(treated, 1.0, scores / (1.0 - scores))
    else:
        weights = np.where(treated, 1.0 / scores, 1.0 / (1.0 - scores))
        if stabilised:
            share = float(treated.mean())
            weights = weights * np.where(treated, share, 1.0 - share)
    return Weights(
        weights=weights,
        effective_treated=_worth(weights[treated]),
        effective_control=_worth(weights[~treated]),
    )


def _worth(weights: Numbers) -> float:
    return float(weights.sum() ** 2 / (weights**2).sum())


def standardised_differences(
    treated: Flags, planned: Design, weights: Numbers | None = None
) -> Numbers:
    """Difference of means over the pooled standard deviation, one for each column.

    The standard deviation is that of the unweighted groups, so that before and after have one
    scale (Austin, Statistics in Medicine 2009;28:3083-3107; Stuart 2010). A column without any
    spread gets 0 where the means agree.
    """
    used = np.ones(len(treated)) if weights is None else weights
    columns = planned.matrix
    means = [
        np.average(columns[chosen], axis=0, weights=used[chosen]) for chosen in (treated, ~treated)
    ]
    spread = np.sqrt((_variance(columns[treated]) + _variance(columns[~treated])) / 2.0)
    gap = means[0] - means[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Numbers = np.where(spread > 0, gap / spread, np.where(gap == 0, 0.0, np.inf))
    return found


def _variance(columns: Numbers) -> Numbers:
    """Sample variance; of yes and no, p(1 - p), as Austin has it."""
    yes_no = np.all((columns == 0) | (columns == 1), axis=0)
    share = columns.mean(axis=0)
    found: Numbers = np.where(yes_no, share * (1 - share), columns.var(axis=0, ddof=1))
    return found


def balance(
    table: pa.Table,
    *,
    treatment: str,
    columns: Sequence[str],
    target: str = "ate",
    caliper: float | None = None,
    references: Mapping[str, str] | None = None,
) -> tuple[Analysis, pa.Table]:
    """The differences of the groups before and after; and the table with what was computed.

    Without `caliper`, by weighting; with one (0.2 is Austin's), by matching one to one within
    that many standard deviations of the logit of the score. The table returned has the further
    columns `propensity` and `weight`, or `propensity` and `pair` (unknown for those left out).

    Raises:
        Missing: a column is absent.
        Invalid: a model that cannot be fitted, another target, or nobody matched.
    """
    require_rows(table)
    treated, planned = flags(table, treatment), design(table, columns, references)
    scores = propensity_scores(treated, planned)
    made = _weighed(treated, scores, target)
    if caliper is not None:
        made = _paired(treated, scores, caliper)
    before = standardised_differences(treated, planned)
    after = standardised_differences(treated, planned, made.used)
    extended = table.append_column("propensity", pa.array(scores))
    rows = [
        {"column": name, "rows": planned.levels.get(name), "before": float(b), "after": float(a)}
        for name, b, a in zip(planned.names, before, after, strict=True)
    ]
    return Analysis(
        method=f"Propensity score, {made.how}; standardised differences",
        source="Rosenbaum and Rubin, Biometrika 1983;70:41; Austin, Multivar Behav Res 2011;46:399",
        rows=tuple(rows),
        persons=table.num_rows,
        events=int(treated.sum()),
        facts={**made.facts, "notable_after": int((np.abs(after) > NOTABLE).sum())},
    ), extended.append_column(made.name, made.column)


@frozen(kw_only=True, eq=False)
class _Made:
    """How groups were made alike: the weights used, and the column that persons get."""

    how: str
    used: Numbers
    name: str
    column: pa.Array[Any]
    facts: Mapping[str, Any]


def _weighed(treated: Flags, scores: Numbers, target: str) -> _Made:
    found = inverse_probability(treated, scores, target=target)
    return _Made(
        how=f"inverse probability weights, {target}",
        used=found.weights,
        name="weight",
        column=pa.array(found.weights, pa.float64()),
        facts={
            "effective_treated": found.effective_treated,
            "effective_control": found.effective_control,
            "largest_weight": float(found.weights.max()),
        },
    )


def _paired(treated: Flags, scores: Numbers, caliper: float) -> _Made:
    pairs = match(treated, scores, caliper)
    return _Made(
        how=f"pairs within {caliper} standard deviations of the logit",
        used=_kept(pairs, len(treated)),
        name="pair",
        column=pa.array(_numbers_of(pairs, len(treated)), pa.int64()),
        facts={
            "pairs": len(pairs.treated),
            "unmatched": int(treated.sum()) - len(pairs.treated),
        },
    )


def _kept(pairs: Pairs, number: int) -> Numbers:
    used = np.zeros(number)
    used[pairs.treated] = 1.0
    used[pairs.control] = 1.0
    return used


def _numbers_of(pairs: Pairs, number: int) -> list[int | None]:
    found: list[int | None] = [None] * number
    sides: tuple[Integers, Integers] = (pairs.treated, pairs.control)
    for place, (one, other) in enumerate(zip(*sides, strict=True), start=1):
        found[int(one)] = found[int(other)] = place
    return found
