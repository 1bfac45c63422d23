"""Who may do what to an application or a permit, and when. Pure; default deny.

Sources: EHDS art. 55(3), 63, 67, 68; TEHDAS2 D6.4 section 7.6 (states); CSP L1462-1.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen

from bercail.access.events import (
    ApplicationCompleted,
    ApplicationFiled,
    AuthorisationGiven,
    ExtractMade,
    ExtractTurned,
    FormerExtractsExpired,
    InformationRequested,
    OpinionGiven,
    PermitGranted,
    PermitRefused,
    PermitRevoked,
    PseudonymTurnBegun,
    PseudonymTurnEnded,
)
from bercail.access.permit import AccessApplication, DataPermit
from bercail.foundation import Actor, Missing, Refused, Role


class State(StrEnum):
    """Where a dossier stands."""

    NONE = "none"
    AWAITING_ADDITIONAL_INFORMATION = "awaiting_additional_information"
    PROCESSING = "processing"
    OPINION_GIVEN = "opinion_given"
    AUTHORISED = "authorised"
    GRANTED = "granted"
    REFUSED = "refused"
    REVOKED = "revoked"


class Act(StrEnum):
    """What somebody may do to a dossier."""

    FILE = "file"
    COMPLETE = "complete"
    GIVE_OPINION = "give_opinion"
    AUTHORISE = "authorise"
    GRANT = "grant"
    REFUSE = "refuse"
    REVOKE = "revoke"
    EXTRACT = "extract"


# The role that acts, and the states in which the act is possible. What is not here is denied.
ACTS: dict[Act, tuple[Role, frozenset[State]]] = {
    Act.FILE: (Role.APPLICANT, frozenset({State.NONE})),
    Act.COMPLETE: (Role.APPLICANT, frozenset({State.AWAITING_ADDITIONAL_INFORMATION})),
    Act.GIVE_OPINION: (Role.COMMITTEE, frozenset({State.PROCESSING})),
    Act.AUTHORISE: (Role.REGULATOR, frozenset({State.OPINION_GIVEN})),
    Act.GRANT: (Role.ACCESS_OFFICER, frozenset({State.AUTHORISED})),
    Act.REFUSE: (
        Role.ACCESS_OFFICER,
        frozenset(
            {
                State.AWAITING_ADDITIONAL_INFORMATION,
                State.PROCESSING,
                State.OPINION_GIVEN,
                State.AUTHORISED,
            }
        ),
    ),
    Act.REVOKE: (Role.ACCESS_OFFICER, frozenset({State.GRANTED})),
    Act.EXTRACT: (Role.OPERATOR, frozenset({State.GRANTED})),
}


@frozen(kw_only=True)
class Dossier:
    """An application with all that was decided about it.

    `former` are the extracts under former pseudonyms, oldest first, that did not expire;
    `turning` names the change of pseudonyms that is under way, if there is one.
    """

    state: State = State.NONE
    application: AccessApplication | None = None
    due: date | None = None
    permit: DataPermit | None = None
    extract: ExtractMade | None = None
    former: tuple[ExtractMade, ...] = ()
    turning: str = ""


def fold(events: Iterable[Any]) -> Dossier:
    """The dossier that `events` lead to."""
    dossier = Dossier()
    for event in events:
        dossier = _apply(dossier, event)
    return dossier


def _apply(dossier: Dossier, event: Any) -> Dossier:
    match event:
        case ApplicationFiled():
            return Dossier(state=State.PROCESSING, application=event.content)
        case InformationRequested():
            waiting = State.AWAITING_ADDITIONAL_INFORMATION
            return evolve(dossier, state=waiting, due=event.due)
        case ApplicationCompleted():
            return evolve(dossier, state=State.PROCESSING, application=event.content, due=None)
        case OpinionGiven():
            state = State.OPINION_GIVEN if event.favourable else State.REFUSED
            return evolve(dossier, state=state)
        case AuthorisationGiven():
            state = State.AUTHORISED if event.authorised else State.REFUSED
            return evolve(dossier, state=state)
        case PermitGranted():
            return evolve(dossier, state=State.GRANTED, permit=event.permit)
        case PermitRefused():
            return evolve(dossier, state=State.REFUSED, due=None)
        case PermitRevoked():
            return evolve(dossier, state=State.REVOKED)
        case ExtractMade():
            return evolve(dossier, extract=event)
        case _:
            return _changed(dossier, event)


def _changed(dossier: Dossier, event: Any) -> Dossier:
    """What a change of pseudonyms does to the extracts."""
    match event:
        case PseudonymTurnBegun():
            return evolve(dossier, turning=event.turn)
        case PseudonymTurnEnded():
            return evolve(dossier, turning="")
        case ExtractTurned():
            return _turned(dossier, event)
        case FormerExtractsExpired():
            kept = tuple(one for one in dossier.former if one.extract not in event.extracts)
            return evolve(dossier, former=kept)
        case _:
            return dossier


def _turned(dossier: Dossier, event: ExtractTurned) -> Dossier:
    if dossier.extract is None:
        return dossier
    made = evolve(dossier.extract, extract=event.extract, manifest_sha256=event.manifest_sha256)
    return evolve(dossier, extract=made, former=(*dossier.former, dossier.extract), turning="")


def may(actor: Actor, act: Act, dossier: Dossier) -> str:
    """An empty text for yes, else the reason why not."""
    reason, _ = _denial(actor, act, dossier)
    return reason


def require(actor: Actor, act: Act, dossier: Dossier) -> None:
    """Raise `Refused` with the reason unless `may` says yes.

    The rule is IAM-05 for the wrong person (EHDS art. 55(3)), PER-06 for the wrong state.
    """
    reason, rule = _denial(actor, act, dossier)
    if reason:
        raise Refused(
            f"`{act.value.replace('_', ' ')}` is refused: {reason}.",
            remedy="See the dossier with `bercail access show`.",
            rule=rule,
        )


def _denial(actor: Actor, act: Act, dossier: Dossier) -> tuple[str, str]:
    """The reason against, and the rule that it comes from."""
    role, states = ACTS[act]
    if not actor.has(role):
        return f"`{actor.id}` does not have the role `{role.value}`", "IAM-05"
    application = dossier.application
    if application is not None:
        if role is Role.APPLICANT:
            if actor.id != application.applicant:
                return f"`{actor.id}` is not the applicant of this dossier", "IAM-05"
        elif actor.id in {application.applicant, *application.members}:
            return f"`{actor.id}` is part of the project and cannot decide about it", "IAM-05"
    if dossier.state not in states:
        return f"the dossier is in state `{dossier.state.value}`", "PER-06"
    return "", ""


def is_live(dossier: Dossier, now: datetime) -> bool:
    """Whether the permit opens anything at `now` (EHDS art. 68(10)(e); IAM-04)."""
    permit = dossier.permit
    return (
        dossier.state is State.GRANTED
        and permit is not None
        and permit.valid_from <= now.date() <= permit.valid_until
    )


def require_live(dossier: Dossier, now: datetime) -> DataPermit:
    """The live permit; raises `Refused` saying whether it is missing, revoked or over."""
    permit = dossier.permit
    if permit is None:
        raise Refused(
            "There is no permit yet.", remedy="A permit comes with the decision.", rule="PER-05"
        )
    if dossier.state is not State.GRANTED:
        raise Refused(
            f"The permit `{permit.id}` was revoked.",
            remedy="Nothing of the project opens any more; ask the access body.",
            rule="PER-11",
        )
    if not is_live(dossier, now):
        raise Refused(
            f"The permit `{permit.id}` is valid from {permit.valid_from.isoformat()} "
            f"until {permit.valid_until.isoformat()}; today is {now.date().isoformat()}.",
            remedy="An extension is asked for at least one month before the end.",
            rule="IAM-04",
        )
    return permit


def require_settled(dossier: Dossier) -> None:
    """Raise `Refused` while the pseudonyms of the project are changing.

    Tables of which some hold former and some new pseudonyms cannot be joined.
    """
    if dossier.turning:
        raise Refused(
            f"The pseudonyms of the project are changing (`{dossier.turning}`).",
            remedy="Wait until it has ended; if it was interrupted, the operator runs it again.",
            rule="rotation-under-way",
        )


def require_extract(dossier: Dossier, name: str) -> ExtractMade:
    """The extract of that name, the newest one without; raises `Missing` when there is none."""
    if dossier.extract is not None and name in ("", dossier.extract.extract):
        return dossier.extract
    for one in dossier.former:
        if one.extract == name:
            return one
    raise Missing(
        f"The permit has no extract `{name}`, or it has expired.",
        remedy="`bercail access show` lists those that there are.",
    )


def require_member(permit: DataPermit, actor: Actor) -> None:
    """Raise `Refused` unless the permit names the actor (EHDS art. 73(1)(a); IAM-01)."""
    if actor.id not in permit.members:
        raise Refused(
            f"`{actor.id}` is not named in the permit `{permit.id}`.",
            remedy="Only persons named in the permit enter the project.",
            rule="IAM-01",
        )
