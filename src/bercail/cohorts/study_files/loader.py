"""Run a study file in a process of its own, and take back nothing but its model.

The file is Python, so it may do what that process may do as this user: it gets no secret in
its environment, can put nothing into a file, and has little time and memory. The kernel takes
changing files, starting programs and the network from it (`confinement`); where bubblewrap works
(`walls`) it also sees no other process. What comes back is JSON of limited size with a closed
list of node types. This keeps a study's mistakes, prints and objects out; code that nobody has
read belongs in a project space.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import bercail
from bercail.cohorts.model import MAX_BYTES, Model
from bercail.cohorts.study_files.examples import Example
from bercail.cohorts.study_files.walls import exit_code, walled
from bercail.foundation import Invalid, Missing

SECONDS = 30
# A model stands in the answer as text, with its quotes escaped, and its examples beside it.
ANSWER_BYTES = 4 * MAX_BYTES
_AT_ONCE = 64 * 1024
_CHILD = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from bercail.cohorts.study_files.process import main; main(sys.argv[2])"
)


def load_study(path: Path | str) -> Model:
    """The model that the study file at `path` builds.

    Raises:
        Missing, Invalid: as `load_examples` does.
    """
    return load_examples(path)[0]


def load_examples(path: Path | str) -> tuple[Model, tuple[Example, ...]]:
    """The model that the study file at `path` builds, and the examples beside it.

    Raises:
        Missing: there is no such file.
        Invalid: the study is wrong (file and line are named), builds no cohort or several,
            or takes too long.
    """
    study = Path(path)
    if not study.is_file():
        raise Missing(f"There is no study file `{study}`.", remedy="Check its path.")
    if study.suffix == ".json":
        raise Invalid(
            f"`{study.name}` is an OHDSI definition and no study file.",
            remedy="A definition is checked and run; it is read and tried in ATLAS.",
        )
    code, answer = _run(study)
    return _model(study, code, answer)


def _run(study: Path) -> tuple[int, bytes]:
    """The exit code of the study's process, and what it answered."""
    package, path = Path(bercail.__file__).resolve().parents[1], study.resolve()
    command = [sys.executable, "-I", "-B", "-c", _CHILD, str(package), str(path)]
    command = walled(command, path, package)
    with (
        tempfile.TemporaryDirectory() as nowhere,
        subprocess.Popen(  # noqa: S603  # a fixed program; the study is its argument
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=nowhere,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        ) as process,
    ):
        try:
            answer = _answer(process, study)
        finally:
            # What it left behind ends too; mostly there is nothing.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return exit_code(command, process.returncode), answer


def _answer(process: subprocess.Popen[bytes], study: Path) -> bytes:
    if process.stdout is None:
        raise TypeError("a process without its output")
    slow = Invalid(
        f"The study `{study.name}` did not finish in {SECONDS} seconds.",
        remedy="A study describes a cohort; it must not compute anything long.",
    )
    end, heard = time.monotonic() + SECONDS, bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        piece = b"-"
        while piece:
            if not ready.select(max(0.0, end - time.monotonic())):
                raise slow
            piece = os.read(process.stdout.fileno(), _AT_ONCE)
            heard += piece
            if len(heard) > ANSWER_BYTES:
                raise Invalid(
                    f"The study `{study.name}` answered with more than {ANSWER_BYTES} bytes.",
                    remedy="A study describes a cohort; use code lists.",
                )
    try:
        process.wait(max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise slow from error
    return bytes(heard)


def _model(study: Path, code: int, output: bytes) -> tuple[Model, tuple[Example, ...]]:
    try:
        answer: Any = json.loads(output)
    except ValueError:
        answer = None
    if code != 0 or not isinstance(answer, dict):
        raise Invalid(
            f"The study `{study.name}` ended its process (exit code {code}).",
            remedy="It must run to its end, within its limits of time and memory.",
        )
    if "model" in answer:
        examples = answer.get("examples", [])
        if not isinstance(examples, list):
            raise Invalid(f"The study `{study.name}` hands back no examples.")
        model = Model.from_json(str(answer["model"]).encode())
        return model, tuple(Example.from_dict(one) for one in examples)
    message, line = str(answer.get("message", "")), answer.get("line")
    place = f"`{study.name}` line {line}: " if isinstance(line, int) else f"`{study.name}`: "
    raise Invalid(place + message, remedy=str(answer.get("remedy", "")))
