"""`bercail persons`: who is who, from the registers of beneficiaries."""

from __future__ import annotations

from typing import Annotated

import typer
from attrs import asdict

from bercail.cli.door import JsonFlag, actor, emit, house, progress

app = typer.Typer(help="Resolve identities to persons.", no_args_is_help=True)


@app.command()
def build(
    whole: Annotated[
        bool, typer.Option("--whole", help="Read every delivery again, not only the new ones.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring the tables of identities and persons up to the deliveries that came in."""
    desk = house().persons
    with progress(as_json) as report:
        built = desk.build(actor(), whole=whole, progress=report)
    if built is None:
        emit(desk.status(), as_json, title="Nothing new")
    else:
        emit(asdict(built), as_json, title=built.build)


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """The last build, its doubts as counts, and how many deliveries came in since."""
    emit(house().persons.status(), as_json, title="Person layer")
