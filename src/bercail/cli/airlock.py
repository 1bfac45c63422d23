"""`bercail airlock`: check, submit, review, release and verify results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, actor, emit, house, progress

app = typer.Typer(help="The only way out: check, review and release results.", no_args_is_help=True)
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]


@app.command()
def check(file: Path, as_json: JsonFlag = False) -> None:
    """Protect and audit the table in FILE; nothing is stored or recorded."""
    from bercail.airlock.disclosure.check import check_file
    from bercail.airlock.disclosure.policy import SNDS

    with progress(as_json) as report:
        found = check_file(file, SNDS, report)
    emit(found.checker_report(), as_json, lines=found.lines())


@app.command()
def submit(
    file: Path,
    permit: Annotated[str, typer.Option("--permit", help="The permit of the project.")],
    replaces: Annotated[
        str | None, typer.Option("--replaces", help="A returned request that takes FILE.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Hand in the table in FILE; it is checked at once."""
    with progress(as_json) as report:
        request = house().airlock.submit(file, permit, actor(), replaces=replaces, progress=report)
    emit(house().airlock.show(request.id, actor()), as_json, title=request.id)


@app.command()
def review(
    request: str,
    approve: Annotated[bool, typer.Option("--approve/--reject", help="The vote.")],
    reason: Reason = "",
    as_json: JsonFlag = False,
) -> None:
    """Vote on exactly what the request holds now; the vote is signed."""
    house().airlock.review(request, actor(), approve=approve, reason=reason)
    emit(house().airlock.show(request, actor()), as_json, title=request)


@app.command(name="return")
def return_(request: str, reason: Reason, as_json: JsonFlag = False) -> None:
    """Give the request back to its author."""
    house().airlock.give_back(request, actor(), reason)
    emit(house().airlock.show(request, actor()), as_json, title=request)


@app.command()
def withdraw(request: str, reason: Reason, as_json: JsonFlag = False) -> None:
    """Take one's own request back."""
    house().airlock.withdraw(request, actor(), reason)
    emit(house().airlock.show(request, actor()), as_json, title=request)


@app.command()
def release(
    request: str,
    out: Annotated[Path, typer.Option("--out", help="The folder that receives the package.")],
    as_json: JsonFlag = False,
) -> None:
    """Write the package of an approved request."""
    emit(house().airlock.release(request, actor(), out), as_json, title="Release")


@app.command()
def show(request: str, as_json: JsonFlag = False) -> None:
    """Where a request stands; checkers also see what an attacker is left with."""
    emit(house().airlock.show(request, actor()), as_json, title=request)


@app.command(name="list")
def list_(as_json: JsonFlag = False) -> None:
    """Every request, one line each."""
    columns = ("request", "state", "project", "author", "hidden_cells")
    emit(list(house().airlock.requests()), as_json, title="Requests", columns=columns)


@app.command()
def keys(as_json: JsonFlag = False) -> None:
    """The public keys that `verify` needs, of the airlock and of each checker."""
    emit(house().airlock.public_keys(), as_json, title="Public keys")


@app.command()
def verify(
    package: Path,
    keys_file: Annotated[
        Path | None, typer.Option("--keys", help="Public keys; this house's by default.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Verify a release package with public keys only; the audit is run again."""
    from bercail.airlock.verify import read_keys, verify_package

    known = read_keys(keys_file) if keys_file else house().airlock.public_keys()
    emit(verify_package(package, known).as_dict(), as_json, title="Package")
