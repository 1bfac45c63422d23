"""What interrupted writes leave on a host: never seen as objects, and often paid for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from attrs import frozen

from bercail.foundation import Clock, Invalid, SystemClock, to_iso
from bercail.storage.port import ObjectStore


@frozen(kw_only=True)
class Leftover:
    """One write begun and not finished. `token` is the store's own word for it.

    `begun` is by the clock of the host, None where it does not tell.
    """

    name: str
    token: str
    begun: datetime | None

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {"name": self.name, "begun": to_iso(self.begun) if self.begun else None}


@runtime_checkable
class KeepsLeftovers(Protocol):
    """A store on which interrupted writes can be found and removed."""

    def leftovers(self) -> Iterator[Leftover]:
        """Every write begun and not finished, in this location."""
        ...

    def discard(self, leftover: Leftover) -> None:
        """Remove one; one already gone is no error. A writer still at work then fails."""
        ...


@frozen(kw_only=True)
class Cleaning:
    """What was found: `old` may go, and is gone when `applied`; `young` may still be at work."""

    location: str
    older_than_hours: int
    old: tuple[Leftover, ...]
    young: tuple[Leftover, ...]
    applied: bool

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {
            "location": self.location,
            "older_than_hours": self.older_than_hours,
            "applied": self.applied,
            "old": [leftover.as_dict() for leftover in self.old],
            "young": [leftover.as_dict() for leftover in self.young],
        }

    def lines(self) -> list[str]:
        """A line a leftover, and what was done with the old ones."""
        act = "removed" if self.applied else "to remove"
        shown = [f"{act:<9}  {_begun(one)}  {one.name}" for one in self.old]
        shown += [f"{'kept':<9}  {_begun(one)}  {one.name}" for one in self.young]
        last = f"{len(self.old)} {act}, {len(self.young)} younger than {self.older_than_hours} h"
        return [*shown, last]


def _begun(leftover: Leftover) -> str:
    return to_iso(leftover.begun) if leftover.begun else "unknown time"


def clean(
    store: ObjectStore, *, older_than_hours: int = 24, apply: bool, clock: Clock | None = None
) -> Cleaning:
    """Find interrupted writes; with `apply`, remove those older than so many hours.

    One whose age is not told counts as young: its writer may be at work. Memory keeps
    nothing to remove.

    Raises:
        Invalid: for less than an hour.
        Unavailable, Refused: as the store does.
    """
    if older_than_hours < 1:
        raise Invalid(
            f"Leftovers of less than `{older_than_hours}` hours may be writes still going on.",
            remedy="Give at least 1 hour.",
        )
    before = (clock or SystemClock()).now() - timedelta(hours=older_than_hours)
    old: list[Leftover] = []
    young: list[Leftover] = []
    if isinstance(store, KeepsLeftovers):
        for leftover in store.leftovers():
            aged = leftover.begun is not None and leftover.begun < before
            (old if aged else young).append(leftover)
        for leftover in old if apply else ():
            store.discard(leftover)
    return Cleaning(
        location=str(store.location),
        older_than_hours=older_than_hours,
        old=tuple(old),
        young=tuple(young),
        applied=apply,
    )
