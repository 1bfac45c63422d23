"""Walls around the process of a study file: bubblewrap, where the machine has it and allows it.

Inside, the whole root is read-only, nothing of the host's processes and network is there, and the
folders where programs keep their sockets are empty. Source: bwrap(1).
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAM = "bwrap"
SECONDS = 10
# Empty inside: scratch, the sockets of services, and what `/proc` tells of other processes.
_EMPTY = ("/tmp", "/var/tmp", "/run", "/proc")  # noqa: S108  # hidden, not written to
_SIGNALS = 128


def walled(command: list[str], study: Path, package: Path) -> list[str]:
    """`command` behind walls, beside `study` alone; as it is where there are none to be had."""
    program = shutil.which(PROGRAM)
    if program is None or not _stands(program):
        return command
    return [*_walls(program, (package, study)), *command]


def exit_code(command: list[str], code: int) -> int:
    """The exit code of what ran: bubblewrap tells a signal as 128 and its number."""
    behind = Path(command[0]).name == PROGRAM
    return _SIGNALS - code if behind and code > _SIGNALS else code


@functools.cache
def _stands(program: str) -> bool:
    """Whether the kernel lets this user put up walls; containers often do not."""
    trial = [*_walls(program, ()), sys.executable, "-I", "-S", "-c", "pass"]
    try:
        done = subprocess.run(trial, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _walls(program: str, shown: tuple[Path, ...]) -> list[str]:
    built = [program, "--unshare-all", "--die-with-parent", "--new-session"]
    built += ["--ro-bind", "/", "/", "--dev", "/dev"]
    for place in _EMPTY:
        if Path(place).is_dir() and not Path(place).is_symlink():
            built += ["--tmpfs", place]
    # Python, the package and the study may themselves lie in one of those.
    for path in (Path(sys.base_prefix), Path(sys.prefix), *shown):
        built += ["--ro-bind", str(path), str(path)]
    return [*built, "--chdir", "/tmp"]  # noqa: S108  # an empty one, see above
