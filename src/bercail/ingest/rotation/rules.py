"""Which columns are taken, and what may happen next. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from bercail.foundation import Actor, Invalid, Missing, Refused, Role
from bercail.ingest.rotation.events import (
    ColumnDeclared,
    ColumnExcluded,
    ObjectionsCarried,
    ProjectsCarried,
    RotationBegun,
    RotationProven,
    TableTurned,
)
from bercail.ingest.rotation.plan import RotationPlan, TakenColumn
from bercail.lake.pseudonym_search import Kind

KINDS: Mapping[str, Kind] = {"person": "person", "person_ranked": "person_ranked"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")


@frozen(kw_only=True)
class Verdicts:
    """What officers said of columns: kinds of the declared, and the excluded."""

    declared: Mapping[tuple[str, str], Kind]
    excluded: frozenset[tuple[str, str]]


@frozen(kw_only=True)
class Rotation:
    """The last rotation, as its events tell it; none when `name` is empty."""

    name: str = ""
    to_epoch: int = 1
    reason: str = ""
    turned: frozenset[str] = frozenset()
    carried: ObjectionsCarried | None = None
    projects: ProjectsCarried | None = None
    proven: RotationProven | None = None

    @property
    def under_way(self) -> bool:
        """Whether it began and is not proven."""
        return bool(self.name) and self.proven is None


def fold(events: Iterable[Any]) -> Rotation:
    """The state that `events` of the rotation stream lead to."""
    state = Rotation()
    for event in events:
        match event:
            case RotationBegun():
                state = Rotation(name=event.rotation, to_epoch=event.to_epoch, reason=event.reason)
            case TableTurned():
                state = evolve(state, turned=state.turned | {event.table})
            case ObjectionsCarried():
                state = evolve(state, carried=event)
            case ProjectsCarried():
                state = evolve(state, projects=event)
            case RotationProven():
                state = evolve(state, proven=event)
            case _:
                continue
    return state


def fold_columns(events: Iterable[Any]) -> Verdicts:
    """The last word of the officers on each column."""
    declared: dict[tuple[str, str], Kind] = {}
    excluded: set[tuple[str, str]] = set()
    for event in events:
        place = (event.table, event.column)
        declared.pop(place, None)
        excluded.discard(place)
        if isinstance(event, ColumnDeclared):
            declared[place] = KINDS[event.kind]
        elif isinstance(event, ColumnExcluded):
            excluded.add(place)
    return Verdicts(declared=declared, excluded=frozenset(excluded))


def taken_columns(
    table: str,
    text_columns: Sequence[str],
    identities: Mapping[str, Kind],
    lineage: Mapping[str, str],
    verdicts: Verdicts,
) -> tuple[TakenColumn, ...]:
    """The columns of `table` that hold pseudonyms, in the order of the table.

    `identities` gives the kind of each pseudonym column name of the catalogue, `lineage` the
    `TABLE.COLUMN` that a column comes from. A name or a lineage cannot be excluded.
    """
    found = []
    for name in text_columns:
        source = lineage.get(name, "").rpartition(".")[2].upper()
        if kind := identities.get(name.upper()):
            found.append(TakenColumn(name=name, kind=kind, found_by="catalogue"))
        elif kind := identities.get(source):
            found.append(TakenColumn(name=name, kind=kind, found_by="lineage"))
        elif kind := verdicts.declared.get((table, name)):
            found.append(TakenColumn(name=name, kind=kind, found_by="declared"))
    return tuple(found)


def require_operator(actor: Actor) -> None:
    """`Refused` unless an operator acts."""
    if not actor.has(Role.OPERATOR):
        raise Refused(
            f"`{actor.id}` may not change the platform's pseudonyms.",
            remedy="An operator does.",
            rule="PSE-04",
        )


def require_officer(actor: Actor, table: str, column: str) -> None:
    """`Refused` unless an access officer judges a column; `Invalid` for what names none."""
    if not actor.has(Role.ACCESS_OFFICER):
        raise Refused(
            f"`{actor.id}` may not judge what `{table}.{column}` holds.",
            remedy="An access officer does, by name.",
            rule="PSE-05",
        )
    if not (_NAME.fullmatch(table) and _NAME.fullmatch(column)):
        raise Invalid(f"`{table}.{column}` names no column.", remedy="Give TABLE and COLUMN.")


def require_judgement(kind: str, reason: str) -> Kind | None:
    """The kind of a declared column, None for an excluded one; `Invalid` for anything else."""
    if bool(kind) == bool(reason.strip()) or (kind and kind not in KINDS):
        raise Invalid(
            "A column is declared as `person` or `person_ranked`, or excluded for a reason.",
            remedy="Give --kind or --exclude, and not both.",
        )
    return KINDS[kind] if kind else None


def require_beginnable(plan: RotationPlan) -> None:
    """`Refused` while a column holds what may be pseudonyms and no officer judged it."""
    if plan.doubtful:
        listed = ", ".join(f"`{one.table}.{one.column}`" for one in plan.doubtful[:5])
        raise Refused(
            f"{len(plan.doubtful)} column(s) hold what may be pseudonyms, declared by nobody or "
            f"excluded wrongly: {listed}.",
            remedy="An access officer declares or excludes each: `bercail ingest column`.",
            rule="PSE-05",
        )
    shaky = [
        f"`{one.project}: {one.table}.{name}`" for one in plan.projects for name in one.doubtful
    ]
    if shaky:
        raise Refused(
            f"{len(shaky)} column(s) of project tables hold what may be pseudonyms, declared by "
            f"nobody: {', '.join(shaky[:5])}.",
            remedy="An access officer declares or excludes each: `bercail ingest column`.",
            rule="PSE-05",
        )
    if not plan.tables:
        raise Missing("The lake holds no table.", remedy="Load a delivery first.")


def require_proven(state: Rotation) -> RotationProven:
    """The proof of the last rotation; `Refused` when there is none."""
    if state.proven is None:
        raise Refused(
            "No rotation is proven, so its old snapshots are still needed.",
            remedy="Run `bercail ingest rotate --apply` to its end.",
            rule="PSE-05",
        )
    return state.proven
