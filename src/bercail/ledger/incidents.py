"""The clock of an incident: what must be told to the authorities by when, and what was told.

Once an incident is known: an early warning within 24 hours, a notification within 72 (GDPR
art. 33; for providers under NIS 2, its art. 23), a final report within a month of the notification.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from attrs import frozen

from bercail.foundation import Actor, Invalid, Missing, Refused
from bercail.ledger.events import INCIDENT_EVENTS, IncidentOpened, IncidentTold
from bercail.ledger.recording import StreamRecorder
from bercail.ledger.service import Ledger

STREAM = "incident/"


class Step(StrEnum):
    """What is told to the authorities, in this order."""

    EARLY_WARNING = "early-warning"
    NOTIFICATION = "notification"
    FINAL_REPORT = "final-report"


@frozen(kw_only=True)
class Deadline:
    """When a step is due, when it was told (None: not yet), and whether that is late."""

    step: Step
    due: datetime
    told: datetime | None
    late: bool


def deadlines(
    opened: IncidentOpened, told: Sequence[IncidentTold], now: datetime
) -> list[Deadline]:
    """The three steps of an incident as they stand at `now`."""
    moments = {Step(event.step): event.at for event in told}
    notified = moments.get(Step.NOTIFICATION, opened.known + timedelta(hours=72))
    due = {
        Step.EARLY_WARNING: opened.known + timedelta(hours=24),
        Step.NOTIFICATION: opened.known + timedelta(hours=72),
        Step.FINAL_REPORT: month_after(notified),
    }
    return [
        Deadline(
            step=step,
            due=due[step],
            told=moments.get(step),
            late=moments.get(step, now) > due[step],
        )
        for step in Step
    ]


def month_after(moment: datetime) -> datetime:
    """The same hour of the same day of the next month, or of its last day if it is shorter."""
    year, month = divmod(moment.year * 12 + moment.month, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


@frozen(kw_only=True)
class IncidentDesk:
    """Opens incidents, records what was told, says what is due."""

    ledger: Ledger

    def open(self, name: str, known: datetime, actor: Actor) -> list[Deadline]:
        """Open the incident `name`, known since `known`; the clock runs from then.

        Raises:
            Invalid: it is known from the future.
            Refused: there is an incident of this name (`LOG-07`).
        """
        if known > self.ledger.clock.now():
            raise Invalid(
                "An incident cannot be known from a moment to come.",
                remedy="Give the moment at which somebody here learned of it.",
            )
        book = self._book(name)
        if book.events():
            raise Refused(
                f"The incident `{name}` is open already.",
                remedy="Take another name, or tell its next step.",
                rule="LOG-07",
            )
        book.record(IncidentOpened(name=name, known=known), actor)
        return self.show(name)

    def tell(self, name: str, step: Step, actor: Actor) -> list[Deadline]:
        """Record that a step was told to the authorities, now.

        Raises:
            Missing: there is no such incident.
            Refused: a step before it was not told, or it was told already (`LOG-07`).
        """
        steps = list(Step)
        told = [deadline.step for deadline in self.show(name) if deadline.told is not None]
        if steps[: len(told) + 1] != [*told, step]:
            raise Refused(
                f"The step `{step.value}` is not the next one of `{name}`.",
                remedy=f"Tell them in this order, each once: {', '.join(steps)}.",
                rule="LOG-07",
            )
        told_at = self.ledger.clock.now()
        self._book(name).record(IncidentTold(name=name, step=step.value, at=told_at), actor)
        return self.show(name)

    def show(self, name: str) -> list[Deadline]:
        """The steps of the incident `name`; raises Missing when there is none."""
        events = self._book(name).events()
        if not events:
            raise Missing(
                f"There is no incident `{name}`.",
                remedy="List them with `bercail ledger incident due`.",
            )
        opened, *told = events
        return deadlines(opened, told, self.ledger.clock.now())

    def due(self) -> list[tuple[str, Deadline]]:
        """Every step of every incident that was not told yet, the most pressing first."""
        names = [stream.removeprefix(STREAM) for stream in self.ledger.streams(STREAM)]
        open_steps = [(name, d) for name in names for d in self.show(name) if d.told is None]
        return sorted(open_steps, key=lambda found: found[1].due)

    def _book(self, name: str) -> StreamRecorder:
        kinds: tuple[type[Any], ...] = INCIDENT_EVENTS
        return StreamRecorder(ledger=self.ledger, stream=STREAM + name, kinds=kinds)
