"""What may happen to a delivery next. Pure: state is a fold of events."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen

from bercail.foundation import Refused
from bercail.ingest.delivery import Delivery
from bercail.ingest.events import (
    DeliveryChecked,
    DeliveryLoaded,
    DeliveryQuarantined,
    FindingCounted,
    LoadedTable,
)


class IntakeState(StrEnum):
    """Where a delivery stands."""

    UNKNOWN = "unknown"
    CHECKED = "checked"
    LOADED = "loaded"
    QUARANTINED = "quarantined"


@frozen(kw_only=True)
class Intake:
    """One delivery, as its events tell it."""

    state: IntakeState = IntakeState.UNKNOWN
    manifest_sha256: str = ""
    tables: tuple[LoadedTable, ...] = ()
    findings: tuple[FindingCounted, ...] = ()


def fold(events: Iterable[Any]) -> Intake:
    """The state that `events` lead to."""
    intake = Intake()
    for event in events:
        match event:
            case DeliveryChecked():
                intake = Intake(state=IntakeState.CHECKED, manifest_sha256=event.manifest_sha256)
            case DeliveryLoaded():
                intake = evolve(intake, state=IntakeState.LOADED, tables=event.tables)
            case DeliveryQuarantined():
                intake = Intake(
                    state=IntakeState.QUARANTINED,
                    manifest_sha256=event.manifest_sha256,
                    findings=event.findings,
                )
            case _:
                continue
    return intake


def require_loadable(intake: Intake, delivery: Delivery, manifest_sha256: str) -> None:
    """Raise `Refused` unless the delivery may be loaded now.

    A delivery is loaded once. A quarantined one stays out until the holder sends a
    corrected manifest. Clear identifiers never pass our door (SNDS referential 6.1, 6.2).
    """
    if delivery.identifiers != "level-1":
        raise Refused(
            f"The delivery `{delivery.name}` declares clear identifiers.",
            remedy="The data holder runs `bercail holder prepare` first, with its own secret.",
            rule="PSE-01",
        )
    if intake.state is IntakeState.LOADED:
        raise Refused(
            f"The delivery `{delivery.name}` is in the lake already.",
            remedy="A correction is a new delivery under a name of its own.",
            rule="delivery-once",
        )
    if intake.state is IntakeState.QUARANTINED and intake.manifest_sha256 == manifest_sha256:
        raise Refused(
            f"The delivery `{delivery.name}` is in quarantine and has not changed since.",
            remedy=f"See why with `bercail ingest status {delivery.name}`; ask for a correction.",
            rule="delivery-quarantined",
        )
