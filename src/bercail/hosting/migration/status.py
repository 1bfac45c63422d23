"""Where a migration stands, for a reader. Frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from attrs import field, frozen

from bercail.hosting.migration.entry import Delta, ObjectState
from bercail.hosting.migration.object_table import Tally
from bercail.hosting.migration.rules import NEXT_STEP
from bercail.hosting.migration.state import MigrationState
from bercail.hosting.migration.worktable import WorkTable

# How many names a status shows of each list; the counts are always whole.
SHOWN = 100


@frozen(kw_only=True)
class Survey:
    """What one survey saw: objects and bytes that the source shows, and what differs.

    `noted` counts what is not carried, by kind (versions, snapshots, directories...);
    `repeated` the entries that the listing gave more than once.
    """

    number: int
    objects: int
    bytes: int
    delta: Delta
    noted: Mapping[str, Tally] = field(factory=dict)
    repeated: int = 0

    @classmethod
    def of(
        cls,
        number: int,
        delta: Delta,
        tallies: Mapping[ObjectState, Tally],
        *,
        noted: Mapping[str, Tally] | None = None,
        repeated: int = 0,
    ) -> Survey:
        """The survey whose result is `tallies`."""
        live = [tally for state, tally in tallies.items() if state is not ObjectState.GONE]
        return cls(
            number=number,
            objects=sum(tally.objects for tally in live),
            bytes=sum(tally.bytes for tally in live),
            delta=delta,
            noted=noted or {},
            repeated=repeated,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        return {
            "survey": self.number,
            "objects": self.objects,
            "bytes": self.bytes,
            "new": self.delta.new,
            "changed": self.delta.changed,
            "gone": self.delta.gone,
            "changed_in": {
                "content": self.delta.content,
                "metadata": self.delta.metadata,
                "tags": self.delta.tags,
                "tier": self.delta.tier,
            },
            "noted": {
                kind: {"objects": tally.objects, "bytes": tally.bytes}
                for kind, tally in self.noted.items()
            },
            "repeated": self.repeated,
            "unsteady": self.delta.unsteady,
            "hidden": self.delta.hidden,
        }


@frozen(kw_only=True)
class MigrationStatus:
    """The state that the journal tells, and the counts of the work table.

    `left_behind`, `failed` and `wrong` (what the last proof found) map object
    names to reasons, the first hundred of each.
    """

    name: str
    state: MigrationState
    tallies: Mapping[ObjectState, Tally]
    left_behind: Mapping[str, str]
    failed: Mapping[str, str]
    wrong: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        counts: dict[str, Any] = {
            state.value: {"objects": tally.objects, "bytes": tally.bytes}
            for state, tally in self.tallies.items()
        }
        return {
            "migration": self.name,
            "phase": self.state.phase.value,
            "canonical": self.state.canonical.value,
            "next": NEXT_STEP[self.state.phase],
            "objects": counts,
            "plan": self.state.plan.digest if self.state.plan else None,
            "proof": self.state.proof.root if self.state.proof else None,
            "left_behind": dict(self.left_behind),
            "failed": dict(self.failed),
            "wrong": dict(self.wrong),
        }


def status_of(name: str, state: MigrationState, table: WorkTable) -> MigrationStatus:
    """The status of migration `name`, read from `table`."""
    return MigrationStatus(
        name=name,
        state=state,
        tallies=table.objects.tallies(),
        left_behind=_reasons(table, ObjectState.NOT_CARRIED),
        failed=_reasons(table, ObjectState.FAILED),
        wrong=dict(islice(table.failures.all().items(), SHOWN)),
    )


def _reasons(table: WorkTable, state: ObjectState) -> dict[str, str]:
    rows = islice(table.objects.rows(state), SHOWN)
    return {row.entry.name: row.reason or "" for row in rows}
