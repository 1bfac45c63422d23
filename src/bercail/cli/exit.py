"""`bercail exit`: be able to leave this host too."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, actor, emit, house, progress
from bercail.foundation import SystemClock

app = typer.Typer(help="Be able to leave this host too.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Be able to leave this host too."""


@app.command()
def rehearse(
    to: Annotated[str, typer.Option(help="An empty place to leave for: its location.")],
    credentials: Annotated[
        str, typer.Option(help="The prefix of its credentials in the environment.")
    ] = "EXIT",
    service: Annotated[
        str | None, typer.Option(help="The service that carries it; not needed for a folder.")
    ] = None,
    sample: Annotated[int, typer.Option(help="Objects to leave with.")] = 64,
    keep: Annotated[bool, typer.Option(help="Leave the sample there.")] = False,
    name: Annotated[
        str, typer.Option("--name", help="The migration that brought the house here.")
    ] = "home",
    as_json: JsonFlag = False,
) -> None:
    """Leave with a sample: carry it, prove it, open it there, and tell how long all would take."""
    desk = house().exit_rehearsal(name, to, credentials, service)
    with progress(as_json) as report:
        done = desk.rehearse(actor(), sample=sample, keep=keep, progress=report)
    emit(done.as_dict(), as_json, title="Rehearsal of the exit")


@app.command()
def terms(
    file: Annotated[Path, typer.Argument(help="TOML: what the contract says about leaving.")],
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day to judge for; today if not given."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check what a hosting contract says about leaving; refused where it falls short."""
    from bercail.hosting.exit import check_terms

    checked = check_terms(file, on.date() if on else SystemClock().now().date())
    rows = [finding.as_dict() for finding in checked.findings]
    emit(rows, as_json, title=checked.contract, columns=("rule", "answer", "said", "limit"))
    checked.require_met()
