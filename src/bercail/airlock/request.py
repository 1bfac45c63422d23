"""A request as its events have made it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from attrs import evolve, field, frozen

from bercail.airlock.events import (
    AttachedFile,
    Entry,
    FileAttached,
    FilesAttached,
    RequestApproved,
    RequestChecked,
    RequestOpened,
    RequestQuarantined,
    RequestRejected,
    RequestReleased,
    RequestReturned,
    RequestRevoked,
    RequestSubmitted,
    RequestWithdrawn,
    ReviewDivided,
    TamperingFound,
    VoteCast,
)


class State(StrEnum):
    """Where a request stands."""

    NONE = "none"
    DRAFT = "draft"
    SUBMITTED = "submitted"
    CHECKED = "checked"
    QUARANTINED = "quarantined"
    IN_REVIEW = "in_review"
    CONSOLIDATING = "consolidating"
    APPROVED = "approved"
    REJECTED = "rejected"
    RETURNED = "returned"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"


@frozen(kw_only=True)
class Request:
    """A release request: who asks, what for, what was found, who voted.

    `votes` holds only votes on the present set; a new submission or a changed byte leaves
    none, and a later vote of the same checker stands in place of the earlier. `members` are
    all who were of the project at any submission.
    """

    id: str = ""
    state: State = State.NONE
    permit: str = ""
    project: str = ""
    author: str = ""
    members: frozenset[str] = frozenset()
    files: tuple[AttachedFile, ...] = ()
    submitted: RequestSubmitted | None = None
    checked: RequestChecked | None = None
    votes: tuple[VoteCast, ...] = field(default=(), repr=False)
    released: RequestReleased | None = field(default=None, repr=False)
    revoked: RequestRevoked | None = field(default=None, repr=False)
    reason: str = ""
    tampered: bool = False

    @property
    def set_digest(self) -> str:
        """The digest that votes are bound to; empty before the check."""
        return self.checked.set_digest if self.checked else ""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What is voted on; nothing before the check."""
        return self.checked.entries if self.checked else ()

    @property
    def is_salted(self) -> bool:
        """Whether the digests of what leaves have salts; those of older checks have none."""
        plain = [one for one in self.entries if one.part == "leaves"]
        return not any(one.digest.startswith("sha256:") for one in plain)

    @property
    def approvals(self) -> frozenset[str]:
        """Distinct checkers who approved the present set."""
        return frozenset(vote.checker for vote in self.votes if vote.approve)


def fold(events: Iterable[Any]) -> Request:
    """The request that `events` lead to."""
    request = Request()
    for event in events:
        request = _apply(request, event)
    return request


def _apply(request: Request, event: Any) -> Request:
    match event:
        case RequestOpened():
            return Request(
                id=event.request,
                state=State.DRAFT,
                permit=event.permit,
                project=event.project,
                author=event.author,
            )
        case FileAttached() | FilesAttached():
            return evolve(request, files=_files(event), submitted=None, checked=None, votes=())
        case RequestSubmitted():
            members = request.members | frozenset(event.members)
            return evolve(
                request,
                state=State.SUBMITTED,
                submitted=event,
                members=members,
                checked=None,
                votes=(),
                reason="",
                tampered=False,
            )
        case RequestChecked():
            return evolve(request, state=State.CHECKED, checked=event, votes=())
        case VoteCast():
            return _voted(request, event)
        case RequestReleased():
            return evolve(request, state=State.RELEASED, released=event)
        case TamperingFound():
            return evolve(request, tampered=True, votes=())
    return _ended(request, event)


def _voted(request: Request, vote: VoteCast) -> Request:
    if vote.set_digest != request.set_digest:
        return request
    others = tuple(one for one in request.votes if one.checker != vote.checker)
    open_votes = request.state is State.CONSOLIDATING
    state = State.CONSOLIDATING if open_votes else State.IN_REVIEW
    return evolve(request, state=state, votes=(*others, vote))


def _files(event: FileAttached | FilesAttached) -> tuple[AttachedFile, ...]:
    if isinstance(event, FilesAttached):
        return event.files
    one = AttachedFile(
        name=event.name,
        kind="count table",
        role="leaves",
        size=event.size,
        commitment=event.commitment,
    )
    return (one,)


def _ended(request: Request, event: Any) -> Request:
    match event:
        case RequestQuarantined():
            return evolve(request, state=State.QUARANTINED)
        case ReviewDivided():
            return evolve(request, state=State.CONSOLIDATING)
        case RequestRevoked():
            return evolve(request, state=State.REVOKED, revoked=event, reason=event.reason)
        case RequestApproved():
            return evolve(request, state=State.APPROVED)
        case RequestRejected():
            return evolve(request, state=State.REJECTED)
        case RequestReturned():
            return evolve(request, state=State.RETURNED, reason=event.reason, votes=())
        case RequestWithdrawn():
            return evolve(request, state=State.WITHDRAWN, reason=event.reason)
    return request
