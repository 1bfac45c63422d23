"""The differencing guard at the desk: every table of a request against all earlier releases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from bercail.airlock.disclosure.check import DisclosureCheck
from bercail.airlock.disclosure.guard import (
    Guarded,
    LedgerMemory,
    MemoryOfReleases,
    ReleaseMemory,
    guard_release,
    guard_request,
)
from bercail.airlock.disclosure.guard.record import read_record
from bercail.airlock.disclosure.policy import DisclosurePolicy
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE, SourcePolicy
from bercail.airlock.ground import Ground
from bercail.foundation import Actor, canonical_json

LAKE = "lake"
"""A platform has one lake; its releases are remembered together."""


def guard_tables(
    ground: Ground, request_id: str, tables: Mapping[str, DisclosureCheck], actor: Actor
) -> dict[str, Guarded]:
    """The guard's verdict on each table by name, each with the ones before it; stores nothing."""
    # A memory of this look: what was released, then the tables before this one.
    ahead = MemoryOfReleases()
    version, earlier = _memory(ground).load(LAKE)
    for number, record in enumerate(earlier):
        ahead.append(number, record, actor)
    found: dict[str, Guarded] = {}
    known = {record.release for record in earlier}
    for name, check in tables.items():
        found[name] = _look(ahead, request_id, name, check)
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
            verdict = guard_release(record, earlier, _source_policy(policy))
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


def _look(memory: ReleaseMemory, request_id: str, name: str, check: DisclosureCheck) -> Guarded:
    snapshots = check.table.provenance.get("snapshots") or []
    return guard_request(
        check,
        memory,
        release=f"{request_id}/{name}",
        lake=LAKE,
        snapshot="+".join(str(one) for one in snapshots),
        policy=_source_policy(check.policy),
    )


def _source_policy(policy: DisclosurePolicy) -> SourcePolicy:
    return evolve(SNDS_SOURCE, counts=policy)


def _memory(ground: Ground) -> LedgerMemory:
    return LedgerMemory(ground.ledger, ground.sealed, ground.keys)


def as_dicts(guarded: Mapping[str, Guarded]) -> dict[str, Any]:
    """The verdicts as checkers read them."""
    return {name: one.verdict.as_dict() for name, one in guarded.items()}
