"""`bercail cohort`: check a study, read it, try it on examples and synthetic persons, run it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bercail.cli.door import JsonFlag, actor, emit, house

app = typer.Typer(help="Check, explain, try and run studies.", no_args_is_help=True)

Study = Annotated[Path, typer.Argument(help="A study file, such as studies/treated_diabetes.py.")]
Definition = Annotated[
    Path, typer.Argument(help="A study file, or an OHDSI definition (`.json`, from ATLAS).")
]


@app.command()
def check(study: Definition, as_json: JsonFlag = False) -> None:
    """Check a study without data; show its identity and what it reads."""
    from bercail.cohorts.service import check_study

    found = check_study(study).as_dict()
    emit(found, as_json, lines=_checked(found))


def _checked(found: dict[str, Any]) -> list[str]:
    """The identity whole, as a protocol quotes it; a line for each step, output and table."""
    lines = [f"{name + ':':<8}{found[name]}" for name in ("study", "title", "digest")]
    for name, content in found.items():
        if name not in ("study", "title", "digest") and content:
            tables = isinstance(content, dict)
            told = [f"{one}: {', '.join(content[one])}" if tables else one for one in content]
            lines += [f"{name.replace('_', ' ')}:", *(f"  {one}" for one in told)]
    return lines


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


@app.command("test")
def try_examples(study: Study, as_json: JsonFlag = False) -> None:
    """Run a study on the examples in its own file; exit with 1 when one differs."""
    from bercail.cohorts.service import try_study

    trial = try_study(study)
    lines = [
        f"{'differs' if one.differs else 'as expected':<13}{one.title}" for one in trial.outcomes
    ]
    lines += [f"{one.title}: {told}" for one in trial.outcomes for told in one.differs]
    emit(trial.as_dict(), as_json, lines=lines)
    if not trial.passed:
        raise typer.Exit(1)


@app.command()
def dummy(
    study: Study,
    out: Annotated[Path, typer.Option("--out", help="The folder for the tables.")],
    persons: Annotated[int, typer.Option("--persons", help="Persons of the cohort.")] = 50,
    others: Annotated[int, typer.Option("--others", help="Persons outside it.")] = 50,
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Make synthetic persons who fit a study, by solving its conditions."""
    from bercail.cohorts.service import dummy_study

    data = dummy_study(study, out, persons=persons, others=others, seed=seed)
    emit(
        {"study": study.name, "out": str(out), **data.as_dict()}, as_json, title="Synthetic persons"
    )


@app.command()
def run(
    study: Definition,
    out: Annotated[Path, typer.Option("--out", help="The folder for tables and flowchart.")],
    permit: Annotated[str, typer.Option("--permit", help="The permit whose extract is read.")] = "",
    data: Annotated[
        Path | None, typer.Option("--data", help="A folder of Parquet tables, instead.")
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="`duckdb`, `memory`, or `spark` for the cluster.")
    ] = "duckdb",
    as_json: JsonFlag = False,
) -> None:
    """Run a study, or an OHDSI definition, on the extract of a permit or on tables in a folder."""
    from bercail.cohorts.dummy import sources_in
    from bercail.cohorts.service import run_study
    from bercail.foundation import Invalid

    if (data is None) == (permit == ""):
        raise Invalid("A study runs on one extract.", remedy="Give `--permit` or `--data`.")
    if data is None:
        sources = house().access.open_extract(permit, actor())
    else:
        sources = sources_in(data.resolve())
    result = run_study(study, sources, engine, out, lambda: house().cluster)
    lines = [f"{step.persons:>12}  {step.label}" for step in result.flowchart]
    emit(result.as_dict(), as_json, lines=lines)
