"""Run a study file in a process of its own, and take back nothing but its model.

The file is Python, so it may do what that process may do as this user: it gets no secret in
its environment, can put nothing into a file, and has little time and memory. What comes back
is JSON with a closed list of node types. This keeps a study's mistakes, prints and objects
out; code that nobody has read belongs in a project space, which has no network either.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import bercail
from bercail.cohorts.examples import Example
from bercail.cohorts.model import Model
from bercail.foundation import Invalid, Missing

SECONDS = 30
_CHILD = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from bercail.cohorts.study_process import main; main(sys.argv[2])"
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
    package = Path(bercail.__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as nowhere:
        try:
            done = subprocess.run(  # noqa: S603  # a fixed program; the study is its argument
                [sys.executable, "-I", "-B", "-c", _CHILD, str(package), str(study.resolve())],
                capture_output=True,
                timeout=SECONDS,
                cwd=nowhere,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Invalid(
                f"The study `{study.name}` did not finish in {SECONDS} seconds.",
                remedy="A study describes a cohort; it must not compute anything long.",
            ) from error
    return _model(study, done.returncode, done.stdout)


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
