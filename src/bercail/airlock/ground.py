"""What every act of the airlock stands on: journal, sealed files, permits, keys, a clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve, field, frozen

from bercail.airlock import rules
from bercail.airlock.disclosure.guard.populations import ComparesPopulations, NobodyCompares
from bercail.airlock.disclosure.policy import DisclosurePolicy
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.events import PROJECT_EVENTS, REQUEST_EVENTS, SIGHT_EVENTS, OutputSeen
from bercail.airlock.permits import PermitLookup, PermitView
from bercail.airlock.policies import signed_sources
from bercail.airlock.request import Request, fold
from bercail.airlock.rules import Act
from bercail.airlock.shelf import Shelf
from bercail.airlock.tabled import source_policy
from bercail.foundation import Actor, Clock, Missing, Randomness
from bercail.lake import SealedStore
from bercail.ledger import Ledger
from bercail.ledger.halting import HaltBook
from bercail.ledger.recording import StreamRecorder
from bercail.vault import Keyring

ProgressReport = Callable[[str, int, int], None]
SealedPlace = Callable[[str, str], SealedStore]


@frozen(kw_only=True)
class Ground:
    """The means of the desk. State is read from the journal each time; nothing is kept here."""

    ledger: Ledger
    sealed: SealedPlace
    permits: PermitLookup
    keys: Keyring
    clock: Clock
    randomness: Randomness
    house_policy: DisclosurePolicy
    publisher: str
    populations: ComparesPopulations = field(factory=NobodyCompares)

    def require(self, request_id: str, actor: Actor, act: Act) -> tuple[int, Request, PermitView]:
        """The version and state of a request and its permit, once `actor` may do `act`.

        Raises:
            Missing: there is no such request.
            Refused: with the reason of `rules.may`.
        """
        version, request = self.find(request_id)
        if version == 0:
            raise missing(request_id)
        permit = self.permit(request.permit)
        rules.require(actor, act, request, permit)
        return version, request, permit

    def find(self, request_id: str) -> tuple[int, Request]:
        """The version and state of a request; version 0 when there is none."""
        version, events = self.ledger.load(stream_of(request_id), REQUEST_EVENTS)
        return version, fold(events)

    def append(
        self, request_id: str, version: int, events: tuple[Any, ...], actor: Actor
    ) -> Request:
        """Record `events` of a request; its state after them."""
        self.ledger.append(stream_of(request_id), version, events, actor)
        return self.find(request_id)[1]

    def permit(self, permit_id: str) -> PermitView:
        """The permit as it stands now; one whose project is halted is not live (LOG-07)."""
        found = self.permits.get(permit_id, self.clock.now())
        if HaltBook(ledger=self.ledger).is_halted(found.project):
            return evolve(found, is_live=False, is_halted=True)
        return found

    def policy(self, permit: PermitView) -> DisclosurePolicy:
        """The counts of the policy that holds under `permit`; raises as `PermitView.policy`."""
        signed = [one.counts for one in signed_sources(self.ledger, self.keys).values()]
        return permit.policy(self.house_policy, signed)

    def source(self, policy: DisclosurePolicy) -> SourcePolicy:
        """The policy of all statistics whose counts are `policy`."""
        return source_policy(policy, signed_sources(self.ledger, self.keys).values())

    def shelf(self, request_id: str) -> Shelf:
        """The sealed files of a request."""
        return Shelf(self.sealed("airlock", request_id), self.keys, request_id)

    def project_events(self, project: str) -> tuple[int, tuple[Any, ...]]:
        """What a project asked for so far: version of its stream, events."""
        return self.ledger.load(project_stream(project), PROJECT_EVENTS)

    def tell_sight(self, request: Request, what: str, actor: Actor) -> None:
        """Record, once for each submission, that `actor` saw `what` (LOG-01)."""
        book = StreamRecorder(
            ledger=self.ledger, stream=f"airlock-sight/{request.id}", kinds=SIGHT_EVENTS
        )
        seen = OutputSeen(
            request=request.id, submission=submission_of(request), what=what, by=actor.id
        )
        book.record_once(seen, actor)


def submission_of(request: Request) -> str:
    """The id of the present submission; raises Missing when nothing was submitted."""
    if request.submitted is None:
        raise missing(request.id)
    return request.submitted.submission


def stream_of(request_id: str) -> str:
    """The stream of a request."""
    return f"airlock/{request_id}"


def project_stream(project: str) -> str:
    """The stream of what a project asked for."""
    return f"airlock-project/{project}"


def missing(request_id: str) -> Missing:
    """The error for a request that is not there, or not in that state."""
    return Missing(
        f"There is no request `{request_id}` in that state. / "
        f"Il n'y a pas de demande `{request_id}` dans cet état.",
        remedy="List them with `bercail airlock list`. / Listez-les avec `bercail airlock list`.",
    )
