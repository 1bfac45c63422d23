"""What every command shares: the house it works on, and how an answer is shown."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bercail.foundation import Actor

if TYPE_CHECKING:
    from bercail.hosting.migration.pace import Pace
    from bercail.platform import Platform

JsonFlag = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
ProgressReport = Callable[[str, int, int], None]

ProgressForm = Annotated[
    Literal["bar", "json"],
    typer.Option("--progress", help="A live bar, or JSON lines, on standard error."),
]

# A table shows the beginning of a digest; `--json` has all of it.
_DIGEST, _SHOWN = re.compile(r"[0-9a-f]{40,}"), 12
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_chosen: dict[str, str] = {}
_built: dict[str, Platform] = {}


def choose(*, config: Path | None, actor: str | None) -> None:
    """Remember what the options of the program say, before any command runs."""
    _chosen.clear()
    _built.clear()
    if config is not None:
        _chosen["config"] = str(config)
    if actor is not None:
        _chosen["actor"] = actor


def house() -> Platform:
    """The platform of this run, built once from its configuration."""
    if "platform" not in _built:
        # Rooms bring heavy libraries; `bercail --help` must not wait for them.
        from bercail.config import CONFIG_NAME, load_config

        default = os.environ.get("BERCAIL_CONFIG", CONFIG_NAME)
        config = load_config(Path(_chosen.get("config", default)))
        from bercail.platform import Platform

        name = _chosen.get("actor") or os.environ.get("BERCAIL_ACTOR")
        _built["platform"] = Platform(config, actor=name)
    return _built["platform"]


def built() -> Platform | None:
    """The platform, if this run has built one already."""
    return _built.get("platform")


def find_house() -> Platform | None:
    """The platform of this run; None where there is no configuration."""
    from bercail.foundation import Missing

    try:
        return house()
    except Missing:
        return None


def actor() -> Actor:
    """Who gives the command: `--as`, else BERCAIL_ACTOR."""
    return house().actor


def emit(
    value: Any,
    as_json: bool,
    *,
    title: str = "",
    lines: Iterable[str] | None = None,
    columns: Sequence[str] = (),
    whole: bool = False,
) -> None:
    """Show `value`: as JSON, as the `lines` given, or as a table made from its shape.

    `columns` are those that a table of many shows; JSON always has all of them. With `whole`,
    a table of one shows digests to their end, for people to quote.
    """
    if as_json:
        typer.echo(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, default=str))
        return
    # What is shown is data: brackets and colons in it are no markup.
    console = Console(highlight=False, markup=False, emoji=False)
    if lines is not None:
        for line in lines:
            typer.echo(line)
    elif isinstance(value, Mapping):
        console.print(_pairs(value, title, whole))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        console.print(_rows(value, title, columns))
    else:
        typer.echo(str(value))


def _pairs(value: Mapping[str, Any], title: str, whole: bool) -> Table:
    table = Table(title=title or None, show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, item in value.items():
        table.add_row(key, _cell(item, whole))
    return table


def _rows(value: Sequence[Any], title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title or None, title_justify="left")
    if not columns:
        columns = list(value[0]) if value and isinstance(value[0], Mapping) else ["value"]
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in value:
        cells = [row.get(c) for c in columns] if isinstance(row, Mapping) else [row]
        table.add_row(*[_cell(cell) for cell in cells])
    return table


def _cell(item: Any, whole: bool = False) -> str:
    if item is None:
        return ""
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, int):
        return f"{item:,}".replace(",", " ") if abs(item) >= 10_000 else str(item)
    if isinstance(item, list | tuple):
        return "\n".join(_cell(part, whole) for part in item)
    if isinstance(item, str) and _DIGEST.fullmatch(item) and not whole:
        return item[:_SHOWN] + "…"
    if isinstance(item, str) and _MOMENT.fullmatch(item):
        return item[:19].replace("T", " ")
    if isinstance(item, Mapping):
        return "\n".join(f"{key}: {_cell(part, whole)}" for key, part in item.items())
    return str(item)


@contextmanager
def progress(as_json: bool, form: str = "bar") -> Iterator[ProgressReport]:
    """How far long work is, on standard error so that answers stay clean.

    A live bar with the rate and the time left; or, where `form` is `json`, one JSON object
    a line, at most one a second and one at the end of each step.
    """
    if form == "json":
        yield _progress_lines()
        return
    if as_json or not os.isatty(2):
        yield lambda _label, _done, _total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}
        pace = _pace()

        def report(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total or None, pace="")
            shown = pace.step(label, done, total).shown
            bars.update(tasks[label], completed=done, total=total or None, pace=shown)

        yield report


def _pace() -> Pace:
    from bercail.hosting.migration.pace import Pace

    return Pace(time.monotonic)


def _progress_lines() -> ProgressReport:
    pace, told = _pace(), dict[str, float]()
    over: set[str] = set()

    def report(label: str, done: int, total: int) -> None:
        now, ended = time.monotonic(), bool(total) and done >= total
        step = pace.step(label, done, total)
        # The end is told once, however often it is reported.
        if (ended and label not in over) or (not ended and now - told.get(label, 0.0) >= 1.0):
            told[label] = now
            (over.add if ended else over.discard)(label)
            typer.echo(json.dumps(step.as_dict(), ensure_ascii=False), err=True)

    return report
