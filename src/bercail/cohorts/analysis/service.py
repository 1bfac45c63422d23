"""The desk for rates, survival and regression: read a file, compute, write what is wanted.

Every function raises `Missing` for a file or column that is not there, and `Invalid` as the
analysis behind it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bercail.cohorts.analysis import (
    case_series,
    competing,
    hazards,
    interrupted,
    person_time,
    propensity,
    rates,
    regression,
    standardising,
    survival,
)
from bercail.cohorts.analysis.columns import read_table, write_table
from bercail.cohorts.analysis.outputs import Outputs
from bercail.cohorts.analysis.result import Analysis
from bercail.cohorts.analysis.standards import standard_population
from bercail.cohorts.plots.curves import curves, intervals
from bercail.foundation import Invalid

NOWHERE = Outputs()


def _estimates(found: Analysis, outputs: Outputs) -> Analysis:
    shown = {"language": outputs.language, "title": outputs.title}
    return outputs.finish(found, lambda: intervals(found.rows, **shown))


def study_rates(
    path: Path,
    *,
    events: str,
    person_years: str,
    by: Sequence[str] = (),
    per: float = 100_000.0,
    level: float = 0.95,
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """Crude incidence rates of a file; see `rates.incidence`."""
    found = rates.incidence(
        read_table(path), events=events, person_years=person_years, by=by, per=per, level=level
    )
    return _estimates(found, outputs)


def study_prevalence(
    path: Path,
    *,
    case: str,
    by: Sequence[str] = (),
    per: float = 100.0,
    level: float = 0.95,
    method: str = "wilson",
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """Prevalence in a file of persons; see `rates.prevalence`."""
    found = rates.prevalence(
        read_table(path), case=case, by=by, per=per, level=level, method=method
    )
    return _estimates(found, outputs)


def study_person_years(
    path: Path,
    *,
    birth: str,
    entry: str,
    exit_: str,
    event: str,
    age_starts: Sequence[int] = (),
    by_year: bool = False,
    by: Sequence[str] = (),
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """Person-years of a file of persons; see `person_time.person_years`."""
    found = person_time.person_years(
        read_table(path),
        birth=birth,
        entry=entry,
        exit_=exit_,
        event=event,
        age_starts=age_starts,
        by_year=by_year,
        by=by,
    )
    return outputs.finish(found)


def study_standardised(
    path: Path,
    *,
    age: str,
    events: str,
    person_years: str,
    standard: str,
    by: Sequence[str] = (),
    per: float = 100_000.0,
    level: float = 0.95,
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """Directly standardised rates of a file of strata; see `standardising.standardise`."""
    found = standardising.standardise(
        read_table(path),
        age=age,
        events=events,
        person_years=person_years,
        standard=standard_population(standard),
        by=by,
        per=per,
        level=level,
    )
    return _estimates(found, outputs)


def study_ratio(
    path: Path,
    reference: Path,
    *,
    strata: Sequence[str],
    events: str,
    person_years: str,
    by: Sequence[str] = (),
    level: float = 0.95,
    method: str = "exact",
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """Observed over expected at a reference's rates; see `standardising.indirect`."""
    found = standardising.indirect(
        read_table(path),
        read_table(reference),
        strata=strata,
        events=events,
        person_years=person_years,
        by=by,
        level=level,
        method=method,
    )
    return _estimates(found, outputs)


def study_survival(
    path: Path,
    *,
    time: str,
    event: str,
    by: Sequence[str] = (),
    entry: str | None = None,
    level: float = 0.95,
    test: str = "logrank",
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """Kaplan-Meier curves of a file of persons; see `survival.survival`."""
    found = survival.survival(
        read_table(path), time=time, event=event, by=by, entry=entry, level=level, test=test
    )
    shown = {"language": outputs.language, "title": outputs.title}
    return outputs.finish(found, lambda: curves(found.rows, value="survival", by=by, **shown))


def study_competing(
    path: Path,
    *,
    time: str,
    state: str,
    by: Sequence[str] = (),
    level: float = 0.95,
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """Cumulative incidence of competing events; see `competing.competing`."""
    found = competing.competing(read_table(path), time=time, state=state, by=by, level=level)
    shown = {"language": outputs.language, "title": outputs.title}
    return outputs.finish(found, lambda: curves(found.rows, value="incidence", by=by, **shown))


def study_hazards(
    path: Path,
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
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """Hazard ratios from a file of persons; see `hazards.hazards`."""
    found = hazards.hazards(
        read_table(path),
        time=time,
        event=event,
        columns=columns,
        references=references,
        ties=ties,
        entry=entry,
        strata=strata,
        clusters=clusters,
        level=level,
    )
    return _estimates(found, outputs)


def study_regression(
    path: Path,
    *,
    events: str,
    columns: Sequence[str],
    person_years: str | None = None,
    family: str = "poisson",
    errors: str = "model",
    references: Mapping[str, str] | None = None,
    clusters: str | None = None,
    level: float = 0.95,
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """Rate ratios from a file of persons or strata; see `regression.count_regression`."""
    found = regression.count_regression(
        read_table(path),
        events=events,
        columns=columns,
        person_years=person_years,
        family=family,
        errors=errors,
        references=references,
        clusters=clusters,
        level=level,
    )
    return _estimates(found, outputs)


def study_interrupted(
    path: Path,
    *,
    value: str,
    start: int,
    population: str | None = None,
    counted: bool = False,
    slope: bool = True,
    lags: int = 1,
    pairs: int = 0,
    period: float = 12.0,
    level: float = 0.95,
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """An interrupted time series from a file of points; see `interrupted.interrupted`."""
    found = interrupted.interrupted(
        read_table(path),
        value=value,
        start=start,
        population=population,
        counted=counted,
        slope=slope,
        lags=lags,
        pairs=pairs,
        period=period,
        level=level,
    )
    return _estimates(found, outputs)


def study_balance(
    path: Path,
    *,
    treatment: str,
    columns: Sequence[str],
    target: str = "ate",
    caliper: float | None = None,
    references: Mapping[str, str] | None = None,
    persons_out: Path | None = None,
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """Propensity weights or pairs of a file of persons; see `propensity.balance`.

    `persons_out` receives the persons with their score and weight or pair: it stays in the space.
    """
    if persons_out is not None and persons_out.suffix not in {".parquet", ".csv"}:
        raise Invalid(f"`{persons_out}` is no table.", remedy="End it with .parquet or .csv.")
    found, extended = propensity.balance(
        read_table(path),
        treatment=treatment,
        columns=columns,
        target=target,
        caliper=caliper,
        references=references,
    )
    if persons_out is not None:
        write_table(extended, persons_out)
    return outputs.finish(found)


def study_case_series(
    path: Path,
    *,
    person: str,
    start: str,
    end: str,
    event: str,
    exposure: str,
    windows: Sequence[tuple[int, int]],
    age_starts: Sequence[int] = (),
    level: float = 0.95,
    outputs: Outputs = NOWHERE,
) -> Analysis:
    """A self-controlled case series from a file of events; see `case_series.self_controlled`."""
    found = case_series.self_controlled(
        read_table(path),
        person=person,
        start=start,
        end=end,
        event=event,
        exposure=exposure,
        windows=windows,
        age_starts=age_starts,
        level=level,
    )
    return _estimates(found, outputs)
