"""The plan of a migration: what copying will do, computed before anything is done."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from bercail.foundation import canonical_json, sha256_hex
from bercail.hosting.migration.classes import NONE as NO_CLASSES
from bercail.hosting.migration.classes import Classes
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.object_table import Outlook, Tally
from bercail.hosting.migration.obstacles import other_tier
from bercail.hosting.migration.speed import Speed
from bercail.hosting.migration.tariff import Cost, Tariff
from bercail.storage import SourceChecksum

ORDER = "largest first, then by name"


@frozen(kw_only=True)
class Plan:
    """What stands on the source, what is there already, what will be copied, what cannot be.

    `left_behind` counts the objects that cannot be carried, by reason; `noted` what is
    knowingly not carried (versions, snapshots, directories...), by kind; `cautions` what to
    know of objects that are carried all the same. `digest` is the SHA-256 over one
    canonical line per object with what will be done to it; two plans with one digest do
    the same, whatever they cost and however long they take. `source_checksum` says which of
    the source's own checksums every read is compared with; `classes` counts the objects to
    carry by the storage class of the target that was chosen for them. `seconds` and `cost` are None
    where nothing was measured, or no tariff given.
    """

    number: int
    survey: int
    total: Tally
    there: Tally
    read_back: Tally
    to_copy: Tally
    left_behind: Mapping[str, int] = field(factory=dict)
    noted: Mapping[str, Tally] = field(factory=dict)
    cautions: Mapping[str, int] = field(factory=dict)
    digest: str
    speed: Speed | None = None
    cost: Cost | None = None
    source_checksum: SourceChecksum = SourceChecksum.NONE
    classes: Mapping[str, int] = field(factory=dict)

    @property
    def seconds(self) -> int | None:
        """How long the copying takes at the measured speed; reading back counts as copying."""
        if self.speed is None:
            return None
        work = Tally(
            objects=self.to_copy.objects + self.read_back.objects,
            bytes=self.to_copy.bytes + self.read_back.bytes,
        )
        return self.speed.seconds(work)

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`, the kept file and the journal's readers."""
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
            "left_behind_knowingly": {kind: tally.objects for kind, tally in self.noted.items()},
            "cautions": dict(self.cautions),
            "storage_classes": dict(self.classes),
            "order": ORDER,
            "source_checksum": self.source_checksum.value,
            "seconds": self.seconds,
            "speed": self.speed.as_dict() if self.speed else None,
            "cost": self.cost.as_dict() if self.cost else None,
            "digest": self.digest,
        }


def keep_plan(folder: Path, plan: Plan) -> Path:
    """Keep `plan` as canonical JSON in `folder`; its name says its number and its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    body = canonical_json(plan.as_dict())
    path = folder / f"plan-{plan.number}-{sha256_hex(body)[:16]}.json"
    draft = path.with_name(path.name + ".draft")
    draft.write_bytes(body)
    draft.replace(path)
    return path


def make_plan(
    number: int,
    survey: int,
    rows: Iterable[Outlook],
    noted: Mapping[str, Tally] | None = None,
    classes: Classes = NO_CLASSES,
) -> Plan:
    """The plan for `rows`, every object that the survey shows, in the order of their names.

    `noted` is what the survey saw and does not carry, by kind; `classes` says in which
    storage class of the target an object is to stand.
    """
    sums = {act: [0, 0] for act in ("there", "read back", "copy", "leave")}
    left, cautions, classed = Counter[str](), Counter[str](), Counter[str]()
    digest = hashlib.sha256()
    for row in rows:
        act = _act(row)
        sums[act][0] += 1
        sums[act][1] += row.size
        if act == "leave":
            left[row.reason or "unknown"] += 1
        else:
            cautions.update(_cautions(row, classes))
        chosen = classes.of_tier(row.tier) if act == "copy" else None
        classed.update(filter(None, [chosen]))
        digest.update(_line(row, act, chosen))
    tallies = {act: Tally(objects=count, bytes=size) for act, (count, size) in sums.items()}
    return Plan(
        number=number,
        survey=survey,
        total=_together(tallies.values()),
        there=tallies["there"],
        read_back=tallies["read back"],
        to_copy=tallies["copy"],
        left_behind=dict(left),
        noted=noted or {},
        cautions=dict(sorted(cautions.items())),
        digest=digest.hexdigest(),
        classes=dict(sorted(classed.items())),
    )


def _line(row: Outlook, act: str, chosen: str | None) -> bytes:
    """The line of the digest that says what is done to one object."""
    line = [row.name, row.size, row.version, act]
    return canonical_json([*line, chosen] if chosen else line) + b"\n"


def _together(tallies: Iterable[Tally]) -> Tally:
    counted = list(tallies)
    return Tally(objects=sum(t.objects for t in counted), bytes=sum(t.bytes for t in counted))


def _cautions(row: Outlook, classes: Classes) -> Iterator[str]:
    """What to know of an object; its tier does not stay behind where a class stands for it."""
    chosen = classes.of_tier(row.tier) is not None
    for caution in row.cautions:
        if not (chosen and caution == other_tier(row.tier)):
            yield caution


def _act(row: Outlook) -> str:
    if row.state is ObjectState.CARRIED:
        return "there"
    if row.state is ObjectState.NOT_CARRIED:
        return "leave"
    return "read back" if row.there and not row.distrust else "copy"


def priced(plan: Plan, tariff: Tariff) -> Plan:
    """`plan` with its cost: what is to be copied is read, all that is carried stands there."""
    stands = Tally(
        objects=plan.there.objects + plan.read_back.objects + plan.to_copy.objects,
        bytes=plan.there.bytes + plan.read_back.bytes + plan.to_copy.bytes,
    )
    return evolve(plan, cost=tariff.cost(plan.to_copy, stands))
