"""Chapters 2 and 3: the host is judged, then everything comes home, sealed and proven.

The copy runs as `bercail migrate copy` in a process of its own, which the story kills once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field

from bercail.demo.stage import HOME_SERVICE, Stage
from bercail.foundation import Refused, Unavailable
from bercail.testing.processes import Note, note_of

Report = Callable[[str, int, int], None]
REFUSED_SERVICE = "scaleway-secnumcloud"
OPERATOR = "odile"
LOOK_EVERY = 0.1
# The copy is killed once this share of the bytes, and a few objects, have arrived.
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


def bring_home(stage: Stage, report: Report) -> dict[str, Any]:
    """Survey, plan, copy (killed once), prove, cut over."""
    migration = stage.platform(OPERATOR).migration()
    if migration.canonical().value == "target":
        return _facts(stage, [], killed=True)
    _end_earlier_copy(stage)
    survey = migration.survey(report)
    plan = migration.plan()
    watch = _Watch(stage=stage, total=max(1, survey.bytes), report=report)
    killed = watch.copy_until_killed()
    watch.copy_to_the_end()
    proof = migration.prove(progress=report)
    migration.cut_over()
    facts = _facts(stage, watch.seen, killed=killed)
    facts |= {"survey": survey.as_dict(), "plan": plan.as_dict(), "proof": proof.as_dict()}
    return facts


def _facts(stage: Stage, seen: list[tuple[float, int, int]], *, killed: bool) -> dict[str, Any]:
    status = stage.platform(OPERATOR).migration().status()
    return {"status": status.as_dict(), "killed": killed, "arrivals": seen}


@define
class _Watch:
    """Runs the copy from outside and looks at what has arrived."""

    stage: Stage
    total: int
    report: Report
    seen: list[tuple[float, int, int]] = field(factory=list)
    _began: float = field(factory=time.monotonic)
    _run: int = 1

    def copy_until_killed(self) -> bool:
        """Start the copy and kill it in the middle; False when it was too quick for that."""
        process = self._start()
        while process.poll() is None:
            objects, size = self._look()
            if objects >= KILL_OBJECTS and size >= KILL_AT * self.total:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                self._run = 2
                return True
            time.sleep(LOOK_EVERY)
        self._require_done(process)
        return False

    def copy_to_the_end(self) -> None:
        """Start the copy again; it goes on where the killed one stopped."""
        process = self._start()
        while process.poll() is None:
            self._look()
            time.sleep(LOOK_EVERY)
        self._look()
        self._require_done(process)

    def _look(self) -> tuple[int, int]:
        status = self.stage.platform(OPERATOR).migration().status().as_dict()
        carried = status["objects"].get("carried", {"objects": 0, "bytes": 0})
        moment = round(time.monotonic() - self._began, 2)
        self.seen.append((moment, int(carried["bytes"]), self._run))
        self.report("copy home, sealed", int(carried["bytes"]), self.total)
        return int(carried["objects"]), int(carried["bytes"])

    def _start(self) -> subprocess.Popen[bytes]:
        config = str(self.stage.config_file)
        command = [sys.executable, "-m", "bercail", "--config", config, "--as", OPERATOR]
        log = (self.stage.out / "results" / f"copy-{self._run}.json").open("wb")
        process = subprocess.Popen(
            [*command, "migrate", "copy", "--json"], stdout=log, stderr=subprocess.STDOUT
        )
        log.close()
        note_of(process.pid).write(_note_file(self.stage))
        return process

    def _require_done(self, process: subprocess.Popen[bytes]) -> None:
        if process.returncode:
            shown = (self.stage.out / "results" / f"copy-{self._run}.json").read_text("utf-8")
            lines = shown.strip().splitlines() or ["it said nothing"]
            raise Unavailable(
                f"`bercail migrate copy` ended with {process.returncode}: {lines[-1]}",
                remedy="Run the story again; it resumes.",
            )


def _note_file(stage: Stage) -> Path:
    return stage.out / "results" / "copy.process"


def _end_earlier_copy(stage: Stage) -> None:
    """A killed story may have left its copying process at work; end it before going on."""
    note = Note.find(_note_file(stage))
    if note is not None and note.alive:
        os.kill(note.pid, signal.SIGKILL)
        while note.alive:
            time.sleep(LOOK_EVERY)
