"""The differencing guard at the desk: every table of a request against all earlier releases."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from bercail.airlock.disclosure.guard import (
    Guarded,
    LedgerMemory,
    MemoryOfReleases,
    Population,
    Relation,
    Relations,
    ReleaseMemory,
    ReleaseRecord,
    guard_record,
    guard_release,
)
from bercail.airlock.disclosure.guard.record import (
    Secret,
    document_of_check,
    read_record,
    secrets_of,
)
from bercail.airlock.disclosure.policy import DisclosurePolicy
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.door import Bundle
from bercail.airlock.ground import Ground
from bercail.foundation import Actor, canonical_json

LAKE = "lake"
"""A platform has one lake; its releases are remembered together."""


@frozen(kw_only=True)
class Published:
    """What readers will see of the tables of one file, and which secrets must go on holding."""

    document: Mapping[str, Any] = field(repr=False)
    secrets: tuple[Secret, ...] = field(repr=False)
    snapshot: str

    @property
    def cells(self) -> int:
        """The number of cells, hidden ones too."""
        return len(self._values())

    @property
    def hidden(self) -> int:
        """The number of hidden cells."""
        return sum(value is None for value in self._values())

    def _values(self) -> list[int | None]:
        return [cell["value"] for table in self.document["tables"] for cell in table["cells"]]


def tables_of(bundle: Bundle) -> dict[str, Published]:
    """The tables that would leave: count tables, and those of files with a schema, by file.

    Files that were protected as one are one entry, named after all of them.
    """
    found = {}
    for one in bundle.leaving:
        if one.check is not None:
            snapshots = one.check.table.provenance.get("snapshots") or []
            document, secrets = document_of_check(one.check)
            snapshot = "+".join(str(number) for number in snapshots)
            found[one.name] = Published(document=document, secrets=secrets, snapshot=snapshot)
        elif one.tables is not None and one.tables.document is not None:
            outcome = one.tables.assessment.outcome if one.tables.assessment else None
            found[one.name] = Published(
                document=one.tables.document,
                secrets=secrets_of(outcome) if outcome else (),
                snapshot=one.tables.snapshot,
            )
    for group in bundle.linked:
        parts = [found.pop(name) for name in group.files]
        found[joint_name(group.files)] = _joined(parts)
    return found


def joint_name(files: Sequence[str]) -> str:
    """The name under which tables of files that were protected as one are looked at."""
    return " + ".join(files)


def _joined(parts: Sequence[Published]) -> Published:
    """Tables of several files as one, numbered on; all have the same method and snapshot."""
    tables: list[Any] = []
    secrets: list[Secret] = []
    for part in parts:
        secrets += [(len(tables) + n, key, low, high) for n, key, low, high in part.secrets]
        tables += part.document["tables"]
    return Published(
        document={**parts[0].document, "tables": tables},
        secrets=tuple(secrets),
        snapshot=parts[0].snapshot,
    )


def guard_tables(
    ground: Ground,
    request_id: str,
    tables: Mapping[str, Published],
    policy: DisclosurePolicy,
    actor: Actor,
) -> dict[str, Guarded]:
    """The guard's verdict on each table by name, each with the ones before it; stores nothing."""
    # A memory of this look: what was released, then the tables before this one.
    ahead = MemoryOfReleases()
    version, earlier = _memory(ground).load(LAKE)
    for number, record in enumerate(earlier):
        ahead.append(number, record, actor)
    found: dict[str, Guarded] = {}
    known = {record.release for record in earlier}
    relations = _relations(ground, policy)
    # In the order in which a release remembers them: that of the sealed report, by name.
    for name, table in sorted(tables.items()):
        found[name] = _look(ahead, request_id, name, table, ground.source(policy), relations)
        if found[name].record.release not in known:
            ahead.append(version + len(found) - 1, found[name].record, actor)
    return found


def remember_tables(
    ground: Ground, report: Mapping[str, Any], policy: DisclosurePolicy, actor: Actor
) -> None:
    """Make every table a constraint on later releases; called again it does nothing.

    `report`: the checkers' report, which votes are bound to. It holds what `constraints_of` says
    of each table, and under `differencing` the reasons that the checkers were told.

    Raises:
        Refused: a table gives an earlier secret away, people were not told why they must compare
            it (`differencing-undecided`), or another release came between.
    """
    memory = _memory(ground)
    for name, document in report.get("constraints", {}).items():
        record = read_record(canonical_json(document))
        version, earlier = memory.load(LAKE)
        # A table remembered before a crash was looked at then; later ones were held against it.
        if all(one.release != record.release for one in earlier):
            verdict = guard_release(
                record, earlier, ground.source(policy), _relations(ground, policy)
            )
            verdict.require_allowed()
            told = report.get("differencing", {}).get(name, {})
            verdict.require_seen(told.get("people", ()))
        memory.append(version, record, actor)


def decided(guarded: Mapping[str, Guarded], verdict: str) -> tuple[str, tuple[str, ...]]:
    """The verdict of a request once the guard has looked, and the ids of what the guard found.

    `blocked` on a breach; else `people` when the guard cannot decide on a table; else `verdict`.
    """
    found = {rule for one in guarded.values() for rule in one.verdict.rules}
    if verdict != "blocked":
        if not all(one.verdict.allowed for one in guarded.values()):
            verdict = "blocked"
        elif any(one.verdict.people for one in guarded.values()):
            verdict = "people"
    return verdict, tuple(sorted(found))


def constraints_of(guarded: Mapping[str, Guarded]) -> dict[str, Any]:
    """What each table will be remembered as."""
    return {name: json.loads(one.record.to_bytes()) for name, one in guarded.items()}


def _look(
    memory: ReleaseMemory,
    request_id: str,
    name: str,
    table: Published,
    policy: SourcePolicy,
    relations: Relations,
) -> Guarded:
    record = ReleaseRecord(
        release=f"{request_id}/{name}",
        lake=LAKE,
        snapshot=table.snapshot,
        document=table.document,
        secrets=table.secrets,
    )
    return guard_record(record, memory, policy, relations)


def _relations(ground: Ground, policy: DisclosurePolicy) -> Relations:
    """How two cohorts overlap, asked once for each two."""
    known: dict[tuple[Population, Population], Relation | None] = {}

    def answer(first: Population, second: Population) -> Relation | None:
        if (first, second) not in known:
            found = ground.populations.relation(first, second, policy.threshold)
            known[first, second] = found
        return known[first, second]

    return answer


def _memory(ground: Ground) -> LedgerMemory:
    return LedgerMemory(ground.ledger, ground.sealed, ground.keys)


def as_dicts(guarded: Mapping[str, Guarded]) -> dict[str, Any]:
    """The verdicts as checkers read them."""
    return {name: one.verdict.as_dict() for name, one in guarded.items()}
