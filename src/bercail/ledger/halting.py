"""Stop a project at once: an order in the ledger that every room obeys before its next act.

OPR-19, OPR-20; EHDS art. 63(3). While a project is halted nothing of it leaves, and whatever runs
for it ends: a room that starts sessions asks `is_halted` at every turn, and ends them when told.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from attrs import field, frozen

from bercail.foundation import Actor, Invalid, Missing, Refused, Role, from_iso, to_iso
from bercail.ledger.events import HALT_EVENTS, ProjectHalted, ProjectResumed, SessionsEnded
from bercail.ledger.recording import StreamRecorder
from bercail.ledger.service import Ledger

STREAM = "halt/"
WITHIN_SECONDS = 60
"""What runs for a halted project must have ended within so many seconds."""

_MAY_HALT = frozenset({Role.OPERATOR, Role.ACCESS_OFFICER, Role.REGULATOR})


class Session(Protocol):
    """Something that runs for a project, such as a process of a space."""

    @property
    def project(self) -> str:
        """The project it runs for."""
        ...

    def end(self) -> None:
        """End it at once; nothing when it has ended."""
        ...

    def has_ended(self) -> bool:
        """Whether it has ended."""
        ...


@frozen(kw_only=True)
class HaltBook:
    """Orders to halt and to resume, one stream for each project."""

    ledger: Ledger

    def is_halted(self, project: str) -> bool:
        """Whether an order stands against `project`."""
        events = self._events(project)
        orders = [one for one in events if isinstance(one, ProjectHalted | ProjectResumed)]
        return bool(orders) and isinstance(orders[-1], ProjectHalted)

    def halt(self, project: str, reason: str, actor: Actor) -> None:
        """Order that everything of `project` stops; ordered again, nothing changes.

        Raises:
            Refused: the actor is no operator, access officer or regulator (`LOG-07`).
            Invalid: no reason is given.
        """
        self._require(actor, reason)
        if not self.is_halted(project):
            at = to_iso(self.ledger.clock.now())
            self._book(project).record(ProjectHalted(project=project, reason=reason, at=at), actor)

    def resume(self, project: str, reason: str, actor: Actor) -> None:
        """Lift the order; raises as `halt`, and Refused when none stands."""
        self._require(actor, reason)
        if not self.is_halted(project):
            raise Refused(
                f"The project `{project}` is not halted.",
                remedy="See the orders with `bercail ledger halt list`.",
                rule="LOG-07",
            )
        at = to_iso(self.ledger.clock.now())
        self._book(project).record(ProjectResumed(project=project, reason=reason, at=at), actor)

    def ordered_at(self, project: str) -> datetime:
        """When the last order to halt `project` was given; raises Missing when none was."""
        orders = [one.at for one in self._events(project) if isinstance(one, ProjectHalted)]
        if not orders:
            raise Missing(
                f"The project `{project}` was never halted.",
                remedy="See the orders with `bercail ledger halt list`.",
            )
        return from_iso(orders[-1])

    def halted(self) -> tuple[str, ...]:
        """Every project against which an order stands, sorted."""
        names = [stream.removeprefix(STREAM) for stream in self.ledger.streams(STREAM)]
        return tuple(name for name in names if self.is_halted(name))

    def record_end(self, project: str, sessions: int, seconds: int, actor: Actor) -> None:
        """Record that `sessions` of a halted project ended `seconds` after the order."""
        event = SessionsEnded(project=project, sessions=sessions, seconds=seconds)
        self._book(project).record(event, actor)

    def _require(self, actor: Actor, reason: str) -> None:
        if not actor.roles & _MAY_HALT:
            raise Refused(
                f"`{actor.id}` may not halt a project.",
                remedy="Ask an operator, an access officer or the regulator.",
                rule="LOG-07",
            )
        if not reason.strip():
            raise Invalid("A reason is needed.", remedy="Give it with `--reason`.")

    def _events(self, project: str) -> tuple[Any, ...]:
        return self._book(project).events()

    def _book(self, project: str) -> StreamRecorder:
        return StreamRecorder(ledger=self.ledger, stream=STREAM + project, kinds=HALT_EVENTS)


@frozen(kw_only=True)
class Warden:
    """Ends the sessions of halted projects. One `turn` asks the ledger and ends what must end.

    Whoever runs sessions calls `turn` at least every few seconds, so that the order is obeyed well
    within `WITHIN_SECONDS`. `sessions` gives those that run now.
    """

    book: HaltBook
    sessions: Callable[[], list[Session]] = field(repr=False)

    def turn(self, actor: Actor) -> int:
        """End every session of a halted project and record it; how many ended.

        A session that does not end is told again in the next turn, and counted when it has.
        """
        ended: dict[str, int] = {}
        for session in self.sessions():
            if self.book.is_halted(session.project):
                session.end()
                ended[session.project] = ended.get(session.project, 0) + session.has_ended()
        for project, many in ended.items():
            if many:
                self.book.record_end(project, many, self._since(project), actor)
        return sum(ended.values())

    def _since(self, project: str) -> int:
        """Whole seconds since the order against `project`."""
        ordered = self.book.ordered_at(project)
        return int((self.book.ledger.clock.now() - ordered).total_seconds())
