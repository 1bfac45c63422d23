"""Commands of the vault where people meet: shares of the root, keys that change hands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bercail.cli.door import JsonFlag, actor, emit, find_house, house

if TYPE_CHECKING:
    from bercail.vault import ShareCard, TypedShare

# Clears the screen, moves to its top and drops what scrolled away (ECMA-48, and xterm's 3 J).
_CLEAR = "\033[2J\033[H\033[3J"

app = typer.Typer()


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
    from bercail.vault import write_cards

    cards = house().handing.hold_ceremony(actor(), shares, needed)
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
    """Make the custodian again from its shares, under the passphrase BERCAIL_PASSPHRASE.

    The shares are the right to it: no role is asked. Where PATH is the custodian of a house, the
    recovery is in its history as soon as the house opens.
    """
    from bercail.config import secret_from_environment
    from bercail.platform import recovery
    from bercail.vault import read_card

    passphrase = secret_from_environment("BERCAIL_PASSPHRASE")
    given = [read_card(card) for card in cards] if cards else _typed_shares()
    made = recovery(find_house(), path).recover(path, passphrase, given, root)
    told = {"custodian": made.name, "file": str(made.path), "root": made.root}
    emit(told, as_json, title="Recovered")


@app.command()
def recipient(
    name: str,
    out: Annotated[Path, typer.Option("--out", help="Where the public file goes.")],
    as_json: JsonFlag = False,
) -> None:
    """Write the public file of a party of this house, to give and to receive keys."""
    party = house().handing.make_recipient(actor(), name, out)
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
    made = house().handing.hand_over(
        actor(), kind, scope, giver=giver, to=to, out=out, epoch=epoch, with_names=with_names
    )
    emit({**made.as_dict(), "file": str(out)}, as_json, title="Handed over")


@app.command()
def receive(
    path: Annotated[Path, typer.Argument(help="The hand-over file.")],
    giver: Annotated[Path, typer.Option("--giver", help="The public file of who gave it.")],
    name: Annotated[str, typer.Option("--recipient", help="The party of this house it is for.")],
    as_json: JsonFlag = False,
) -> None:
    """Take the keys of a hand-over file into this house, once."""
    made = house().handing.receive(actor(), path, giver=giver, name=name)
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
