"""Commands of the vault: who can open what, and the life of keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bercail.cli.door import JsonFlag, emit, house

if TYPE_CHECKING:
    from bercail.vault import ShareCard, TypedShare

# Clears the screen, moves to its top and drops what scrolled away (ECMA-48, and xterm's 3 J).
_CLEAR = "\033[2J\033[H\033[3J"

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
    from bercail.vault import renew_root

    emit(renew_root(house().keys).as_dict(), as_json, title="Root changed")


@app.command(name="create-root")
def create_root(
    settings: Annotated[Path, typer.Argument(help="A TOML file with the table [custodian].")],
    as_json: JsonFlag = False,
) -> None:
    """Make the first root of a custodian: in a sealed file, a token or a server."""
    from bercail.config import secret_from_environment
    from bercail.vault.custodian_settings import create_custodian, read_settings

    platform = house()
    trust, randomness = platform.config.trust, platform.randomness
    made = create_custodian(read_settings(settings), trust, secret_from_environment, randomness)
    emit({"custodian": made.name, "root": made.root}, as_json, title="Custodian")


@app.command(name="move-root")
def move_root(
    settings: Annotated[Path, typer.Argument(help="A TOML file with the new [custodian].")],
    as_json: JsonFlag = False,
) -> None:
    """Wrap every key under the root of another custodian; sealed data are not rewritten."""
    from bercail.config import secret_from_environment
    from bercail.vault.custodian_settings import open_custodian, read_settings
    from bercail.vault.service import move_root as move

    platform = house()
    trust, randomness = platform.config.trust, platform.randomness
    new = open_custodian(read_settings(settings), trust, secret_from_environment, randomness)
    emit(move(platform.keys, new).as_dict(), as_json, title="Root moved")


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
    from bercail.vault import destroy_and_certify

    here = house()
    made, path = destroy_and_certify(
        here.keys,
        kind,
        scope,
        epoch,
        folder=folder or here.config.trust / "certificates",
        platform=here.config.name,
        clock=here.clock,
    )
    emit({**made.as_dict(), "file": str(path)}, as_json, title="Destroyed")


@app.command(name="check-certificate")
def check_certificate(path: Path, as_json: JsonFlag = False) -> None:
    """Check that this house signed a destruction certificate, and show what it says."""
    from bercail.vault import destruction_signer, read_certificate
    from bercail.vault.reading import read_file

    public = destruction_signer(house().keys).public
    found = read_certificate(read_file(path, "certificate"), public)
    emit({**found.as_dict(), "signed_by": public.id}, as_json, title="Certificate")


@app.command()
def ceremony(
    shares: Annotated[int, typer.Option("--shares", help="How many shares to make.")],
    needed: Annotated[int, typer.Option("--needed", help="How many of them recover the root.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for one card file per holder.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Split the root into shares for their holders: card files, or one screen after the other."""
    from bercail.vault import split_root, write_cards

    here = house()
    cards = split_root(
        here.keys.custodian,
        shares=shares,
        needed=needed,
        platform=here.config.name,
        now=here.clock.now(),
    )
    if out is None:
        _show_cards(cards)
        paths = []
    else:
        paths = [str(path) for path in write_cards(cards, out)]
    told = {"root": cards[0].root, "ceremony": cards[0].ceremony, "shares": shares}
    emit({**told, "needed": needed, "files": paths}, as_json, title="Ceremony")


@app.command()
def recover(
    path: Annotated[Path, typer.Argument(help="The custodian file to make.")],
    cards: Annotated[
        list[Path] | None, typer.Option("--card", help="A card file; typed in when there is none.")
    ] = None,
    root: Annotated[
        str | None, typer.Option("--root", help="The fingerprint that the cards show.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make the custodian again from its shares, under the passphrase BERCAIL_PASSPHRASE."""
    from bercail.config import secret_from_environment
    from bercail.foundation import SystemRandomness
    from bercail.vault import read_card, recover_custodian

    passphrase = secret_from_environment("BERCAIL_PASSPHRASE")
    given = [read_card(card) for card in cards] if cards else _typed_shares()
    made = recover_custodian(path, passphrase, given, SystemRandomness(), root=root)
    told = {"custodian": made.name, "file": str(made.path), "root": made.root}
    emit(told, as_json, title="Recovered")


@app.command()
def recipient(
    name: str,
    out: Annotated[Path, typer.Option("--out", help="Where the public file goes.")],
    as_json: JsonFlag = False,
) -> None:
    """Write the public file of a party of this house, to give and to receive keys."""
    from bercail.vault import recipient as party_of

    party = party_of(house().keys, name).party
    out.write_bytes(party.as_bytes())
    told = {"party": party.name, "fingerprint": party.fingerprint, "file": str(out)}
    emit(told, as_json, title="Read the fingerprint to the other side by voice")


@app.command(name="hand-over")
def hand_over(
    kind: str,
    scope: str,
    giver: Annotated[str, typer.Option("--giver", help="The party of this house that gives.")],
    to: Annotated[Path, typer.Option("--to", help="The public file of who receives.")],
    out: Annotated[Path, typer.Option("--out", help="Where the hand-over file goes.")],
    epoch: Annotated[
        int | None, typer.Option("--epoch", help="One epoch; all living ones.")
    ] = None,
    with_names: Annotated[
        bool, typer.Option("--with-names", help="The secret of the objects' names as well.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Seal the data keys of a kind and scope to another party; what they sealed opens there."""
    from bercail.vault import Party
    from bercail.vault import hand_over as give
    from bercail.vault import recipient as party_of
    from bercail.vault.reading import read_file

    here = house()
    made, data = give(
        here.keys,
        kind,
        scope,
        giver=party_of(here.keys, giver),
        to=Party.from_bytes(read_file(to, "public file")),
        randomness=here.randomness,
        clock=here.clock,
        epoch=epoch,
        with_names=with_names,
    )
    out.write_bytes(data)
    emit({**made.as_dict(), "file": str(out)}, as_json, title="Handed over")


@app.command()
def receive(
    path: Annotated[Path, typer.Argument(help="The hand-over file.")],
    giver: Annotated[Path, typer.Option("--giver", help="The public file of who gave it.")],
    name: Annotated[str, typer.Option("--recipient", help="The party of this house it is for.")],
    as_json: JsonFlag = False,
) -> None:
    """Take the keys of a hand-over file into this house, once."""
    from bercail.vault import Party
    from bercail.vault import receive as take
    from bercail.vault import recipient as party_of
    from bercail.vault.reading import read_file

    here = house()
    made = take(
        here.keys,
        read_file(path, "hand-over file"),
        receiver=party_of(here.keys, name),
        giver=Party.from_bytes(read_file(giver, "public file")),
        clock=here.clock,
    )
    emit(made.as_dict(), as_json, title="Received")


def _show_cards(cards: Sequence[ShareCard]) -> None:
    """One card after the other, each cleared away before the next holder looks."""
    from bercail.vault import card_text

    for card in cards:
        typer.echo(card_text(card).reveal().decode())
        typer.prompt(
            f"Share {card.number} is on paper: press Enter", default="", show_default=False
        )
        typer.echo(_CLEAR, nl=False)


def _typed_shares() -> list[TypedShare]:
    """Shares typed at the terminal until there are enough; never an argument of the command."""
    from bercail.vault import shares_needed

    given = [_typed_share()]
    while len(given) < shares_needed(given[0]):
        given.append(_typed_share())
    return given


def _typed_share() -> TypedShare:
    """One share, asked again until its words are right."""
    from bercail.foundation import Invalid, Secret
    from bercail.vault import TypedShare, shares_needed

    while True:
        number = typer.prompt("Number of the share", type=int)
        line = typer.prompt("Its 33 words", hide_input=True)
        share = TypedShare(number=number, words=Secret(line.encode()))
        try:
            shares_needed(share)
        except Invalid as error:
            typer.echo(str(error), err=True)
            continue
        return share
