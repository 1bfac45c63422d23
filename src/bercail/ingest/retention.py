"""Twenty years after the year of care, a person's data leave the lake.

Source: CSP L1461-1, IV 4 (at most twenty years); requirement GOV-08. The unit is the delivery: a
flux month of the DCIR, a year of discharge of the PMSI. It is over the limit when the twentieth
year after its own has ended. A register of beneficiaries describes persons and not a year of care:
it is not expired by its date, but replaced by the next.

A plan first, then the act. Applied, each table is erased of the delivery with a certificate
(`lake.erasing`): no snapshot and no key that could show the rows is left. Killed anywhere, the same
command goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from bercail.foundation import Actor, Clock, Refused, Role
from bercail.ingest.events import DeliveryExpired
from bercail.ingest.history import DeliveryBook
from bercail.ingest.rules import Intake, IntakeState
from bercail.lake import Lake
from bercail.lake.row_choice import DeliveryRows

YEARS_KEPT = 20
RULE = "GOV-08"
# Years of care; a register has none.
DATED = ("DCIR", "MCO", "HAD", "SSR", "RIP")

# Erases a delivery from a table, for a reason; done again, it changes nothing.
Erase = Callable[[str, str, str], object]


@frozen(kw_only=True)
class Expiry:
    """A delivery whose retention has ended, with its tables and rows."""

    delivery: str
    period: str
    kept_until: int
    tables: tuple[str, ...]
    rows: int

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "delivery": self.delivery,
            "period": self.period,
            "kept_until": self.kept_until,
            "tables": list(self.tables),
            "rows": self.rows,
        }


def erasing(lake: Lake) -> Erase:
    """Erases from `lake`, with a certificate kept on its trust side."""

    def erase(table: str, delivery: str, reason: str) -> object:
        return lake.erasing.erase(table, DeliveryRows(delivery=delivery), reason)

    return erase


def last_year(intake: Intake) -> int | None:
    """The last year in which the delivery may be kept; None when it has no year of care."""
    if intake.system not in DATED or not intake.period[:4].isdigit():
        return None
    return int(intake.period[:4]) + YEARS_KEPT


@frozen(kw_only=True)
class RetentionDesk:
    """Plans and applies the end of retention; `erase` takes a table, a delivery and a reason."""

    book: DeliveryBook
    erase: Erase
    clock: Clock

    def plan(self) -> tuple[Expiry, ...]:
        """The deliveries in the lake that are over the limit now, the oldest first."""
        year = self.clock.now().year
        found = []
        for name in self.book.names():
            intake = self.book.intake(name)[1]
            until = last_year(intake)
            if intake.state is IntakeState.LOADED and until is not None and until < year:
                found.append(
                    Expiry(
                        delivery=name,
                        period=intake.period,
                        kept_until=until,
                        tables=tuple(table.table for table in intake.tables),
                        rows=sum(table.rows for table in intake.tables),
                    )
                )
        return tuple(sorted(found, key=lambda one: (one.period, one.delivery)))

    def apply(self, actor: Actor) -> tuple[Expiry, ...]:
        """Erase what the plan names, delivery by delivery; returns what was erased now.

        Raises:
            Refused: the actor is no operator, or the pseudonyms of the lake are changing.
        """
        if not actor.has(Role.OPERATOR):
            raise Refused(
                f"`{actor.id}` may not end a retention.", remedy="An operator does.", rule="IAM-05"
            )
        done = []
        for one in self.plan():
            for table in one.tables:
                self.erase(table, one.delivery, f"retention of {YEARS_KEPT} years ended ({RULE})")
            event = DeliveryExpired(
                delivery=one.delivery, period=one.period, tables=one.tables, rows=one.rows
            )
            self.book.append(one.delivery, self.book.intake(one.delivery)[0], event, actor)
            done.append(one)
        return tuple(done)
