"""`bercail host`: may this service hold real data?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, emit, house

app = typer.Typer(help="Judge a host.", no_args_is_help=True)


class HostData(StrEnum):
    """What the host would hold."""

    REAL = "real"
    SYNTHETIC = "synthetic"


@app.command(name="list")
def list_services(as_json: JsonFlag = False) -> None:
    """List the services of the registry, with the dates of their qualification."""
    rows = [service.as_dict() for service in house().gate.services()]
    emit(rows, as_json, title="Services", columns=("id", "status", "qualified_until"))


@app.command()
def judge(
    service: Annotated[str, typer.Argument(help="Id of a service (see `host list`).")],
    data: Annotated[HostData, typer.Option("--data", help="Class of data.")] = HostData.REAL,
    as_json: JsonFlag = False,
) -> None:
    """Judge one service of the registry on today's date; the verdict is recorded."""
    emit(house().gate.judge(service, data.value).as_dict(), as_json, title="Verdict")


@app.command(name="score")
def score_levels(
    assessment: Annotated[Path, typer.Argument(help="JSON: objective id to level, 0 to 4.")],
    minimum: Annotated[int, typer.Option(help="Least level of every objective.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Score an assessment with the EU Cloud Sovereignty Framework."""
    from bercail.hosting import load_grid, load_levels, score

    emit(score(load_grid(), load_levels(assessment), minimum).as_dict(), as_json, title="Score")
