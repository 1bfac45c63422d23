"""Serialised Python objects: their opcodes are listed and never run."""

from __future__ import annotations

import pickletools
from collections import Counter

from bercail.airlock.inspection.remarks import Notes

_MOST = 200_000
_RUNS = frozenset(
    {"REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "GLOBAL", "STACK_GLOBAL"}
)


def opcodes(data: bytes) -> tuple[dict[str, int], bool]:
    """How often each opcode stands in `data`, and whether the stream ends as it should.

    Names and arguments are left out: they may be values. Nothing is built or imported.
    """
    counts: Counter[str] = Counter()
    try:
        for number, (opcode, _, _) in enumerate(pickletools.genops(data)):
            counts[opcode.name] += 1
            if number >= _MOST:
                return dict(counts), False
    except (ValueError, IndexError, UnicodeError, OverflowError, MemoryError):
        return dict(counts), False
    return dict(counts), True


def look_at_pickle(data: bytes, notes: Notes) -> None:
    """A pickle as an output: never. The remark lists what it is made of."""
    counts, whole = opcodes(data)
    notes.add("pickle")
    for name in sorted(counts):
        notes.add("pickle", f"opcode {name}: {counts[name]}", 0)
    if runs := sum(counts.get(name, 0) for name in _RUNS):
        notes.add("active-content", "opcodes that call code", runs)
    if not whole:
        notes.add("broken")
