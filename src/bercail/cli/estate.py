"""`bercail estate`: what a foreign cloud's exports say, and what becomes of each resource."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from attrs import asdict

from bercail.cli.door import JsonFlag, actor, emit, house, progress
from bercail.foundation import Refused

if TYPE_CHECKING:
    from bercail.hosting.estate import Assessment, Language

app = typer.Typer(
    help="Judge a whole estate from its exports, and keep its history.", no_args_is_help=True
)


class Tongue(StrEnum):
    """The language of an answer."""

    EN = "en"
    FR = "fr"


TongueOption = Annotated[Tongue, typer.Option("--language", help="Language of the wording.")]


@app.command()
def assess(
    exports: Annotated[
        list[Path],
        typer.Argument(
            metavar="EXPORT...",
            help="Resource Graph, ARM template, Terraform, roles, directory; JSON.",
        ),
    ],
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write the report as one HTML page.")
    ] = None,
    language: TongueOption = Tongue.EN,
    as_json: JsonFlag = False,
) -> None:
    """Give each resource of the exports its target, its work and its place in the order."""
    from bercail.hosting.estate import Language, write_page
    from bercail.hosting.estate import assess as judge

    chosen = Language(language.value)
    with progress(as_json) as report:
        assessment = judge(exports, progress=report)
    if html:
        write_page(assessment, html, chosen)
    if as_json:
        emit(assessment.as_dict(chosen), as_json=True)
    else:
        _show(assessment, chosen)


@app.command()
def mapping(
    language: TongueOption = Tongue.EN,
    as_json: JsonFlag = False,
) -> None:
    """List the sorts of resource that the mapping knows, with their target and their work."""
    from bercail.hosting.estate import load_mapping

    rows = [
        {
            "sort": entry.name[language.value],
            "target": entry.target.value,
            "work": entry.work.value,
            "holds": entry.holds.value,
            "types": list(entry.arm),
            "terraform": list(entry.terraform),
        }
        for entry in load_mapping().entries
    ]
    emit(rows, as_json, title="Mapping", columns=("sort", "target", "work", "holds"))


@app.command(name="import-airlock")
def import_airlock(
    file: Annotated[Path, typer.Argument(help="Airlock requests of AzureTRE, JSON.")],
    as_json: JsonFlag = False,
) -> None:
    """Record another platform's airlock requests as history; again changes nothing.

    Listed as irregular is a request with a step that AzureTRE itself does not allow. Exit code 3
    when a document was not taken.
    """
    report = house().history.import_azuretre(file, actor())
    emit(asdict(report), as_json, title="History")
    if report.not_taken:
        raise typer.Exit(Refused.exit_code)


def _show(assessment: Assessment, language: Language) -> None:
    """The assessment as tables, blockers first."""
    from bercail.hosting.estate import tables

    for table in tables(assessment, language):
        emit(list(table.rows), as_json=False, title=table.title, columns=table.columns)
