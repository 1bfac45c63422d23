"""`bercail demo`: the main job from end to end, on servers of this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from bercail.cli.door import JsonFlag, emit


def demo(
    persons: Annotated[int, typer.Option(min=500, help="How many invented persons.")] = 50_000,
    out: Annotated[Path, typer.Option(help="Where the story plays.")] = Path("demo"),
    local: Annotated[bool, typer.Option("--local", help="Folders instead of servers.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over in that folder.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring invented data home from a foreign cloud, and let one study out. Killed, it resumes."""
    from bercail.demo import tell

    screen = Screen(quiet=as_json)
    with screen.bars:
        telling = tell(out, persons, screen, local=local, fresh=fresh)
    if as_json:
        emit(telling.as_dict(), as_json)
    else:
        screen.summary(telling.as_dict())


class Screen:
    """The story on a terminal: a heading, a bar and one line for each chapter."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(stderr=quiet, quiet=quiet, highlight=False)
        columns = (TextColumn("    {task.description}"), BarColumn(), TimeElapsedColumn())
        hidden = quiet or not os.isatty(1)
        self.bars = Progress(*columns, console=self._console, transient=True, disable=hidden)
        self._tasks: dict[str, TaskID] = {}

    def say(self, line: str) -> None:
        """A line between chapters."""
        self._console.print(f"[yellow]{escape(line)}", soft_wrap=True)

    def begin(self, number: int, title: str) -> None:
        """A chapter's heading."""
        self._console.print(f"[bold cyan]{number}[/] [bold]{escape(title)}")

    def report(self, label: str, done: int, total: int) -> None:
        """The bar of the present work."""
        if label not in self._tasks:
            for task in self._tasks.values():
                self.bars.remove_task(task)
            self._tasks = {label: self.bars.add_task(label, total=total or None)}
        self.bars.update(self._tasks[label], completed=done, total=total or None)

    def end(self, line: str) -> None:
        """What came of the chapter."""
        for task in self._tasks.values():
            self.bars.remove_task(task)
        self._tasks = {}
        self._console.print(f"    [green]✓[/] {escape(line)}", soft_wrap=True)

    def summary(self, told: dict[str, Any]) -> None:
        """The end: how long each chapter took, the memory, where the report is."""
        table = Table(show_header=False, box=None)
        for name, facts in told["chapters"].items():
            table.add_row(name.replace("_", " "), f"{facts['seconds']:.1f} s")
        table.add_row("[bold]together", f"[bold]{told['seconds']:.1f} s")
        peak = f"{told['peak_bytes'] / 1e9:.2f} GB"
        table.add_row("[bold]memory at most, servers included", f"[bold]{peak}")
        self._console.print(Panel(table, title="Told to the end", expand=False))
        report = escape(told["report"])
        self._console.print(f"Open [bold]{report}[/] in a browser.", soft_wrap=True)
