"""The self-controlled case series: each person is compared with themself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import frozen

from bercail.cohorts.analysis.columns import require_columns, require_rows
from bercail.cohorts.analysis.conditional import fit_conditional_poisson
from bercail.cohorts.analysis.design import Design, Term, require_full_rank, terms
from bercail.cohorts.analysis.result import Analysis
from bercail.foundation import Invalid


@frozen(kw_only=True)
class Case:
    """One person with events: days of age, the first and the last of observation included.

    `exposures` are the days on which exposures begin; later risk takes the place of earlier.
    """

    start: int
    end: int
    events: tuple[int, ...]
    exposures: tuple[int, ...] = ()

    def __attrs_post_init__(self) -> None:
        """Refuse an event outside observation, or observation that ends before it begins."""
        if self.end < self.start:
            raise Invalid("A case's observation ends before it begins.")
        if not self.events or any(not self.start <= day <= self.end for day in self.events):
            raise Invalid("A case has no event inside its observation.")


@frozen(kw_only=True)
class Interval:
    """Days of one case in one age group and one risk window (0 is outside all windows)."""

    case: int
    age: int
    risk: int
    days: int
    events: int


@frozen(kw_only=True)
class CaseSeriesModel:
    """A fitted series: terms are logs of relative incidence, the risk windows first."""

    terms: tuple[Term, ...]
    intervals: tuple[Interval, ...]
    log_likelihood: float


def intervals(
    cases: Sequence[Case], windows: Sequence[tuple[int, int]], age_starts: Sequence[int] = ()
) -> tuple[Interval, ...]:
    """Each case's observation, cut by age group and risk window.

    `windows` are first and last day after an exposure (`(15, 35)`), both included; `age_starts`
    are the first days of age groups after the first one.

    Raises:
        Invalid: windows that overlap or run backwards.
    """
    order = sorted(windows)
    if any(last < first for first, last in order) or any(b[0] <= a[1] for a, b in pairwise(order)):
        raise Invalid("The risk windows overlap or run backwards.")
    return tuple(
        one for number, case in enumerate(cases) for one in _cut(number, case, windows, age_starts)
    )


def _cut(
    number: int, case: Case, windows: Sequence[tuple[int, int]], age_starts: Sequence[int]
) -> Iterator[Interval]:
    at = np.arange(case.start, case.end + 1)
    risk = np.zeros(len(at), dtype=np.int64)
    for exposed in sorted(case.exposures):
        for place, (first, last) in enumerate(windows, start=1):
            risk[(at >= exposed + first) & (at <= exposed + last)] = place
    age = np.searchsorted(np.array(sorted(age_starts)), at, side="right")
    happened = np.zeros(len(at), dtype=np.int64)
    for day in case.events:
        happened[day - case.start] += 1
    # Days of the same age group and window are one interval, also when they lie apart.
    for group in np.unique(age):
        for window in np.unique(risk[age == group]):
            chosen = (age == group) & (risk == window)
            yield Interval(
                case=number,
                age=int(group),
                risk=int(window),
                days=int(chosen.sum()),
                events=int(happened[chosen].sum()),
            )


def case_series(
    cases: Sequence[Case], windows: Sequence[tuple[int, int]], age_starts: Sequence[int] = ()
) -> CaseSeriesModel:
    """Relative incidence in the risk windows, by conditional Poisson regression
    (Farrington, Biometrics 1995;51:228-235; Whitaker et al., Stat Med 2006;25:1768-1797).

    Raises:
        Invalid: no case, windows that overlap, or a model that cannot be fitted (no event in
            a window, for example).
    """
    cut = intervals(cases, windows, age_starts)
    planned = _planned(cut, windows, age_starts)
    require_full_rank(planned)
    happened = np.array([one.events for one in cut], dtype=np.float64)
    for place, name in enumerate(planned.names):
        if not happened[planned.matrix[:, place] == 1].any():
            raise Invalid(f"There is no event in `{name}`, so it cannot be compared.")
    fitted = fit_conditional_poisson(
        happened,
        planned.matrix,
        np.log([one.days for one in cut]),
        np.array([one.case for one in cut], dtype=np.int64),
    )
    return CaseSeriesModel(
        terms=terms(planned, fitted.coefficients, fitted.errors),
        intervals=cut,
        log_likelihood=fitted.log_likelihood,
    )


def _planned(
    cut: Sequence[Interval], windows: Sequence[tuple[int, int]], age_starts: Sequence[int]
) -> Design:
    columns = {
        f"risk {first} to {last}": [one.risk == place for one in cut]
        for place, (first, last) in enumerate(windows, start=1)
    }
    for place, first in enumerate(sorted(age_starts), start=1):
        columns[f"age from {first}"] = [one.age == place for one in cut]
    if not cut:
        raise Invalid("There is no case.")
    matrix = np.column_stack(list(columns.values())).astype(np.float64)
    events = np.array([one.events for one in cut])
    levels = {name: int(events[matrix[:, place] == 1].sum()) for place, name in enumerate(columns)}
    return Design(names=tuple(columns), matrix=matrix, levels=levels)


def self_controlled(
    table: pa.Table,
    *,
    person: str,
    start: str,
    end: str,
    event: str,
    exposure: str,
    windows: Sequence[tuple[int, int]],
    age_starts: Sequence[int] = (),
    level: float = 0.95,
) -> Analysis:
    """Relative incidence from one row per event and exposure; columns hold days of age.

    A person with several events or exposures has several rows with the same observation. The
    distinct days of each are taken, so that one event beside two exposures is one event; two
    events on a day count once. `exposure` may be unknown: such a person tells about age only.

    Raises:
        Missing: a column is absent.
        Invalid: unknown values elsewhere, or as `case_series`.
    """
    require_rows(table)
    cases = read_cases(table, person=person, start=start, end=end, event=event, exposure=exposure)
    fitted = case_series(cases, windows, age_starts)
    rows = []
    for term in fitted.terms:
        row = term.as_row("relative_incidence", level)
        rows.append({"term": row.pop("term"), "events": row.pop("rows"), **row})
    return Analysis(
        method="Self-controlled case series, conditional Poisson",
        source="Whitaker et al., Statistics in Medicine 2006;25:1768-1797",
        rows=tuple(rows),
        persons=len(cases),
        events=sum(len(case.events) for case in cases),
        facts={"intervals": len(fitted.intervals), "log_likelihood": fitted.log_likelihood},
    )


def read_cases(
    table: pa.Table, *, person: str, start: str, end: str, event: str, exposure: str
) -> list[Case]:
    """The cases of a table of events, in order of their first row.

    Events and exposures are the distinct days in a person's rows, in order.

    Raises:
        Missing: a column is absent.
        Invalid: unknown or other values than whole days, or an observation that differs
            between rows of a person.
    """
    require_columns(table, [person, start, end, event, exposure])
    found: dict[Any, list[dict[str, Any]]] = {}
    for row in table.select([person, start, end, event, exposure]).to_pylist():
        if any(type(row[name]) is not int for name in (start, end, event)):
            raise Invalid("The columns of a case series hold whole days of age.")
        if row[exposure] is not None and type(row[exposure]) is not int:
            raise Invalid(f"The column `{exposure}` holds whole days of age, or nothing.")
        found.setdefault(row[person], []).append(row)
    cases = []
    for rows in found.values():
        if len({(row[start], row[end]) for row in rows}) > 1:
            raise Invalid("A person has two periods of observation.", remedy="Give one.")
        begun = {row[exposure] for row in rows if row[exposure] is not None}
        cases.append(
            Case(
                start=rows[0][start],
                end=rows[0][end],
                events=tuple(sorted({row[event] for row in rows})),
                exposures=tuple(sorted(begun)),
            )
        )
    return cases
