"""How the program begins: memory that was freed is there for what is asked next."""

from __future__ import annotations

import subprocess
import sys

# Two pieces of 8 MiB at a time, as a stream holds them; only their pages are counted.
PROGRAM = """
import resource, sys
from bercail.cli import starting
if sys.argv[1] == "keeps":
    starting.begin()
held = [b"1" * (8 << 20) for _ in range(2)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for turn in range(40):
    held[turn % 2] = b""
    held[turn % 2] = b"2" * (8 << 20)
    if turn % 4 == 3:
        held = [b"", b""]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_cleared(way: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_pieces_of_a_stream_do_not_have_their_pages_cleared_again() -> None:
    pages_of_a_piece = 2048
    assert pages_cleared("keeps") < pages_of_a_piece < pages_cleared("leaves it")
