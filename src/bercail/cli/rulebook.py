"""Commands on the rule book: every requirement and its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, emit, house

app = typer.Typer(help="Every legal requirement and its evidence.", no_args_is_help=True)


@app.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """List every requirement and where it stands."""
    rows = [
        {
            "id": entry.requirement.id,
            "standing": entry.standing.value,
            "tests": len(entry.tests),
            "requirement": entry.requirement.requirement,
        }
        for entry in house().rulebook.entries()
    ]
    emit(rows, as_json, title="Rule book")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="Such as HOST-01.")],
    as_json: JsonFlag = False,
) -> None:
    """Show one requirement, its source and its evidence."""
    emit(house().rulebook.show(name).as_dict(), as_json, title=name)


@app.command()
def page(
    out: Annotated[Path, typer.Option(help="Where to write the HTML file.")],
    as_json: JsonFlag = False,
) -> None:
    """Write the conformity page: every requirement, with its evidence or plainly without."""
    emit(house().rulebook.page(out), as_json, title="Conformity page")
