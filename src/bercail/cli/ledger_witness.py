"""Commands of a witness: it needs no platform, and anyone can run one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, emit
from bercail.cli.ledger_public import Host, Port, run
from bercail.foundation import SystemClock, SystemRandomness

app = typer.Typer(help="Cosign what other logs continue (C2SP tlog-witness).", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The folder of the witness.")]


@app.command()
def create(
    folder: Folder,
    name: Annotated[str, typer.Option(help="Such as `witness.example/w1`; it never changes.")],
    as_json: JsonFlag = False,
) -> None:
    """Make a new witness: its seed, and the keys that logs put in their policy."""
    from bercail.ledger.witness import create_witness

    cosigner = create_witness(folder, name, SystemRandomness())
    emit({"name": name, "keys": [str(key) for key in cosigner.keys]}, as_json, title="New witness")


@app.command()
def add_log(
    folder: Folder,
    keys: Annotated[Path, typer.Argument(help="The keys file of the log, obtained apart.")],
    as_json: JsonFlag = False,
) -> None:
    """Let the witness know a log; it cosigns no other."""
    from bercail.ledger.witness import add_log as add

    emit({"witnessed": add(folder, keys)}, as_json)


@app.command()
def status(folder: Folder, as_json: JsonFlag = False) -> None:
    """Show the largest tree of each log, and what contradicted it."""
    from bercail.ledger.witness import open_witness

    witness = open_witness(folder, SystemClock())
    told = {"name": witness.cosigner.name, "seen": witness.seen(), "evidence": witness.evidence()}
    lines = [
        f"{witness.cosigner.name}: {len(told['evidence'])} contradictions kept",
        *(f"{one['size']:>10}  {one['root'][:16]}  {one['origin']}" for one in witness.seen()),
    ]
    emit(told, as_json, lines=lines)


@app.command()
def serve(
    folder: Folder, host: Host = "127.0.0.1", port: Port = 8351, as_json: JsonFlag = False
) -> None:
    """Answer logs until stopped; TLS is for a server before it."""
    from bercail.ledger.witness import open_witness
    from bercail.ledger.witness_door import witness_door

    run(witness_door(open_witness(folder, SystemClock()), host, port), as_json)
