"""`bercail silver`: the event tables that are made from bronze."""

from __future__ import annotations

from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, actor, emit, house, progress

app = typer.Typer(help="Make the event tables, one per concept.", no_args_is_help=True)

BUILD_COLUMNS = ("concept", "state", "rows", "persons", "waits_for")
STATUS_COLUMNS = ("concept", "state", "rows", "version", "made_from")
Concept = Annotated[str | None, typer.Argument(help="One of them; all of them if left out.")]


@app.command()
def build(concept: Concept = None, as_json: JsonFlag = False) -> None:
    """Take event tables up to the newest bronze; only persons whose lines changed are made anew."""
    with progress(as_json) as report:
        made = house().silver.build(actor(), concept, report)
    emit([one.as_dict() for one in made], as_json, title="Silver", columns=BUILD_COLUMNS)


@app.command()
def rebuild(concept: Concept = None, as_json: JsonFlag = False) -> None:
    """Make event tables anew from all of bronze: after an erasure, an expiry, a new secret."""
    with progress(as_json) as report:
        made = house().silver.rebuild(actor(), concept, report)
    emit([one.as_dict() for one in made], as_json, title="Silver", columns=BUILD_COLUMNS)


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """Where each event table stands: current, behind, waiting, or to be rebuilt."""
    emit(house().silver.status(), as_json, title="Silver", columns=STATUS_COLUMNS)


@app.command("as-at")
def as_at(
    concept: str,
    day: Annotated[str, typer.Argument(help="YYYY-MM-DD, or YYYY-MM for the end of a month.")],
    as_json: JsonFlag = False,
) -> None:
    """Count the rows and persons of an event table as it was known at the end of a day.

    The DCIR tells by its flux months, however late it came; the PMSI, illnesses and deaths by what
    had arrived in this lake.
    """
    from bercail.lake.history import parse_day

    emit(house().silver.count_at(concept, parse_day(day)), as_json, title=concept)
