"""A process that is killed: before or after any one of its lasting effects.

What lasts is named by whoever tests: a put on the host, a commit, an event, a key. `Fate` counts
them as they happen, and ends the process around the one that is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest

Effect = tuple[type, str]


class Killed(BaseException):
    """The process ends here: no handler of the program sees it."""


class Fate:
    """Counts lasting effects, and raises `Killed` before or after the one numbered `die_at`."""

    def __init__(self) -> None:
        self.steps = 0
        self.die_at: int | None = None
        self.after = False

    @contextmanager
    def step(self) -> Iterator[None]:
        """Around one lasting effect."""
        self.steps += 1
        mine = self.steps == self.die_at
        if mine and not self.after:
            raise Killed
        yield
        if mine:
            raise Killed

    def watch(self, patch: pytest.MonkeyPatch, *effects: Effect) -> None:
        """From now on, each call of these methods (class, name) is a lasting effect."""
        for owner, name in effects:
            patch.setattr(owner, name, self._around(getattr(owner, name)))

    def begin(self, die_at: int | None = None, *, after: bool = False) -> None:
        """Count from nothing, for a process that dies at `die_at`, or never."""
        self.steps, self.die_at, self.after = 0, die_at, after

    def lives(self, act: Callable[[], object], die_at: int | None, *, after: bool = False) -> bool:
        """Whether a process that does `act` comes to its end; what follows is not doomed."""
        self.begin(die_at, after=after)
        try:
            act()
            return True
        except Killed:
            return False
        finally:
            self.die_at = None

    def _around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(real)
        def counted(*given: Any, **named: Any) -> Any:
            with self.step():
                return real(*given, **named)

        return counted
