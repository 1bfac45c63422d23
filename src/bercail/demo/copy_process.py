"""`bercail migrate copy` in a process of its own, which can be killed and found again."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import TracebackType

from attrs import define

from bercail.demo.folder import copy_note
from bercail.demo.stage import Stage
from bercail.foundation import (
    BercailError,
    Invalid,
    Missing,
    Refused,
    Unavailable,
    Unproven,
)
from bercail.testing import processes
from bercail.testing.processes import Note

FAMILIES = {family.family: family for family in (Invalid, Refused, Missing, Unproven, Unavailable)}


@define
class CopyProcess:
    """A running copy; leaving the `with` block ends it if it still runs."""

    note: Note
    log: Path
    _status: int | None = None

    @classmethod
    def start(cls, stage: Stage, actor: str, run: int) -> CopyProcess:
        """Start the program with the story's configuration; what it says goes to a file."""
        log = stage.out / "results" / f"copy-{run}.json"
        log.unlink(missing_ok=True)
        command = [sys.executable, "-m", "bercail", "--config", str(stage.config_file)]
        command += ["--as", actor, "migrate", "copy", "--json"]
        # A program started so knows of Bercail only what it is given: here, where the keys are.
        keys = {name: text for name, text in os.environ.items() if name.startswith("BERCAIL_")}
        return cls(processes.spawn(command, {}, copy_note(stage.out), log, keys), log)

    def __enter__(self) -> CopyProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.running:
            processes.stop(self.note)

    @property
    def running(self) -> bool:
        """Whether it still works."""
        if self._status is None:
            pid, status = os.waitpid(self.note.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status is None

    def killed(self) -> bool:
        """Wait for the end of a process that was sent SIGKILL; whether that is what ended it."""
        if self._status is None:
            _, status = os.waitpid(self.note.pid, 0)
            self._status = os.waitstatus_to_exitcode(status)
        return self._status == -signal.SIGKILL

    def require_done(self) -> None:
        """Raise what the program said, in its own family, unless it ended well."""
        if self._status == 0:
            return
        lines = self.log.read_text(encoding="utf-8").strip().splitlines() or [""]
        raise _told(lines[-1]) or Unavailable(
            f"`bercail migrate copy` ended with {self._status}.",
            remedy=f"What it said is in `{self.log}`. Run the story again; it resumes.",
        )


def _told(line: str) -> BercailError | None:
    try:
        told = json.loads(line)
        family = FAMILIES[told["error"]]
        return family(told["message"], remedy=told["remedy"], rule=told["rule"])
    except (ValueError, KeyError, TypeError):
        # The program did not come to its last door: the file keeps what it said.
        return None
