"""`bercail synth`: make difficult synthetic deliveries, list their difficulties, check them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from bercail.cli.door import JsonFlag, emit, progress
from bercail.foundation import Invalid

app = typer.Typer(help="Make difficult synthetic deliveries.", no_args_is_help=True)
OUT_OF_TOLERANCE = 1


@app.command()
def make(
    out: Annotated[Path, typer.Option(help="The folder to fill.")],
    persons: Annotated[int, typer.Option(help="How many persons.")] = 2000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal bytes.")] = 1,
    first_year: Annotated[int, typer.Option(help="The first year of care, from 2006.")] = 2023,
    years: Annotated[int, typer.Option(help="How many years of care.")] = 2,
    difficulty: Annotated[
        Literal["default", "hard"], typer.Option(help="Which rates the difficulties have.")
    ] = "default",
    without: Annotated[
        list[str] | None, typer.Option(help="A difficulty to switch off; may be repeated.")
    ] = None,
    rate: Annotated[
        list[str] | None, typer.Option(help="NAME=0.02; may be repeated.", metavar="NAME=RATE")
    ] = None,
    form: Annotated[
        Literal["csv", "parquet"], typer.Option("--format", help="The dialect of the files.")
    ] = "csv",
    processes: Annotated[
        int, typer.Option(help="How many processes; the bytes do not depend on it.")
    ] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Write clear deliveries of fictitious persons, with the truth beside them."""
    from bercail.ingest import synth

    rates = dict.fromkeys(without or (), 0.0) | dict(_rate(text) for text in rate or ())
    profile = synth.SynthProfile(
        persons=persons,
        seed=seed,
        first_year=first_year,
        years=years,
        difficulty=difficulty,
        rates=rates,
        form=form,
    )
    with progress(as_json) as report:
        result = synth.make(profile, out, report, processes or os.cpu_count() or 1)
    emit(result.as_dict(), as_json, title="Synthetic deliveries")


def _rate(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise Invalid(
            f"`{text}` is no rate.", remedy="Give a name and a rate: `late-flows=0.02`."
        ) from None


@app.command()
def difficulties(as_json: JsonFlag = False) -> None:
    """List the difficulties of the data: rates, traps, sources."""
    from bercail.ingest import synth

    rows = [item.as_dict() for item in synth.difficulties().values()]
    emit(
        rows,
        as_json,
        title="Difficulties",
        columns=("name", "default", "hard", "traps", "what"),
    )


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A folder that `synth make` filled.")],
    page: Annotated[Path | None, typer.Option(help="Write the plots to this HTML file.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare the files with published aggregates; exit code 1 when one is out of tolerance."""
    from bercail.ingest import synth

    found = synth.check(folder)
    if page is not None:
        synth.write_page(found, page)
    answer = found.as_dict() | ({"page": str(page)} if page else {})
    emit(
        answer if as_json else answer["measures"],
        as_json,
        title="Against published aggregates",
        columns=("measure", "measured", "published", "allowed", "within", "items"),
    )
    if not found.within:
        raise typer.Exit(OUT_OF_TOLERANCE)
