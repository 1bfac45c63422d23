"""`bercail catalogue`: what tables, columns and years the platform knows."""

from __future__ import annotations

import typer

from bercail.cli.door import JsonFlag, emit

app = typer.Typer(help="What tables, columns and codes exist.", no_args_is_help=True)


@app.command()
def tables(as_json: JsonFlag = False) -> None:
    """List every table with its product and the years known."""
    from bercail.catalogue import load

    rows = [
        {
            "table": table.name,
            "product": table.product,
            "columns": len(table.columns),
            "first_year": table.years[0] if table.years else None,
            "last_year": table.years[-1] if table.years else None,
            "label": table.label,
        }
        for table in load().tables.values()
    ]
    emit(rows, as_json, title="Tables")


@app.command()
def table(name: str, as_json: JsonFlag = False) -> None:
    """Show the columns of a table: of all years, or of one (`T_MCO22B`)."""
    from bercail.catalogue import load

    registry = load()
    found = registry.table(name)
    columns = [found.column(item) for item in found.column_names(registry.year_of(name))]
    emit([item.as_dict() for item in columns], as_json, lines=[item.line for item in columns])


@app.command()
def column(name: str, as_json: JsonFlag = False) -> None:
    """Show every table that has a column of this name."""
    from bercail.catalogue import load

    found = load().tables_with(name)
    rows = [{"table": item.name} | item.column(name).as_dict() for item in found]
    emit(rows, as_json, lines=[f"{item.name:<18}{item.column(name).line}" for item in found])


@app.command()
def years(name: str, as_json: JsonFlag = False) -> None:
    """Show in which years each column of a table was seen."""
    from bercail.catalogue import load

    found = load().table(name)
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
    from bercail.catalogue import drift, load

    found = drift(load(), first, second)
    emit([item.as_dict() for item in found], as_json, lines=[item.line for item in found])


@app.command(name="where-is")
def show_where(code: str, as_json: JsonFlag = False) -> None:
    """Show which columns hold a code: a diagnosis, a drug, an act, a place."""
    from bercail.catalogue import load, vocabularies, where_is

    found = where_is(load(), code, vocabularies())
    shown = [line for place in found for line in place.lines()]
    emit([place.as_dict() for place in found], as_json, lines=shown)
