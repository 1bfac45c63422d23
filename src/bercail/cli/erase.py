"""`bercail erase`: the end of the old host, from the plan to the certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import attrs
import typer

from bercail.cli.door import JsonFlag, actor, emit, house, progress
from bercail.foundation import Invalid

app = typer.Typer(
    help="Erase the source after the cut-over: notice, list, evidence, certificate.",
    no_args_is_help=True,
)

NameOption = Annotated[str, typer.Option("--name", help="Name of the migration.")]
Subjects = Literal[
    "contents",
    "versions",
    "snapshots",
    "soft-deleted",
    "backups",
    "provider-key",
    "technical-data",
]


@app.command()
def plan(
    name: NameOption = "home",
    accept_left_behind: Annotated[
        bool, typer.Option(help="Erase also what the target does not hold.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """List everything that the source holds, with its former states; nothing is deleted."""
    made = house().erasure(name).plan(actor(), accept_left_behind=accept_left_behind)
    emit(made.as_dict(), as_json, title="Erasure")


@app.command()
def notify(
    by: Annotated[str, typer.Option(help="Who gives the notice.")],
    to: Annotated[str, typer.Option(help="Who receives it.")],
    document: Annotated[Path | None, typer.Option(help="The notice itself; it is kept.")] = None,
    name: NameOption = "home",
    as_json: JsonFlag = False,
) -> None:
    """Record the notice of 21 days (SecNumCloud 3.2, 19.4.a); it runs from now on."""
    given = house().erasure(name).notify(actor(), given_by=by, given_to=to, document=document)
    emit(attrs.asdict(given), as_json, title="Notice")


@app.command()
def begin(name: NameOption = "home", as_json: JsonFlag = False) -> None:
    """Release the list once the notice has run out; from here on there is no roll-back."""
    with progress(as_json) as report:
        begun = house().erasure(name).begin(actor(), report)
    emit(attrs.asdict(begun), as_json, title="Erasure")


@app.command()
def evidence(
    subject: Annotated[
        Subjects | None, typer.Option(help="What somebody gives their word for; default: look.")
    ] = None,
    by: Annotated[str, typer.Option(help="Whose word it is.")] = "",
    document: Annotated[Path | None, typer.Option(help="Their document; it is kept.")] = None,
    statement: Annotated[str, typer.Option(help="Their words.")] = "",
    not_applicable: Annotated[
        bool, typer.Option(help="The word is that there is no such thing on this source.")
    ] = False,
    name: NameOption = "home",
    as_json: JsonFlag = False,
) -> None:
    """Look whether the source shows anything any more, or record the provider's word."""
    from bercail.hosting.erasure import Subject, Word

    desk = house().erasure(name)
    if subject is None:
        if by or document or statement or not_applicable:
            raise Invalid("A word is given for a subject.", remedy="Name it with `--subject`.")
        seen = [attrs.asdict(event) for event in desk.look(actor())]
        emit(seen, as_json, title="Seen", columns=("subject", "remaining", "looked"))
        return
    word = Word(by=by, statement=statement, not_applicable=not_applicable)
    said = desk.word(actor(), Subject(subject), word, document)
    emit(attrs.asdict(said), as_json, title="Word")


@app.command()
def certificate(name: NameOption = "home", as_json: JsonFlag = False) -> None:
    """Sign what was seen and what is the provider's word, once nothing is missing."""
    made = house().erasure(name).certify(actor())
    emit(made.as_dict(), as_json, title="Certificate")
