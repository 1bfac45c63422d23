"""The daemon of Spark's Python workers, with all that opens sealed parts already loaded.

Spark forks a worker for each plan and each task; without this, every one of them loads a second
and a half of libraries. Used by `spark.python.daemon.module=bercail.cohorts.spark.worker_daemon`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

# Arrow's allocator keeps one thread of its own, and makes it again in what is forked.
_SURVIVES_A_FORK = {"jemalloc_bg_thd"}


def load() -> None:
    """Load what the workers need, in one thread.

    Raises:
        RuntimeError: a library began a thread, and a fork would not take it along.
    """
    importlib.import_module("bercail.cohorts.spark.sealed_source")
    worker = sys.argv[1] if len(sys.argv) > 1 else ""
    if worker.startswith("pyspark"):
        importlib.import_module(worker)
    tasks = Path("/proc/self/task").iterdir()
    others = [(task / "comm").read_text().strip() for task in tasks]
    if len([name for name in others if name not in _SURVIVES_A_FORK]) > 1:
        raise RuntimeError(
            "the daemon would fork with several threads: set OPENBLAS_NUM_THREADS=1 on workers"
        )


def main() -> None:
    """Load, then do as Spark's own daemon does."""
    load()
    from pyspark.daemon import manager

    manager()


if __name__ == "__main__":
    main()
