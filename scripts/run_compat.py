"""Run the storage contract on other programs that speak S3, and Spark on an open copy.

    python scripts/run_compat.py                all of them (`make compat`)
    python scripts/run_compat.py juicefs ceph   only these

`rclone` and `juicefs` come with the extra `compat`, `swift` too; `ceph` needs Debian's
packages radosgw, ceph-mon, ceph-osd and ceph-mgr; `spark` stands in `.peers`. A program that is
not installed is an error here, never a test left out.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOSTS = ("rclone", "juicefs", "swift", "ceph", "spark")


def main(wanted: list[str]) -> int:
    """The exit code of pytest; 2 for a host that is not known."""
    unknown = sorted(set(wanted) - set(HOSTS))
    if unknown:
        print(f"no such host: {', '.join(unknown)}; known: {', '.join(HOSTS)}")
        return 2
    # Tests are chosen by the name of the server, which stands in that of the class or function.
    chosen = ["-k", " or ".join(wanted)] if wanted else []
    command = [sys.executable, "-m", "pytest", "-q", str(ROOT / "tests" / "compat"), *chosen]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
