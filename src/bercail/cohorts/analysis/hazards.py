"""Cox's proportional hazards, fitted by statsmodels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import frozen
from statsmodels.duration.hazard_regression import PHReg

from bercail.cohorts.analysis.columns import Flags, Numbers, categories, counts, flags, require_rows
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

TIES = ("efron", "breslow")


@frozen(kw_only=True)
class HazardModel:
    """A fitted Cox model: its terms (log hazard ratios) and its log partial likelihood."""

    terms: tuple[Term, ...]
    log_likelihood: float


def cox(
    time: Numbers,
    event: Flags,
    planned: Design,
    *,
    ties: str = "efron",
    entry: Numbers | None = None,
    strata: Any = None,
    clusters: Any = None,
) -> HazardModel:
    """Cox's model (J R Stat Soc B 1972;34:187-220) with ties after Efron or Breslow.

    With `clusters` (a label for each row), standard errors are the robust ones that allow for
    what rows of a cluster share (Lin and Wei, J Am Stat Assoc 1989;84:1074-1078). statsmodels
    computes their scores after Breslow whatever `ties` is.

    With `entry`, a person is at risk after entry, up to and including `time`: (entry, time], as
    Therneau and Grambsch 2000, section 3.7.

    Raises:
        Invalid: another way with ties, no event, an exit not after its entry, or no fit.
    """
    if ties not in TIES:
        raise Invalid(f"There is no way `{ties}` with ties.", remedy="Choose efron or breslow.")
    if not event.any():
        raise Invalid("Nobody has the event, so no hazard can be compared.")
    entry = None if entry is None else _after(entry, time)
    require_full_rank(planned)
    require_events(planned, event)
    with honest_fit("Cox model"):
        model = PHReg(
            time, planned.matrix, event.astype(np.int64), entry=entry, strata=strata, ties=ties
        )
        fitted = model.fit() if clusters is None else model.fit(groups=_numbered(clusters))
        score = np.abs(model.score(fitted.params)).max()
    if not score < 1e-3 * max(1.0, float(event.sum())):
        raise Invalid("The Cox model does not converge on these data.")
    return HazardModel(
        terms=terms(planned, fitted.params, fitted.bse), log_likelihood=float(fitted.llf)
    )


def _after(entry: Numbers, time: Numbers) -> Numbers:
    """The first instants at risk; raises `Invalid` where there is none."""
    if (time <= entry).any():
        raise Invalid(f"{int((time <= entry).sum())} persons leave before they enter.")
    # PHReg counts a person as at risk at the very time of entry.
    return np.asarray(np.nextafter(entry, np.inf), dtype=np.float64)


def _numbered(labels: Any) -> Any:
    return np.unique(np.asarray(labels), return_inverse=True)[1]


def hazards(
    table: pa.Table,
    *,
    time: str,
    event: str,
    columns: Sequence[str],
    references: Mapping[str, str] | None = None,
    ties: str = "efron",
    entry: str | None = None,
    strata: str | None = None,
    clusters: str | None = None,
    level: float = 0.95,
) -> Analysis:
    """Hazard ratios of `columns`, from one row per person.

    Raises:
        Missing: a column is absent.
        Invalid: as `design` and `cox`.
    """
    require_rows(table)
    duration, happened = counts(table, time), flags(table, event)
    fitted = cox(
        duration,
        happened,
        design(table, columns, references),
        ties=ties,
        entry=counts(table, entry) if entry else None,
        strata=categories(table, strata) if strata else None,
        clusters=categories(table, clusters) if clusters else None,
    )
    return Analysis(
        method=f"Cox proportional hazards, ties after {ties.capitalize()}"
        + (", robust errors" if clusters else ""),
        source="Cox, J R Stat Soc B 1972;34:187-220; Therneau and Grambsch 2000, ch. 3",
        rows=tuple(term.as_row("hazard_ratio", level) for term in fitted.terms),
        persons=table.num_rows,
        events=int(happened.sum()),
        facts={"log_likelihood": fitted.log_likelihood},
    )
