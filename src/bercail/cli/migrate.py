"""`bercail migrate`: lift the whole house onto another host, and prove it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bercail.cli.door import JsonFlag, actor, emit, house, progress
from bercail.foundation import Unproven

app = typer.Typer(help="Move everything to another host, and prove it.", no_args_is_help=True)

NameOption = Annotated[str, typer.Option("--name", help="Name of the migration.")]


@app.command()
def survey(name: NameOption = "home", as_json: JsonFlag = False) -> None:
    """List the source whole; a second survey shows what changed."""
    with progress(as_json) as report:
        found = house().migration(name).survey(report)
    emit(found.as_dict(), as_json, title="Survey")


@app.command()
def plan(name: NameOption = "home", as_json: JsonFlag = False) -> None:
    """Compute, show and keep what copying will do, and what cannot be carried."""
    emit(house().migration(name).plan().as_dict(), as_json, title="Plan")


@app.command()
def copy(name: NameOption = "home", as_json: JsonFlag = False) -> None:
    """Carry what the plan says, sealed; run again after an interruption, it resumes."""
    with progress(as_json) as report:
        done = house().migration(name).copy(report)
    emit(done.as_dict(), as_json, title="Copy")


@app.command()
def status(name: NameOption = "home", as_json: JsonFlag = False) -> None:
    """Show where the migration stands and which side is canonical."""
    emit(house().migration(name).status().as_dict(), as_json, title="Migration")


@app.command()
def prove(
    name: NameOption = "home",
    basis: Annotated[
        Literal["independent-reread", "copy-time-digests"],
        typer.Option(help="Read the source again, or trust the digests of the copy."),
    ] = "independent-reread",
    as_json: JsonFlag = False,
) -> None:
    """Read every object again on both sides and sign what was found."""
    from bercail.hosting import Basis

    with progress(as_json) as report:
        proof = house().migration(name).prove(Basis(basis), report)
    emit(proof.as_dict(), as_json, title="Proof")


@app.command(name="cut-over")
def cut_over(
    name: NameOption = "home",
    accept_left_behind: Annotated[
        bool, typer.Option(help="Leave behind what cannot be carried.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make the target canonical: one switch, after a last look at both sides."""
    service = house().migration(name)
    state = service.cut_over(actor(), accept_left_behind=accept_left_behind)
    emit(state.as_dict(), as_json, title="Migration")


@app.command(name="roll-back")
def roll_back(
    reason: Annotated[str, typer.Option(help="Why, in words; it is recorded.")],
    name: NameOption = "home",
    as_json: JsonFlag = False,
) -> None:
    """Make the source canonical again."""
    state = house().migration(name).roll_back(actor(), reason=reason)
    emit(state.as_dict(), as_json, title="Migration")


@app.command(name="verify-manifest")
def verify(
    manifest: Annotated[Path, typer.Argument(help="The file STEM.jsonl of a proof.")],
    envelope: Annotated[Path | None, typer.Option(help="Default: STEM.dsse.json.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Public keys got by another way; default STEM.keys.json.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check a proof with the second reader, which shares no code with the writer."""
    from bercail.hosting import verify_manifest

    try:
        statement = verify_manifest.verify(manifest, envelope, keys)
    except verify_manifest.NotProven as refusal:
        raise Unproven(
            f"The manifest is not proven: {refusal}.",
            remedy="Fetch the three files again; if it persists, prove the migration anew.",
        ) from refusal
    emit(statement, as_json, title="Statement")
