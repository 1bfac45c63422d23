"""What a build of the person layer has to read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from bercail.foundation import Actor, Refused, Role, canonical_json, sha256_hex
from bercail.ingest.persons.events import PersonsBuilt, SourceTaken
from bercail.lake import Difference

_NAME = "persons-"


@frozen(kw_only=True)
class Reading:
    """What to read: `new` deliveries by table; `whole` when everything is read again."""

    new: Mapping[str, frozenset[str]]
    whole: bool

    @property
    def nothing(self) -> bool:
        """Whether the person layer says all there is already."""
        return not self.whole and not any(self.new.values())


def last_build(events: Iterable[object]) -> PersonsBuilt | None:
    """The last build that the events tell of; None when there was none."""
    found = [event for event in events if isinstance(event, PersonsBuilt)]
    return found[-1] if found else None


def require_operator(actor: Actor) -> None:
    """`Refused` unless an operator acts (requirement IAM-05)."""
    if not actor.has(Role.OPERATOR):
        raise Refused(
            f"`{actor.id}` may not build the person layer.",
            remedy="An operator does.",
            rule="IAM-05",
        )


def reading(
    held: Mapping[str, frozenset[str]], changes: Mapping[str, Difference], *, whole: bool
) -> Reading:
    """What a build has to read.

    `held` are the deliveries of each source table now; `changes` what became of the tables that an
    earlier build took, where something did. Rows that left a source (a correction, an erasure, the
    end of a retention) cannot be taken out of sums: then every row is read again.
    """
    shrunk = any(
        after < before for change in changes.values() for before, after in change.rows.values()
    )
    if whole or shrunk:
        return Reading(new=held, whole=True)
    new = {
        table: frozenset(name for name, (before, _) in changes[table].rows.items() if not before)
        if table in changes
        else deliveries
        for table, deliveries in held.items()
    }
    return Reading(new=new, whole=False)


def build_name(before: Iterable[str], sources: tuple[SourceTaken, ...]) -> str:
    """The name of the next build, after those in the tables: its turn, and what it is made from."""
    turns = [int(name.split("-")[1]) for name in before if name.startswith(_NAME)]
    listed = [[one.table, one.snapshot] for one in sources]
    return f"{_NAME}{max(turns, default=0) + 1:06d}-{sha256_hex(canonical_json(listed))[:12]}"
