"""Commands of the vault: who can open what, who used it, and the life of keys."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from attrs import asdict

from bercail.cli import vault_handing
from bercail.cli.door import JsonFlag, actor, emit, house, progress

app = typer.Typer(help="Keys: who can open what, and their life.", no_args_is_help=True)

HISTORY_COLUMNS = ("at", "actor", "event", "what")


@app.command()
def keys(as_json: JsonFlag = False) -> None:
    """List every key there is or was, and the custodian who can open it; never its bytes."""
    entries = house().vault.entries(actor())
    emit(
        [entry.as_dict() for entry in entries],
        as_json,
        lines=[entry.line() for entry in entries] or ["No key has been created."],
    )


@app.command()
def history(
    limit: Annotated[int, typer.Option(help="How many events, the last ones.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Show who did what with keys, and who used which secret, when; oldest first."""
    from bercail.vault.telling import told

    records = house().vault.history(actor(), limit)
    if as_json:
        emit(records, as_json)
    else:
        rows = [told(record) for record in records]
        emit(rows, as_json, title="Keys and secrets", columns=HISTORY_COLUMNS)


@app.command()
def account(as_json: JsonFlag = False) -> None:
    """Hold every key of the key table against the journal; refuse when they differ."""
    found = house().vault.account(actor())
    emit(found.as_dict(), as_json, title="Every key is accounted for")


@app.command()
def create(
    path: Annotated[Path, typer.Argument(help="The custodian file to create.")],
    as_json: JsonFlag = False,
) -> None:
    """Create a sealed-file custodian, opened by BERCAIL_PASSPHRASE (or BERCAIL_PASSPHRASE_FILE).

    It belongs to no house yet, so no role is asked and nothing is recorded.
    """
    from bercail.config import secret_from_environment
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
    emit(house().vault.renew_root(actor()).as_dict(), as_json, title="Root changed")


@app.command(name="create-root")
def create_root(
    settings: Annotated[Path, typer.Argument(help="A TOML file with the table [custodian].")],
    as_json: JsonFlag = False,
) -> None:
    """Make the first root of a custodian: in a sealed file, a token or a server."""
    from bercail.config import secret_from_environment
    from bercail.vault.custodian_settings import create_custodian, read_settings
    from bercail.vault.desk import create_root as create_for

    platform = house()
    create = partial(
        create_custodian,
        read_settings(settings),
        platform.config.trust,
        secret_from_environment,
        platform.randomness,
    )
    made = create_for(actor(), create, platform.key_table, lambda: platform.vault)
    emit({"custodian": made.name, "root": made.root}, as_json, title="Custodian")


@app.command(name="move-root")
def move_root(
    settings: Annotated[Path, typer.Argument(help="A TOML file with the new [custodian].")],
    as_json: JsonFlag = False,
) -> None:
    """Wrap every key under the root of another custodian; sealed data are not rewritten."""
    from bercail.config import secret_from_environment
    from bercail.vault.custodian_settings import open_custodian, read_settings

    platform = house()
    trust, randomness = platform.config.trust, platform.randomness
    new = open_custodian(read_settings(settings), trust, secret_from_environment, randomness)
    emit(platform.vault.move_root(actor(), new).as_dict(), as_json, title="Root moved")


@app.command()
def destroy(
    kind: str,
    scope: str,
    epoch: int,
    folder: Annotated[
        Path | None, typer.Option("--certificates", help="Folder for the signed certificate.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Destroy the keys of a kind and scope for one epoch, and write the signed certificate.

    What they sealed is erased for good, but for parties that they were handed to.
    """
    here = house()
    place = folder or here.config.trust / "certificates"
    made, path = here.vault.destroy(actor(), kind, scope, epoch, place)
    emit({**made.as_dict(), "file": str(path)}, as_json, title="Destroyed")


@app.command(name="check-certificate")
def check_certificate(path: Path, as_json: JsonFlag = False) -> None:
    """Check that this house signed a destruction certificate, and show what it says."""
    found, signer = house().vault.check_certificate(actor(), path)
    emit({**found.as_dict(), "signed_by": signer}, as_json, title="Certificate")


@app.command()
def reseal(
    kind: Annotated[str, typer.Argument(help="`landing`, or `project`.")],
    scope: Annotated[str, typer.Argument(help="The migration, or the project.")],
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Begin a key even if an earlier run is unfinished.")
    ] = False,
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Leave the old keys alive at the end.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Seal every object of a landing zone or project again under a new key; resumes.

    The old key is destroyed when nothing on the host carries it. Tables of the lake:
    `bercail lake reseal`.
    """
    here = house()
    with progress(as_json) as report:
        found = here.keeping.reseal(
            lambda: here.resealing(kind, scope),
            actor(),
            new_key=new_key,
            destroy_old=not keep_old,
            progress=report,
        )
    emit(found.as_dict(), as_json, title="Sealed again")


@app.command(name="renew-project")
def renew_project(
    project: str,
    reason: Annotated[str, typer.Option(help="Why: the schedule, or a suspicion.")] = "schedule",
    expire: Annotated[
        bool, typer.Option("--expire", help="Only remove its extracts under former pseudonyms.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Give a project a new pseudonym secret, rewrite its extracts, destroy the former secrets.

    The extracts before stay readable by their name until `--expire`. Killed, it is run again.
    """
    desk = house().project_tables
    if expire:
        gone = desk.expire(actor(), project)
        emit([asdict(one) for one in gone], as_json, title="Expired")
        return
    renewed = desk.renew(project, actor(), reason=reason)
    answer = {**asdict(renewed.turned), "destroyed": renewed.certificate.as_dict()}
    emit(answer, as_json, title="Renewed")


# A group without a name: its commands stand beside the others.
app.add_typer(vault_handing.app)
