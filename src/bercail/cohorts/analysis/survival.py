"""Survival: Kaplan and Meier's curve, its median, and the comparison of groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import frozen
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from bercail.cohorts.analysis.columns import Flags, Numbers, categories, counts, flags, require_rows
from bercail.cohorts.analysis.intervals import normal_quantile
from bercail.cohorts.analysis.rates import groups
from bercail.cohorts.analysis.result import Analysis, Estimate, finite
from bercail.foundation import Invalid

# How the test weighs early events; by statsmodels' names.
WEIGHTS = {"logrank": None, "gehan-breslow": "gb", "tarone-ware": "tw"}


@frozen(kw_only=True, eq=False)
class SurvivalCurve:
    """The curve at each time of an event.

    `error` is Greenwood's standard error; the limits are on the log(-log) scale and are not
    numbers where the curve is at 0.
    """

    time: Numbers
    at_risk: Numbers
    events: Numbers
    survival: Numbers
    error: Numbers
    low: Numbers
    high: Numbers

    def at(self, time: float) -> float:
        """The share that has no event up to and including `time`."""
        place = int(np.searchsorted(self.time, time, side="right")) - 1
        return 1.0 if place < 0 else float(self.survival[place])

    def median(self) -> Estimate:
        """The first time at which half have had the event; not a number where never.

        Its limits are those of Brookmeyer and Crowley, Biometrics 1982;38:29-41: the first times
        at which the limits of the curve reach one half.
        """
        first, early, late = (self._reaches(c) for c in (self.survival, self.low, self.high))
        return Estimate(value=first, low=early, high=late)

    def _reaches(self, curve: Numbers) -> float:
        # At 0 the limits are no numbers; the curve itself has then passed one half.
        below = np.flatnonzero(np.nan_to_num(curve, nan=0.0) <= 0.5 + 1e-12)
        return float(self.time[below[0]]) if len(below) else math.nan


def kaplan_meier(
    time: Numbers, event: Flags, entry: Numbers | None = None, level: float = 0.95
) -> SurvivalCurve:
    """Kaplan and Meier's curve (J Am Stat Assoc 1958;53:457-481), through statsmodels.

    `time` is time to event or end, `entry` time of delayed entry. Limits as Kalbfleisch and
    Prentice, 2nd ed. 2002, section 1.4.1.

    Raises:
        Invalid: no event at all, or an exit that does not come after its entry.
    """
    if not event.any():
        raise Invalid("Nobody has the event, so there is no curve.")
    if entry is not None and (time <= entry).any():
        raise Invalid(f"{int((time <= entry).sum())} persons leave before they enter.")
    fitted = SurvfuncRight(time, event.astype(np.int64), entry=entry)
    survival, error = np.asarray(fitted.surv_prob), np.asarray(fitted.surv_prob_se)
    z = normal_quantile(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = z * error / (survival * np.abs(np.log(survival)))
        low, high = survival ** np.exp(reach), survival ** np.exp(-reach)
    return SurvivalCurve(
        time=np.asarray(fitted.surv_times, dtype=np.float64),
        at_risk=np.asarray(fitted.n_risk, dtype=np.float64),
        events=np.asarray(fitted.n_events, dtype=np.float64),
        survival=survival,
        error=error,
        low=low,
        high=high,
    )


@frozen(kw_only=True)
class GroupTest:
    """A test that groups do not differ: chi-squared, degrees of freedom, p."""

    name: str
    chi_squared: float
    freedom: int
    p_value: float


def compare_groups(
    time: Numbers, event: Flags, group: Any, name: str = "logrank", strata: Any = None
) -> GroupTest:
    """The log-rank test (Mantel 1966; Peto and Peto 1972), or one that weighs early events.

    Raises:
        Invalid: fewer than two groups, or another name than those of `WEIGHTS`.
    """
    if name not in WEIGHTS:
        raise Invalid(f"There is no test `{name}`.", remedy=f"Choose one of: {', '.join(WEIGHTS)}.")
    labels = np.asarray(group)
    number = len(set(labels.tolist()))
    if number < 2:
        raise Invalid("There is one group only, so nothing to compare.")
    found = survdiff(time, event.astype(np.int64), labels, weight_type=WEIGHTS[name], strata=strata)
    return GroupTest(
        name=name, chi_squared=float(found[0]), freedom=number - 1, p_value=float(found[1])
    )


def survival(
    table: pa.Table,
    *,
    time: str,
    event: str,
    by: Sequence[str] = (),
    entry: str | None = None,
    level: float = 0.95,
    test: str = "logrank",
) -> Analysis:
    """The survival curve of each group; with groups, the test that they do not differ.

    Raises:
        Missing: a column is absent.
        Invalid: negative times, a group without any event, or another test.
    """
    require_rows(table)
    duration, happened = counts(table, time), flags(table, event)
    late = counts(table, entry) if entry else None
    rows: list[dict[str, Any]] = []
    medians: dict[str, dict[str, float | None]] = {}
    for named, chosen in groups(table, by):
        began = late[chosen] if late is not None else None
        curve = kaplan_meier(duration[chosen], happened[chosen], began, level)
        medians[", ".join(named.values()) or "all"] = curve.median().as_dict("median")
        rows += [{**named, **row} for row in curve_rows(curve)]
    facts: dict[str, Any] = {"median": medians}
    if by and late is None:
        joined = [", ".join(key) for key in zip(*(categories(table, n) for n in by), strict=True)]
        tested = compare_groups(duration, happened, joined, test)
        facts |= {"test": test, "chi_squared": tested.chi_squared, "p_value": tested.p_value}
    return Analysis(
        method="Kaplan-Meier, Greenwood's error, limits on the log(-log) scale",
        source="Kaplan and Meier, J Am Stat Assoc 1958;53:457-481; Kalbfleisch and Prentice 2002",
        rows=tuple(rows),
        persons=table.num_rows,
        events=int(happened.sum()),
        facts=facts,
    )


def curve_rows(curve: SurvivalCurve) -> list[dict[str, Any]]:
    """The curve as rows, one at each time of an event."""
    columns = (curve.time, curve.at_risk, curve.events, curve.survival, curve.error)
    limits = zip(curve.low, curve.high, strict=True)
    return [
        {
            "time": float(t),
            "at_risk": int(n),
            "events": int(d),
            "survival": float(s),
            "error": finite(e),
            "low": finite(low),
            "high": finite(high),
        }
        for (t, n, d, s, e), (low, high) in zip(zip(*columns, strict=True), limits, strict=True)
    ]
