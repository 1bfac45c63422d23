"""Who may do what to a request, and when. Pure, default deny.

Sources: CNIL MR-005 SEC-EXP-1 to 3; SNDS referential 4.5 and 7.3 (arrêté of 6 May 2024);
EHDS art. 73(2). Two distinct checkers, neither author nor member of the project.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from attrs import frozen

from bercail.airlock import denials
from bercail.airlock.denials import Denial
from bercail.airlock.disclosure.policy import DisclosurePolicy
from bercail.airlock.events import (
    OutputAlert,
    OutputCounted,
    RequestApproved,
    RequestRejected,
    ReviewDivided,
    VoteCast,
)
from bercail.airlock.permits import PermitView
from bercail.airlock.request import Request, State
from bercail.foundation import Actor, Refused, Role, from_iso


class Act(StrEnum):
    """What somebody may do to a request."""

    OPEN = "open"
    ATTACH = "attach"
    SUBMIT = "submit"
    CHECK = "check"
    VOTE = "vote"
    RETURN = "return"
    RELEASE = "release"
    WITHDRAW = "withdraw"
    REVOKE = "revoke"
    SEE = "see"
    SEE_CELLS = "see_cells"


class Party(StrEnum):
    """Whose turn it is, or who performs an act."""

    AUTHOR = "author"
    PLATFORM = "platform"
    CHECKERS = "checkers"
    NOBODY = "nobody"


_SEE = {Act.SEE: frozenset[State](), Act.SEE_CELLS: frozenset[State]()}

ALERT_CELLS = 20_000
"""Cells of tables asked for by one project within the days of its policy, above which to alert."""

ALERT_BYTES = 64 * 1024 * 1024
"""Bytes of files, in the same way."""

# For each state, the acts that are possible and the states they may lead to; an empty set
# leaves the state as it is. What is not here is denied.
TRANSITIONS: Mapping[State, Mapping[Act, frozenset[State]]] = {
    State.NONE: {Act.OPEN: frozenset({State.DRAFT})},
    State.DRAFT: {
        Act.ATTACH: frozenset(),
        Act.SUBMIT: frozenset({State.SUBMITTED}),
        Act.WITHDRAW: frozenset({State.WITHDRAWN}),
        Act.SEE: frozenset(),
    },
    State.SUBMITTED: {
        Act.CHECK: frozenset({State.CHECKED, State.QUARANTINED}),
        Act.WITHDRAW: frozenset({State.WITHDRAWN}),
        Act.SEE: frozenset(),
    },
    State.CHECKED: {
        Act.VOTE: frozenset({State.IN_REVIEW}),
        Act.RETURN: frozenset({State.RETURNED}),
        Act.WITHDRAW: frozenset({State.WITHDRAWN}),
        **_SEE,
    },
    State.QUARANTINED: {
        Act.RETURN: frozenset({State.RETURNED}),
        Act.WITHDRAW: frozenset({State.WITHDRAWN}),
        **_SEE,
    },
    State.IN_REVIEW: {
        Act.VOTE: frozenset({State.IN_REVIEW, State.CONSOLIDATING, State.APPROVED, State.REJECTED}),
        Act.RETURN: frozenset({State.RETURNED}),
        Act.WITHDRAW: frozenset({State.WITHDRAWN}),
        **_SEE,
    },
    # The checkers disagree: each sees the others' votes and may vote once more.
    State.CONSOLIDATING: {
        Act.VOTE: frozenset({State.CONSOLIDATING, State.APPROVED, State.REJECTED}),
        Act.RETURN: frozenset({State.RETURNED}),
        Act.WITHDRAW: frozenset({State.WITHDRAWN}),
        **_SEE,
    },
    State.APPROVED: {
        Act.RELEASE: frozenset({State.RELEASED}),
        Act.RETURN: frozenset({State.RETURNED}),
        Act.WITHDRAW: frozenset({State.WITHDRAWN}),
        **_SEE,
    },
    State.REJECTED: {**_SEE},
    State.RETURNED: {
        Act.ATTACH: frozenset(),
        Act.SUBMIT: frozenset({State.SUBMITTED}),
        Act.WITHDRAW: frozenset({State.WITHDRAWN}),
        Act.SEE: frozenset(),
    },
    # Releasing again writes the same package, byte for byte.
    State.RELEASED: {
        Act.RELEASE: frozenset({State.RELEASED}),
        Act.REVOKE: frozenset({State.REVOKED}),
        **_SEE,
    },
    State.REVOKED: {**_SEE},
    State.WITHDRAWN: {Act.SEE: frozenset()},
}

OWNERS: Mapping[State, Party] = {
    State.NONE: Party.AUTHOR,
    State.DRAFT: Party.AUTHOR,
    State.SUBMITTED: Party.PLATFORM,
    State.CHECKED: Party.CHECKERS,
    State.QUARANTINED: Party.CHECKERS,
    State.IN_REVIEW: Party.CHECKERS,
    State.CONSOLIDATING: Party.CHECKERS,
    State.APPROVED: Party.CHECKERS,
    State.REJECTED: Party.NOBODY,
    State.RETURNED: Party.AUTHOR,
    State.RELEASED: Party.NOBODY,
    State.WITHDRAWN: Party.NOBODY,
    State.REVOKED: Party.NOBODY,
}
"""Whose turn it is in each state."""

PERFORMERS: Mapping[Act, Party] = {
    Act.OPEN: Party.AUTHOR,
    Act.ATTACH: Party.AUTHOR,
    Act.SUBMIT: Party.AUTHOR,
    # The check has no discretion: it runs for the author who submitted.
    Act.CHECK: Party.AUTHOR,
    Act.WITHDRAW: Party.AUTHOR,
    Act.VOTE: Party.CHECKERS,
    Act.RETURN: Party.CHECKERS,
    Act.RELEASE: Party.CHECKERS,
    Act.REVOKE: Party.CHECKERS,
    Act.SEE_CELLS: Party.CHECKERS,
    Act.SEE: Party.NOBODY,
}
"""Who performs each act; `SEE` is open to all who are concerned."""

COMMANDS: Mapping[Act, str] = {
    Act.OPEN: "submit",
    Act.ATTACH: "submit",
    Act.SUBMIT: "submit",
    Act.CHECK: "submit",
    Act.VOTE: "review",
    Act.RETURN: "return",
    Act.RELEASE: "release",
    Act.WITHDRAW: "withdraw",
    Act.REVOKE: "revoke",
    Act.SEE: "show",
    Act.SEE_CELLS: "look",
}
"""The command that does each act: what people are told, since it is what they give."""

NEEDS_LIVE_PERMIT = frozenset({Act.OPEN, Act.ATTACH, Act.SUBMIT, Act.CHECK, Act.VOTE, Act.RELEASE})


@frozen(kw_only=True)
class Answer:
    """Yes, or no: why in both languages with who may do it, and the rule behind it."""

    allowed: bool
    denial: Denial | None = None
    rule: str = ""

    @property
    def reason(self) -> str:
        """Why not, in English; empty for a yes."""
        return self.denial.en if self.denial else ""


_YES = Answer(allowed=True)


def _no(denial: Denial, rule: str) -> Answer:
    return Answer(allowed=False, denial=denial, rule=rule)


def may(actor: Actor, act: Act, request: Request, permit: PermitView) -> Answer:
    """Whether `actor` may do `act` to `request` under `permit` as it stands now."""
    if act not in TRANSITIONS[request.state]:
        return _no(_state(request.state), "airlock-state")
    if act in NEEDS_LIVE_PERMIT and not permit.is_live:
        return _live(permit)
    inside = permit.members | request.members | {request.author}
    party = PERFORMERS[act]
    if party is Party.AUTHOR:
        return _as_author(actor, act, request, permit)
    if party is Party.CHECKERS:
        return _as_checker(actor, act, request, inside)
    concerned = actor.id in inside or actor.has(Role.OUTPUT_CHECKER) or actor.has(Role.AUDITOR)
    if not concerned:
        return _no(denials.NOT_CONCERNED.told(actor.id), "airlock-role")
    return _YES


def _live(permit: PermitView) -> Answer:
    if permit.is_live:
        return _YES
    if permit.is_halted:
        return _no(denials.HALTED.told(permit.project), "LOG-07")
    return _no(denials.NOT_LIVE.told(permit.id), "permit-not-live")


def _state(state: State) -> Denial:
    possible = {
        COMMANDS[act]: PERFORMERS[act].value for act in TRANSITIONS[state] if act not in _SEE
    }
    return denials.wrong_state(
        f"the request is {state.value.replace('_', ' ')}",
        f"la demande est {denials.STATES_FR[state.value]}",
        possible,
    )


def _as_author(actor: Actor, act: Act, request: Request, permit: PermitView) -> Answer:
    if request.author and actor.id != request.author:
        return _no(denials.NOT_AUTHOR.told(actor.id, request.author), "airlock-author")
    # Taking back is always possible, also for someone who has left the project.
    if act is not Act.WITHDRAW and (
        not actor.has(Role.DATA_USER) or actor.id not in permit.members
    ):
        return _no(denials.NOT_DATA_USER.told(actor.id, permit.project), "airlock-role")
    return _YES


def _as_checker(actor: Actor, act: Act, request: Request, inside: frozenset[str]) -> Answer:
    if not actor.has(Role.OUTPUT_CHECKER):
        return _no(denials.NOT_CHECKER.told(actor.id), "airlock-role")
    if actor.id in inside:
        return _no(denials.BELONGS.told(actor.id), "EXP-02")
    blind = request.state is not State.CONSOLIDATING
    if act is Act.VOTE and blind and any(vote.checker == actor.id for vote in request.votes):
        return _no(denials.HAS_VOTED.told(actor.id), "EXP-02")
    return _YES


def require(actor: Actor, act: Act, request: Request, permit: PermitView) -> None:
    """Raise `Refused` with the reason, and who may, unless `may` says yes."""
    answer = may(actor, act, request, permit)
    if answer.denial is not None:
        raise answer.denial.refusal(COMMANDS[act], answer.rule)


def require_live(act: Act, permit: PermitView) -> None:
    """Raise `Refused` with the reason unless `permit` holds now and its project is not halted."""
    answer = _live(permit)
    if answer.denial is not None:
        raise answer.denial.refusal(COMMANDS[act], answer.rule)


def voted(request: Request, vote: VoteCast, required: int) -> tuple[Any, ...]:
    """The events of a vote. Once `required` distinct checkers voted: all yes approves, all no
    rejects, otherwise they consolidate, until all say the same.

    Raises:
        Refused: the vote is for another set, or says no without a reason.
    """
    if vote.set_digest != request.set_digest:
        raise Refused(
            "The vote is for another set of files than the one in review. / "
            "Le vote porte sur un autre ensemble de fichiers que celui en examen.",
            remedy="Look at the request again and vote on what it holds now. / "
            "Relisez la demande et votez sur ce qu'elle contient maintenant.",
            rule="vote-binding",
        )
    if not vote.approve and not vote.reason.strip():
        raise Refused(
            "A rejection needs a reason. / Un rejet demande un motif.",
            remedy="Give it with `--reason`. / Donnez-le avec `--reason`.",
            rule="EXP-02",
        )
    said = {one.checker: one.approve for one in request.votes} | {vote.checker: vote.approve}
    if len(said) < required:
        return (vote,)
    if all(said.values()):
        return (vote, RequestApproved(set_digest=vote.set_digest))
    if not any(said.values()):
        return (vote, RequestRejected(set_digest=vote.set_digest))
    if request.state is State.CONSOLIDATING:
        return (vote,)
    return (vote, ReviewDivided(set_digest=vote.set_digest))


def checkers_needed(permit: PermitView, policy: DisclosurePolicy) -> int:
    """Distinct approvals needed: the permit may ask for more than the policy, never for fewer."""
    return max(permit.checkers_required, policy.checkers, 2)


def checkers_of(request: Request, permit: PermitView, policy: DisclosurePolicy) -> int:
    """Distinct approvals needed for `request`: what held when its review began.

    A permit that changes afterwards changes neither a review nor the package of a release.
    """
    began = request.checked.checkers if request.checked else 0
    return began or checkers_needed(permit, policy)


def require_votes(request: Request, permit: PermitView, required: int) -> None:
    """Raise `Refused` unless enough distinct checkers approved exactly the present set.

    A checker who has joined the project since no longer counts.
    """
    approvals = request.approvals - permit.members - {request.author}
    divided = any(not vote.approve for vote in request.votes)
    if len(approvals) < required or divided or request.tampered:
        raise Refused(
            f"{len(approvals)} of {required} checkers approve this exact set. / "
            f"{len(approvals)} vérificateurs sur {required} approuvent exactement cet ensemble.",
            remedy="It has to be returned and reviewed again. / "
            "Elle doit être renvoyée et examinée de nouveau.",
            rule="vote-binding",
        )


def counted(
    earlier: tuple[Any, ...], output: OutputCounted, policy: DisclosurePolicy, now: datetime
) -> tuple[Any, ...]:
    """The events of one more output of a project: counted once, an alert when there is too much.

    Too much: requests above the policy, cells above `ALERT_CELLS` or bytes above `ALERT_BYTES`,
    each within the days of the policy (SNDS referential, 7.3).
    """
    counts = [event for event in earlier if isinstance(event, OutputCounted)]
    if any(event.submission == output.submission for event in counts):
        return ()
    since = now - timedelta(days=policy.alert_days)
    recent = [event for event in counts if from_iso(event.at) > since] + [output]
    cells, size = sum(one.cells for one in recent), sum(one.bytes for one in recent)
    if len(recent) > policy.alert_requests or cells > ALERT_CELLS or size > ALERT_BYTES:
        alert = OutputAlert(requests=len(recent), days=policy.alert_days, cells=cells, bytes=size)
        return (output, alert)
    return (output,)
