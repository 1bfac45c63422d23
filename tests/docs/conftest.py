"""One small story, told once for all pages that need a platform."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def clean_environment(home: Path) -> dict[str, str]:
    """What a person's shell would hold, and none of our own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BERCAIL_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "HOME": str(home), "COLUMNS": "100", "NO_COLOR": "1"}


@pytest.fixture(scope="session")
def shell_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the commands of a page run."""
    return clean_environment(tmp_path_factory.mktemp("person"))


@pytest.fixture(scope="session")
def told_story(
    tmp_path_factory: pytest.TempPathFactory, shell_environment: dict[str, str]
) -> dict[str, str]:
    """A story of 500 persons on folders: `FOLDER`, and what its pages need in their environment."""
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
