"""Blocks of persons: each drawn and written by itself, in one process or in several.

A block leaves its parts and its truth under `.parts/NNNN`; `block.json`, put
in place last, says that it is whole. A killed run keeps the blocks it made.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.catalogue import load
from bercail.foundation import Invalid, Unavailable
from bercail.ingest.synth.deliveries import (
    Assembly,
    assemble,
    on_disk,
    read_manifest,
    write_json,
    write_part,
)
from bercail.ingest.synth.plan import planned_deliveries
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.truth import added, truth_of
from bercail.ingest.synth.world import draw_world

PARTS, _WHOLE = ".parts", "block.json"
_ORDER = ("DCIR", "MCO", "HAD", "SSR", "RIP", "BEN")


@frozen(kw_only=True)
class BlockTask:
    """A block to draw; the deliveries of `finished` need no part of it."""

    profile: SynthProfile
    out: Path
    finished: frozenset[str]

    @property
    def folder(self) -> Path:
        """Where its parts stand."""
        return self.out / PARTS / f"{self.profile.place:04d}"


@frozen(kw_only=True)
class AssemblyTask:
    """A delivery to put together in `out`, unless it is finished."""

    delivery: Assembly
    out: Path


def find_block(task: BlockTask) -> dict[str, Any] | None:
    """What an earlier run wrote of a block; None when some part is not there any more."""
    try:
        block: dict[str, Any] = json.loads((task.folder / _WHOLE).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    wanted = [item["name"] for item in block["deliveries"] if item["name"] not in task.finished]
    return block if all((task.folder / name).is_dir() for name in wanted) else None


def write_block(task: BlockTask) -> dict[str, Any]:
    """Draw a block and write its parts; its truth, and what it gives to each delivery.

    Raises:
        Unavailable: the disk is full or cannot be written.
    """
    with on_disk(task.folder):
        held = find_block(task)
    if held is not None:
        return held
    registry = load()
    world = draw_world(task.profile, registry)
    deliveries = []
    with on_disk(task.folder):
        for planned in planned_deliveries(world, registry):
            tables: list[dict[str, Any]] = []
            if planned.name not in task.finished:
                folder = task.folder / planned.name
                tables = write_part(planned, folder, task.profile.form, registry)
            deliveries.append(
                {
                    "name": planned.name,
                    "system": planned.system,
                    "period": planned.period,
                    "tables": tables,
                }
            )
        block = {"truth": truth_of(world), "deliveries": deliveries}
        write_json(task.folder / _WHOLE, block)
    return block


def write_assembly(task: AssemblyTask) -> tuple[dict[str, Any], bool]:
    """The manifest of a delivery, and whether this run wrote it."""
    manifest = read_manifest(task.out / task.delivery.name)
    if manifest is not None:
        return manifest, False
    return assemble(task.delivery, task.out), True


class Whole:
    """What all blocks give together: the truth as a sum, and each delivery in its order."""

    def __init__(self, profile: SynthProfile, out: Path) -> None:
        self._profile, self._out = profile, out
        self._deliveries: dict[str, dict[str, Any]] = {}
        self.truth: dict[str, Any] = {}

    def add(self, place: int, block: dict[str, Any]) -> None:
        """Take in the next block; blocks come in the order of their places."""
        self.truth = added(self.truth, block["truth"]) if self.truth else block["truth"]
        for item in block["deliveries"]:
            held = self._deliveries.setdefault(item["name"], {**item, "tables": {}, "parts": []})
            if item["tables"]:
                held["parts"].append(self._out / PARTS / f"{place:04d}" / item["name"])
            for table in item["tables"]:
                columns = table["columns"]
                known = held["tables"].setdefault(table["table"], {"rows": 0, "columns": columns})
                known["rows"] += table["rows"]

    def assemblies(self) -> list[AssemblyTask]:
        """Every delivery: fluxes by month, years of discharge, referentials."""
        ordered = sorted(
            self._deliveries.values(), key=lambda item: (_ORDER.index(item["system"]), item["name"])
        )
        return [
            AssemblyTask(
                out=self._out,
                delivery=Assembly(
                    name=item["name"],
                    system=item["system"],
                    period=item["period"],
                    form=self._profile.form,
                    parts=tuple(item["parts"]),
                    tables=item["tables"],
                ),
            )
            for item in ordered
        ]


Spread = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Any]]


@contextmanager
def spread(processes: int) -> Iterator[Spread]:
    """`map` over processes, answers in the order of the tasks; in this process for one.

    Raises:
        Invalid: no process at all is asked for.
    """
    if processes < 1:
        raise Invalid(f"`processes` is `{processes}`.", remedy="Give 1 or more.")
    if processes == 1:
        yield lambda work, tasks: map(work, tasks)
        return
    context = multiprocessing.get_context("spawn")
    ours: list[BaseProcess] = []
    try:
        # No limit of tasks for a process: that option of Python 3.11 can wait for ever.
        with ProcessPoolExecutor(processes, mp_context=context) as pool:

            def over_pool(work: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
                answers = pool.map(_Kept(work=work), tasks)
                ours.extend(multiprocessing.active_children())
                for answer, error in answers:
                    if error is not None:
                        message, remedy = error
                        raise Unavailable(message, remedy=remedy)
                    yield answer

            yield over_pool
    except BrokenProcessPool:
        # The pool is closed here, so every exit code is known.
        raise _ended([child.exitcode for child in ours]) from None


def _ended(codes: Sequence[int | None]) -> Unavailable:
    """A process that wrote blocks is gone; the pool then ends the others by SIGTERM."""
    found = sorted({code for code in codes if code}, key=lambda code: code == -signal.SIGTERM)
    how = "without saying how"
    if found:
        code = found[0]
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return Unavailable(
        f"A process that writes deliveries ended {how}.",
        remedy="SIGKILL often means too little memory (`dmesg`): give fewer `--processes`. "
        "Run the same command again; it goes on after what is whole.",
    )


@frozen(kw_only=True)
class _Kept:
    """A piece of work whose refusal by the disk comes back as words, which cross processes."""

    work: Callable[[Any], Any]

    def __call__(self, task: Any) -> tuple[Any, tuple[str, str] | None]:
        try:
            return self.work(task), None
        except Unavailable as error:
            return None, (error.message, error.remedy)
