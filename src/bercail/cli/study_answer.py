"""Options that the commands of `bercail study` share, and how an analysis is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bercail.cli.door import emit

if TYPE_CHECKING:
    from bercail.cohorts.analysis.outputs import Outputs
    from bercail.cohorts.analysis.result import Analysis

By = Annotated[list[str] | None, typer.Option("--by", help="A column of groups; repeatable.")]
Level = Annotated[float, typer.Option("--level", help="The level of the intervals.")]
Per = Annotated[float, typer.Option("--per", help="The unit of the figure.")]
Plot = Annotated[Path | None, typer.Option("--plot", help="Draw it into a .svg or .png file.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Write the rows to a .parquet or .csv file.")
]
Language = Annotated[str, typer.Option("--language", help="Words of the picture: `en` or `fr`.")]
Title = Annotated[str, typer.Option("--title", help="The title of the picture.")]

_MOST_ROWS, _DIGITS, _SMALLEST = 40, 4, 0.0001


def outputs(plot: Path | None, out: Path | None, language: str, title: str) -> Outputs:
    """Where an analysis is written besides the screen."""
    from bercail.cohorts.analysis.outputs import Outputs

    return Outputs(plot=plot, out=out, language=language, title=title)


def answer(found: Analysis, as_json: bool) -> None:
    """Show an analysis: its rows, its counts, its source, and where results may go."""
    from bercail.cohorts.analysis.result import REMINDER

    if as_json:
        emit(found.as_dict(), as_json)
        return
    rows = [_shown(row) for row in found.rows[:_MOST_ROWS]]
    # Rows of several kinds (groups with and without a trait) have the columns of all of them.
    columns = list(dict.fromkeys(name for row in rows for name in row))
    emit(rows, as_json, title=found.method, columns=columns)
    if len(found.rows) > _MOST_ROWS:
        typer.echo(f"... and {len(found.rows) - _MOST_ROWS} more rows; --json or --out has all")
    counted = {"persons": found.persons, "events": found.events}
    facts = {name: value for name, value in {**counted, **found.facts}.items() if value is not None}
    for name, value in facts.items():
        typer.echo(f"{name}: {_figure(value)}")
    typer.echo(f"source: {found.source}")
    typer.echo(REMINDER)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _figure_of(name, value) for name, value in row.items()}


def _figure_of(name: str, value: Any) -> Any:
    """A figure; a probability that is all but 0 by its bound, which no column cuts in two."""
    if name == "p_value" and isinstance(value, float) and value < _SMALLEST:
        return f"<{_SMALLEST}"
    return _figure(value)


def _figure(value: Any) -> Any:
    """Numbers with four figures; whole ones as they are."""
    if isinstance(value, float):
        return f"{value:.{_DIGITS}g}" if abs(value) < 10_000 else f"{value:.0f}"
    if isinstance(value, Mapping):
        return {name: _figure(inner) for name, inner in value.items()}
    return value
