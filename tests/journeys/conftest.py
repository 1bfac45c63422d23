"""The real program, run as people run it, and one undisturbed story to compare with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

BERCAIL = Path(sys.executable).with_name("bercail")
CHAPTERS = (
    "foreign_cloud",
    "gate",
    "homecoming",
    "warehouse",
    "permission",
    "study",
    "release",
    "ledger",
    "scan",
)
ONCE = (
    "CutOver",
    "ObjectionRegistered",
    "ApplicationFiled",
    "ApplicationCompleted",
    "OpinionGiven",
    "AuthorisationGiven",
    "PermitGranted",
    "ExtractMade",
    "RequestOpened",
    "RequestSubmitted",
    "RequestChecked",
    "RequestApproved",
    "RequestReleased",
)
"""What happens once in a story, however often it is killed."""


@frozen(kw_only=True)
class Ran:
    """How a run of the program ended."""

    code: int
    out: str
    err: str

    def answer(self) -> Any:
        """What `--json` printed, after a success."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    def refusal(self, code: int) -> dict[str, Any]:
        """The error that `--json` printed, after a failure with exit code `code`."""
        assert self.code == code, (self.code, self.out, self.err)
        error: dict[str, Any] = json.loads(self.err.strip().splitlines()[-1])
        assert set(error) == {"error", "message", "remedy", "rule"}
        assert error["message"]
        assert error["remedy"]
        return error


class Program:
    """`bercail`, without any variable of the person who runs the tests."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def environ(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("BERCAIL_")}
        return kept | {"COLUMNS": "200"} | dict(more or {})

    def start(
        self,
        *words: object,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        before: Sequence[str] = (),
        instead: str | None = None,
    ) -> subprocess.Popen[str]:
        """Start it, behind the command `before`, or another program `instead`."""
        return subprocess.Popen(
            [*before, instead or str(BERCAIL), *map(str, words)],
            env=self.environ(environ),
            cwd=cwd or self._home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(
        self,
        *words: object,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        given: str = "",
        before: Sequence[str] = (),
        instead: str | None = None,
    ) -> Ran:
        """Run it to its end."""
        process = self.start(*words, environ=environ, cwd=cwd, before=before, instead=instead)
        try:
            out, err = process.communicate(given, timeout=400)
        finally:
            process.kill()
        assert "Traceback" not in out + err
        return Ran(code=process.returncode, out=out, err=err)


class Story:
    """The folder of a story, and what can be read in it."""

    def __init__(self, out: Path, program: Program) -> None:
        self.out = out
        self._program = program

    @property
    def told(self) -> dict[str, Any]:
        """`story.json` as it is now; nothing yet reads as an empty story."""
        try:
            told: dict[str, Any] = json.loads((self.out / "story.json").read_bytes())
        except FileNotFoundError:
            return {}
        return told

    def await_chapters(
        self, count: int, process: subprocess.Popen[str], limit: float = 600
    ) -> bool:
        """Wait until `count` chapters are told, and one begins; False when it ended before."""
        deadline = time.monotonic() + limit
        while "plays" not in self.told or sum(name in self.told for name in CHAPTERS) < count:
            if process.poll() is not None:
                return False
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process.poll() is None

    @property
    def events(self) -> list[dict[str, Any]]:
        """The exported journal."""
        lines = (self.out / "results" / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def secrets(self) -> dict[str, str]:
        """The variables that open this story's house, and nothing else."""
        places = {"BERCAIL_PASSPHRASE_FILE": "passphrase"}
        places |= {
            f"BERCAIL_{side}_SECRET_KEY_FILE": f"{side.lower()}.key" for side in ("HOME", "SOURCE")
        }
        folder = self.out / "secrets"
        found = {k: str(folder / v) for k, v in places.items() if (folder / v).exists()}
        return found | {"BERCAIL_HOME_ACCESS_KEY": "bercail"}

    def house(self, actor: str, *words: object, given: str = "") -> Ran:
        """A command on this story's house."""
        config = self.out / "platform" / "bercail.toml"
        options = ("--config", config, "--as", actor)
        return self._program(*options, *words, environ=self.secrets, given=given)

    def processes(self) -> list[str]:
        """Command lines of the processes that work in this folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if f"{self.out}/" in command:
                found.append(command)
        return found

    def numbers(self) -> dict[str, Any]:
        """Everything that two stories of the same persons have in common."""
        told = self.told
        scan = told["scan"]
        return {
            "objects": told["foreign_cloud"]["objects"],
            "bytes": told["foreign_cloud"]["bytes"],
            "proven": told["homecoming"]["proof"]["carried"],
            "canonical": told["homecoming"]["status"]["canonical"],
            "rows": {name: one["rows"] for name, one in told["warehouse"]["tables"].items()},
            "delays": told["warehouse"]["delays"],
            "extract": (told["permission"]["persons"], told["permission"]["rows"]),
            "flowchart": told["study"]["flowchart"],
            "cells": told["study"]["table"]["cells"],
            "hidden": [(one["cell"], one["status"]) for one in told["release"]["report"]["cells"]],
            "log": (told["ledger"]["exit_code"], 'unpublished": 0' in told["ledger"]["accepted"]),
            "scan": (scan["hits"], scan["looked_for"]),
        }

    def require_nothing_doubled(self) -> None:
        """One event of each kind that happens once, one load for each delivery."""
        events = self.events
        kinds = Counter(event["kind"] for event in events)
        assert {kind: kinds[kind] for kind in ONCE} == dict.fromkeys(ONCE, 1)
        loads = Counter(e["body"]["delivery"] for e in events if e["kind"] == "DeliveryLoaded")
        sent = {path.name for path in (self.out / "holder" / "clear").glob("*_*")}
        assert loads == Counter(sent)
        votes = [event["actor"] for event in events if event["kind"] == "VoteCast"]
        assert sorted(votes) == ["charles", "chloe"]
        assert [event["position"] for event in events] == list(range(1, len(events) + 1))


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program, run from a folder that is not the checkout."""
    return Program(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="session")
def story_in(program: Program) -> Iterator[Callable[[Path], Story]]:
    """Makes the reader of a story's folder; ends what a failed test left at work there."""
    from bercail.demo.folder import end_processes

    made: list[Story] = []

    def make(out: Path) -> Story:
        made.append(Story(out, program))
        return made[-1]

    yield make
    for story in made:
        end_processes(story.out)


@pytest.fixture(scope="session")
def quiet_story(
    program: Program,
    story_in: Callable[[Path], Story],
    tmp_path_factory: pytest.TempPathFactory,
) -> Story:
    """A story of 500 persons in folders that nobody disturbed; tests leave its chapters alone."""
    story = story_in(tmp_path_factory.mktemp("quiet") / "demo")
    ran = program("demo", "--persons", 500, "--local", "--out", story.out)
    assert ran.code == 0, ran.err
    (story.out / "said.txt").write_text(ran.out)
    return story
