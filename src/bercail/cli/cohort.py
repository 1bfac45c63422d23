"""`bercail cohort`: check a study, read it in plain words, run it under a permit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, actor, emit, house

app = typer.Typer(help="Check, explain and run studies.", no_args_is_help=True)

Study = Annotated[Path, typer.Argument(help="A study file, such as studies/treated_diabetes.py.")]


@app.command()
def check(study: Study, as_json: JsonFlag = False) -> None:
    """Check a study without data; show its identity and what it reads."""
    from bercail.cohorts.service import check_study

    emit(check_study(study).as_dict(), as_json, title=study.name)


@app.command()
def explain(
    study: Study,
    language: Annotated[str, typer.Option("--language", help="`en` or `fr`.")] = "en",
    as_json: JsonFlag = False,
) -> None:
    """Tell a study in plain English or French."""
    from bercail.cohorts.service import explain_study

    lines = explain_study(study, language)
    emit(list(lines), as_json, lines=lines)


@app.command()
def rules(
    rule: Annotated[
        str | None, typer.Argument(help="One rule, such as mco-pie or mco-pie@1.")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="`en` or `fr`.")] = "en",
    as_json: JsonFlag = False,
) -> None:
    """List the cleaning rules with their versions; or show one, with its wrong wordings."""
    from bercail.cohorts.cleaning import listed

    found = listed(rule)
    lines: list[str] = []
    for one in found:
        lines.append(f"{one['rule']:<30}{one['fr' if language == 'fr' else 'en']}")
        if rule is not None:
            lines += [f"  source: {one['source']}", f"  {one['sql']}", f"  {one['note']}"]
            lines += [f"  wrong: {bad['wording']}: {bad['why']}" for bad in one["wrong"]]
    emit(found, as_json, lines=lines)


@app.command()
def run(
    study: Study,
    permit: Annotated[str, typer.Option("--permit", help="The permit whose extract is read.")],
    out: Annotated[Path, typer.Option("--out", help="The folder for tables and flowchart.")],
    engine: Annotated[str, typer.Option("--engine", help="`duckdb` or `memory`.")] = "duckdb",
    as_json: JsonFlag = False,
) -> None:
    """Run a study on the extract of a permit; write its flowchart and tables."""
    from bercail.cohorts.service import run_study

    sources = house().access.open_extract(permit, actor())
    result = run_study(study, sources, engine, out)
    lines = [f"{step.persons:>12}  {step.label}" for step in result.flowchart]
    emit(result.as_dict(), as_json, lines=lines)
