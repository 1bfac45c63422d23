"""Commands of the vault: who can open what, and the life of keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, emit, house
from bercail.config import secret_from_environment

app = typer.Typer(help="Keys: who can open what, and their life.", no_args_is_help=True)


@app.command()
def keys(as_json: JsonFlag = False) -> None:
    """List every key there is or was, and the custodian who can open it; never its bytes."""
    entries = house().keys.entries()
    emit(
        [entry.as_dict() for entry in entries],
        as_json,
        lines=[entry.line() for entry in entries] or ["No key has been created."],
    )


@app.command()
def create(
    path: Annotated[Path, typer.Argument(help="The custodian file to create.")],
    as_json: JsonFlag = False,
) -> None:
    """Create a sealed-file custodian, opened by BERCAIL_PASSPHRASE (or BERCAIL_PASSPHRASE_FILE)."""
    from bercail.foundation import SystemRandomness
    from bercail.vault import FileCustodian

    passphrase = secret_from_environment("BERCAIL_PASSPHRASE")
    made = FileCustodian.create(path, passphrase, SystemRandomness())
    emit(
        {"custodian": made.name, "file": str(made.path), "root": made.root},
        as_json,
        title="Custodian",
    )


@app.command(name="rotate-root")
def rotate_root(as_json: JsonFlag = False) -> None:
    """Wrap every key under a new root and forget the old one; sealed data are not rewritten."""
    from bercail.vault import renew_root

    emit(renew_root(house().keys).as_dict(), as_json, title="Root changed")


@app.command()
def destroy(kind: str, scope: str, epoch: int, as_json: JsonFlag = False) -> None:
    """Destroy the keys of a kind and scope for one epoch; what they sealed is erased for good."""
    emit(house().keys.destroy(kind, scope, epoch).as_dict(), as_json, title="Destroyed")
