"""`bercail study`: rates, survival and regression of a cohort; `study_watch`, `study_files`.

Files are Parquet or CSV. What is printed is a result inside the project's space.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bercail.cli import study_files, study_models, study_watch
from bercail.cli.door import JsonFlag
from bercail.cli.study_answer import By, Language, Level, Out, Per, Plot, Title, answer, outputs

app = typer.Typer(
    help="Analyse a cohort: rates, survival, regression, surveillance, pictures.",
    no_args_is_help=True,
)

Data = Annotated[Path, typer.Argument(help="A table in Parquet or CSV.")]
Events = Annotated[str, typer.Option("--events", help="The column of numbers of events.")]
Years = Annotated[str, typer.Option("--person-years", help="The column of person-years.")]
Time = Annotated[str, typer.Option("--time", help="The column of time to event or end.")]
Entry = Annotated[str | None, typer.Option("--entry", help="The column of delayed entry.")]


@app.command()
def rates(
    table: Data,
    events: Events = "events",
    person_years: Years = "person_years",
    by: By = None,
    per: Per = 100_000.0,
    level: Level = 0.95,
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Crude incidence rates with exact limits, by group."""
    from bercail.cohorts.analysis import rates as analysis
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.incidence,
        outputs(plot, out, language, title),
        events=events,
        person_years=person_years,
        by=by or [],
        per=per,
        level=level,
    )
    answer(found, as_json)


@app.command()
def prevalence(
    table: Data,
    case: Annotated[str, typer.Option("--case", help="The column that says who is a case.")],
    by: By = None,
    per: Per = 100.0,
    level: Level = 0.95,
    method: Annotated[str, typer.Option("--method", help="`wilson` or `exact`.")] = "wilson",
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Prevalence among persons (one row each), by group."""
    from bercail.cohorts.analysis import rates as analysis
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.prevalence,
        outputs(plot, out, language, title),
        case=case,
        by=by or [],
        per=per,
        level=level,
        method=method,
    )
    answer(found, as_json)


@app.command(name="person-years")
def person_years(
    table: Data,
    birth: Annotated[str, typer.Option("--birth", help="Date of birth, or year of birth.")],
    entry: Annotated[str, typer.Option("--entry", help="First day of follow-up.")],
    exit_: Annotated[str, typer.Option("--exit", help="Last day of follow-up.")],
    event: Annotated[str, typer.Option("--event", help="Whether the event ends follow-up.")],
    ages: Annotated[
        str, typer.Option("--ages", help="First ages of the groups, such as 0,5,10,85.")
    ] = "",
    by_year: Annotated[bool, typer.Option("--by-year", help="Also by calendar year.")] = False,
    by: By = None,
    out: Out = None,
    as_json: JsonFlag = False,
) -> None:
    """Person-years and events by age group and calendar year (Lexis)."""
    from bercail.cohorts.analysis import person_time as analysis
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.person_years,
        outputs(None, out, "en", ""),
        birth=birth,
        entry=entry,
        exit_=exit_,
        event=event,
        age_starts=study_models.whole_numbers(ages),
        by_year=by_year,
        by=by or [],
    )
    answer(found, as_json)


@app.command()
def standardise(
    table: Data,
    age: Annotated[str, typer.Option("--age", help="The column of age groups.")] = "age",
    standard: Annotated[
        str,
        typer.Option("--standard", help="european-2013, european-1976 or world-who-2000."),
    ] = "european-2013",
    events: Events = "events",
    person_years: Years = "person_years",
    by: By = None,
    per: Per = 100_000.0,
    level: Level = 0.95,
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Directly standardised rates with Fay and Feuer's limits, beside the crude ones."""
    from bercail.cohorts.analysis import standardising as analysis
    from bercail.cohorts.analysis.service import study
    from bercail.cohorts.analysis.standards import standard_population

    found = study(
        table,
        analysis.standardise,
        outputs(plot, out, language, title),
        age=age,
        events=events,
        person_years=person_years,
        standard=standard_population(standard),
        by=by or [],
        per=per,
        level=level,
    )
    answer(found, as_json)


@app.command()
def smr(
    table: Data,
    reference: Annotated[Path, typer.Option("--reference", help="The reference's strata.")],
    strata: Annotated[list[str], typer.Option("--strata", help="Columns of strata; repeatable.")],
    events: Events = "events",
    person_years: Years = "person_years",
    by: By = None,
    level: Level = 0.95,
    method: Annotated[str, typer.Option("--method", help="`exact` or `byar`.")] = "exact",
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Observed over expected events at the rates of a reference (indirect standardisation)."""
    from bercail.cohorts.analysis import standardising as analysis
    from bercail.cohorts.analysis.columns import read_table
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.indirect,
        outputs(plot, out, language, title),
        read_table(reference),
        strata=strata,
        events=events,
        person_years=person_years,
        by=by or [],
        level=level,
        method=method,
    )
    answer(found, as_json)


@app.command()
def survival(
    table: Data,
    time: Time = "time",
    event: Annotated[str, typer.Option("--event", help="Whether the event ends it.")] = "event",
    by: By = None,
    entry: Entry = None,
    test: Annotated[
        str, typer.Option("--test", help="logrank, gehan-breslow or tarone-ware.")
    ] = "logrank",
    level: Level = 0.95,
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Kaplan-Meier curves by group, medians, and the test that groups do not differ."""
    from bercail.cohorts.analysis import survival as analysis
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.survival,
        outputs(plot, out, language, title),
        time=time,
        event=event,
        by=by or [],
        entry=entry,
        level=level,
        test=test,
    )
    answer(found, as_json)


@app.command()
def competing(
    table: Data,
    time: Time = "time",
    state: Annotated[
        str, typer.Option("--state", help="0 for none, 1, 2... for the event that came.")
    ] = "state",
    by: By = None,
    level: Level = 0.95,
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Cumulative incidence of competing events (Aalen-Johansen)."""
    from bercail.cohorts.analysis import competing as analysis
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.competing,
        outputs(plot, out, language, title),
        time=time,
        state=state,
        by=by or [],
        level=level,
    )
    answer(found, as_json)


app.add_typer(study_models.app)
app.add_typer(study_watch.app)
app.add_typer(study_files.app)
