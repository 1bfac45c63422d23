"""The acts of the checkers and of the author on a request in review: vote, return, withdraw."""

from __future__ import annotations

from attrs import frozen

from bercail.airlock import rules
from bercail.airlock.door import require_plain
from bercail.airlock.events import RequestReturned, RequestWithdrawn, VoteCast
from bercail.airlock.ground import Ground
from bercail.airlock.intact import require_intact
from bercail.airlock.request import Request
from bercail.airlock.rules import Act
from bercail.airlock.statements import CHECKER_SIGNER, VOTE_TYPE, vote_payload
from bercail.foundation import Actor, Invalid, canonical_json, to_iso
from bercail.vault import dsse_envelope, signer


@frozen(kw_only=True)
class Reviewing:
    """Votes, returns and withdrawals."""

    ground: Ground

    def review(self, request_id: str, actor: Actor, *, approve: bool, reason: str) -> Request:
        """See `AirlockService.review`."""
        require_plain(reason)
        ground = self.ground
        version, request, permit = ground.require(request_id, actor, Act.VOTE)
        version = require_intact(ground, version, request, permit, actor)
        at = to_iso(ground.clock.now())
        statement = vote_payload(request, actor.id, approve=approve, at=at)
        key = signer(ground.keys, CHECKER_SIGNER + actor.id)
        vote = VoteCast(
            checker=actor.id,
            approve=approve,
            reason=reason,
            set_digest=request.set_digest,
            at=at,
            envelope=canonical_json(dsse_envelope(VOTE_TYPE, statement, [key])).decode(),
        )
        needed = rules.checkers_of(request, permit, ground.policy(permit))
        return ground.append(request_id, version, rules.voted(request, vote, needed), actor)

    def give_back(self, request_id: str, actor: Actor, reason: str) -> Request:
        """See `AirlockService.give_back`."""
        version, _, _ = self.ground.require(request_id, actor, Act.RETURN)
        event = RequestReturned(reason=said(reason))
        return self.ground.append(request_id, version, (event,), actor)

    def withdraw(self, request_id: str, actor: Actor, reason: str) -> Request:
        """See `AirlockService.withdraw`."""
        version, _, _ = self.ground.require(request_id, actor, Act.WITHDRAW)
        event = RequestWithdrawn(reason=said(reason))
        return self.ground.append(request_id, version, (event,), actor)


def said(reason: str) -> str:
    """`reason`, once it says something and names no identifier; raises Invalid otherwise."""
    if not reason.strip():
        raise Invalid(
            "A reason is needed. / Un motif est nécessaire.",
            remedy="Give it with `--reason`. / Donnez-le avec `--reason`.",
        )
    require_plain(reason)
    return reason
