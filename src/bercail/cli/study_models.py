"""`bercail study cox | regression | its | propensity | sccs`: models of a cohort."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag
from bercail.cli.study_answer import Language, Level, Out, Plot, Title, answer, outputs
from bercail.foundation import Invalid

app = typer.Typer()

Data = Annotated[Path, typer.Argument(help="A table in Parquet or CSV.")]
Columns = Annotated[list[str], typer.Option("--column", help="A column of the model; repeatable.")]
References = Annotated[
    list[str] | None,
    typer.Option("--reference", help="The level to compare with, as column=level; repeatable."),
]
Clusters = Annotated[
    str | None, typer.Option("--clusters", help="Errors robust to what these rows share.")
]
Counted = Annotated[bool, typer.Option("--counts", help="Counts: quasi-Poisson instead of linear.")]
Offset = Annotated[
    str | None, typer.Option("--population", help="The population, as offset of counts.")
]


@app.command()
def cox(
    table: Data,
    column: Columns,
    time: Annotated[str, typer.Option("--time", help="Time to event or end.")] = "time",
    event: Annotated[str, typer.Option("--event", help="Whether the event ends it.")] = "event",
    reference: References = None,
    ties: Annotated[str, typer.Option("--ties", help="`efron` or `breslow`.")] = "efron",
    entry: Annotated[str | None, typer.Option("--entry", help="Delayed entry.")] = None,
    strata: Annotated[
        str | None, typer.Option("--strata", help="Each stratum has a baseline of its own.")
    ] = None,
    clusters: Clusters = None,
    level: Level = 0.95,
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Hazard ratios (Cox)."""
    from bercail.cohorts.analysis import hazards as analysis
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.hazards,
        outputs(plot, out, language, title),
        time=time,
        event=event,
        columns=column,
        references=levels(reference),
        ties=ties,
        entry=entry,
        strata=strata,
        clusters=clusters,
        level=level,
    )
    answer(found, as_json)


@app.command()
def regression(
    table: Data,
    column: Columns,
    events: Annotated[str, typer.Option("--events", help="Numbers of events.")] = "events",
    person_years: Annotated[
        str | None, typer.Option("--person-years", help="Person-years, as offset.")
    ] = None,
    family: Annotated[
        str, typer.Option("--family", help="`poisson` or `negative-binomial`.")
    ] = "poisson",
    errors: Annotated[
        str, typer.Option("--errors", help="`model`, `robust` or `quasi`.")
    ] = "model",
    reference: References = None,
    clusters: Clusters = None,
    level: Level = 0.95,
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Rate ratios (Poisson or negative binomial regression)."""
    from bercail.cohorts.analysis import regression as analysis
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.count_regression,
        outputs(plot, out, language, title),
        events=events,
        columns=column,
        person_years=person_years,
        family=family,
        errors=errors,
        references=levels(reference),
        clusters=clusters,
        level=level,
    )
    answer(found, as_json)


@app.command()
def its(
    table: Data,
    start: Annotated[int, typer.Option("--start", help="The first row after the change, from 0.")],
    value: Annotated[str, typer.Option("--value", help="The column of the series.")] = "value",
    counted: Counted = False,
    population: Offset = None,
    slope: Annotated[
        bool, typer.Option("--slope/--no-slope", help="Whether the slope may change too.")
    ] = True,
    lags: Annotated[int, typer.Option("--lags", help="Lags of Newey and West's errors.")] = 1,
    pairs: Annotated[int, typer.Option("--seasons", help="Pairs of sine and cosine.")] = 0,
    period: Annotated[float, typer.Option("--period", help="Rows to a year.")] = 12.0,
    level: Level = 0.95,
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Interrupted time series: level and slope before and after a change."""
    from bercail.cohorts.analysis import interrupted as analysis
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.interrupted,
        outputs(plot, out, language, title),
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
    answer(found, as_json)


@app.command()
def propensity(
    table: Data,
    treatment: Annotated[str, typer.Option("--treatment", help="Whether a person is treated.")],
    column: Columns,
    target: Annotated[str, typer.Option("--target", help="`ate` or `att`.")] = "ate",
    caliper: Annotated[
        float | None, typer.Option("--caliper", help="Match within so many deviations (0.2).")
    ] = None,
    reference: References = None,
    persons_out: Annotated[
        Path | None,
        typer.Option("--persons-out", help="Write the persons with score and weight or pair."),
    ] = None,
    out: Out = None,
    as_json: JsonFlag = False,
) -> None:
    """Propensity weights or pairs, with standardised differences before and after."""
    from bercail.cohorts.analysis.service import study_balance

    found = study_balance(
        table,
        treatment=treatment,
        columns=column,
        target=target,
        caliper=caliper,
        references=levels(reference),
        persons_out=persons_out,
        outputs=outputs(None, out, "en", ""),
    )
    answer(found, as_json)


@app.command()
def sccs(
    table: Data,
    window: Annotated[
        list[str], typer.Option("--window", help="Days after exposure, as 15-35; repeatable.")
    ],
    person: Annotated[str, typer.Option("--person", help="Who.")] = "person",
    start: Annotated[str, typer.Option("--start", help="First day of observation.")] = "start",
    end: Annotated[str, typer.Option("--end", help="Last day of observation.")] = "end",
    event: Annotated[str, typer.Option("--event", help="Day of the event.")] = "event",
    exposure: Annotated[
        str, typer.Option("--exposure", help="Day of the exposure; may be unknown.")
    ] = "exposure",
    ages: Annotated[
        str, typer.Option("--ages", help="First days of later age groups, such as 548.")
    ] = "",
    level: Level = 0.95,
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Relative incidence in the days after an exposure (self-controlled case series)."""
    from bercail.cohorts.analysis import case_series as analysis
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.self_controlled,
        outputs(plot, out, language, title),
        person=person,
        start=start,
        end=end,
        event=event,
        exposure=exposure,
        windows=[span(one) for one in window],
        age_starts=whole_numbers(ages),
        level=level,
    )
    answer(found, as_json)


def levels(given: Sequence[str] | None) -> dict[str, str]:
    """`column=level` texts as a mapping; raises `Invalid` for another form."""
    pairs = [one.partition("=") for one in given or []]
    wrong = next((column for column, equals, level in pairs if not (equals and level)), None)
    if wrong is not None:
        raise Invalid(f"`{wrong}` names no level.", remedy="Write column=level.")
    return {column: level for column, _, level in pairs}


def span(text: str) -> tuple[int, int]:
    """`15-35` as first and last; days before exposure as `-14--1`; raises `Invalid`."""
    found = re.fullmatch(r"(-?\d+)-(-?\d+)", text)
    if found is None:
        raise Invalid(f"`{text}` is no window.", remedy="Write first and last day, as 15-35.")
    return int(found[1]), int(found[2])


def whole_numbers(text: str) -> list[int]:
    """`0,5,10` as numbers; nothing as none; raises `Invalid`."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    wrong = next((part for part in parts if not part.isdigit()), None)
    if wrong is not None:
        raise Invalid(f"`{wrong}` is no whole number.", remedy="Write 0,5,10.")
    return [int(part) for part in parts]
