"""`bercail access`: applications, decisions, objections, extracts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, actor, emit, house, progress

app = typer.Typer(help="Applications, permits, objections and extracts.", no_args_is_help=True)
Reasons = Annotated[str, typer.Option("--reasons", help="Why; it is recorded.")]


@app.command()
def file(document: Path, as_json: JsonFlag = False) -> None:
    """File the application written in DOCUMENT (TOML)."""
    from bercail.access.document import read_application

    identifier = house().access.file(read_application(document), actor())
    emit(house().access.show(identifier), as_json, title="Application")


@app.command()
def complete(application: str, document: Path, as_json: JsonFlag = False) -> None:
    """Give the items that were missing; DOCUMENT holds the whole application."""
    from bercail.access.document import read_application

    house().access.complete(application, read_application(document), actor())
    emit(house().access.show(application), as_json, title="Application")


@app.command()
def opinion(
    application: str,
    reasons: Reasons,
    favourable: Annotated[bool, typer.Option("--favourable/--unfavourable")],
    as_json: JsonFlag = False,
) -> None:
    """Give the committee's opinion."""
    access = house().access
    access.decide(application, "give_opinion", actor(), favourable=favourable, reasons=reasons)
    emit(access.show(application), as_json, title="Application")


@app.command()
def authorise(
    application: str,
    reference: Annotated[str, typer.Option("--reference", help="The decision's number.")],
    authorised: Annotated[bool, typer.Option("--authorised/--not-authorised")],
    as_json: JsonFlag = False,
) -> None:
    """Record the regulator's decision."""
    access = house().access
    access.decide(application, "authorise", actor(), authorised=authorised, reference=reference)
    emit(access.show(application), as_json, title="Application")


@app.command()
def grant(application: str, as_json: JsonFlag = False) -> None:
    """Grant the permit, with the scope and the period of the application."""
    house().access.decide(application, "grant", actor())
    emit(house().access.show(application), as_json, title="Application")


@app.command()
def refuse(application: str, reasons: Reasons, as_json: JsonFlag = False) -> None:
    """Refuse the permit, with reasons."""
    house().access.decide(application, "refuse", actor(), reasons=reasons)
    emit(house().access.show(application), as_json, title="Application")


@app.command()
def revoke(application: str, reasons: Reasons, as_json: JsonFlag = False) -> None:
    """Take the permit back; nothing of the project opens any more."""
    house().access.decide(application, "revoke", actor(), reasons=reasons)
    emit(house().access.show(application), as_json, title="Application")


@app.command()
def show(application: str, as_json: JsonFlag = False) -> None:
    """Where an application stands."""
    emit(house().access.show(application), as_json, title="Application")


@app.command()
def extract(permit: str, as_json: JsonFlag = False) -> None:
    """Materialise the extract of a live permit."""
    with progress(as_json) as report:
        made = house().access.extract(permit, actor(), report)
    answer = {"extract": made.extract, "persons": made.persons, "rows": dict(made.rows)}
    emit(answer, as_json, title="Extract")


@app.command(name="object")
def object_(
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the objection back.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Register a person's objection.

    The person's level-1 pseudonym, computed by the data holder, is read from standard input,
    so that it stands in no command history and in no list of processes.
    """
    given = sys.stdin.readline().strip()
    objections = house().access.objections
    change = objections.withdraw if withdraw else objections.register
    confirmation = change(given, actor())
    emit(confirmation.as_dict(), as_json, title="Objection")
