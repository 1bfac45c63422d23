"""How fast a step goes, and when it will have ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from attrs import frozen

WINDOW = 30.0
"""Seconds over which the rate is taken: long enough to be calm, short enough to be true."""


@frozen(kw_only=True)
class Step:
    """Where a step stands: `rate` a second over the last while, `left` in seconds if known.

    `done` and `total` are bytes, or objects for a survey; `total` is 0 when unknown.
    """

    label: str
    done: int
    total: int
    rate: float
    left: float | None

    @property
    def shown(self) -> str:
        """Rate and time left for people, for instance `52.3 MB/s, 0:04:10 left`."""
        if not self.rate:
            return ""
        unit = "objects/s" if self.label == "survey" else "MB/s"
        rate = self.rate if self.label == "survey" else self.rate / 1e6
        left = "" if self.left is None else f", {timedelta(seconds=round(self.left))} left"
        return f"{rate:.1f} {unit}{left}"

    def as_dict(self) -> dict[str, Any]:
        """One event of `--progress json`."""
        return {
            "step": self.label,
            "done": self.done,
            "total": self.total,
            "per_second": round(self.rate),
            "seconds_left": None if self.left is None else round(self.left),
        }


class Pace:
    """Turns the numbers that a step reports into rates; `now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def step(self, label: str, done: int, total: int) -> Step:
        """Where the step stands, with the rate of its last half minute."""
        now = self._now()
        seen = self._seen.setdefault(label, deque())
        seen.append((now, done))
        while len(seen) > 2 and now - seen[1][0] >= WINDOW:
            seen.popleft()
        began, before = seen[0]
        rate = max(done - before, 0) / (now - began) if now > began else 0.0
        left = (total - done) / rate if rate and total >= done else None
        return Step(label=label, done=done, total=total, rate=rate, left=left)
