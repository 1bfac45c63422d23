"""The pytest plugin writes what the run says, also from several workers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bercail.rulebook import RulebookService, Standing

TESTS = """
import pytest

@pytest.fixture
def broken():
    yield
    raise RuntimeError("at the end")

@pytest.mark.requirement("HOST-01")
def test_good(): pass

@pytest.mark.requirement("HOST-01", "HOST-02")
@pytest.mark.parametrize("n", [1, 2])
def test_some(n): assert n == 1

@pytest.mark.requirement("LOG-03")
def test_broken_afterwards(broken): pass

@pytest.mark.skip(reason="not today")
@pytest.mark.requirement("LOG-04")
def test_skipped(): pass

@pytest.mark.requirement("LOG-06")
class TestMany:
    def test_inside(self): pass

def test_of_no_requirement(): pass
"""


def run(folder: Path, *options: str, tests: str = TESTS) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "bercail.testing.evidence", "-q", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def outcomes(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text("utf-8"))
    return {item["test"].partition("::")[2]: item["outcome"] for item in content["tests"]}


@pytest.mark.requirement("GOV-10")
@pytest.mark.parametrize("workers", [[], ["-p", "xdist", "-n", "2"]])
def test_the_outcomes_are_written(tmp_path: Path, workers: list[str]) -> None:
    target = tmp_path / "new" / "evidence.json"
    result = run(tmp_path, "--evidence", str(target), *workers)
    assert result.returncode == 1, result.stdout + result.stderr
    assert outcomes(target) == {
        "test_good": "passed",
        "test_some[1]": "passed",
        "test_some[2]": "failed",
        "test_broken_afterwards": "failed",
        "test_skipped": "skipped",
        "TestMany::test_inside": "passed",
    }
    service = RulebookService(target)
    assert service.show("HOST-01").standing is Standing.FAILING
    assert service.show("LOG-04").standing is Standing.NONE
    assert service.show("LOG-06").standing is Standing.SHOWN


def test_nothing_is_written_unless_asked(tmp_path: Path) -> None:
    run(tmp_path)
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.requirement("GOV-10")
def test_a_requirement_that_does_not_exist_stops_the_run(tmp_path: Path) -> None:
    tests = "import pytest\n@pytest.mark.requirement('HOST-77')\ndef test_it(): pass\n"
    result = run(tmp_path, tests=tests)
    assert result.returncode != 0
    assert "`HOST-77`" in result.stdout + result.stderr
