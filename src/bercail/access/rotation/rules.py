"""Where the change of a project's pseudonyms stands, and what it refuses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen

from bercail.access.rotation.columns import PlannedTable
from bercail.access.rotation.events import ProjectTablesProven, ProjectTurnBegun
from bercail.foundation import Refused


@frozen(kw_only=True)
class TurnState:
    """The last change of a project's pseudonyms; none when `turn` is empty."""

    turn: str = ""
    proven: ProjectTablesProven | None = None
    turned: bool = False

    @property
    def under_way(self) -> bool:
        """Whether it began and did not end."""
        return bool(self.turn) and not self.turned


def fold(events: Iterable[Any]) -> TurnState:
    """The state that `events` of the stream of a project lead to."""
    state = TurnState()
    for event in events:
        match event:
            case ProjectTurnBegun():
                state = TurnState(turn=event.turn)
            case ProjectTablesProven():
                state = TurnState(turn=event.turn, proven=event)
            case _:
                state = TurnState(turn=state.turn, proven=state.proven, turned=True)
    return state


def require_judged(tables: Sequence[PlannedTable]) -> None:
    """`Refused` while a column holds what may be pseudonyms and nobody judged it."""
    listed = [
        f"`{one.project}`: `{one.label}.{name}` ({many} values)"
        for one in tables
        for name, many in one.doubtful.items()
    ]
    if listed:
        raise in_doubt(", ".join(listed[:5]))


def in_doubt(where: str) -> Refused:
    """The refusal for columns that nobody declared, or somebody excluded wrongly."""
    return Refused(
        f"Tables of a project hold what may be pseudonyms, declared by nobody: {where}.",
        remedy="An access officer declares or excludes each: `bercail ingest column`.",
        rule="PSE-05",
    )


def under_way(project: str, turn: str) -> Refused:
    """The refusal while a change has begun and has not ended."""
    return Refused(
        f"The pseudonyms of the project `{project}` are changing (`{turn}`).",
        remedy="Run that change to its end first: `bercail ingest rotate --apply`, or "
        "`bercail vault renew-project`.",
        rule="rotation-under-way",
    )
