"""What pages need: a person's shell, `bercail` kept warm, and one small story told once."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

WARM = Path(__file__).with_name("warm_program.py")
SLOWEST_START = 240.0


@pytest.fixture(scope="session")
def shell_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a person's shell would hold, and none of our own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BERCAIL_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    home = str(tmp_path_factory.mktemp("person"))
    return {**kept, "PATH": path, "HOME": home, "COLUMNS": "100", "NO_COLOR": "1"}


@pytest.fixture(scope="session")
def warm_shell(
    tmp_path_factory: pytest.TempPathFactory, shell_environment: dict[str, str]
) -> Iterator[dict[str, str]]:
    """The same, with a `bercail` that is imported already."""
    folder = tmp_path_factory.mktemp("warm")
    place, program = folder / "socket", folder / "bin" / "bercail"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -E "{WARM}" run "{place}" "$@"\n')
    program.chmod(0o755)
    serving = subprocess.Popen([sys.executable, str(WARM), "serve", str(place)])
    began = time.monotonic()
    while not place.exists() and serving.poll() is None:
        assert time.monotonic() - began < SLOWEST_START, "the program did not start"
        time.sleep(0.05)
    yield {
        **shell_environment,
        "PATH": f"{program.parent}{os.pathsep}{shell_environment['PATH']}",
    }
    serving.kill()
    serving.wait()


@pytest.fixture(scope="session")
def told_story(
    tmp_path_factory: pytest.TempPathFactory, shell_environment: dict[str, str]
) -> dict[str, str]:
    """A story of 500 persons on folders, told by the program as it is installed.

    `FOLDER` says where; the rest is what the pages that use it find in their environment.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "told-story"
    shared.mkdir(exist_ok=True)
    command = ["bercail", "demo", "--persons", "500", "--local", "--out", "small", "--json"]
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            command, cwd=shared, env=shell_environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    chapters = json.loads(done.stdout)["chapters"]
    story = shared / "small"
    return {
        "FOLDER": str(story),
        "BERCAIL_CONFIG": str(story / "platform" / "bercail.toml"),
        "BERCAIL_PASSPHRASE_FILE": str(story / "secrets" / "passphrase"),
        "APPLICATION": chapters["permission"]["application"],
        "PERMIT": chapters["permission"]["permit"],
        "REQUEST": chapters["release"]["request"],
    }
