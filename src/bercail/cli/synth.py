"""`bercail synth`: make difficult synthetic deliveries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, emit, progress

app = typer.Typer(help="Make difficult synthetic deliveries.", no_args_is_help=True)


@app.command()
def make(
    out: Annotated[Path, typer.Option(help="The folder to fill.")],
    persons: Annotated[int, typer.Option(help="How many persons.")] = 2000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal bytes.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Write clear deliveries of fictitious persons, with the truth beside them."""
    from bercail.ingest import synth

    with progress(as_json) as report:
        result = synth.make(synth.SynthProfile(persons=persons, seed=seed), out, report)
    emit(result.as_dict(), as_json, title="Synthetic deliveries")
