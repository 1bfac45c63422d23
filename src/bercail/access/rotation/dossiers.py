"""The permits of projects and their extracts, shut while pseudonyms change, opened after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import field, frozen

from bercail.access import rules
from bercail.access.events import (
    APPLICATION_EVENTS,
    ExtractTurned,
    PseudonymTurnBegun,
    PseudonymTurnEnded,
)
from bercail.access.rules import Dossier, State
from bercail.foundation import Actor, Clock, Refused
from bercail.ledger import Ledger

PREFIX = "application/"
# Members open extracts all the time, each opening is an event of the same stream.
TURNS = 20


@frozen(kw_only=True)
class ProjectDossiers:
    """The dossiers of all projects, by the identifier of their application."""

    ledger: Ledger
    clock: Clock
    # An application never changes its project, so those of a project are found without the others.
    _known: dict[str, str] = field(factory=dict, init=False, repr=False, eq=False)

    def all(self) -> dict[str, Dossier]:
        """Every dossier."""
        return {
            stream.removeprefix(PREFIX): self._load(stream)[1]
            for stream in self.ledger.streams(PREFIX)
        }

    def projects(self, turn: str = "") -> tuple[str, ...]:
        """The projects with a permit that opens something now or will, sorted.

        With `turn`, also those that it has shut, whatever became of their permits.
        """
        found = {
            _project(one)
            for one in self.all().values()
            if self._lives(one) or (turn and one.turning == turn)
        }
        return tuple(sorted(found))

    def living(self, project: str) -> dict[str, Dossier]:
        """The dossiers of a project whose permit opens something now or will."""
        found = self._of(project)
        return {identifier: one for identifier, one in found.items() if self._lives(one)}

    def shut_by(self, project: str, turn: str) -> dict[str, Dossier]:
        """The dossiers of a project that `turn` has shut; whatever became of their permit."""
        found = self._of(project)
        return {identifier: one for identifier, one in found.items() if one.turning == turn}

    def shut(self, project: str, turn: str, actor: Actor) -> None:
        """Shut every living dossier of a project for `turn`; again, nothing changes.

        Also where there is no extract: one that is being cut is then not recorded any more.

        Raises:
            Refused: another change is under way.
        """

        def begun(dossier: Dossier) -> tuple[Any, ...]:
            if dossier.turning == turn:
                return ()
            rules.require_settled(dossier)
            return (PseudonymTurnBegun(turn=turn),)

        for identifier in self.living(project):
            self.record(identifier, begun, actor)

    def open(
        self, project: str, turn: str, extracts: Mapping[str, tuple[str, str]], actor: Actor
    ) -> None:
        """End `turn`: `extracts` gives name and manifest digest of new ones, by application."""

        def ended(identifier: str) -> Callable[[Dossier], tuple[Any, ...]]:
            def decide(dossier: Dossier) -> tuple[Any, ...]:
                if dossier.turning != turn:
                    return ()
                made = extracts.get(identifier)
                if made is None or dossier.extract is None:
                    return (PseudonymTurnEnded(turn=turn),)
                former = dossier.extract.extract
                name, digest = made
                return (
                    ExtractTurned(turn=turn, former=former, extract=name, manifest_sha256=digest),
                )

            return decide

        for identifier in self.shut_by(project, turn):
            self.record(identifier, ended(identifier), actor)

    def record(
        self, identifier: str, decide: Callable[[Dossier], Iterable[Any]], actor: Actor
    ) -> None:
        """Append what `decide` makes of the dossier, on the dossier as it then is.

        Raises:
            Refused: others recorded something each time (rule `journal-conflict`).
        """
        for attempt in range(1, TURNS + 1):
            version, dossier = self._load(PREFIX + identifier)
            events = tuple(decide(dossier))
            if not events:
                return
            try:
                self.ledger.append(PREFIX + identifier, version, events, actor)
                return
            except Refused as refusal:
                if refusal.rule != "journal-conflict" or attempt == TURNS:
                    raise

    def _of(self, project: str) -> dict[str, Dossier]:
        found = {}
        for stream in self.ledger.streams(PREFIX):
            identifier = stream.removeprefix(PREFIX)
            if self._known.get(identifier, project) == project:
                _, dossier = self._load(stream)
                self._known[identifier] = _project(dossier)
                if _project(dossier) == project:
                    found[identifier] = dossier
        return found

    def _load(self, stream: str) -> tuple[int, Dossier]:
        version, events = self.ledger.load(stream, APPLICATION_EVENTS)
        return version, rules.fold(events)

    def _lives(self, dossier: Dossier) -> bool:
        permit = dossier.permit
        return (
            dossier.state is State.GRANTED
            and permit is not None
            and self.clock.now().date() <= permit.valid_until
        )


def _project(dossier: Dossier) -> str:
    return dossier.application.project if dossier.application else ""
