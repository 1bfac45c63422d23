"""`bercail airlock bring`: files that a project asks to bring in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bercail.cli.airlock_words import tell, tell_rows
from bercail.cli.door import JsonFlag, actor, house

if TYPE_CHECKING:
    from bercail.airlock.bringing import BringingService

app = typer.Typer(
    help="The way in: declared, scanned, approved in two steps.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="The id that `declare` gave.")]


def _desk() -> BringingService:
    from bercail.airlock import AccessPermits
    from bercail.airlock.bringing import BringingService

    found = house()
    return BringingService(
        ledger=found.ledger,
        sealed=found.sealed,
        permits=AccessPermits(found.access),
        clock=found.clock,
    )


@app.command()
def declare(
    files: Annotated[list[Path], typer.Argument(help="The files to bring in.")],
    permit: Annotated[str, typer.Option("--permit", help="The permit of the project.")],
    purpose: Annotated[str, typer.Option("--purpose", help="What they are for.")],
    origin: Annotated[str, typer.Option("--origin", help="Where they come from.")],
    terms: Annotated[str, typer.Option("--terms", help="The licence or agreement.")],
    as_json: JsonFlag = False,
) -> None:
    """Declare FILES and have them scanned."""
    shown = _desk().declare(files, permit, actor(), purpose=purpose, origin=origin, terms=terms)
    tell(shown, as_json, shown["bringing"])


@app.command()
def approve(bringing: Name, as_json: JsonFlag = False) -> None:
    """Take the next step of approval: an access officer, then an output checker."""
    tell(_desk().approve(bringing, actor()), as_json, bringing)


@app.command()
def refuse(
    bringing: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is recorded.")],
    as_json: JsonFlag = False,
) -> None:
    """Refuse the files; final."""
    tell(_desk().refuse(bringing, actor(), reason), as_json, bringing)


@app.command()
def take(
    bringing: Name,
    out: Annotated[Path, typer.Option("--out", help="A folder of the project's space.")],
    as_json: JsonFlag = False,
) -> None:
    """Write the approved files into a folder of the space."""
    tell(_desk().take(bringing, actor(), out), as_json, bringing)


@app.command()
def show(bringing: Name, as_json: JsonFlag = False) -> None:
    """Where the files stand."""
    tell(_desk().show(bringing), as_json, bringing)


@app.command(name="list")
def list_(as_json: JsonFlag = False) -> None:
    """Everything that was ever declared, one line each."""
    columns = ("bringing", "state", "project", "author")
    tell_rows(_desk().all(), as_json, "On the way in / En train d'entrer", columns)
