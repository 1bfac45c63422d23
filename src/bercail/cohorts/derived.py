"""Sets of events made from sets of events: those after a washout, and periods."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from bercail.cohorts.events import EventSet, is_event_set
from bercail.cohorts.expressions import Expression, need, title_of, whole
from bercail.cohorts.views import PERIODS, Kind
from bercail.foundation import Invalid

MAX_DAYS = 36_525


@frozen(kw_only=True, cache_hash=True)
class Washout(EventSet):
    """The events with a known date and no other event of the set in the `days` days before.

    Events of one day are together: the first day after a washout keeps all of its events.
    """

    tag: ClassVar[str] = "washout"
    events: EventSet = field(validator=is_event_set)
    days: int = field(validator=whole(1, MAX_DAYS))

    @property
    def view(self) -> str:
        """The name of the view."""
        return self.events.view


@frozen(kw_only=True, cache_hash=True)
class Periods(EventSet):
    """Periods in which the events of a person follow each other.

    Each event covers `days` days from its date on (at least one; events whose date or days are
    unknown, or whose days are under one, cover nothing). Two events belong to one period when at
    most `gap` uncovered days lie between them. Without `days` an event covers all time after it:
    one period from the first event on, whose end is unknown.
    """

    tag: ClassVar[str] = "periods"
    events: EventSet = field(validator=is_event_set)
    days: Expression | None = None
    gap: int = field(validator=whole(0, MAX_DAYS))

    def __attrs_post_init__(self) -> None:
        if self.days is None:
            if self.gap:
                raise Invalid(
                    "Periods without an end have no gap.", remedy="Say how many days are covered."
                )
            return
        if not isinstance(self.days, Expression):
            raise Invalid("The days covered are no expression of the cohort language.")
        need(self.days, Kind.INT)
        if self.days.level not in (None, self.events.view):
            raise Invalid(f"`{title_of(self.days)}` is no value of {self.events.view}.")

    @property
    def view(self) -> str:
        """Always `periods`."""
        return PERIODS
