"""How the program begins: what it loads is not searched for garbage, again and again."""

from __future__ import annotations

import atexit
import gc
import sys

NEW_OBJECTS = 100_000
"""Objects that are new before the youngest are looked at; Python's own number is 700."""


def collect_rarely() -> None:
    """Let the collector of cycles run rarely, and not at all while the process ends.

    Loading the program makes some hundred thousand objects that stay to the end. Looking at
    them over and over costs a command a third of its start.
    """
    gc.set_threshold(NEW_OBJECTS, 20, 20)
    atexit.register(_leave)


def _leave() -> None:
    # DuckDB looks at its end for what nobody has collected, and complains of it.
    if "duckdb" not in sys.modules:
        gc.freeze()
