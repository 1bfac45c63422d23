"""A study file runs in its own process; only its model comes back."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from bercail.cohorts import load_study
from bercail.cohorts.study_files import loader, walls
from bercail.cohorts.study_files.confinement import MACHINES, filter_program, landlock_version
from bercail.foundation import Invalid, Missing

Write = Callable[[str], Path]
GOOD = """
from bercail.cohorts import Cohort, dispensings
study = Cohort(name="s", title="s", population=dispensings.exists())
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str) -> Path:
        path = tmp_path / "study.py"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return to_file


def test_a_study_gives_its_model(write: Write) -> None:
    assert load_study(write(GOOD)).name == "s"


def test_what_a_study_prints_goes_nowhere(write: Write) -> None:
    noisy = "import sys\nprint('{}')\nprint('x', file=sys.stderr)\n" + GOOD + "\nprint('end')\n"
    assert load_study(write(noisy)) == load_study(write(GOOD))


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no study file"):
        load_study(tmp_path / "none.py")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nfrom bercail.cohorts import *\ny = (\n", r"`study.py` line 3: Python cannot"),
        (
            "from bercail.cohorts import stays, persons\n\n\nx = stays.ghm == persons.sex\n",
            r"`study.py` line 4: .*is mixed with",
        ),
        ("import json\n\njson.loads('{')\n", r"`study.py` line 3: JSONDecodeError"),
        ("raise SystemExit(0)\n", r"`study.py` line 1: SystemExit"),
        ("x = 1\n", r"`study.py`: The file defines 0 cohorts"),
        (GOOD + GOOD.replace("study =", "other ="), "defines 2 cohorts"),
        ("import os\nos._exit(0)\n", r"ended its process \(exit code 0\)"),
        ("import os\nos.kill(os.getpid(), 9)\n", "exit code -9"),
        ("import ctypes\nctypes.string_at(0)\n", "exit code -11"),
        ("x = bytearray(3 * 1024**3)\n", r"line 1: MemoryError"),
    ],
)
def test_a_wrong_study_names_file_and_line(write: Write, text: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        load_study(write(text))


def test_two_names_of_one_cohort_are_one(write: Write) -> None:
    assert load_study(write(GOOD + "\nagain = study\n")).name == "s"


def test_a_study_that_does_not_end_is_stopped(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "SECONDS", 1)
    with pytest.raises(Invalid, match="did not finish in 1 seconds"):
        load_study(write("import time\ntime.sleep(60)\n"))


def test_a_study_sees_no_secret_of_the_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BERCAIL_PASSPHRASE", "canary")
    study = "import os\nassert not [n for n in os.environ if n.startswith('BERCAIL')]\n" + GOOD
    assert load_study(write(study)).name == "s"


def test_a_study_cannot_write_files(write: Write, tmp_path: Path) -> None:
    target = tmp_path / "written"
    study = f"import pathlib\npathlib.Path({str(target)!r}).write_text('x')\n" + GOOD
    with pytest.raises(Invalid, match=r"line 2: (Permission|OS)Error") as refused:
        load_study(write(study))
    assert "writes no file" in refused.value.remedy
    assert not target.exists() or (landlock_version() == 0 and target.read_bytes() == b"")


@pytest.mark.parametrize("name", ["dispensings.act", "persons.age"])
def test_a_wrong_word_is_told_with_the_right_ones(write: Write, name: str) -> None:
    with pytest.raises(Invalid, match="AttributeError") as wrong:
        load_study(write(f"from bercail.cohorts import dispensings, persons\nx = {name}\n"))
    right = {"dispensings.act": "atc", "persons.age": "age_on"}[name]
    assert right in wrong.value.remedy.removeprefix("It has: ").rstrip(".").split(", ")


def test_another_error_names_the_words_of_the_language(write: Write) -> None:
    with pytest.raises(Invalid, match="TypeError") as wrong:
        load_study(write("from bercail.cohorts import stays\nstays.washout(weeks=3)\n"))
    assert "cohort-language.md" in wrong.value.remedy


def test_an_answer_without_end_is_not_read_to_its_end(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "ANSWER_BYTES", 1024**2)
    endless = """
        import os
        while True:
            for number in range(3, 20):
                try:
                    os.write(number, b"x" * 65536)
                except OSError:
                    pass
    """
    with pytest.raises(Invalid, match="answered with more than 1048576 bytes"):
        load_study(write(endless))


def test_what_a_study_starts_ends_with_it(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that it left behind holds the answer open; walls would end it by themselves."""
    monkeypatch.setattr(walls, "PROGRAM", "no-such-walls")
    monkeypatch.setattr(loader, "SECONDS", 5)
    forks = "import os, time\nif os.fork() == 0:\n    time.sleep(600)\n"
    with pytest.raises(Invalid, match="did not finish in 5 seconds"):
        load_study(write(forks + GOOD))


def test_walls_keep_files_and_the_network_from_a_study(write: Write, tmp_path: Path) -> None:
    """Behind walls, or with what the kernel takes away, nothing outside changes."""
    kept, program = tmp_path / "kept", [sys.executable, "-c", "pass"]
    kept.write_text("rows", encoding="utf-8")
    stand = walls.walled(program, write(GOOD), tmp_path) != program or landlock_version() >= 4
    with socket.create_server(("127.0.0.1", 0)) as listening:
        reach = f"""
            import contextlib, os, pathlib, socket
            with contextlib.suppress(OSError):
                os.truncate({str(kept)!r}, 0)
            try:
                socket.create_connection(("127.0.0.1", {listening.getsockname()[1]}), 5).close()
                title = "reached"
            except OSError:
                title = "walled"
            from bercail.cohorts import Cohort, dispensings
            study = Cohort(name="s", title=title, population=dispensings.exists())
        """
        assert load_study(write(reach)).title == ("walled" if stand else "reached")
    assert kept.read_text(encoding="utf-8") == ("rows" if stand else "")


@pytest.mark.parametrize(
    ("since", "deed"),
    [
        (1, "os.remove({kept!r})"),
        (1, "os.rename({kept!r}, {kept!r} + '2')"),
        (1, "os.mkdir({kept!r} + '.folder')"),
        (1, "os.symlink('/', {kept!r} + '.link')"),
        (1, "subprocess.run(['/bin/true'], check=True)"),
        (3, "os.truncate({kept!r}, 0)"),
        (0, "os.chmod({kept!r}, 0o777)"),
        (0, "os.utime({kept!r}, (0, 0))"),
        (0, "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"),
        (0, "socket.socket(socket.AF_UNIX)"),
    ],
)
def test_the_kernel_takes_deeds_from_a_study(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since: int, deed: str
) -> None:
    """Without walls too. `since` is Landlock's version, 0 for the filter of calls.

    On a kernel older than the deed's right, limits alone hold a study: it runs to its end.
    """
    monkeypatch.setattr(walls, "PROGRAM", "no-such-walls")
    kept = tmp_path / "kept"
    kept.write_text("rows", encoding="utf-8")
    mode, changed = kept.stat().st_mode, kept.stat().st_mtime_ns
    study = write("import os, socket, subprocess\n" + deed.format(kept=str(kept)) + "\n" + GOOD)
    if landlock_version() < since:
        assert load_study(study).name == "s"
        return
    with pytest.raises(Invalid, match="line 2: PermissionError"):
        load_study(study)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["kept", "study.py"]
    assert kept.read_text(encoding="utf-8") == "rows"
    assert (kept.stat().st_mode, kept.stat().st_mtime_ns) == (mode, changed)


@pytest.mark.parametrize("name", MACHINES)
def test_the_filter_lets_other_calls_through_and_no_other_machine(name: str) -> None:
    """The steps are followed as the kernel follows them (linux/bpf_common.h)."""
    machine, refused, allowed = MACHINES[name], 0x00050001, 0x7FFF0000
    steps = list(struct.iter_unpack("=HBBI", filter_program(machine)))

    def answer(architecture: int, call: int) -> int:
        place, held = 0, 0
        while True:
            operation, true, false, value = steps[place]
            if operation == 0x06:
                return int(value)
            if operation == 0x20:
                held, jump = {0: call, 4: architecture}[value], 0
            else:
                holds = held == value if operation == 0x15 else held >= value
                jump = true if holds else false
            place += 1 + jump

    assert {answer(machine.name, call) for call in machine.calls} == {refused}
    others = set(range(500)) - {*machine.calls, 425, 427, 452, 463, 466, 469}
    assert {answer(machine.name, call) for call in others} == {allowed}
    assert answer(machine.name, 0x40000000 | 41) == refused
    assert answer(machine.name ^ 1, 0) == refused


def test_without_bubblewrap_a_study_runs_as_it_is(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", "pass"]
    monkeypatch.setattr(walls, "PROGRAM", "no-such-walls")
    assert walls.walled(command, write(GOOD), Path("/")) == command
    assert load_study(write(GOOD)).name == "s"


def test_walls_that_do_not_stand_are_not_used(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that forbids namespaces: there bubblewrap ends with an error."""
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    command = [sys.executable, "-c", "pass"]
    assert walls.walled(command, write(GOOD), tmp_path) == command


def test_walls_are_put_around_where_they_stand(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    willing = tmp_path / "bwrap"
    willing.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    willing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    study = write(GOOD)
    built = walls.walled(["python"], study, tmp_path / "package")
    assert built[:4] == [str(willing), "--unshare-all", "--die-with-parent", "--new-session"]
    assert built[4:7] == ["--ro-bind", "/", "/"]
    assert built[-6:-3] == ["--ro-bind", str(study), str(study)]
    assert built[-3:] == ["--chdir", "/tmp", "python"]
    assert "--bind" not in built
    assert walls.exit_code(built, 137) == -9
    assert walls.exit_code(["python"], 137) == 137


def test_a_study_does_not_import_what_lies_beside_it(write: Write, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('mine')\n", encoding="utf-8")
    assert load_study(write("import json\njson.dumps(1)\n" + GOOD)).name == "s"


def test_an_answer_that_is_no_model_is_refused(write: Write) -> None:
    forged = """
        import os
        for number in range(3, 20):
            try:
                os.write(number, b'{"model": "{}"}')
            except OSError:
                pass
        os._exit(0)
    """
    with pytest.raises(Invalid, match="no cohort model"):
        load_study(write(forged))


def test_the_language_alone_loads_no_engine() -> None:
    code = (
        "import sys, bercail.cohorts.language; "
        "print(sorted({'duckdb', 'pyarrow', 'sqlglot'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"
