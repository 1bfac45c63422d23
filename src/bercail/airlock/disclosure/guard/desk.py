"""The two calls that the airlock makes: look at a request, and remember its release.

1. At the check, and again right before the release: `guard_request`. It stores nothing.
2. At the release, before a byte leaves: `remember`. It counts at the version that was looked
   at, so that of two requests audited against the same past one is audited again.
"""

from __future__ import annotations

from attrs import field, frozen

from bercail.airlock.disclosure.check import DisclosureCheck
from bercail.airlock.disclosure.guard.differencing import GuardVerdict, guard_release
from bercail.airlock.disclosure.guard.memory import ReleaseMemory
from bercail.airlock.disclosure.guard.populations import Relations, unknown_relations
from bercail.airlock.disclosure.guard.record import ReleaseRecord, record_of, record_of_check
from bercail.airlock.disclosure.protect.outcome import ProtectedTables
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE, SourcePolicy
from bercail.foundation import Actor


@frozen(kw_only=True)
class Guarded:
    """The verdict, the version of the memory it was given at, and what would be remembered."""

    verdict: GuardVerdict
    version: int
    record: ReleaseRecord = field(repr=False)


def guard_request(
    checked: DisclosureCheck | ProtectedTables,
    memory: ReleaseMemory,
    *,
    release: str,
    lake: str,
    snapshot: str,
    policy: SourcePolicy = SNDS_SOURCE,
    relations: Relations = unknown_relations,
) -> Guarded:
    """What the tables of a request give away with every earlier release of `lake`.

    `release`: the id of the request. `snapshot`: the state of the lake they were made from;
    states of one lake are ordered as numbers when they are numbers. `relations` counts persons
    in one of two populations only; without it, other cohorts go to people.

    Raises:
        Unproven: an earlier record does not open, or a solver gives no answer.
    """
    make = record_of_check if isinstance(checked, DisclosureCheck) else record_of
    record = make(checked, release=release, lake=lake, snapshot=snapshot)  # type: ignore[arg-type]
    return guard_record(record, memory, policy, relations)


def guard_record(
    record: ReleaseRecord,
    memory: ReleaseMemory,
    policy: SourcePolicy = SNDS_SOURCE,
    relations: Relations = unknown_relations,
) -> Guarded:
    """`guard_request` on the record of tables, however they were protected."""
    version, earlier = memory.load(record.lake)
    verdict = guard_release(record, earlier, policy, relations)
    return Guarded(verdict=verdict, version=version, record=record)


def remember(guarded: Guarded, memory: ReleaseMemory, actor: Actor) -> None:
    """Make the release a constraint on later ones; called again it does nothing.

    Raises:
        Refused: the verdict refuses it (`differencing`...), or another release was remembered
            since (`journal-conflict`): audit again.
    """
    guarded.verdict.require_allowed()
    memory.append(guarded.version, guarded.record, actor)
