"""Time as an argument. UTC everywhere (SNDS security referential, 7.4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from attrs import define


class Clock(Protocol):
    """Tells the time. Returns an aware datetime in UTC, never going backwards in one process."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """The present moment, to the microsecond."""
        return datetime.now(UTC)


@define
class FixedClock:
    """A clock that only moves when told to; for tests and simulations."""

    moment: datetime

    def __attrs_post_init__(self) -> None:
        if self.moment.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")

    def now(self) -> datetime:
        """The moment last set."""
        return self.moment

    def advance(self, delta: timedelta) -> None:
        """Move forward by `delta`; a clock does not go back."""
        if delta < timedelta(0):
            raise ValueError("a clock does not go back")
        self.moment += delta
