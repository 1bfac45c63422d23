"""`bercail airlock`: check, submit, review, release and verify results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bercail.cli import airlock_bring, airlock_policy
from bercail.cli.airlock_request import LEARNT, emit_request, told_cells
from bercail.cli.airlock_words import tell, tell_rows
from bercail.cli.door import JsonFlag, actor, emit, find_house, house, progress
from bercail.foundation import Refused

if TYPE_CHECKING:
    from bercail.airlock.disclosure.rules.source_policy import SourcePolicy

app = typer.Typer(help="The only way out: check, review and release results.", no_args_is_help=True)
app.add_typer(airlock_bring.app, name="bring")
app.add_typer(airlock_policy.app, name="policy")
SchemaOf = Annotated[
    list[str] | None,
    typer.Option(
        "--schema",
        help="FILE=SCHEMA: what the numbers of FILE count; FILE.schema.json is found by itself.",
    ),
]
ModelOf = Annotated[
    list[Path] | None,
    typer.Option(
        "--model", help="The cohort model that tables count; a model.json next to FILE is found."
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]


@app.command()
def check(
    files: Annotated[
        list[Path], typer.Argument(help="A file; several are looked at as one request.")
    ],
    schema: Annotated[
        Path | None,
        typer.Option("--schema", help="What the numbers of a lone file count (JSON)."),
    ] = None,
    context: Annotated[
        str, typer.Option("--context", help="What the files show, of whom, as for `submit`.")
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """Look at FILES as the airlock would, and show what an attacker could learn from tables.

    Exit code 3 when something blocks, as for any refusal; 0 when nothing does.
    """
    if len(files) == 1:
        verdicts = _check_one(files[0], schema, context, as_json)
    else:
        verdicts = _check_several(files, schema, context, as_json)
    if "blocked" in verdicts:
        raise typer.Exit(Refused.exit_code)


def _policy() -> tuple[SourcePolicy, str]:
    """The policy to look with, that of this house where there is one; and a line that says which.

    Looking at a file needs no house and no secret: where a house cannot be opened, that is said.
    """
    from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE
    from bercail.airlock.policies import PolicyDesk
    from bercail.foundation import BercailError

    found, where, where_fr = SNDS_SOURCE, "built in", "intégrée"
    try:
        if (platform := find_house()) is not None:
            found = PolicyDesk(ledger=platform.ledger, keys=platform.keys).show()
            where, where_fr = "of this house", "celle de cette maison"
    except BercailError as problem:
        where = f"built in; that of this house cannot be read ({problem.message})"
        where_fr = "intégrée ; celle de cette maison ne peut être lue"
    version = f"`{found.name}` version {found.version}"
    return found, (
        f"policy: {version}, {where}. A permit may add a stricter one. / "
        f"politique : {version}, {where_fr}. Un permis peut en ajouter une plus stricte."
    )


def _check_several(
    files: list[Path], schema: Path | None, context: str, as_json: bool
) -> tuple[str, ...]:
    """The verdict that was shown."""
    from bercail.airlock.door import look_at
    from bercail.airlock.outcome import checker_report
    from bercail.airlock.submitting import read_files, read_schemas, without_schemas
    from bercail.foundation import Invalid

    if schema is not None:
        raise Invalid(
            "`--schema` is for a lone file. / `--schema` est pour un fichier seul.",
            remedy="Keep each schema as NAME.schema.json. / "
            "Gardez chaque schéma sous NOM.schema.json.",
        )
    paths = without_schemas(files)
    data, schemas = read_files(paths), read_schemas(paths, {})
    policy, told = _policy()
    with progress(as_json) as report:
        bundle = look_at(
            data,
            {},
            policy.counts,
            schemas=schemas,
            context=context,
            source=policy,
            progress=report,
        )
    emit(checker_report(bundle), as_json, lines=[*bundle.lines(), told])
    for one in bundle.leaving if not as_json else ():
        rows = one.tables.assessment.rows() if one.tables and one.tables.assessment else []
        told_cells(rows, f"{one.name}: {LEARNT.lower()}")
    return (bundle.verdict,)


def _check_one(file: Path, schema: Path | None, context: str, as_json: bool) -> tuple[str, ...]:
    """The verdicts that were shown: of the file, and of its tables as they were inferred."""
    from bercail.airlock.disclosure.assessment import assess_tables
    from bercail.airlock.disclosure.check import read_file
    from bercail.airlock.door import look_at
    from bercail.airlock.submitting import read_schemas

    data, schemas = read_file(file), read_schemas([file], {file.name: schema} if schema else {})
    policy, told = _policy()
    with progress(as_json) as report:
        bundle = look_at(
            {file.name: data},
            {},
            policy.counts,
            schemas=schemas,
            context=context,
            source=policy,
            progress=report,
        )
        table, inspection = bundle.lone_table, bundle.files[0].inspection
        declared = bundle.files[0].tables if schemas else None
        tables = declared.assessment if declared else None
        if table is None and declared is None:
            tables = assess_tables(data, policy=policy, progress=report)
    if table is not None:
        emit(table.checker_report(), as_json, lines=[*table.lines(), told])
        return (bundle.verdict, table.verdict)
    shown = inspection.as_dict() | {"verdict": bundle.verdict, "policy": policy.as_dict()}
    if tables is None:
        emit(shown, as_json, lines=[*bundle.lines(), told])
        return (bundle.verdict,)
    shown["tables"] = declared.checker_report() if declared else tables.checker_report()
    lines = bundle.lines() if declared else [*bundle.lines(), *tables.lines()]
    emit(shown, as_json, lines=[*lines, told])
    if not as_json:
        told_cells(tables.rows(), LEARNT)
    return (bundle.verdict, tables.verdict)


@app.command()
def suggest(file: Path, as_json: JsonFlag = False) -> None:
    """Suggest the schema of the tables in FILE from their headers, to be completed and kept."""
    import json

    from bercail.airlock.disclosure.check import read_file
    from bercail.airlock.tabled import suggested_schema

    document = suggested_schema(read_file(file))
    emit(document, as_json, lines=json.dumps(document, ensure_ascii=False, indent=2).splitlines())


def _schemas(given: list[str] | None) -> dict[str, Path]:
    from bercail.foundation import Invalid

    pairs = [one.partition("=") for one in given or ()]
    if wrong := [name for name, sign, path in pairs if not (name and sign and path)]:
        raise Invalid(
            f"`{wrong[0]}` names no schema of a file. / "
            f"`{wrong[0]}` ne nomme pas le schéma d'un fichier.",
            remedy="Write `--schema FILE=SCHEMA`. / Écrivez `--schema FICHIER=SCHÉMA`.",
        )
    return {name: Path(path) for name, _, path in pairs}


@app.command()
def submit(
    files: Annotated[list[Path], typer.Argument(help="The results to let out.")],
    permit: Annotated[str, typer.Option("--permit", help="The permit of the project.")],
    context: Annotated[
        str, typer.Option("--context", help="What the files show, of whom; a count table says it.")
    ] = "",
    supporting: Annotated[
        list[Path] | None,
        typer.Option("--supporting", help="A file for the checkers that does not leave."),
    ] = None,
    schema: SchemaOf = None,
    model: ModelOf = None,
    insist: Annotated[
        str, typer.Option("--insist", help="Why a usual cause of rejection stands here.")
    ] = "",
    replaces: Annotated[
        str | None, typer.Option("--replaces", help="A returned request that takes the files.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Hand in FILES; they are checked at once."""
    with progress(as_json) as report:
        request = house().airlock.submit(
            files,
            permit,
            actor(),
            supporting=supporting or (),
            schemas=_schemas(schema),
            models=model or (),
            context=context,
            insisted=insist,
            replaces=replaces,
            progress=report,
        )
    emit_request(house().airlock.show(request.id, actor()), as_json, request.id)


@app.command()
def review(
    request: str,
    approve: Annotated[bool, typer.Option("--approve/--reject", help="The vote.")],
    reason: Reason = "",
    as_json: JsonFlag = False,
) -> None:
    """Vote on exactly what the request holds now; the vote is signed."""
    house().airlock.review(request, actor(), approve=approve, reason=reason)
    emit_request(house().airlock.show(request, actor()), as_json, request)


@app.command(name="return")
def return_(request: str, reason: Reason, as_json: JsonFlag = False) -> None:
    """Give the request back to its author."""
    house().airlock.give_back(request, actor(), reason)
    emit_request(house().airlock.show(request, actor()), as_json, request)


@app.command()
def withdraw(request: str, reason: Reason, as_json: JsonFlag = False) -> None:
    """Take one's own request back."""
    house().airlock.withdraw(request, actor(), reason)
    emit_request(house().airlock.show(request, actor()), as_json, request)


@app.command()
def release(
    request: str,
    out: Annotated[Path, typer.Option("--out", help="The folder that receives the package.")],
    as_json: JsonFlag = False,
) -> None:
    """Write the package of an approved request."""
    tell(house().airlock.release(request, actor(), out), as_json, "Release / Sortie")


@app.command()
def revoke(
    request: str,
    reason: Reason,
    package: Annotated[
        Path | None, typer.Option("--package", help="A package at hand, to be marked.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Take a release back; `verify` refuses its package from then on."""
    revoked = house().airlock.revoke(request, actor(), reason, package)
    tell(revoked, as_json, "Revoked / Révoquée")


@app.command()
def look(
    request: str,
    name: Annotated[str, typer.Argument(help="The name of a file of the request.")],
    as_json: JsonFlag = False,
) -> None:
    """Show one file of a request to a checker, as text; recorded."""
    data = house().airlock.records.read(request, name, actor())
    text = data.decode("utf-8", "replace")
    # A terminal obeys control signs; a file that is handed in must not command it.
    safe = "".join(sign if sign in "\n\t" or sign.isprintable() else "·" for sign in text)
    emit({"name": name, "size": len(data), "text": safe}, as_json, lines=safe.splitlines())


@app.command()
def figures(
    days: Annotated[int, typer.Option(help="Of so many days past.")] = 365,
    as_json: JsonFlag = False,
) -> None:
    """Publish how many requests were decided, how, and how long it took."""
    figures = house().airlock.records.figures(days)
    tell(figures, as_json, "Figures of the airlock / Chiffres du sas")


@app.command()
def show(request: str, as_json: JsonFlag = False) -> None:
    """Where a request stands; checkers also see what an attacker is left with."""
    emit_request(house().airlock.show(request, actor()), as_json, request)


@app.command(name="list")
def list_(as_json: JsonFlag = False) -> None:
    """Every request, one line each."""
    columns = ("request", "state", "project", "author", "hidden_cells")
    tell_rows(house().airlock.records.requests(), as_json, "Requests / Demandes", columns)


@app.command()
def keys(as_json: JsonFlag = False) -> None:
    """The public keys that `verify` needs, of the airlock and of each checker."""
    emit(house().airlock.public_keys(), as_json, title="Public keys / Clés publiques")


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
    from bercail.foundation import Missing

    if keys_file is None and find_house() is None:
        raise Missing(
            "No public keys are given, and there is no platform here that has them. / "
            "Aucune clé publique n'est donnée, et aucune plateforme ici ne les a.",
            remedy="Give the file that `bercail airlock keys --json` wrote with `--keys`. / "
            "Donnez avec `--keys` le fichier qu'a écrit `bercail airlock keys --json`.",
        )
    known = read_keys(keys_file) if keys_file else house().airlock.public_keys()
    tell(verify_package(package, known).as_dict(), as_json, "Package / Paquet")
