"""`bercail study weeks | alarms | serfling | reproduction`: surveillance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag
from bercail.cli.study_answer import Language, Level, Out, Plot, Title, answer, outputs
from bercail.cli.study_models import whole_numbers

app = typer.Typer()

Data = Annotated[Path, typer.Argument(help="A table in Parquet or CSV.")]
Week = Annotated[str, typer.Option("--week", help="The column with a day of the week.")]
Count = Annotated[str, typer.Option("--count", help="The column of counts.")]


@app.command()
def weeks(
    table: Data,
    day: Annotated[str, typer.Option("--day", help="The column of the event's date.")] = "date",
    out: Out = None,
    as_json: JsonFlag = False,
) -> None:
    """Events by ISO week, weeks of 0 included."""
    from bercail.cohorts.analysis import weekly as analysis
    from bercail.cohorts.analysis.service import study

    found = study(table, analysis.weekly, outputs(None, out, "en", ""), day=day)
    answer(found, as_json)


@app.command()
def alarms(
    table: Data,
    week: Week = "monday",
    count: Count = "events",
    last_weeks: Annotated[int, typer.Option("--last-weeks", help="Weeks to judge.")] = 52,
    years: Annotated[int, typer.Option("--years", help="Years of baseline.")] = 5,
    alpha: Annotated[float, typer.Option("--alpha", help="The chance of a false alarm.")] = 0.01,
    bound: Annotated[str, typer.Option("--bound", help="`nb`, `delta` or `muan`.")] = "nb",
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Alarms by the flexible Farrington method."""
    from bercail.cohorts.analysis import watch as analysis
    from bercail.cohorts.analysis.farrington import Settings
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.alarms,
        outputs(plot, out, language, title),
        week=week,
        count=count,
        last_weeks=last_weeks,
        settings=Settings(years=years, alpha=alpha, method=bound),
    )
    answer(found, as_json)


@app.command()
def serfling(
    table: Data,
    week: Week = "monday",
    count: Count = "events",
    season: Annotated[
        str, typer.Option("--season", help="Months that teach no baseline, as 10,11,12,1.")
    ] = "10,11,12,1,2,3,4",
    pairs: Annotated[int, typer.Option("--seasons", help="Pairs of sine and cosine.")] = 1,
    level: Level = 0.90,
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Serfling's baseline, epidemic weeks, and the excess over it."""
    from bercail.cohorts.analysis import watch as analysis
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.excess,
        outputs(plot, out, language, title),
        week=week,
        count=count,
        season=whole_numbers(season),
        pairs=pairs,
        level=level,
    )
    answer(found, as_json)


@app.command()
def reproduction(
    table: Data,
    mean: Annotated[float, typer.Option("--mean", help="Mean serial interval in days.")],
    spread: Annotated[float, typer.Option("--spread", help="Its standard deviation in days.")],
    day: Annotated[str, typer.Option("--day", help="The column of days.")] = "date",
    cases: Annotated[str, typer.Option("--cases", help="The column of cases.")] = "cases",
    imported: Annotated[
        str | None, typer.Option("--imported", help="The column of cases from elsewhere.")
    ] = None,
    window: Annotated[int, typer.Option("--window", help="Days of a window.")] = 7,
    level: Level = 0.95,
    plot: Plot = None,
    out: Out = None,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """The reproduction number over time, with credible intervals."""
    from bercail.cohorts.analysis import reproduction as analysis
    from bercail.cohorts.analysis.service import study

    found = study(
        table,
        analysis.reproduction,
        outputs(plot, out, language, title),
        day=day,
        cases=cases,
        mean_interval=mean,
        spread_interval=spread,
        imported=imported,
        window=window,
        level=level,
    )
    answer(found, as_json)
