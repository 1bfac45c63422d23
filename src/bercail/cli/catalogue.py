"""`bercail catalogue`: what tables, columns and years the platform knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bercail.cli.door import JsonFlag, emit, find_house

if TYPE_CHECKING:
    from bercail.catalogue import Registry

app = typer.Typer(help="What tables, columns and codes exist.", no_args_is_help=True)

ModelName = Annotated[str, typer.Option("--model", help="The data model: snds or omop.")]
LanguageName = Annotated[
    Literal["en", "fr"], typer.Option("--language", help="The language of labels.")
]
_SNDS = "snds"


def _registry(model: str) -> Registry:
    """The house's own catalogue for the SNDS, where there is a house; else the built-in one."""
    from bercail.catalogue import load

    here = find_house() if model == _SNDS else None
    return here.registry if here is not None else load(model)


@app.command()
def tables(
    model: ModelName = _SNDS, language: LanguageName = "en", as_json: JsonFlag = False
) -> None:
    """List every table with its product and the years known."""
    rows = [
        {
            "table": table.name,
            "product": table.product,
            "columns": len(table.columns),
            "first_year": table.years[0] if table.years else None,
            "last_year": table.years[-1] if table.years else None,
            "label": table.told(language),
        }
        for table in _registry(model).tables.values()
    ]
    emit(rows, as_json, title="Tables")


@app.command()
def table(
    name: str,
    model: ModelName = _SNDS,
    language: LanguageName = "en",
    as_json: JsonFlag = False,
) -> None:
    """Show the columns of a table: of all years, or of one (`T_MCO22B`)."""
    registry = _registry(model)
    found = registry.table(name)
    columns = [found.column(item) for item in found.column_names(registry.year_of(name))]
    lines = []
    for item in columns:
        lines += [item.line(language), *(f"  {conflict.line}" for conflict in item.conflicts)]
    emit([item.as_dict(language) for item in columns], as_json, lines=lines)


@app.command()
def column(
    name: str,
    model: ModelName = _SNDS,
    language: LanguageName = "en",
    as_json: JsonFlag = False,
) -> None:
    """Show every table that has a column of this name, and what sources dispute about it."""
    found = [(item.name, item.column(name)) for item in _registry(model).tables_with(name)]
    lines = []
    for place, item in found:
        lines.append(f"{place:<18}{item.line(language)}")
        lines += [f"  {conflict.line}" for conflict in item.conflicts]
    rows = [{"table": place} | item.as_dict(language) for place, item in found]
    emit(rows, as_json, lines=lines)


@app.command()
def years(name: str, model: ModelName = _SNDS, as_json: JsonFlag = False) -> None:
    """Show in which years each column of a table was seen."""
    found = _registry(model).table(name)
    rows = [
        {
            "column": item.name,
            "first_year": item.first_year,
            "last_year": item.last_year,
            "years": len(item.years),
        }
        for item in found.columns
    ]
    emit(rows, as_json, title=found.name)


@app.command(name="diff")
def show_diff(first: int, second: int, as_json: JsonFlag = False) -> None:
    """Show which columns came (+) and went (-) between two years."""
    from bercail.catalogue import drift

    found = drift(_registry(_SNDS), first, second)
    emit([item.as_dict() for item in found], as_json, lines=[item.line for item in found])


@app.command(name="where-is")
def show_where(code: str, as_json: JsonFlag = False) -> None:
    """Show which columns hold a code: a diagnosis, a drug, an act, a place."""
    from bercail.catalogue import vocabularies, where_is

    found = where_is(_registry(_SNDS), code, vocabularies())
    shown = [line for place in found for line in place.lines()]
    emit([place.as_dict() for place in found], as_json, lines=shown)


@app.command()
def conflicts(
    name: Annotated[str | None, typer.Argument(metavar="[TABLE]")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show where sources disagree about a column: what stands, who says otherwise."""
    from bercail.catalogue import counts, disputes

    found = disputes(_registry(_SNDS), name)
    answer = {"counts": counts(found), "conflicts": [item.as_dict() for item in found]}
    total = ", ".join(f"{number} {kind}" for kind, number in counts(found).items()) or "none"
    emit(answer, as_json, lines=[*(item.line for item in found), f"Conflicts: {total}"])


@app.command()
def sensitivity(
    name: Annotated[str | None, typer.Argument(metavar="[TABLE]")] = None,
    model: ModelName = _SNDS,
    as_json: JsonFlag = False,
) -> None:
    """Show the potential identifiers, with their categories, and the medical columns."""
    from bercail.catalogue import marks

    registry = _registry(model)
    found = marks(registry.tables.values() if name is None else (registry.table(name),))
    emit([mark.as_dict() for mark in found], as_json, title="Sensitive columns")


@app.command(name="import-schema")
def import_schema(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A checkout of schema-snds.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The folder to write to; `catalogue` beside the configuration."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Read official labels, types and code lists from your copy of the public schema."""
    from bercail import catalogue

    target = out or _beside_configuration()
    report = catalogue.import_schema(folder, target, catalogue.load())
    emit(report.as_dict(), as_json, lines=report.lines())


def _beside_configuration() -> Path:
    from bercail.foundation import Invalid

    here = find_house()
    if here is None:
        raise Invalid(
            "There is no configuration to write beside.", remedy="Name a folder with `--out`."
        )
    return here.config.root / "catalogue"
