"""Who may do what on the way in. Pure, default deny, two steps (CNIL SEC-EXP-2, mirrored).

First a person responsible for access approves that the project may have the files; then a
specialist (an output checker) approves the scan. Neither is of the project, nor the same person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen

from bercail.airlock import denials
from bercail.airlock.bringing.events import (
    BringingApproved,
    BringingDeclared,
    BringingHandedOver,
    BringingRefused,
    BringingScanned,
)
from bercail.airlock.denials import Denial
from bercail.airlock.inspection import Inspection
from bercail.airlock.permits import PermitView
from bercail.foundation import Actor, Role, canonical_json
from bercail.ledger import root

STOPS = frozenset({"bomb", "too-much", "pickle", "disguised", "broken", "secret", "file-name"})
"""What a scan meets that stays outside: what exhausts, what runs on opening, what lies."""


class BringingState(StrEnum):
    """Where files on their way in stand."""

    NONE = "none"
    DECLARED = "declared"
    SCANNED = "scanned"
    STOPPED = "stopped"
    APPROVED_ONCE = "approved_once"
    APPROVED = "approved"
    HANDED_OVER = "handed_over"
    REFUSED = "refused"


class BringingAct(StrEnum):
    """What somebody may do to them."""

    DECLARE = "declare"
    SCAN = "scan"
    APPROVE = "approve"
    REFUSE = "refuse"
    TAKE = "take"


_DECIDE = {BringingAct.REFUSE: frozenset({BringingState.REFUSED})}

TRANSITIONS: Mapping[BringingState, Mapping[BringingAct, frozenset[BringingState]]] = {
    BringingState.NONE: {BringingAct.DECLARE: frozenset({BringingState.DECLARED})},
    BringingState.DECLARED: {
        BringingAct.SCAN: frozenset({BringingState.SCANNED, BringingState.STOPPED})
    },
    BringingState.SCANNED: {
        BringingAct.APPROVE: frozenset({BringingState.APPROVED_ONCE}),
        **_DECIDE,
    },
    BringingState.STOPPED: {},
    BringingState.APPROVED_ONCE: {
        BringingAct.APPROVE: frozenset({BringingState.APPROVED}),
        **_DECIDE,
    },
    BringingState.APPROVED: {
        BringingAct.TAKE: frozenset({BringingState.HANDED_OVER}),
        **_DECIDE,
    },
    BringingState.HANDED_OVER: {BringingAct.TAKE: frozenset({BringingState.HANDED_OVER})},
    BringingState.REFUSED: {},
}
"""For each state the acts that are possible, and where they lead; what is not here is denied."""

STEPS: Mapping[BringingState, tuple[str, Role]] = {
    BringingState.SCANNED: ("responsible", Role.ACCESS_OFFICER),
    BringingState.APPROVED_ONCE: ("specialist", Role.OUTPUT_CHECKER),
}
"""The step of approval in a state, and the role that takes it."""


@frozen(kw_only=True)
class Bringing:
    """Files on their way in, as their events have made them."""

    state: BringingState = BringingState.NONE
    declared: BringingDeclared | None = None
    rules: tuple[str, ...] = ()
    approvals: tuple[BringingApproved, ...] = ()
    reason: str = ""

    @property
    def set_digest(self) -> str:
        """What approvals are bound to; empty before the declaration."""
        return set_digest(self.declared) if self.declared else ""


def fold(events: Iterable[Any]) -> Bringing:
    """The files on their way in that `events` lead to."""
    found = Bringing()
    for event in events:
        match event:
            case BringingDeclared():
                found = evolve(found, state=BringingState.DECLARED, declared=event)
            case BringingScanned():
                state = BringingState.STOPPED if event.stopped else BringingState.SCANNED
                found = evolve(found, state=state, rules=event.rules)
            case BringingApproved():
                once = found.state is BringingState.SCANNED
                state = BringingState.APPROVED_ONCE if once else BringingState.APPROVED
                found = evolve(found, state=state, approvals=(*found.approvals, event))
            case BringingRefused():
                found = evolve(found, state=BringingState.REFUSED, reason=event.reason)
            case BringingHandedOver():
                found = evolve(found, state=BringingState.HANDED_OVER)
    return found


def set_digest(declared: BringingDeclared) -> str:
    """Merkle root over the declaration and each file (name, SHA-256), in hexadecimal."""
    words = canonical_json([declared.permit, declared.purpose, declared.origin, declared.terms])
    files = sorted(canonical_json([one.name, one.sha256]) for one in declared.files)
    return root([words, *files]).hex()


def scanned(inspections: Iterable[Inspection]) -> BringingScanned:
    """What a scan means: programs, tables and documents may come in, what `STOPS` may not."""
    rules = sorted({rule for one in inspections for rule in one.rules})
    return BringingScanned(rules=tuple(rules), stopped=bool(STOPS & set(rules)))


def require(actor: Actor, act: BringingAct, bringing: Bringing, permit: PermitView) -> None:
    """Raise Refused, with a reason and who may, unless `actor` may do `act` now."""
    if denial := _denied(actor, act, bringing, permit):
        raise denial.refusal(act.value, "bringing")


def _denied(
    actor: Actor, act: BringingAct, bringing: Bringing, permit: PermitView
) -> Denial | None:
    if act not in TRANSITIONS[bringing.state]:
        return denials.wrong_state(
            f"the files are {bringing.state.value.replace('_', ' ')}",
            f"les fichiers sont {denials.BRINGING_FR[bringing.state.value]}",
            dict.fromkeys((one.value for one in TRANSITIONS[bringing.state]), ""),
        )
    if permit.is_halted:
        return denials.HALTED.told(permit.project)
    if not permit.is_live:
        return denials.NOT_LIVE.told(permit.id)
    if act in {BringingAct.DECLARE, BringingAct.SCAN, BringingAct.TAKE}:
        inside = actor.id in permit.members and actor.has(Role.DATA_USER)
        return None if inside else denials.NOT_DATA_USER.told(actor.id, permit.project)
    if actor.id in permit.members or (bringing.declared and actor.id == bringing.declared.author):
        return denials.BELONGS.told(actor.id)
    if any(one.by == actor.id for one in bringing.approvals):
        return denials.TOOK_STEP.told(actor.id)
    if act is BringingAct.REFUSE:
        deciding = actor.has(Role.ACCESS_OFFICER) or actor.has(Role.OUTPUT_CHECKER)
        return None if deciding else denials.NO_STEP.told(actor.id)
    step, role = STEPS[bringing.state]
    return None if actor.has(role) else denials.OTHER_STEP.told(actor.id, step, role.value)
