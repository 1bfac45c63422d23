"""What an application must fulfil, and the events that a decision makes. Pure.

Sources: EHDS art. 53(2), 67(2), 68(4), 68(10), 68(12); CSP L1462-1.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from attrs import frozen

from bercail.access.events import (
    ApplicationCompleted,
    ApplicationFiled,
    AuthorisationGiven,
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
from bercail.access.rules import Act, Dossier
from bercail.foundation import Actor, Invalid, Missing, Refused

COMPLETION_TIME = timedelta(days=28)


@frozen(kw_only=True)
class Decision:
    """What the person who decides says; each act needs its own part of it."""

    favourable: bool | None = None
    authorised: bool | None = None
    reasons: str = ""
    reference: str = ""


def filed(application: AccessApplication, identifier: str, now: datetime) -> tuple[Any, ...]:
    """The events of filing: accepted for processing, or items asked for within four weeks.

    Raises:
        Refused: the purpose is reserved to public bodies (EHDS art. 53(2)), or the period
            is longer than a permit may be (art. 68(12)).
    """
    _require_permissible(application)
    first = ApplicationFiled(application=identifier, content=application)
    if missing := application.missing_items():
        due = (now + COMPLETION_TIME).date()
        return (first, InformationRequested(missing=missing, due=due))
    return (first,)


def completed(dossier: Dossier, application: AccessApplication, now: datetime) -> tuple[Any, ...]:
    """The event of completing, which happens once (EHDS art. 68(4)).

    Raises:
        Refused: too late, items still missing, another project or applicant than was filed,
            or what `filed` refuses.
    """
    if dossier.due is not None and now.date() > dossier.due:
        raise Refused(
            f"The time to complete the application ended on {dossier.due.isoformat()}.",
            remedy="File a new application.",
            rule="PER-01",
        )
    before = dossier.application
    if before is not None and (before.project, before.applicant) != (
        application.project,
        application.applicant,
    ):
        raise Refused(
            f"The application is that of `{before.applicant}` for the project `{before.project}`.",
            remedy="Keep both, or file a new application.",
            rule="PER-01",
        )
    _require_permissible(application)
    if missing := application.missing_items():
        raise Refused(
            f"The application still lacks: {', '.join(missing)}.",
            remedy="Give every item of EHDS art. 67(2).",
            rule="PER-01",
        )
    return (ApplicationCompleted(content=application),)


def decided(dossier: Dossier, act: Act, given: Decision, permit_id: str, now: datetime) -> Any:
    """The event of one decision.

    Raises:
        Invalid: the act is no decision, or a part of what it needs was not given.
        Refused: a refusal while the applicant still has time to complete.
    """
    match act:
        case Act.GIVE_OPINION:
            favourable = _answered(given.favourable, act, "favourable")
            return OpinionGiven(favourable=favourable, reasons=_said(given.reasons, act, "reasons"))
        case Act.AUTHORISE:
            reference = _said(given.reference, act, "reference")
            authorised = _answered(given.authorised, act, "authorised")
            return AuthorisationGiven(reference=reference, authorised=authorised)
        case Act.GRANT:
            return PermitGranted(permit=_permit(dossier, permit_id))
        case Act.REFUSE:
            _require_time_is_over(dossier, now)
            return PermitRefused(reasons=_said(given.reasons, act, "reasons"))
        case Act.REVOKE:
            return PermitRevoked(reasons=_said(given.reasons, act, "reasons"))
        case _:
            raise Invalid(f"`{act.value}` is no decision.", remedy="Use its own command.")


def require_own_name(application: AccessApplication, actor: Actor) -> None:
    """Raise `Refused` unless the actor files in the actor's own name."""
    if actor.id != application.applicant:
        raise Refused(
            f"`{actor.id}` may not file in the name of `{application.applicant}`.",
            remedy="The applicant files the application.",
            rule="IAM-01",
        )


def _require_permissible(application: AccessApplication) -> None:
    if application.purpose in PUBLIC_BODY_ONLY and not application.public_body:
        raise Refused(
            f"Purpose ({application.purpose.value}) of EHDS art. 53(1) is for public bodies.",
            remedy="Choose the purpose that fits the applicant.",
            rule="PER-02",
        )
    # The last day counts, so ten years end on the day before the anniversary.
    if application.ends >= _years_later(application.starts, LONGEST_YEARS):
        raise Refused(
            f"A permit lasts at most {LONGEST_YEARS} years.",
            remedy="Ask for a shorter period.",
            rule="PER-05",
        )


def _require_time_is_over(dossier: Dossier, now: datetime) -> None:
    if dossier.due is not None and now.date() <= dossier.due:
        raise Refused(
            f"The applicant has until {dossier.due.isoformat()} to complete the application.",
            remedy="Refuse after that day.",
            rule="PER-01",
        )


def _permit(dossier: Dossier, permit_id: str) -> DataPermit:
    application = dossier.application
    if application is None:
        raise Missing("There is no application to grant.", remedy="File one first.")
    return DataPermit(
        id=permit_id,
        project=application.project,
        members=application.members,
        purpose=application.purpose,
        scope=application.scope,
        valid_from=application.starts,
        valid_until=application.ends,
    )


def _answered(answer: bool | None, act: Act, part: str) -> bool:
    if answer is None:
        raise _lacking(act, part)
    return answer


def _said(text: str, act: Act, part: str) -> str:
    if not text.strip():
        raise _lacking(act, part)
    return text


def _lacking(act: Act, part: str) -> Invalid:
    return Invalid(
        f"`{act.value.replace('_', ' ')}` needs `{part}`.",
        remedy="It is recorded with the decision (EHDS art. 57(1)(j)).",
    )


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        # 29 February: the anniversary in a year without one is 1 March.
        return date(day.year + years, 3, 1)
