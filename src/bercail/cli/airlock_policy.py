"""`bercail airlock policy`: the thresholds of each source, shown, signed and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bercail.cli.door import JsonFlag, actor, emit, house

if TYPE_CHECKING:
    from bercail.airlock.policies import PolicyDesk

app = typer.Typer(help="Policies of sources: show, sign, check.", no_args_is_help=True)


def _desk() -> PolicyDesk:
    from bercail.airlock.policies import PolicyDesk

    found = house()
    return PolicyDesk(ledger=found.ledger, keys=found.keys)


@app.command()
def show(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Sources (snds, pmsi, rare-diseases); of several the strictest."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the policy that holds for the sources NAMES; a file to begin from with --json."""
    emit(_desk().show(tuple(names or ())).as_dict(), as_json, title="Policy / Politique")


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="The policy, as `show --json` writes it.")],
    out: Annotated[Path, typer.Option("--out", help="The file that receives the envelope.")],
    as_json: JsonFlag = False,
) -> None:
    """Sign the policy in FILE; recorded, and applied from then on."""
    from bercail.airlock.policies.service import read_policy

    policy = read_policy(file)
    out.write_bytes(_desk().sign(policy, actor()))
    shown = {"name": policy.name, "version": policy.version, "digest": policy.digest}
    emit(shown | {"envelope": str(out)}, as_json, title="Signed / Signée")


@app.command()
def check(
    envelope: Annotated[Path, typer.Argument(help="A signed policy.")],
    key: Annotated[
        Path | None, typer.Option("--key", help="The public key; this house's by default.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check the signature of a policy, and where it asks for less than that of the SNDS."""
    from bercail.airlock.policies.service import check_envelope, read_key

    public = read_key(key) if key else _desk().public_key()
    emit(check_envelope(envelope, public), as_json, title="Policy / Politique")


@app.command()
def key(as_json: JsonFlag = False) -> None:
    """The public key with which policies are signed."""
    emit(_desk().public_key().as_dict(), as_json, title="Public key / Clé publique")
