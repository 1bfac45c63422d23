"""The door: quick help, one group for each room, `--json` everywhere, stories told again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import bercail
from bercail.cli.main import app

pytestmark = pytest.mark.xdist_group("journeys")
ROOMS = (
    "store",
    "vault",
    "catalogue",
    "lake",
    "ledger",
    "cohort",
    "study",
    "synth",
    "holder",
    "ingest",
    "persons",
    "silver",
    "access",
    "host",
    "migrate",
    "erase",
    "exit",
    "estate",
    "airlock",
    "rulebook",
)
HEAVY = ("pyarrow", "duckdb", "scipy", "numpy", "pandas", "sqlalchemy", "pyiceberg", "pydantic")
HEAVY += ("obstore", "boto3", "azure", "cryptography", "altair", "sqlglot")


def test_help_waits_for_no_room() -> None:
    script = (
        "import sys, contextlib, io\n"
        "from bercail.cli.main import app\n"
        "with contextlib.redirect_stdout(io.StringIO()) as shown:\n"
        "    app(['--help'], standalone_mode=False)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
        "print([name for name in sys.modules if name.startswith('bercail.')])\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy, ours = ran.stdout.splitlines()
    assert heavy == "[]"
    rooms = {name.split(".")[1] for name in eval(ours)}  # noqa: S307  # what the line above printed
    assert rooms == {"cli", "foundation"}


def test_help_lists_one_group_for_each_room(program: Any) -> None:
    shown = program("--help")
    assert shown.code == 0
    for name in (*ROOMS, "demo"):
        assert f" {name} " in shown.out
    shown = program("migrate", "--help")
    assert shown.code == 0
    steps = ("survey", "plan", "copy", "prove", "dual-run", "cut-over", "roll-back", "report")
    for name in steps:
        assert f" {name} " in shown.out


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in sorted(getattr(group, "commands", {}).items()):
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


def test_every_command_answers_in_json_and_says_what_it_does() -> None:
    found = dict(_commands(typer.main.get_command(app)))
    assert {path[0] for path in found} == {*ROOMS, "demo"}
    assert len(found) > 45
    for path, command in found.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--json" in options, path
        assert command.help, path


def test_wrong_usage_is_invalid_in_json_too(program: Any) -> None:
    for words in (("nothing",), ("lake", "count"), ("demo", "--persons", "3")):
        assert program(*words, "--json").refusal(2)["error"] == "invalid"
    assert program("lake", "count").code == 2


def test_folders_say_aloud_what_they_stand_for(quiet_story: Any) -> None:
    said = [f"A folder plays the {role}, because of --local." for role in ("foreign cloud", "host")]
    assert quiet_story.told["said"] == said
    shown = (quiet_story.out / "said.txt").read_text()
    page = (quiet_story.out / "index.html").read_text()
    for line in said:
        assert line in shown
        assert line in page


def test_a_story_told_to_its_end_is_only_shown_again(program: Any, quiet_story: Any) -> None:
    before = {path: path.stat().st_mtime_ns for path in quiet_story.out.rglob("*.db")}
    ran = program("demo", "--persons", 500, "--local", "--out", quiet_story.out)
    assert ran.code == 0
    first = (quiet_story.out / "said.txt").read_text()
    assert ran.out == first
    assert {path: path.stat().st_mtime_ns for path in quiet_story.out.rglob("*.db")} == before


def test_another_story_in_the_same_folder_is_invalid(program: Any, quiet_story: Any) -> None:
    for options in (("--persons", 600, "--local"), ("--persons", 500)):
        refusal = program("demo", *options, "--out", quiet_story.out, "--json").refusal(2)
        assert "holds a story of 500 persons" in refusal["message"]
        assert "--fresh" in refusal["remedy"]


def test_a_folder_with_other_files_is_left_alone(program: Any, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    for options in ((), ("--fresh",)):
        ran = program("demo", "--local", "--out", tmp_path, *options, "--json")
        assert ran.refusal(2)["error"] == "invalid"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_two_runs_do_not_tell_one_story(program: Any, quiet_story: Any) -> None:
    from bercail.demo.folder import held

    with held(quiet_story.out):
        refusal = program(
            "demo", "--persons", 500, "--local", "--out", quiet_story.out, "--json"
        ).refusal(3)
    assert refusal["rule"] == "demo-alone"


def test_fresh_stops_the_old_servers_and_starts_over(
    program: Any, story_in: Callable[[Path], Any], tmp_path: Path
) -> None:
    story = story_in(tmp_path / "demo")
    process = program.start("demo", "--persons", 500, "--out", story.out, "--json")
    assert story.await_chapters(1, process)
    process.kill()
    process.communicate()
    old = {
        path.parent.name: json.loads(path.read_bytes())["pid"]
        for path in (story.out / "servers").glob("*/server.json")
    }
    assert set(old) == {"azurite", "seaweedfs"}
    (story.out / "mine.txt").write_text("kept")
    process = program.start(
        "demo", "--persons", 600, "--out", story.out, "--fresh", "--local", "--json"
    )
    while story.told.get("asked", {}).get("persons") == 500:
        assert process.poll() is None
        time.sleep(0.02)
    assert story.await_chapters(1, process)
    assert story.told["asked"] == {"persons": 600, "local": True}
    assert not any("server.json" in path.name for path in (story.out / "servers").rglob("*"))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert story.processes() == []
    assert (story.out / "mine.txt").read_text() == "kept"


def test_interrupted_it_stops_its_servers_and_says_how_to_go_on(
    program: Any, story_in: Callable[[Path], Any], tmp_path: Path
) -> None:
    story = story_in(tmp_path / "demo")
    process = program.start("demo", "--persons", 500, "--out", story.out, "--json")
    assert story.await_chapters(2, process)
    time.sleep(1)
    assert story.processes()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert story.processes() == []
    told = json.loads(err.strip().splitlines()[-1])
    assert told["error"] == "interrupted"
    assert "resumes" in told["remedy"]


def test_the_study_comes_from_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bercail.demo.study import study_file

    decoy = tmp_path / "studies" / "treated_diabetes.py"
    decoy.parent.mkdir()
    decoy.write_text("raise SystemExit\n")
    monkeypatch.chdir(tmp_path)
    checkout = Path(bercail.__file__).resolve().parents[2]
    assert study_file() == checkout / "studies" / "treated_diabetes.py"
