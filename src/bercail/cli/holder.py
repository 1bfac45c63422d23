"""`bercail holder`: what a data holder runs alone, with its own secret."""

from __future__ import annotations

from pathlib import Path

import typer

from bercail.cli.door import JsonFlag, emit, progress

app = typer.Typer(help="Pseudonymise at the data holder (level one).", no_args_is_help=True)


@app.command()
def prepare(source: Path, target: Path, as_json: JsonFlag = False) -> None:
    """Write the clear deliveries of SOURCE into TARGET at level one.

    The holder's secret comes from BERCAIL_HOLDER_SECRET (or BERCAIL_HOLDER_SECRET_FILE).
    """
    # No platform is built here: the holder has neither our configuration nor our keys.
    from bercail.platform import holder_desk

    with progress(as_json) as report:
        prepared = holder_desk().prepare(source, target, report)
    emit(prepared.as_dict(), as_json, title="Prepared")
