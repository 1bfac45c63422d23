"""Regression of counts: Poisson and negative binomial, with person-years as offset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import frozen
from statsmodels.discrete.discrete_model import NegativeBinomial
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from bercail.cohorts.analysis.columns import Numbers, categories, counts, require_rows
from bercail.cohorts.analysis.design import (
    Design,
    Term,
    design,
    honest_fit,
    require_events,
    require_full_rank,
    terms,
)
from bercail.cohorts.analysis.result import Analysis
from bercail.foundation import Invalid

# How the standard errors are made.
ERRORS = ("model", "robust", "quasi")


@frozen(kw_only=True)
class CountModel:
    """A fitted model of counts.

    `dispersion` is Pearson's chi-squared over degrees of freedom for Poisson (1 where the model
    holds), the variance parameter alpha for the negative binomial (variance mean + alpha mean^2).
    """

    terms: tuple[Term, ...]
    log_likelihood: float
    dispersion: float


def poisson(
    events: Numbers,
    planned: Design,
    *,
    exposure: Numbers | None = None,
    errors: str = "model",
    clusters: Any = None,
) -> CountModel:
    """Poisson regression with a constant and the log of `exposure` as offset.

    `errors` is `model`, `robust` (sandwich, HC0; Huber 1967) or `quasi` (scaled by Pearson's
    chi-squared; McCullagh and Nelder 1989). With `clusters` they are robust to them.

    Raises:
        Invalid: no exposure in a row, other errors, or a model that cannot be fitted.
    """
    if errors not in ERRORS:
        raise Invalid(f"There are no errors `{errors}`.", remedy=f"Choose: {', '.join(ERRORS)}.")
    whole = planned.with_constant()
    require_full_rank(whole)
    require_events(whole, events)
    options: dict[str, Any] = {}
    if clusters is not None:
        numbered = np.unique(np.asarray(clusters), return_inverse=True)[1]
        options = {"cov_type": "cluster", "cov_kwds": {"groups": numbered}}
    elif errors == "robust":
        options = {"cov_type": "HC0"}
    elif errors == "quasi":
        options = {"scale": "X2"}
    with honest_fit("Poisson model"):
        model = GLM(events, whole.matrix, family=Poisson(), offset=_offset(exposure))
        fitted = model.fit(**options)
        likelihood = float(model.loglike(fitted.params, scale=1.0))
    freedom = max(len(events) - whole.matrix.shape[1], 1)
    return CountModel(
        terms=terms(whole, fitted.params, fitted.bse),
        log_likelihood=likelihood,
        dispersion=float(fitted.pearson_chi2) / freedom,
    )


def negative_binomial(
    events: Numbers, planned: Design, *, exposure: Numbers | None = None, robust: bool = False
) -> CountModel:
    """Negative binomial regression (NB2), by maximum likelihood, with offset.

    Raises:
        Invalid: no exposure in a row, or a model that cannot be fitted.
    """
    whole = planned.with_constant()
    require_full_rank(whole)
    # Poisson's coefficients are near, and the search from afar gets lost.
    start = [t.coefficient for t in poisson(events, planned, exposure=exposure).terms]
    with honest_fit("negative binomial model"):
        model = NegativeBinomial(events, whole.matrix, offset=_offset(exposure))
        fitted = model.fit(
            start_params=[*start, 0.5],
            method="bfgs",
            maxiter=500,
            gtol=1e-6,
            disp=False,
            cov_type="HC0" if robust else "nonrobust",
        )
    return CountModel(
        terms=terms(whole, fitted.params, fitted.bse),
        log_likelihood=float(fitted.llf),
        dispersion=float(fitted.params[-1]),
    )


def _offset(exposure: Numbers | None) -> Numbers | None:
    if exposure is None:
        return None
    if (exposure <= 0).any():
        raise Invalid(
            f"{int((exposure <= 0).sum())} rows have no person-years.", remedy="Leave them out."
        )
    logged: Numbers = np.log(exposure)
    return logged


def count_regression(
    table: pa.Table,
    *,
    events: str,
    columns: Sequence[str],
    person_years: str | None = None,
    family: str = "poisson",
    errors: str = "model",
    references: Mapping[str, str] | None = None,
    clusters: str | None = None,
    level: float = 0.95,
) -> Analysis:
    """Rate ratios of `columns`; a row is a person or a stratum with its events.

    Raises:
        Missing: a column is absent.
        Invalid: another family than `poisson` and `negative-binomial`, or as `poisson`.
    """
    require_rows(table)
    happened = counts(table, events)
    exposure = counts(table, person_years) if person_years else None
    planned = design(table, columns, references)
    shared = categories(table, clusters) if clusters else None
    fitted = _fitted(family, happened, planned, exposure, errors, shared)
    kind = "robust to clusters" if clusters else errors
    return Analysis(
        method=f"{family} regression, offset log person-years, {kind} errors",
        source="McCullagh and Nelder 1989; Hilbe, Negative binomial regression, 2011",
        rows=tuple(term.as_row("rate_ratio", level) for term in fitted.terms),
        events=int(happened.sum()),
        facts={
            "rows": table.num_rows,
            "dispersion": fitted.dispersion,
            "log_likelihood": fitted.log_likelihood,
        },
    )


def _fitted(
    family: str,
    happened: Numbers,
    planned: Design,
    exposure: Numbers | None,
    errors: str,
    clusters: Any,
) -> CountModel:
    if family == "poisson":
        return poisson(happened, planned, exposure=exposure, errors=errors, clusters=clusters)
    if family == "negative-binomial" and errors in {"model", "robust"} and clusters is None:
        robust = errors == "robust"
        return negative_binomial(happened, planned, exposure=exposure, robust=robust)
    raise Invalid(
        f"There is no family `{family}` with errors `{errors}`.",
        remedy="Choose poisson, or negative-binomial with model or robust errors.",
    )
