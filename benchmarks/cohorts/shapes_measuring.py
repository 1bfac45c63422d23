"""What the benchmarks of the shapes measure with: CPU and wall seconds, and the line they print."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

Clock = Callable[[], float]
TICK = 1 / os.sysconf("SC_CLK_TCK")


@frozen(kw_only=True)
class Spent:
    """The least CPU seconds, and the least wall seconds, of some rounds."""

    cpu: float
    wall: float


def spent(act: Callable[[], object], rounds: int, clock: Clock = time.process_time) -> Spent:
    """What `act` takes by `clock`, after one turn that is not told."""
    act()
    found = []
    for _ in range(rounds):
        wall, cpu = time.monotonic(), clock()
        act()
        found.append((clock() - cpu, time.monotonic() - wall))
    cpus, walls = zip(*found, strict=True)
    # The clock of another process goes in ticks, and less than one of them is told as none.
    return Spent(cpu=max(min(cpus), TICK), wall=min(walls))


def cpu_of(process: int, *, ended: bool = False) -> float:
    """CPU seconds, user and system, of all threads of a process; `ended`: of its children, too."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if ended else 13])) * TICK


def tell(bench: str, ours: float, against: float, goal: float, **further: object) -> bool:
    """Print one line; whether the goal is met."""
    ratio = ours / against
    line = {"bench": f"cohorts/{bench}", "ours": round(ours, 3), "against": round(against, 3)}
    line |= {"ratio": round(ratio, 3), "goal": goal, "met": ratio <= goal}
    print(json.dumps({**line, **further}), flush=True)
    return ratio <= goal


def tell_both(bench: str, ours: Spent, against: Spent, goal: float) -> bool:
    """Print one line of CPU seconds with the wall seconds beside; whether the goal is met."""
    walls = {"wall": round(ours.wall, 3), "wall_against": round(against.wall, 3)}
    walls["wall_ratio"] = round(ours.wall / against.wall, 3)
    return tell(bench, ours.cpu, against.cpu, goal, **walls)
