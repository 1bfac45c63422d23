"""What may happen to a delivery next. Pure: state is a fold of events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen

from bercail.foundation import Actor, Refused, Role
from bercail.ingest.delivery import Delivery
from bercail.ingest.events import (
    DeliveryChecked,
    DeliveryCorrected,
    DeliveryExpired,
    DeliveryLoaded,
    DeliveryQuarantined,
    DeliveryReleased,
    FindingCounted,
    LoadedTable,
)
from bercail.ingest.findings import as_line, errors, releasable


class IntakeState(StrEnum):
    """Where a delivery stands."""

    UNKNOWN = "unknown"
    CHECKED = "checked"
    LOADED = "loaded"
    QUARANTINED = "quarantined"
    RELEASED = "released"
    CORRECTED = "corrected"
    EXPIRED = "expired"


# Once its lines came in, a delivery never comes in again.
CAME_IN = (IntakeState.LOADED, IntakeState.CORRECTED, IntakeState.EXPIRED)
HELD = (IntakeState.QUARANTINED, IntakeState.RELEASED)


@frozen(kw_only=True)
class Intake:
    """One delivery, as its events tell it; `released` are findings that an officer let pass."""

    state: IntakeState = IntakeState.UNKNOWN
    manifest_sha256: str = ""
    holder: str = ""
    system: str = ""
    period: str = ""
    revision: int = 1
    corrects: str = ""
    corrected_by: str = ""
    tables: tuple[LoadedTable, ...] = ()
    findings: tuple[FindingCounted, ...] = ()
    released: tuple[FindingCounted, ...] = ()


def fold(events: Iterable[Any]) -> Intake:
    """The state that `events` lead to."""
    intake = Intake()
    for event in events:
        intake = _after(intake, event)
    return intake


def _after(intake: Intake, event: Any) -> Intake:
    match event:
        case DeliveryChecked():
            return Intake(
                state=IntakeState.CHECKED,
                manifest_sha256=event.manifest_sha256,
                findings=event.warnings,
                released=event.released,
            )
        case DeliveryLoaded():
            return evolve(
                intake,
                state=IntakeState.LOADED,
                tables=event.tables,
                holder=event.holder,
                system=event.system,
                period=event.period,
                revision=event.revision,
                corrects=event.corrects,
                findings=(*intake.findings, *event.warnings),
            )
        case DeliveryQuarantined():
            return Intake(
                state=IntakeState.QUARANTINED,
                manifest_sha256=event.manifest_sha256,
                findings=event.findings,
            )
        case DeliveryReleased():
            return evolve(intake, state=IntakeState.RELEASED, released=event.findings)
        case DeliveryCorrected():
            return evolve(intake, state=IntakeState.CORRECTED, corrected_by=event.by)
        case DeliveryExpired():
            return evolve(intake, state=IntakeState.EXPIRED)
        case _:
            return intake


def require_loadable(
    intake: Intake, delivery: Delivery, manifest_sha256: str, *, again: bool = False
) -> None:
    """Raise `Refused` unless the delivery may be tried now; `again` for a replay.

    A delivery is loaded once. A quarantined one stays out until the holder sends a corrected
    manifest, an officer releases it, or it is replayed. Clear identifiers never pass our door
    (SNDS referential 6.1, 6.2).
    """
    if delivery.identifiers != "level-1":
        raise Refused(
            f"The delivery `{delivery.name}` declares clear identifiers.",
            remedy="The data holder runs `bercail holder prepare` first, with its own secret.",
            rule="PSE-01",
        )
    if intake.state in CAME_IN:
        raise Refused(
            f"The delivery `{delivery.name}` is in the lake already, or was.",
            remedy="A correction is a new delivery under a name of its own, which names this one.",
            rule="delivery-once",
        )
    held = intake.state is IntakeState.QUARANTINED and not again
    if held and intake.manifest_sha256 == manifest_sha256:
        raise Refused(
            f"The delivery `{delivery.name}` is in quarantine and has not changed since.",
            remedy=f"See why with `bercail ingest status {delivery.name}`; ask for a correction.",
            rule="delivery-quarantined",
        )


def require_correction(delivery: Delivery, corrected: Intake) -> None:
    """Raise `Refused` unless `delivery` may take the place of the one it says it corrects.

    The same holder, system and period, the same tables, a higher revision, and one that is in
    the lake: then one snapshot of each table says all of it.
    """
    was = (corrected.holder, corrected.system, corrected.period)
    now = (delivery.holder, delivery.system, delivery.period)
    tables = {table.table for table in corrected.tables}
    reasons = (
        (corrected.state is not IntakeState.LOADED, "it is not in the lake"),
        (was != now, "it has another holder, system or period"),
        (delivery.revision <= corrected.revision, f"its revision is {corrected.revision}"),
        (tables != {file.table for file in delivery.files}, "it has other tables"),
    )
    for wrong, why in reasons:
        if wrong:
            raise Refused(
                f"`{delivery.name}` cannot correct `{delivery.corrects}`: {why}.",
                remedy="A correction has the tables of what it corrects, all of them, and a "
                "higher `revision`.",
                rule="delivery-correction",
            )


def require_release(intake: Intake, name: str, actor: Actor, hands: Sequence[str]) -> None:
    """Raise `Refused` unless `actor` may release the delivery; `hands` tried to load it.

    An access officer releases, who is not one of those that load (two persons for what one
    person should not decide), and only what the table of checks lets pass.
    """
    if not actor.has(Role.ACCESS_OFFICER):
        raise Refused(
            f"`{actor.id}` may not release a delivery.",
            remedy="An access officer does.",
            rule="IAM-05",
        )
    if intake.state is not IntakeState.QUARANTINED:
        raise Refused(
            f"The delivery `{name}` is not in quarantine: it is `{intake.state.value}`.",
            remedy="`bercail ingest quarantine` lists those that are.",
            rule="delivery-release",
        )
    if actor.id in hands:
        raise Refused(
            f"`{actor.id}` tried to load `{name}`, and does not release it too.",
            remedy="Another access officer releases it.",
            rule="delivery-two-persons",
        )
    never = [as_line(one) for one in errors(intake.findings) if not releasable(one)]
    if never:
        raise Refused(
            f"The delivery `{name}` cannot be released: {'; '.join(never[:5])}.",
            remedy="Ask the holder for a corrected delivery.",
            rule="delivery-never-released",
        )


def unreleased(
    intake: Intake, manifest_sha256: str, findings: Iterable[FindingCounted]
) -> tuple[FindingCounted, ...]:
    """The errors that no release covers: another check or place, or more of them than released."""
    same = intake.manifest_sha256 == manifest_sha256
    most = {(one.check, one.file, one.column): one.count for one in intake.released if same}
    return tuple(
        one
        for one in errors(tuple(findings))
        if not releasable(one) or one.count > most.get((one.check, one.file, one.column), -1)
    )
