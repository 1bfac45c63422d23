"""Competing risks: how many have had each event, when another event may come first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import frozen
from statsmodels.duration.survfunc import CumIncidenceRight

from bercail.cohorts.analysis.columns import Integers, Numbers, counts, require_rows, states
from bercail.cohorts.analysis.intervals import normal_quantile
from bercail.cohorts.analysis.rates import groups
from bercail.cohorts.analysis.result import Analysis, finite
from bercail.foundation import Invalid


@frozen(kw_only=True, eq=False)
class CumulativeIncidence:
    """The share that has had event `cause`, at each time of any event or end."""

    cause: int
    time: Numbers
    at_risk: Integers
    events: Integers
    incidence: Numbers
    low: Numbers
    high: Numbers


def aalen_johansen(
    time: Numbers, state: Integers, level: float = 0.95
) -> tuple[CumulativeIncidence, ...]:
    """The cumulative incidence of each event (Aalen and Johansen, Scand J Stat 1978;5:141-150).

    `state` is 0 for the end of observation, else the event that came first. Estimate and
    standard error come from statsmodels; limits are on the log(-log) scale of the incidence.

    Raises:
        Invalid: nobody has any event.
    """
    if not (state > 0).any():
        raise Invalid("Nobody has any event, so there is no curve.")
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where everybody left has an event, the error has no value.
        fitted = CumIncidenceRight(time, state)
    moments = np.asarray(fitted.times, dtype=np.float64)
    # Those who are at risk at a time have neither left nor had an event before it.
    risk = len(time) - np.searchsorted(np.sort(time), moments, side="left")
    z = normal_quantile(level)
    found = []
    for place, incidence in enumerate(fitted.cinc):
        error = np.asarray(fitted.cinc_se[place])
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = z * error / (incidence * np.abs(np.log(incidence)))
            low, high = incidence ** np.exp(reach), incidence ** np.exp(-reach)
        at = np.searchsorted(moments, time[state == place + 1])
        found.append(
            CumulativeIncidence(
                cause=place + 1,
                time=moments,
                at_risk=risk,
                events=np.bincount(at, minlength=len(moments)),
                incidence=np.asarray(incidence, dtype=np.float64),
                low=low,
                high=high,
            )
        )
    return tuple(found)


def competing(
    table: pa.Table, *, time: str, state: str, by: Sequence[str] = (), level: float = 0.95
) -> Analysis:
    """The cumulative incidence of each event in each group; rows at the times of that event.

    Raises:
        Missing: a column is absent.
        Invalid: negative times, states that are none, or a group without any event.
    """
    require_rows(table)
    duration, which = counts(table, time), states(table, state)
    rows: list[dict[str, Any]] = []
    for named, chosen in groups(table, by):
        for curve in aalen_johansen(duration[chosen], which[chosen], level):
            rows += [{**named, **row} for row in _rows(curve)]
    return Analysis(
        method="Cumulative incidence, Aalen-Johansen, limits on the log(-log) scale",
        source="Aalen and Johansen, Scand J Stat 1978;5:141-150; Kalbfleisch and Prentice 2002",
        rows=tuple(rows),
        persons=table.num_rows,
        events=int((which > 0).sum()),
    )


def _rows(curve: CumulativeIncidence) -> list[dict[str, Any]]:
    return [
        {
            "cause": curve.cause,
            "time": float(curve.time[at]),
            "at_risk": int(curve.at_risk[at]),
            "events": int(curve.events[at]),
            "incidence": float(curve.incidence[at]),
            "low": finite(curve.low[at]),
            "high": finite(curve.high[at]),
        }
        for at in np.flatnonzero(curve.events)
    ]
