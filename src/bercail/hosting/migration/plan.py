"""The plan of a migration: what copying will do, computed before anything is done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from bercail.foundation import canonical_json
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.object_table import Tally, WorkRow


@frozen(kw_only=True)
class Plan:
    """What stands on the source, what is there already, what will be copied, what cannot be.

    `left_behind` counts the objects that cannot be carried, by reason. `digest`
    is the SHA-256 over one canonical line per object with what will be done to
    it; two plans with one digest do the same.
    """

    number: int
    survey: int
    total: Tally
    there: Tally
    read_back: Tally
    to_copy: Tally
    left_behind: Mapping[str, int] = field(factory=dict)
    digest: str

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json` and the journal's readers."""
        return {
            "plan": self.number,
            "survey": self.survey,
            "objects": self.total.objects,
            "bytes": self.total.bytes,
            "already_there": self.there.objects,
            "already_there_bytes": self.there.bytes,
            "to_read_back": self.read_back.objects,
            "to_read_back_bytes": self.read_back.bytes,
            "to_copy": self.to_copy.objects,
            "to_copy_bytes": self.to_copy.bytes,
            "cannot_be_carried": dict(self.left_behind),
            "digest": self.digest,
        }


def make_plan(number: int, survey: int, rows: Iterable[WorkRow]) -> Plan:
    """The plan for `rows`, every object that the survey shows, in the order of their names."""
    sums = {act: [0, 0] for act in ("there", "read back", "copy", "leave")}
    left: dict[str, int] = {}
    digest = hashlib.sha256()
    for row in rows:
        act = _act(row)
        sums[act][0] += 1
        sums[act][1] += row.entry.size
        if act == "leave":
            reason = row.reason or "unknown"
            left[reason] = left.get(reason, 0) + 1
        line = [row.entry.name, row.entry.size, row.entry.binding_version, act]
        digest.update(canonical_json(line) + b"\n")
    tallies = {act: Tally(objects=count, bytes=size) for act, (count, size) in sums.items()}
    return Plan(
        number=number,
        survey=survey,
        total=Tally(
            objects=sum(t.objects for t in tallies.values()),
            bytes=sum(t.bytes for t in tallies.values()),
        ),
        there=tallies["there"],
        read_back=tallies["read back"],
        to_copy=tallies["copy"],
        left_behind=left,
        digest=digest.hexdigest(),
    )


def _act(row: WorkRow) -> str:
    if row.state is ObjectState.CARRIED:
        return "there"
    if row.state is ObjectState.NOT_CARRIED:
        return "leave"
    return "read back" if row.there and not row.distrust else "copy"
