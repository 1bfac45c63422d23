"""Commands on the ledger: read it, publish its log, check it, prove one event."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, emit, house

app = typer.Typer(help="What happened, in order, provably.", no_args_is_help=True)


@app.command()
def history(
    prefix: Annotated[str, typer.Argument(help="Only streams that begin with this.")] = "",
    limit: Annotated[int, typer.Option(help="How many events, the last ones.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Show the last events, oldest first."""
    records = [record.as_dict() for record in house().ledger.history(prefix, limit)]
    lines = [
        f"{r['position']:>6}  {r['at'][:19]}  {r['kind']:<24} {r['actor']:<12} {r['stream']}"
        for r in records
    ]
    emit(records, as_json, lines=lines)


@app.command()
def publish(
    keys: Annotated[
        Path | None, typer.Option(help="Also write the keys file that verifiers need here.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring the published log up to the journal."""
    emit(house().ledger.publish(keys).as_dict(), as_json, title="Published log")


@app.command()
def export(
    target: Annotated[Path, typer.Argument(help="Where to write the events, one line each.")],
    as_json: JsonFlag = False,
) -> None:
    """Write every event with its salt to a file, as confidential as the journal itself."""
    emit({"file": str(target), "events": house().ledger.export(target)}, as_json)


@app.command()
def verify(
    log: Annotated[Path | None, typer.Option(help="Another log folder than this house's.")] = None,
    keys: Annotated[Path | None, typer.Option(help="The keys file, obtained apart.")] = None,
    export: Annotated[Path | None, typer.Option(help="Check this export against the log.")] = None,
    earlier: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint kept from before; repeatable.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Recompute the log from its raw files; refuse at the first place that does not hold."""
    report = house().ledger.verify(log_dir=log, keys=keys, export=export, earlier=earlier or ())
    emit(report, as_json, title="The ledger holds")


@app.command()
def prove(
    position: Annotated[int, typer.Argument(help="The position of the event.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the proof to this file (.tlog-proof).")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Prove one event, to somebody who has the keys and nothing else."""
    proof = house().ledger.prove(position, out)
    emit({"position": position, "proof": proof}, as_json, lines=proof.splitlines())
