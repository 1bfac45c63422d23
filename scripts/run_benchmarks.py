"""Run the benchmarks, all or one room's, one after the other.

Each prints one JSON line: bench, ours, against, ratio, goal, met. Both sides are
measured in the same run, so the ratio holds on a noisy machine; no time is a verdict.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(rooms: list[str]) -> int:
    """Run `benchmarks/<room>/bench_*.py`; 1 when one of them fails to run."""
    pattern = f"{rooms[0]}/bench_*.py" if rooms else "*/bench_*.py"
    files = sorted((ROOT / "benchmarks").glob(pattern))
    if not files:
        known = ", ".join(sorted(p.name for p in (ROOT / "benchmarks").iterdir() if p.is_dir()))
        print(f"no benchmark for `{' '.join(rooms)}`; rooms that have some: {known}")
        return 2
    failed = 0
    for file in files:
        failed += subprocess.run([sys.executable, str(file)], check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main([arg for arg in sys.argv[1:] if arg]))
