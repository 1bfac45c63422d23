"""`kill -9` at any moment: the next run finishes, and nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bercail.demo.folder import end_processes

pytestmark = pytest.mark.xdist_group("journeys")
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
SEED = 20261122


def _told_and_killed(
    program: Any, story: Any, chapter: int, after: float, options: tuple[str, ...]
) -> bool:
    """Tell until `after` seconds into a chapter, then kill -9; False when it ended before."""
    process = program.start("demo", "--persons", 500, "--out", story.out, *options, "--json")
    try:
        if story.await_chapters(chapter, process):
            time.sleep(after)
        process.send_signal(signal.SIGKILL)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in {0, -signal.SIGKILL}, err
    return bool(process.returncode)


def test_killed_once_in_every_chapter_the_story_ends_as_if_undisturbed(
    program: Any, quiet_story: Any, story_in: Callable[[Path], Any], tmp_path: Path
) -> None:
    story = story_in(tmp_path / "demo")
    chance = random.Random(SEED)
    kills = 0
    for place, chapter in enumerate(CHAPTERS):
        whole = quiet_story.told[chapter]["seconds"]
        kills += _told_and_killed(program, story, place, chance.uniform(0, whole), ("--local",))
    assert kills >= len(CHAPTERS) - 2
    ran = program("demo", "--persons", 500, "--local", "--out", story.out)
    assert ran.code == 0, ran.err
    assert story.numbers() == quiet_story.numbers()
    story.require_nothing_doubled()
    assert story.told["release"]["own_approval"] == quiet_story.told["release"]["own_approval"]
    assert story.processes() == []
    assert (story.out / "index.html").stat().st_size > 50_000


def test_killed_with_real_servers_the_next_run_adopts_and_stops_them(
    program: Any, quiet_story: Any, story_in: Callable[[Path], Any], tmp_path: Path
) -> None:
    story = story_in(tmp_path / "demo")
    chance = random.Random(SEED + 1)
    numbers = []
    for place in (0, 2, 3):
        assert _told_and_killed(program, story, place, chance.uniform(0.2, 2), ())
        # The servers outlive the killed story; the next run must not start others beside them.
        left = {
            path.parent.name: json.loads(path.read_bytes())["pid"]
            for path in (story.out / "servers").glob("*/server.json")
        }
        numbers.append(left)
        assert any(name in line for line in story.processes() for name in ("weed", "azurite"))
    assert numbers[-1] == numbers[-2]
    assert set(numbers[-1]) == {"azurite", "seaweedfs"}
    ran = program("demo", "--persons", 500, "--out", story.out)
    assert ran.code == 0, ran.err
    assert story.numbers() == quiet_story.numbers()
    assert story.told["plays"] == {"foreign cloud": "azurite", "host": "seaweedfs"}
    story.require_nothing_doubled()
    assert story.processes() == []


def test_a_story_killed_before_its_last_lines_were_written_finds_its_work_done(
    program: Any, quiet_story: Any, story_in: Callable[[Path], Any], tmp_path: Path
) -> None:
    """Everything was done, and the notebook says so of the first two chapters only.

    What survey, plan and proof showed before the cut-over comes from the notes.
    """
    story = story_in(tmp_path / "demo")
    shutil.copytree(quiet_story.out, story.out)
    told = story.told
    kept = (*CHAPTERS[:2], "asked", "plays", "said", "peak_bytes")
    noted = {k: v for k, v in told["homecoming"].items() if k not in {"status", "seconds"}}
    begun = {name: told[name] for name in kept} | {"unfinished": {"homecoming": noted}}
    (story.out / "story.json").write_text(json.dumps(begun))
    ran = program("demo", "--persons", 500, "--local", "--out", story.out)
    assert ran.code == 0, ran.err
    assert story.numbers() == quiet_story.numbers()
    story.require_nothing_doubled()
    assert story.told["homecoming"]["arrivals"] == told["homecoming"]["arrivals"]


def test_killed_while_it_starts_nothing_runs_without_being_known(
    program: Any, story_in: Callable[[Path], Any], tmp_path: Path
) -> None:
    """Servers are started by two: killed at any moment, each one that runs has its note."""
    story = story_in(tmp_path / "demo")
    chance = random.Random(SEED + 2)
    for _ in range(3):
        process = program.start("demo", "--persons", 500, "--out", story.out, "--json")
        try:
            deadline = time.monotonic() + 60
            while not (story.out / "servers").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 1.5))
        finally:
            process.kill()
            process.communicate()
        noted = {
            json.loads(path.read_bytes())["pid"]
            for path in (story.out / "servers").glob("*/server.json")
        }
        deadline = time.monotonic() + 120
        while not _groups(story.out) <= noted:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    end_processes(story.out)
    assert story.processes() == []


def _groups(out: Path) -> set[int]:
    """The process groups of everything that works in the folder."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"{out}/".encode() in entry.read_bytes():
                found.add(os.getpgid(int(entry.parent.name)))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
