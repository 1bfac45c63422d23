"""Where a migration stands: a fold of its events, through one table of transitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from attrs import evolve, field, frozen

from bercail.foundation import Unproven
from bercail.hosting.events import (
    CopyFinished,
    CutOver,
    DeltasLogged,
    ErasureBegun,
    ErasureEvidenced,
    ErasureNotified,
    ErasurePlanned,
    PlanMade,
    ProofFailed,
    ProofMade,
    RolledBack,
    SidesCompared,
    SourceErased,
    SourceFrozen,
    SurveyTaken,
)


class Side(StrEnum):
    """The two sides of a migration; exactly one is canonical at any time."""

    SOURCE = "source"
    TARGET = "target"


class Phase(StrEnum):
    """What was done last."""

    NEW = "new"
    SURVEYED = "surveyed"
    PLANNED = "planned"
    COPIED = "copied"
    UNPROVEN = "unproven"
    PROVEN = "proven"
    CUT_OVER = "cut_over"
    ROLLED_BACK = "rolled_back"
    ERASING = "erasing"
    ERASED = "erased"


_AGAIN: dict[type, Phase] = {SurveyTaken: Phase.SURVEYED, PlanMade: Phase.PLANNED}
_COPY: dict[type, Phase] = {CopyFinished: Phase.COPIED}
# What looks, or is said, and changes nothing that was proved.
BESIDE = (SidesCompared, DeltasLogged, SourceFrozen, ErasurePlanned, ErasureNotified)
_PROVE: dict[type, Phase] = {ProofMade: Phase.PROVEN, ProofFailed: Phase.UNPROVEN}


def _looking(phase: Phase) -> dict[type, Phase]:
    return {SidesCompared: phase, DeltasLogged: phase, SourceFrozen: phase}


# What may happen in each phase, and the phase it leads to. Anything absent is refused.
TRANSITIONS: Mapping[Phase, Mapping[type, Phase]] = {
    Phase.NEW: {SurveyTaken: Phase.SURVEYED},
    Phase.SURVEYED: {**_AGAIN, **_looking(Phase.SURVEYED)},
    Phase.PLANNED: {**_AGAIN, **_COPY, **_looking(Phase.PLANNED)},
    Phase.COPIED: {**_AGAIN, **_COPY, **_PROVE, **_looking(Phase.COPIED)},
    Phase.UNPROVEN: {**_AGAIN, **_COPY, **_PROVE, **_looking(Phase.UNPROVEN)},
    Phase.PROVEN: {
        **_AGAIN,
        **_COPY,
        **_PROVE,
        **_looking(Phase.PROVEN),
        CutOver: Phase.CUT_OVER,
    },
    Phase.CUT_OVER: {
        RolledBack: Phase.ROLLED_BACK,
        ErasurePlanned: Phase.CUT_OVER,
        ErasureNotified: Phase.CUT_OVER,
        ErasureBegun: Phase.ERASING,
    },
    Phase.ROLLED_BACK: {SurveyTaken: Phase.SURVEYED},
    Phase.ERASING: {ErasureEvidenced: Phase.ERASING, SourceErased: Phase.ERASED},
    Phase.ERASED: {},
}

# The phases that only a proof leads to, and that nothing takes it away from.
_PROVEN_FOR_GOOD = (Phase.CUT_OVER, Phase.ERASING, Phase.ERASED)


@frozen(kw_only=True)
class MigrationState:
    """One migration, as its events tell it.

    `proof` is set while that proof still stands, `frozen` from the freeze on, until a roll-back.
    `erasure`, `notice` and `evidence` (by subject) tell of the present plan of erasure.
    """

    phase: Phase = Phase.NEW
    canonical: Side = Side.SOURCE
    surveys: int = 0
    plans: int = 0
    runs: int = 0
    proofs: int = 0
    comparisons: int = 0
    erasures: int = 0
    plan: PlanMade | None = None
    proof: ProofMade | None = None
    frozen: SourceFrozen | None = None
    deltas: DeltasLogged | None = None
    erasure: ErasurePlanned | None = None
    notice: ErasureNotified | None = None
    evidence: Mapping[str, ErasureEvidenced] = field(factory=dict)


def fold(events: Iterable[object]) -> MigrationState:
    """The state after `events`, oldest first.

    Raises:
        Unproven: an event stands where the table of transitions allows none.
    """
    state = MigrationState()
    for event in events:
        state = after(state, event)
    return state


def after(state: MigrationState, event: object) -> MigrationState:
    """The state once `event` has happened in `state`; Unproven when it cannot have."""
    phase = TRANSITIONS[state.phase].get(type(event))
    if phase is None:
        raise Unproven(
            f"The journal of this migration holds `{type(event).__name__}` while it was "
            f"`{state.phase.value}`, which no rule allows.",
            remedy="Run `bercail ledger verify` and look into the journal.",
        )
    stands = isinstance(event, BESIDE) or phase in _PROVEN_FOR_GOOD
    state = evolve(state, phase=phase, proof=state.proof if stands else None)
    match event:
        case SurveyTaken():
            return evolve(state, surveys=event.survey)
        case PlanMade():
            return evolve(state, plans=event.plan, plan=event)
        case CopyFinished():
            return evolve(state, runs=event.run)
        case ProofMade():
            return evolve(state, proofs=event.proof, proof=event)
        case ProofFailed():
            return evolve(state, proofs=event.proof)
        case CutOver():
            return evolve(state, canonical=Side.TARGET)
        case RolledBack():
            withdrawn = evolve(state, erasure=None, notice=None)
            return evolve(withdrawn, canonical=Side.SOURCE, frozen=None)
        case _:
            return _beside(state, event)


def _beside(state: MigrationState, event: object) -> MigrationState:
    """The state after an event that moves no side and takes no proof away."""
    match event:
        case SidesCompared():
            return evolve(state, comparisons=event.comparison)
        case DeltasLogged():
            return evolve(state, deltas=event)
        case SourceFrozen():
            return evolve(state, frozen=event)
        case ErasurePlanned():
            return evolve(state, erasures=event.plan, erasure=event, notice=None)
        case ErasureNotified():
            return evolve(state, notice=event)
        case ErasureEvidenced():
            return evolve(state, evidence={**state.evidence, event.subject: event})
        case _:
            return state
