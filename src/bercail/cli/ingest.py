"""`bercail ingest`: deliveries of the landing zone become tables."""

from __future__ import annotations

from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, actor, emit, house, progress

app = typer.Typer(help="Check and load deliveries.", no_args_is_help=True)


@app.command()
def load(
    delivery: Annotated[
        str | None, typer.Argument(help="A folder of the landing zone; all of them if left out.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every file of a delivery, then load it; a failed check quarantines all of it."""
    landing = house().migration().landed()
    with progress(as_json) as report:
        reports = house().ingest.load_all(landing, actor(), report, only=delivery)
    emit([item.as_dict() for item in reports], as_json, title="Loaded")


@app.command()
def status(delivery: str, as_json: JsonFlag = False) -> None:
    """Where a delivery stands, with the findings that keep it out."""
    emit(house().ingest.status(delivery), as_json, title=delivery)
