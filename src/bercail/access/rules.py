"""Who may do what to an application or a permit, and when. Pure; default deny.

Sources: EHDS art. 53, 55(3), 67, 68, 71; TEHDAS2 D6.4 section 7.6 (states); CSP L1462-1.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen

from bercail.access.events import (
    ApplicationCompleted,
    ApplicationFiled,
    AuthorisationGiven,
    ExtractMade,
    InformationRequested,
    OpinionGiven,
    PermitGranted,
    PermitRefused,
    PermitRevoked,
)
from bercail.access.permit import (
    LONGEST_YEARS,
    PUBLIC_BODY_ONLY,
    AccessApplication,
    DataPermit,
)
from bercail.foundation import Actor, Refused, Role

COMPLETION_TIME = timedelta(days=28)


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
        frozenset({State.PROCESSING, State.OPINION_GIVEN, State.AUTHORISED}),
    ),
    Act.REVOKE: (Role.ACCESS_OFFICER, frozenset({State.GRANTED})),
    Act.EXTRACT: (Role.OPERATOR, frozenset({State.GRANTED})),
}


@frozen(kw_only=True)
class Dossier:
    """An application with all that was decided about it."""

    state: State = State.NONE
    application: AccessApplication | None = None
    due: date | None = None
    permit: DataPermit | None = None
    extract: ExtractMade | None = None


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
            return evolve(dossier, state=State.REFUSED)
        case PermitRevoked():
            return evolve(dossier, state=State.REVOKED)
        case ExtractMade():
            return evolve(dossier, extract=event)
        case _:
            return dossier


def may(actor: Actor, act: Act, dossier: Dossier) -> str:
    """An empty text for yes, else the reason why not."""
    role, states = ACTS[act]
    if not actor.has(role):
        return f"`{actor.id}` is not {role.value.replace('_', ' ')}"
    if dossier.state not in states:
        return f"the dossier is in state `{dossier.state.value}`"
    application = dossier.application
    own = application is not None and actor.id in {application.applicant, *application.members}
    if own and role is not Role.APPLICANT:
        return f"`{actor.id}` is part of the project and cannot decide about it"
    return ""


def require(actor: Actor, act: Act, dossier: Dossier) -> None:
    """Raise `Refused` with the reason unless `may` says yes (EHDS art. 55(3); IAM-05)."""
    if reason := may(actor, act, dossier):
        raise Refused(
            f"`{act.value.replace('_', ' ')}` is refused: {reason}.",
            remedy="See the dossier with `bercail access show`.",
            rule="IAM-05",
        )


def filed(application: AccessApplication, identifier: str, now: datetime) -> tuple[Any, ...]:
    """The events of filing: accepted for processing, or items asked for within four weeks.

    Raises:
        Refused: the purpose is reserved to public bodies (EHDS art. 53(2)), or the period
            is longer than a permit may be (art. 68(12)).
    """
    if application.purpose in PUBLIC_BODY_ONLY and not application.public_body:
        raise Refused(
            f"Purpose ({application.purpose.value}) of EHDS art. 53(1) is for public bodies.",
            remedy="Choose the purpose that fits the applicant.",
            rule="PER-02",
        )
    if application.ends > _years_later(application.starts, LONGEST_YEARS):
        raise Refused(
            f"A permit lasts at most {LONGEST_YEARS} years.",
            remedy="Ask for a shorter period; it can be extended once.",
            rule="PER-05",
        )
    first = ApplicationFiled(application=identifier, content=application)
    if missing := application.missing_items():
        due = (now + COMPLETION_TIME).date()
        return (first, InformationRequested(missing=missing, due=due))
    return (first,)


def completed(dossier: Dossier, application: AccessApplication, now: datetime) -> tuple[Any, ...]:
    """The event of completing; `Refused` when late, `missing items` asked again when some lack."""
    if dossier.due is not None and now.date() > dossier.due:
        raise Refused(
            f"The time to complete the application ended on {dossier.due.isoformat()}.",
            remedy="File a new application.",
            rule="PER-01",
        )
    if missing := application.missing_items():
        raise Refused(
            f"The application still lacks: {', '.join(missing)}.",
            remedy="Give every item of EHDS art. 67(2).",
            rule="PER-01",
        )
    return (ApplicationCompleted(content=application),)


def live_until(permit: DataPermit) -> date:
    """The last day on which the permit opens anything."""
    return permit.valid_until


def is_live(dossier: Dossier, now: datetime) -> bool:
    """Whether the permit opens anything at `now` (EHDS art. 68(10)(e); IAM-04)."""
    permit = dossier.permit
    return (
        dossier.state is State.GRANTED
        and permit is not None
        and permit.valid_from <= now.date() <= permit.valid_until
    )


def require_live(dossier: Dossier, now: datetime) -> DataPermit:
    """The live permit; raises `Refused` saying whether it is missing, over or revoked."""
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


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
