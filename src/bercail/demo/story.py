"""The story from end to end. Each chapter is told once; a killed story is finished, not redone.

1. A foreign cloud is filled.         6. A study runs on two engines.
2. The host gate judges.              7. A result leaves through the airlock.
3. Everything comes home.             8. The log proves it.
4. Deliveries become tables.          9. The host holds nothing readable.
5. A project gets its extract.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from bercail.demo import evidence, foreign_cloud, homecoming, permission, release, study, warehouse
from bercail.demo.folder import STORY, clear_away, end_copy, end_processes, held
from bercail.demo.memory import PeakMemory
from bercail.demo.notebook import Notebook
from bercail.demo.report import write_report
from bercail.demo.stage import Stage


class Show(Protocol):
    """How the story is shown while it is told."""

    def say(self, line: str) -> None:
        """One line between chapters."""
        ...

    def begin(self, number: int, title: str) -> None:
        """A chapter begins."""
        ...

    def report(self, label: str, done: int, total: int) -> None:
        """Progress inside the chapter."""
        ...

    def end(self, line: str) -> None:
        """The chapter ended; what came of it in one line."""
        ...


@frozen(kw_only=True)
class Telling:
    """A story told to its end: where, what happened, how long, how much memory at most."""

    out: Path
    report: Path
    told: dict[str, Any]
    seconds: float
    peak_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "out": str(self.out),
            "report": str(self.report),
            "seconds": round(self.seconds, 1),
            "peak_bytes": self.peak_bytes,
            "plays": self.told["plays"],
            "chapters": {name: self.told[name] for name, *_ in CHAPTERS},
        }


Chapter = Callable[[Stage, Notebook, Show, int], dict[str, Any]]
CHAPTERS: tuple[tuple[str, str, Chapter, Callable[[dict[str, Any]], str]], ...] = (
    (
        "foreign_cloud",
        "A foreign cloud is filled",
        lambda stage, _, show, persons: foreign_cloud.fill(stage, persons, show.report),
        lambda f: f"{f['objects']} objects, {f['bytes'] / 1e6:.0f} MB, {f['rows']:,} lines",
    ),
    (
        "gate",
        "The host gate judges two services",
        lambda stage, *_: homecoming.judge(stage),
        lambda f: f"refused {f['refused']['title']}; accepted {f['accepted']['title']}",
    ),
    (
        "homecoming",
        "Everything comes home, sealed and proven",
        lambda stage, book, show, _: homecoming.bring_home(stage, book, show.report),
        lambda f: (
            f"plan: {f['plan']['to_copy']} objects, {f['plan']['to_copy_bytes'] / 1e6:.0f} MB; "
            + ("copied, killed once, resumed" if f["killed"] else "copied")
            + ", proven, cut over"
        ),
    ),
    (
        "warehouse",
        "Deliveries become sealed, signed tables",
        lambda stage, book, show, _: warehouse.load(
            stage, book.told["foreign_cloud"]["made"]["rows"], show.report
        ),
        lambda f: f"{len(f['tables'])} tables, {f['rows']:,} rows",
    ),
    (
        "permission",
        "A project gets what its permit names",
        lambda stage, _, show, __: permission.permit(stage, show.report),
        lambda f: f"{f['permit']} until {f['valid_until']}, {f['persons']:,} persons",
    ),
    (
        "study",
        "A study runs on two engines",
        lambda stage, book, *_: study.run(stage, book.told["permission"]["permit"]),
        lambda f: f"{f['persons']:,} persons, the same on DuckDB and in plain Python",
    ),
    (
        "release",
        "A result leaves through the airlock",
        lambda stage, book, *_: release.let_out(stage, book, book.told["permission"]["permit"]),
        lambda f: f"{f['hidden']} cells hidden, two checkers, package verified",
    ),
    (
        "ledger",
        "The log proves it",
        lambda stage, *_: evidence.verify_log(stage),
        lambda f: f"{f['events']} events verified; {f['flipped']} flipped and refused",
    ),
    (
        "scan",
        "The host holds nothing readable",
        lambda stage, _, show, __: evidence.scan_host(stage, show.report),
        lambda f: f"{f['objects']} objects, {f['bytes'] / 1e6:.0f} MB read, no canary found",
    ),
)


def tell(
    out: Path, persons: int, show: Show, *, local: bool = False, fresh: bool = False
) -> Telling:
    """Tell the story in the folder `out`, or finish the one begun there.

    A story told to its end is only shown again.

    Raises:
        Invalid: another story was begun in `out`, or something else is there.
        Refused: another process tells a story in `out`.
        Whatever a room raises: the story stops there, and goes on when told again.
    """
    with held(out):
        if fresh or not (out / STORY).exists():
            clear_away(out)
        book = Notebook.open(out, persons, local=local)
        if all(book.has(name) for name, *_ in CHAPTERS):
            # Killed after the last chapter, it may have left its servers.
            end_processes(out)
            _show_again(book, show)
        else:
            _tell(Stage(out.resolve(), local, book.told.get("plays", {})), book, show, persons)
        report = out / "index.html"
        if not report.exists():
            write_report(out, book.told, book.told["said"])
    return Telling(
        out=out,
        report=report,
        told=book.told,
        seconds=sum(book.told[name]["seconds"] for name, *_ in CHAPTERS),
        peak_bytes=book.told["peak_bytes"],
    )


def _tell(stage: Stage, book: Notebook, show: Show, persons: int) -> None:
    end_copy(stage.out)
    with PeakMemory() as memory:
        try:
            stage.set_up()
            memory.adopted = {server.pid for server in stage.servers}
            book.told |= {"plays": stage.plays, "said": stage.said}
            book.save()
            for line in stage.said:
                show.say(line)
            for number, (name, title, chapter, summed) in enumerate(CHAPTERS, start=1):
                show.begin(number, title)
                if not book.has(name):
                    started = time.monotonic()
                    facts = chapter(stage, book, show, persons)
                    took = round(time.monotonic() - started, 1)
                    book.told["peak_bytes"] = max(memory.peak, book.told.get("peak_bytes", 0))
                    book.keep(name, facts | {"seconds": took})
                show.end(summed(book.told[name]))
        finally:
            stage.close()


def _show_again(book: Notebook, show: Show) -> None:
    for line in book.told["said"]:
        show.say(line)
    for number, (name, title, _, summed) in enumerate(CHAPTERS, start=1):
        show.begin(number, title)
        show.end(summed(book.told[name]))
