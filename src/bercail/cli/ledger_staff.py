"""Commands of the register of the staff: who stands behind a token of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bercail.cli.door import JsonFlag, actor, emit, house

if TYPE_CHECKING:
    from bercail.ledger.staff import StaffRegister

app = typer.Typer(
    help="Who acts under which token, and how that is forgotten.", no_args_is_help=True
)


def _register() -> StaffRegister:
    from bercail.ledger.staff import StaffRegister

    platform = house()
    return StaffRegister(
        path=platform.config.trust / "staff.db",
        ledger=platform.ledger,
        randomness=platform.randomness,
    )


@app.command()
def enrol(
    name: Annotated[str, typer.Argument(help="The name of the person.")],
    as_json: JsonFlag = False,
) -> None:
    """Give a person the token under which they act; events never hold the name."""
    emit({"token": _register().enrol(name, actor())}, as_json)


@app.command("list")
def list_members(as_json: JsonFlag = False) -> None:
    """Show who stands behind each token, with the salt that proves it."""
    members = _register().members()
    emit(
        [{"token": m.token, "name": m.name, "salt": m.salt.hex()} for m in members],
        as_json,
        columns=("token", "name"),
    )


@app.command()
def erase(
    token: Annotated[str, typer.Argument(help="The token of the person.")],
    reason: Annotated[str, typer.Option(help="On what ground; it is recorded, without names.")],
    as_json: JsonFlag = False,
) -> None:
    """Destroy what ties a token to a person; every event and proof stays as it is."""
    _register().erase(token, reason, actor())
    emit({"erased": token}, as_json)
