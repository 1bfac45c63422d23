"""What a rotation asks of the room that keeps the tables of projects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from bercail.foundation import Actor
from bercail.lake.identities import Texts, Turn

ProgressReport = Callable[[str, int, int], None]
Identities = Callable[[], Iterable[Texts]]


class PlannedTable(Protocol):
    """A table of a project: its columns by how they were found, values in doubt by column."""

    @property
    def project(self) -> str:
        """Its name."""
        ...

    @property
    def label(self) -> str:
        """`EXTRACT/TABLE`."""
        ...

    @property
    def rows(self) -> int:
        """Rows."""
        ...

    @property
    def columns(self) -> Mapping[str, str]:
        """How each column was found."""
        ...

    @property
    def doubtful(self) -> Mapping[str, int]:
        """Values in doubt, by column."""
        ...


class TurnedProject(Protocol):
    """A project whose tables stand under new pseudonyms, in counts."""

    @property
    def project(self) -> str:
        """Its name."""
        ...

    @property
    def extracts(self) -> int:
        """Extracts."""
        ...

    @property
    def tables(self) -> int:
        """Tables, of extracts and of its own."""
        ...

    @property
    def rows(self) -> int:
        """Rows."""
        ...

    @property
    def columns(self) -> int:
        """Columns turned."""
        ...

    @property
    def persons(self) -> int:
        """Distinct persons."""
        ...

    @property
    def report_sha256(self) -> str:
        """The digest of the signed report."""
        ...


class ExpiredTables(Protocol):
    """What a project had under former pseudonyms."""

    @property
    def project(self) -> str:
        """Its name."""
        ...

    @property
    def extracts(self) -> int:
        """Extracts."""
        ...

    @property
    def files(self) -> int:
        """Files that left the host."""
        ...


class TurnsProjects(Protocol):
    """The tables of projects, whose pseudonyms are functions of the platform's."""

    def plan(self) -> Sequence[PlannedTable]:
        """Every table of a project that somebody may open; changes nothing."""
        ...

    def require_turnable(self, rotation: str, identities: Identities, actor: Actor) -> None:
        """`Refused` unless every person of every table is among `identities`, those of now."""
        ...

    def turn(
        self,
        rotation: str,
        epoch: int,
        identities: Identities,
        step: Callable[[str], Turn],
        actor: Actor,
        progress: ProgressReport | None = None,
    ) -> Sequence[TurnedProject]:
        """Write and prove every table anew; again, only what is not done is done.

        `identities` are those of the epoch before, `step` leads from them on, told for a project.
        """
        ...

    def expire(self, actor: Actor) -> Sequence[ExpiredTables]:
        """Remove what stands under former pseudonyms; again, nothing happens."""
        ...
