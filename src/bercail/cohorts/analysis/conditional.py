"""Conditional Poisson regression: one likelihood for counts within persons.

statsmodels has the model too, but leaves out persons whose counts are all equal, who still tell
something where their intervals differ in length; so the likelihood is maximised here.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from bercail.cohorts.analysis.columns import Integers, Numbers
from bercail.foundation import Invalid

_MOST_STEPS, _NEAR = 100, 1e-12


@frozen(kw_only=True, eq=False)
class ConditionalFit:
    """Coefficients, their standard errors, and the log-likelihood without its constant."""

    coefficients: Numbers
    errors: Numbers
    log_likelihood: float


def fit_conditional_poisson(
    events: Numbers, matrix: Numbers, offset: Numbers, persons: Integers
) -> ConditionalFit:
    """Maximise the likelihood of where each person's events fell, by Newton's method.

    `persons` numbers the person of each row from 0. The likelihood is that of a multinomial:
    given a person's number of events, an interval's share is proportional to
    exp(offset + matrix @ coefficients).

    Raises:
        Invalid: the likelihood has no maximum, or no curvature there.
    """
    number = int(persons.max()) + 1
    totals = np.bincount(persons, weights=events, minlength=number)[persons]
    at = np.zeros(matrix.shape[1])
    value, shares = _likelihood(events, matrix @ at + offset, persons, number)
    for _ in range(_MOST_STEPS):
        expected = totals * shares
        gradient = matrix.T @ (events - expected)
        curvature = _curvature(matrix, expected, shares, persons, number)
        step = _solve(curvature, gradient)
        if float(gradient @ step) < _NEAR * (1.0 + abs(value)):
            errors = np.sqrt(np.diag(np.linalg.inv(curvature)))
            # So near, one more step squares what is left of the distance.
            return ConditionalFit(coefficients=at + step, errors=errors, log_likelihood=value)
        size = 1.0
        while size > 1e-8:
            tried = at + size * step
            better, its_shares = _likelihood(events, matrix @ tried + offset, persons, number)
            if better >= value:
                break
            size /= 2.0
        at, value, shares = tried, better, its_shares
    raise Invalid("The case series does not converge.", remedy="Join windows or age groups.")


def _likelihood(
    events: Numbers, linear: Numbers, persons: Integers, number: int
) -> tuple[float, Numbers]:
    most = np.full(number, -np.inf)
    np.maximum.at(most, persons, linear)
    raised = np.exp(linear - most[persons])
    sums = np.bincount(persons, weights=raised, minlength=number)
    logs = linear - most[persons] - np.log(sums)[persons]
    return float(events @ logs), raised / sums[persons]


def _curvature(
    matrix: Numbers, expected: Numbers, shares: Numbers, persons: Integers, number: int
) -> Numbers:
    means = np.column_stack(
        [np.bincount(persons, weights=shares * column, minlength=number) for column in matrix.T]
    )
    centred = matrix - means[persons]
    found: Numbers = centred.T @ (centred * expected[:, None])
    return found


def _solve(curvature: Numbers, gradient: Numbers) -> Numbers:
    try:
        return np.asarray(np.linalg.solve(curvature, gradient), dtype=np.float64)
    except np.linalg.LinAlgError as error:
        raise Invalid("The events do not tell the terms of the case series apart.") from error
