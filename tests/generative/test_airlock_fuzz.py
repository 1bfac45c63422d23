"""The parsers of the airlock under a coverage-guided fuzzer: few thousand runs, one seed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("fuzzed_parsers.py")


def fuzz(target: str, folder: Path, runs: int) -> subprocess.CompletedProcess[str]:
    """Run the program on a corpus of its own; the same seed each time."""
    command = [sys.executable, "-W", "ignore", str(PROGRAM), target, str(folder / "corpus")]
    return subprocess.run(
        [*command, f"-runs={runs}", "-seed=7"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        errors="replace",
    )


def test_no_parser_stumbles(tmp_path: Path) -> None:
    done = fuzz("every", tmp_path, 2_000)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert "Done 2000 runs" in done.stderr


def test_the_fuzzer_finds_a_planted_mistake(tmp_path: Path) -> None:
    done = fuzz("broken", tmp_path, 3_000)
    assert done.returncode != 0
    assert "a planted mistake" in done.stdout + done.stderr
