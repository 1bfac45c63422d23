"""Decisions of an erasure: pure functions of the migration's state, the moment and the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from attrs import frozen

from bercail.foundation import Actor, Invalid, Refused, from_iso, to_iso
from bercail.hosting.events import (
    ErasureBegun,
    ErasureEvidenced,
    ErasureNotified,
    ErasurePlanned,
)
from bercail.hosting.migration.rules import Act, require_may
from bercail.hosting.migration.state import MigrationState

# A formal notice 21 calendar days before the erasure: counted here as 21 times 24 hours from the
# moment at which the notice is recorded, so that no reading of the rule finds it too short.
NOTICE = timedelta(days=21)
NOTICE_SOURCE = "SecNumCloud 3.2, 19.4.a"
ERASURE_SOURCE = "SecNumCloud 3.2, 19.4.a and 19.4.b; HDS, EXI 27; Data Act, article 25(2)(h)"
# Data Act, article 25(2)(g): the customer may fetch its data for at least 30 days.
RETRIEVAL = timedelta(days=30)


class Subject(StrEnum):
    """What must be gone. The first four can be looked at; the others are the provider's word."""

    CONTENTS = "contents"
    VERSIONS = "versions"
    SNAPSHOTS = "snapshots"
    SOFT_DELETED = "soft-deleted"
    BACKUPS = "backups"
    PROVIDER_KEY = "provider-key"
    TECHNICAL_DATA = "technical-data"


LOOKED_AT = (Subject.CONTENTS, Subject.VERSIONS, Subject.SNAPSHOTS, Subject.SOFT_DELETED)


class EvidenceBasis(StrEnum):
    """On whose word something is gone."""

    SEEN = "seen-by-us"
    WORD = "provider's-word"
    NOT_APPLICABLE = "does-not-exist-here"


@frozen(kw_only=True)
class Word:
    """What a named person says of a subject: a document's SHA-256, a statement, or both.

    `not_applicable`: that there is no such thing on this source.
    """

    by: str
    statement: str = ""
    document: str = ""
    not_applicable: bool = False


def decide_notice(
    state: MigrationState,
    actor: Actor,
    now: datetime,
    *,
    given_by: str,
    given_to: str,
    document: str = "",
) -> ErasureNotified:
    """The notice, as of `now`; it cannot be dated back.

    Raises:
        Refused: no plan (rule `erasure-order`). Invalid: nobody is named.
    """
    require_may(Act.NOTIFY_ERASURE, state, actor)
    plan = _require_plan(state)
    if not given_by.strip() or not given_to.strip():
        raise Invalid(
            "A notice is given by somebody to somebody.", remedy="Name both: `--by` and `--to`."
        )
    return ErasureNotified(
        plan=plan.plan,
        given_by=given_by.strip(),
        given_to=given_to.strip(),
        not_before=to_iso(now + NOTICE),
        source=NOTICE_SOURCE,
        document=document,
    )


def decide_begin(
    state: MigrationState, actor: Actor, now: datetime, *, digest: str, reread: int
) -> ErasureBegun:
    """The release of the list whose digest, made anew, is `digest`.

    Raises:
        Refused: rule `erasure-order` (no notice), `erasure-notice` (it has not run out) or
            `erasure-changed` (the source is not what was planned).
    """
    plan = require_notice_over(state, actor, now)
    if digest != plan.digest:
        raise Refused(
            "The source does not hold what was planned to be erased.",
            remedy="Find out who writes there; then plan the erasure again, with a new notice.",
            rule="erasure-changed",
        )
    return ErasureBegun(plan=plan.plan, digest=digest, reread=reread)


def require_notice_over(state: MigrationState, actor: Actor, now: datetime) -> ErasurePlanned:
    """The plan that may begin now, as far as the clock can tell.

    Raises:
        Refused: rule `migration-order`, `erasure-order` or `erasure-notice`.
    """
    require_may(Act.BEGIN_ERASURE, state, actor)
    plan, notice = _require_plan(state), state.notice
    if notice is None:
        raise Refused(
            f"No notice of the erasure was given ({NOTICE_SOURCE}: {NOTICE.days} days before).",
            remedy="Run `bercail erase notify`.",
            rule="erasure-order",
        )
    if now < from_iso(notice.not_before):
        raise Refused(
            f"The notice runs until `{notice.not_before}` ({NOTICE_SOURCE}).",
            remedy="Wait until then; until then a roll-back is possible.",
            rule="erasure-notice",
        )
    return plan


def decide_word(
    state: MigrationState, actor: Actor, subject: Subject, word: Word
) -> ErasureEvidenced:
    """The evidence that a person's word gives.

    Raises:
        Refused: the erasure has not begun. Invalid: nobody is named, or nothing is said.
    """
    require_may(Act.EVIDENCE_ERASURE, state, actor)
    if not word.by.strip() or not (word.statement.strip() or word.document):
        raise Invalid(
            "A person's word needs their name, and a document or a statement.",
            remedy="Give `--by`, and `--document` or `--statement`.",
        )
    if word.not_applicable and not word.statement.strip():
        raise Invalid(
            f"Why is there no `{subject.value}` on this source?", remedy="Say it: `--statement`."
        )
    basis = EvidenceBasis.NOT_APPLICABLE if word.not_applicable else EvidenceBasis.WORD
    return ErasureEvidenced(
        plan=_require_plan(state).plan,
        subject=subject.value,
        basis=basis.value,
        by=word.by.strip(),
        document=word.document,
        statement=word.statement.strip(),
    )


def require_complete(state: MigrationState, actor: Actor) -> Mapping[str, ErasureEvidenced]:
    """The evidence for every subject of the plan.

    Raises:
        Refused: rule `erasure-evidence`; the message says what is missing or remains.
    """
    require_may(Act.CERTIFY_ERASURE, state, actor)
    wanted = _require_plan(state).subjects
    absent = [subject for subject in wanted if subject not in state.evidence]
    left = [
        f"{subject}: {state.evidence[subject].remaining} remain"
        for subject in wanted
        if subject in state.evidence and state.evidence[subject].remaining
    ]
    if absent or left:
        said = [f"nothing is known of {', '.join(absent)}"] if absent else []
        raise Refused(
            f"The erasure is not complete: {'; '.join([*said, *left])}.",
            remedy="Run `bercail erase evidence` once it is gone, and with the provider's word.",
            rule="erasure-evidence",
        )
    return state.evidence


def _require_plan(state: MigrationState) -> ErasurePlanned:
    if state.erasure is None:
        raise Refused(
            "There is no plan of an erasure.",
            remedy="Run `bercail erase plan`.",
            rule="erasure-order",
        )
    return state.erasure
