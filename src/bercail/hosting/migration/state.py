"""Where a migration stands: a fold of its events, through one table of transitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from attrs import evolve, frozen

from bercail.foundation import Unproven
from bercail.hosting.events import (
    CopyFinished,
    CutOver,
    PlanMade,
    ProofFailed,
    ProofMade,
    RolledBack,
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


_AGAIN: dict[type, Phase] = {SurveyTaken: Phase.SURVEYED, PlanMade: Phase.PLANNED}
_COPY: dict[type, Phase] = {CopyFinished: Phase.COPIED}
_PROVE: dict[type, Phase] = {ProofMade: Phase.PROVEN, ProofFailed: Phase.UNPROVEN}

# What may happen in each phase, and the phase it leads to. Anything absent is refused.
TRANSITIONS: Mapping[Phase, Mapping[type, Phase]] = {
    Phase.NEW: {SurveyTaken: Phase.SURVEYED},
    Phase.SURVEYED: _AGAIN,
    Phase.PLANNED: {**_AGAIN, **_COPY},
    Phase.COPIED: {**_AGAIN, **_COPY, **_PROVE},
    Phase.UNPROVEN: {**_AGAIN, **_COPY, **_PROVE},
    Phase.PROVEN: {**_AGAIN, **_COPY, **_PROVE, CutOver: Phase.CUT_OVER},
    Phase.CUT_OVER: {RolledBack: Phase.ROLLED_BACK},
    Phase.ROLLED_BACK: {SurveyTaken: Phase.SURVEYED},
}


@frozen(kw_only=True)
class MigrationState:
    """One migration, as its events tell it. `proof` is set while that proof still stands."""

    phase: Phase = Phase.NEW
    canonical: Side = Side.SOURCE
    surveys: int = 0
    plans: int = 0
    runs: int = 0
    proofs: int = 0
    plan: PlanMade | None = None
    proof: ProofMade | None = None


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
    state = evolve(state, phase=phase, proof=state.proof if phase is Phase.CUT_OVER else None)
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
        case _:
            return evolve(state, canonical=Side.SOURCE)
