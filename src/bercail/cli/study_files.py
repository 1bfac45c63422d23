"""`bercail study flowchart | pyramid | map | split | meds | check-meds | matrix`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, emit
from bercail.cli.study_answer import Language, Title

app = typer.Typer()

Picture = Annotated[Path, typer.Option("--plot", help="The .svg or .png file to write.")]
Persons = Annotated[Path, typer.Argument(help="One row per person, in Parquet or CSV.")]
EventFile = Annotated[Path, typer.Argument(help="One row per event, in Parquet or CSV.")]
Person = Annotated[str, typer.Option("--person", help="The column of the person.")]
Day = Annotated[str, typer.Option("--day", help="The column of the event's date.")]
Code = Annotated[str, typer.Option("--code", help="The column of the event's code.")]
Static = Annotated[
    list[str] | None, typer.Option("--static", help="A column of the person; repeatable.")
]
Family = Annotated[
    str | None, typer.Option("--family", help="Persons with the same value share a split.")
]

Kind = Annotated[str | None, typer.Option("--kind", help="A column to put before the code.")]
Value = Annotated[str | None, typer.Option("--value", help="The column of a number.")]
Birth = Annotated[str | None, typer.Option("--birth", help="The person's date or year of birth.")]
Death = Annotated[str | None, typer.Option("--death", help="The person's death.")]
Feature = Annotated[
    list[str] | None, typer.Option("--feature", help="A code to count; repeatable.")
]
Label = Annotated[
    str | None, typer.Option("--label", help="The code to foresee in the next period.")
]


@app.command()
def flowchart(
    result: Annotated[Path, typer.Argument(help="The result.json of a run.")],
    plot: Picture,
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Draw the flowchart of a cohort."""
    from bercail.cohorts.plots.service import draw_flowchart

    found = draw_flowchart(result, plot, language=language, title=title)
    emit(found, as_json, lines=[f"written: {plot}"])


@app.command()
def pyramid(
    table: Annotated[Path, typer.Argument(help="A table-N.json of a run.")],
    plot: Picture,
    age: Annotated[str, typer.Option("--age", help="The side of age groups.")] = "age_group",
    sex: Annotated[str, typer.Option("--sex", help="The side of sex.")] = "sex",
    language: Language = "en",
    title: Title = "",
    as_json: JsonFlag = False,
) -> None:
    """Draw the age pyramid of a cohort."""
    from bercail.cohorts.plots.service import draw_pyramid

    found = draw_pyramid(table, plot, age=age, sex=sex, language=language, title=title)
    emit(found, as_json, lines=[f"written: {plot}"])


@app.command(name="map")
def map_(
    table: Annotated[Path, typer.Argument(help="One row per département.")],
    plot: Picture,
    departement: Annotated[
        str, typer.Option("--departement", help="The column of codes.")
    ] = "departement",
    value: Annotated[str, typer.Option("--value", help="The column of values.")] = "rate",
    language: Language = "en",
    title: Title = "",
    legend: Annotated[str, typer.Option("--legend", help="The title of the legend.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Draw a map of the départements in hexagons."""
    from bercail.cohorts.plots.service import draw_map

    found = draw_map(
        table,
        plot,
        departement=departement,
        value=value,
        language=language,
        title=title,
        legend=legend,
    )
    emit(found, as_json, lines=[f"written: {plot}"])


@app.command()
def split(
    persons: Persons,
    seed: Annotated[str, typer.Option("--seed", help="Any word; quote it.")],
    out: Annotated[Path, typer.Option("--out", help="The .parquet or .csv file to write.")],
    person: Person = "person",
    family: Family = None,
    as_json: JsonFlag = False,
) -> None:
    """Split persons into train, tuning and held out; show the digest to quote."""
    from bercail.cohorts.meds.service import study_splits

    found = study_splits(persons, seed=seed, person=person, family=family, out=out)
    emit(found, as_json, whole=True)


@app.command()
def meds(
    persons: Persons,
    events: EventFile,
    out: Annotated[Path, typer.Option("--out", help="The new folder of the data set.")],
    name: Annotated[str, typer.Option("--name", help="The name of the data set.")],
    seed: Annotated[str, typer.Option("--seed", help="The seed of the splits.")],
    person: Person = "person",
    day: Day = "date",
    code: Code = "code",
    kind: Kind = None,
    value: Value = None,
    birth: Birth = None,
    death: Death = None,
    static: Static = None,
    family: Family = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a cohort's events as a MEDS data set, and prove that it is one."""
    from bercail.cohorts.meds.service import study_meds

    found = study_meds(
        persons,
        events,
        out=out,
        name=name,
        seed=seed,
        person=person,
        day=day,
        code=code,
        kind=kind,
        value=value,
        birth=birth,
        death=death,
        static=static or [],
        family=family,
    )
    emit(found, as_json, whole=True)


@app.command(name="check-meds")
def check_meds(
    folder: Annotated[Path, typer.Argument(help="The folder of a MEDS data set.")],
    as_json: JsonFlag = False,
) -> None:
    """Prove that a folder is a MEDS data set without leaks between splits."""
    from bercail.cohorts.meds.service import check_meds as check

    emit(check(folder), as_json)


@app.command()
def matrix(
    persons: Persons,
    events: EventFile,
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.")],
    period: Annotated[int, typer.Option("--period", help="Days of a period.")],
    start: Annotated[str, typer.Option("--start", help="First day of follow-up.")] = "start",
    end: Annotated[str, typer.Option("--end", help="Last day of follow-up.")] = "end",
    feature: Feature = None,
    label: Label = None,
    seed: Annotated[str | None, typer.Option("--seed", help="The seed of the splits.")] = None,
    person: Person = "person",
    day: Day = "date",
    code: Code = "code",
    static: Static = None,
    family: Family = None,
    as_json: JsonFlag = False,
) -> None:
    """Write counts per person and period, with a data dictionary."""
    from bercail.cohorts.meds.service import study_matrix

    found = study_matrix(
        persons,
        events,
        out=out,
        start=start,
        end=end,
        period_days=period,
        seed=seed,
        person=person,
        day=day,
        code=code,
        features=feature or [],
        label=label,
        static=static or [],
        family=family,
    )
    rest = {name: value for name, value in found.items() if name != "columns"}
    emit(found if as_json else {**rest, "columns": len(found["columns"])}, as_json, whole=True)
