"""The differencing guard: what a new release gives away together with all earlier ones.

Every released cell is a linear constraint over atoms that releases share. Never does: decide
alone what it cannot compute; that goes to people, with the reason. Hands out: `guard_request`
and `remember` for the desk, `guard_release`, `ReleaseRecord`, `ReleaseMemory` and its adapters.
"""

from bercail.airlock.disclosure.guard.desk import Guarded, guard_record, guard_request, remember
from bercail.airlock.disclosure.guard.differencing import (
    UNDECIDED,
    Breach,
    GuardVerdict,
    guard_release,
)
from bercail.airlock.disclosure.guard.events import GUARD_EVENTS, ReleaseRemembered
from bercail.airlock.disclosure.guard.memory import (
    LedgerMemory,
    MemoryOfReleases,
    ReleaseMemory,
)
from bercail.airlock.disclosure.guard.populations import (
    ComparesPopulations,
    NobodyCompares,
    Population,
    Relation,
    Relations,
    Share,
    relation_of,
    unknown_relations,
)
from bercail.airlock.disclosure.guard.record import ReleaseRecord, record_of, record_of_check

__all__ = [
    "GUARD_EVENTS",
    "UNDECIDED",
    "Breach",
    "ComparesPopulations",
    "GuardVerdict",
    "Guarded",
    "LedgerMemory",
    "MemoryOfReleases",
    "NobodyCompares",
    "Population",
    "Relation",
    "Relations",
    "ReleaseMemory",
    "ReleaseRecord",
    "ReleaseRemembered",
    "Share",
    "guard_record",
    "guard_release",
    "guard_request",
    "record_of",
    "record_of_check",
    "relation_of",
    "remember",
    "unknown_relations",
]
