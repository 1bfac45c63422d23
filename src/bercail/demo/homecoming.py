"""Chapters 2 and 3: the host is judged, then everything comes home, sealed and proven.

The copy runs as `bercail migrate copy` in a process of its own, which the story kills once.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from attrs import define, field

from bercail.demo import foreign_cloud
from bercail.demo.copy_process import CopyProcess
from bercail.demo.notebook import Notebook
from bercail.demo.stage import HOME_SERVICE, Stage
from bercail.foundation import Refused, Unavailable
from bercail.hosting import Attestation, MigrationService
from bercail.hosting.migration.status import Survey

Report = Callable[[str, int, int], None]
REFUSED_SERVICE = "scaleway-secnumcloud"
OPERATOR = "odile"
CHAPTER = "homecoming"
# The story's cloud runs on this machine and nobody else writes to it.
FROZEN = Attestation(by="Odile, operator", statement="The deliveries end here; nobody writes.")
LOOK_EVERY = 0.05
# The copy is killed once this share of the objects or of the bytes, and a few objects, arrived.
KILL_AT = 0.35
KILL_OBJECTS = 3


def judge(stage: Stage) -> dict[str, Any]:
    """Ask the gate about two services, on today's date, as if the data were real."""
    gate = stage.platform(OPERATOR).gate
    refused = gate.judge(REFUSED_SERVICE, "real")
    accepted = gate.require(HOME_SERVICE, "real")
    if refused.accepted:
        raise Refused(
            f"The gate accepted `{REFUSED_SERVICE}`, which the story shows as refused.",
            remedy="The registry has changed; the story needs another example.",
        )
    return {"refused": refused.as_dict(), "accepted": accepted.as_dict()}


def bring_home(stage: Stage, book: Notebook, report: Report) -> dict[str, Any]:
    """Survey, plan, copy (killed once), prove, cut over.

    What each step showed is noted at once: a story killed after the cut-over still knows it.
    """
    migration = stage.platform(OPERATOR).migration()
    if migration.canonical().value != "target":
        survey = _survey(stage, book, migration, report)
        book.note(CHAPTER, {"survey": survey.as_dict(), "plan": migration.plan().as_dict()})
        _copy(stage, book, survey, report)
        book.note(CHAPTER, {"proof": migration.prove(progress=report).as_dict()})
        migration.cut_over(freeze=FROZEN)
    status = stage.platform(OPERATOR).migration().status()
    return {"killed": False, "arrivals": []} | book.noted(CHAPTER) | {"status": status.as_dict()}


def _survey(stage: Stage, book: Notebook, migration: MigrationService, report: Report) -> Survey:
    """List the foreign cloud; what it lost in a crash of its own is sent again."""
    sent = book.told["foreign_cloud"]
    survey = migration.survey(report)
    if (survey.objects, survey.bytes) != (sent["objects"], sent["bytes"]):
        foreign_cloud.upload(stage, sent["persons"], report)
        survey = migration.survey(report)
    return survey


def _copy(stage: Stage, book: Notebook, survey: Survey, report: Report) -> None:
    """Copy to the end, the first run killed in the middle, whoever else killed the story."""
    noted = book.noted(CHAPTER)
    watch = _Watch(stage=stage, objects=survey.objects, total=max(1, survey.bytes), report=report)
    watch.seen = [tuple(one) for one in noted.get("arrivals", [])]
    watch.offset = max((moment for moment, _, _ in watch.seen), default=0.0)
    if not noted.get("killed"):
        killed = watch.copy_until_killed()
        book.note(CHAPTER, {"killed": killed, "arrivals": watch.seen})
    watch.copy_to_the_end()
    book.note(CHAPTER, {"arrivals": watch.seen})


@define
class _Watch:
    """Runs the copy from outside and looks at what has arrived: seconds, bytes, which run."""

    stage: Stage
    objects: int
    total: int
    report: Report
    seen: list[tuple[float, int, int]] = field(factory=list)
    offset: float = 0.0
    _began: float = field(factory=time.monotonic)

    def copy_until_killed(self) -> bool:
        """Start the copy and kill it in the middle; False when it was too quick for that."""
        with CopyProcess.start(self.stage, OPERATOR, 1) as process:
            while process.running:
                objects, size = self._look(1)
                enough = objects >= KILL_AT * self.objects or size >= KILL_AT * self.total
                if enough and objects >= KILL_OBJECTS and process.running:
                    os.kill(process.note.pid, signal.SIGKILL)
                    return process.killed()
                time.sleep(LOOK_EVERY)
            process.require_done()
        return False

    def copy_to_the_end(self) -> None:
        """Start the copy again; it goes on where the killed one stopped."""
        with CopyProcess.start(self.stage, OPERATOR, 2) as process:
            while process.running:
                self._look(2)
                time.sleep(LOOK_EVERY)
            objects, _ = self._look(2)
            process.require_done()
        if objects < self.objects:
            raise Unavailable(
                f"{self.objects - objects} of {self.objects} objects did not come home.",
                remedy="See `bercail migrate status`; then run the story again.",
            )

    def _look(self, run: int) -> tuple[int, int]:
        status = self.stage.platform(OPERATOR).migration().status().as_dict()
        carried = status["objects"].get("carried", {"objects": 0, "bytes": 0})
        moment = round(self.offset + time.monotonic() - self._began, 2)
        self.seen.append((moment, int(carried["bytes"]), run))
        self.report("copy home, sealed", int(carried["bytes"]), self.total)
        return int(carried["objects"]), int(carried["bytes"])
