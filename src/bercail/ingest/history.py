"""The book of deliveries: what the journal says of each, and of all."""

from __future__ import annotations

from typing import Any

from bercail.catalogue import Registry
from bercail.foundation import Actor
from bercail.ingest import rules
from bercail.ingest.events import EVENTS
from bercail.ingest.findings import as_line, errors, releasable, warnings
from bercail.ingest.rules import Intake, IntakeState
from bercail.ingest.volumes import PastDelivery
from bercail.ledger import Ledger
from bercail.ledger.events import RecordedEvent

PREFIX = "delivery/"
# Longer than any delivery's life: tried, quarantined, released, loaded, corrected, expired.
MOST_EVENTS = 10_000


class DeliveryBook:
    """Reads and writes the streams `delivery/<name>`.

    Streams that were read are kept with their version, so that a delivery of two hundred does
    not read two hundred streams anew.
    """

    def __init__(self, ledger: Ledger, registry: Registry) -> None:
        self._ledger = ledger
        self._registry = registry
        self._settled: dict[str, Intake] = {}

    def intake(self, delivery: str) -> tuple[int, Intake]:
        """The version of the delivery's stream, and its state."""
        version, events = self._ledger.load(f"{PREFIX}{delivery}", EVENTS)
        intake = rules.fold(events)
        if intake.state in rules.CAME_IN:
            self._settled[delivery] = intake
        return version, intake

    def state(self, delivery: str) -> IntakeState:
        """Where a delivery stands."""
        return self.intake(delivery)[1].state

    def append(self, delivery: str, version: int, event: Any, actor: Actor) -> int:
        """Write an event; the new version."""
        self._settled.pop(delivery, None)
        return self._ledger.append(f"{PREFIX}{delivery}", version, [event], actor)

    def names(self) -> tuple[str, ...]:
        """Every delivery that was ever tried."""
        return tuple(stream.removeprefix(PREFIX) for stream in self._ledger.streams(PREFIX))

    def past(self) -> tuple[PastDelivery, ...]:
        """The deliveries whose lines are in the lake, with the rows of each table family."""
        found = []
        for name in self.names():
            intake = self._settled.get(name) or self.intake(name)[1]
            if intake.state is IntakeState.LOADED and intake.period:
                rows = {self._registry.table(t.table).name: t.rows for t in intake.tables}
                found.append(
                    PastDelivery(name=name, system=intake.system, period=intake.period, rows=rows)
                )
        return tuple(found)

    def hands(self, delivery: str) -> tuple[str, ...]:
        """Who did anything with the delivery so far."""
        return tuple(sorted({record.actor for record in self._records(delivery)}))

    def status(self, delivery: str) -> dict[str, Any]:
        """Where one delivery stands, for people and `--json`."""
        intake = self.intake(delivery)[1]
        shown: dict[str, Any] = {
            "delivery": delivery,
            "state": intake.state.value,
            "tables": {table.table: table.rows for table in intake.tables},
            "findings": [as_line(one) for one in errors(intake.findings)],
            "warnings": [as_line(one) for one in warnings(intake.findings)],
        }
        if intake.released:
            shown["released"] = [as_line(one) for one in intake.released]
        if intake.corrects:
            shown["corrects"] = intake.corrects
            shown["replaced"] = {t.table: t.replaced for t in intake.tables if t.replaced}
        if intake.corrected_by:
            shown["corrected_by"] = intake.corrected_by
        return shown

    def statuses(self) -> list[dict[str, Any]]:
        """One line for each delivery."""
        lines = []
        for name in self.names():
            intake = self.intake(name)[1]
            lines.append(
                {
                    "delivery": name,
                    "state": intake.state.value,
                    "period": intake.period,
                    "revision": intake.revision,
                    "rows": sum(table.rows for table in intake.tables),
                    "errors": len(errors(intake.findings)),
                    "warnings": len(warnings(intake.findings)),
                }
            )
        return lines

    def quarantine(self) -> list[dict[str, Any]]:
        """The deliveries that are held: since when, by whose try, why, and whether they may go."""
        held = []
        for name in self.names():
            intake = self.intake(name)[1]
            if intake.state not in rules.HELD:
                continue
            last = self._records(name)[-1]
            kept_out = errors(intake.findings)
            held.append(
                {
                    "delivery": name,
                    "state": intake.state.value,
                    "since": last.at,
                    "by": last.actor,
                    "releasable": all(releasable(one) for one in kept_out),
                    "findings": [as_line(one) for one in kept_out],
                }
            )
        return held

    def _records(self, delivery: str) -> list[RecordedEvent]:
        stream = f"{PREFIX}{delivery}"
        return [one for one in self._ledger.history(stream, MOST_EVENTS) if one.stream == stream]
