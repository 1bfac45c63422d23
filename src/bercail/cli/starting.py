"""How the program begins: it looks for garbage rarely, and keeps the memory that it uses again."""

from __future__ import annotations

import atexit
import ctypes
import gc
import sys

NEW_OBJECTS = 250_000
"""Objects that are new before the youngest are looked at; Python's own number is 700."""

KEPT = 64 * 1024 * 1024
"""Bytes at the end of an arena that are kept for what is asked next."""
# <malloc.h>: when the end of an arena goes back to the system; what never comes out of one.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_MOST_OF_AN_ARENA = 32 * 1024 * 1024


def begin() -> None:
    """What every process of the program does first."""
    collect_rarely()
    keep_memory()


def collect_rarely() -> None:
    """Let the collector of cycles run rarely, and not at all while the process ends.

    Loading the program makes some hundred thousand objects that stay to the end. Looking at
    them over and over costs a command a third of its start, and once alone a tenth: the number
    is large enough for a start without any look.
    """
    gc.set_threshold(NEW_OBJECTS, 20, 20)
    atexit.register(_leave)


def _leave() -> None:
    # DuckDB looks at its end for what nobody has collected, and complains of it.
    if "duckdb" not in sys.modules:
        gc.freeze()


def keep_memory() -> None:
    """Let the C library keep what was freed, up to `KEPT` an arena.

    A migration frees and asks for pieces of a few MiB, thousands of times. Left to itself, glibc
    gives each back, and the system clears every page of the next one. Another C library decides
    for itself.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_MMAP_THRESHOLD, _MOST_OF_AN_ARENA)
        library.mallopt(_TRIM_THRESHOLD, KEPT)
