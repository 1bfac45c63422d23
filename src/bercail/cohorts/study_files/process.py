"""The process in which a study file runs. It prints one JSON object and nothing else:
`{"model": ..., "examples": [...]}`, or `{"message": ..., "remedy": ..., "line": ...}`.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import traceback
from typing import Any

NO_DEEDS = (
    "A study describes a cohort: it writes no file, starts no program and reaches no network. "
    "Write codes and dates into the study itself."
)
# What values of the language carry for the engines, and no study asks for.
_INSIDE = ("node", "one", "view")
CPU_SECONDS = 20
MEMORY_BYTES = 2 * 1024**3


def main(path: str) -> None:
    """Run the study at `path` and print its model.

    1. Keep the real output for the answer; what the study prints goes nowhere.
    2. Limit time and memory, forbid writing to files, and have the kernel take away files that
       change, programs and sockets.
    3. Run the study, find its one cohort, answer.
    """
    answer_to = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        answer = json.dumps(_answer(path)).encode()
    except (TypeError, ValueError):
        answer = json.dumps({"message": "An example of the study holds no plain value."}).encode()
    with os.fdopen(answer_to, "wb") as out:
        out.write(answer)
    # A study's own threads or exit handlers must not outlive its answer.
    os._exit(0)


def _answer(path: str) -> dict[str, Any]:
    from bercail.cohorts.language import Cohort
    from bercail.cohorts.study_files.confinement import confine
    from bercail.cohorts.study_files.examples import Example
    from bercail.foundation import BercailError

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    confine()
    try:
        names = runpy.run_path(path)
    except BercailError as error:
        return {"message": error.message, "remedy": error.remedy, "line": _line(error, path)}
    except SyntaxError as error:
        return {"message": f"Python cannot read it: {error.msg}.", "line": error.lineno}
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever a study raises is told
        message = f"{type(error).__name__}: {error}"
        return {"message": message, "remedy": _remedy(error), "line": _line(error, path)}
    cohorts = {id(value): value for value in names.values() if isinstance(value, Cohort)}
    if len(cohorts) != 1:
        return {
            "message": f"The file defines {len(cohorts)} cohorts.",
            "remedy": "A study file defines exactly one `Cohort(...)`, kept in a variable.",
        }
    (study,) = cohorts.values()
    examples = names.get("examples", [])
    if not isinstance(examples, list) or not all(isinstance(one, Example) for one in examples):
        return {
            "message": "`examples` of the study is no list of examples.",
            "remedy": "Write `examples = [example(...), ...]`.",
        }
    return {
        "model": study.model.to_json().decode(),
        "examples": [one.as_dict() for one in examples],
    }


def _remedy(error: BaseException) -> str:
    if isinstance(error, OSError):
        return NO_DEEDS
    if isinstance(error, AttributeError):
        known = [word for word in dir(error.obj) if not word.startswith("_")]
        known = [word for word in known if word not in _INSIDE]
        ours = type(error.obj).__module__.startswith("bercail.")
        if ours and known:
            return f"It has: {', '.join(known)}."
    return "The words of the language are in docs/reference/cohort-language.md."


def _line(error: BaseException, path: str) -> int | None:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == path]
    return lines[-1] if lines else None
