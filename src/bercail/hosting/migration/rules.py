"""Decisions of a migration: pure functions of its state, the actor and what was counted."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from bercail.foundation import Actor, Refused, Role
from bercail.hosting.events import (
    CopyFinished,
    CutOver,
    ErasureBegun,
    ErasureEvidenced,
    ErasureNotified,
    ErasurePlanned,
    PlanMade,
    ProofMade,
    RolledBack,
    SidesCompared,
    SourceErased,
    SourceFrozen,
    SurveyTaken,
)
from bercail.hosting.migration.entry import Delta
from bercail.hosting.migration.freeze import Freeze
from bercail.hosting.migration.state import TRANSITIONS, MigrationState, Phase, Side


class Act(StrEnum):
    """What an operator may ask for; the words of the command line."""

    SURVEY = "survey"
    PLAN = "plan"
    COPY = "copy"
    PROVE = "prove"
    DUAL_RUN = "dual-run"
    FREEZE = "freeze"
    CUT_OVER = "cut-over"
    ROLL_BACK = "roll-back"
    PLAN_ERASURE = "erase plan"
    NOTIFY_ERASURE = "erase notify"
    BEGIN_ERASURE = "erase begin"
    EVIDENCE_ERASURE = "erase evidence"
    CERTIFY_ERASURE = "erase certificate"


# The event that each act leads to; whether it may happen now is in TRANSITIONS.
LEADS_TO: dict[Act, type] = {
    Act.SURVEY: SurveyTaken,
    Act.PLAN: PlanMade,
    Act.COPY: CopyFinished,
    Act.PROVE: ProofMade,
    Act.DUAL_RUN: SidesCompared,
    Act.FREEZE: SourceFrozen,
    Act.CUT_OVER: CutOver,
    Act.ROLL_BACK: RolledBack,
    Act.PLAN_ERASURE: ErasurePlanned,
    Act.NOTIFY_ERASURE: ErasureNotified,
    Act.BEGIN_ERASURE: ErasureBegun,
    Act.EVIDENCE_ERASURE: ErasureEvidenced,
    Act.CERTIFY_ERASURE: SourceErased,
}

# What to do when an act is not possible yet, by phase.
NEXT_STEP: dict[Phase, str] = {
    Phase.NEW: "Run `bercail migrate survey` first.",
    Phase.SURVEYED: "Run `bercail migrate plan`, then `copy`.",
    Phase.PLANNED: "Run `bercail migrate copy` to its end.",
    Phase.COPIED: "Run `bercail migrate prove`.",
    Phase.UNPROVEN: "Run `bercail migrate copy` to carry what failed again, then `prove`.",
    Phase.PROVEN: "Run `bercail migrate cut-over`.",
    Phase.CUT_OVER: (
        "The target is canonical. When you are sure, erase the source: `bercail erase plan`, "
        "`notify`, `begin`. If it was a mistake: `bercail migrate roll-back`."
    ),
    Phase.ROLLED_BACK: "The source is canonical again: run `bercail migrate survey`.",
    Phase.ERASING: "The source is being erased: run `bercail erase evidence`, then `certificate`.",
    Phase.ERASED: "Nothing more: the target alone holds the data. To leave it, migrate from it.",
}


@frozen(kw_only=True)
class Readiness:
    """What was counted just before a cut-over.

    `delta` compares the source with the survey; `absent` counts carried
    objects that the target's listing does not show at their sealed size.
    """

    delta: Delta
    pending: int
    left_behind: int
    absent: int


def require_may(act: Act, state: MigrationState, actor: Actor) -> None:
    """Refuse unless `actor` is an operator and `act` is possible in this phase.

    Raises:
        Refused: with rule `migration-operator` or `migration-order`.
    """
    if not actor.has(Role.OPERATOR):
        raise Refused(
            f"`{actor.id}` may not {act.value}: a migration is the operator's act.",
            remedy="Let a person with the role `operator` do it.",
            rule="migration-operator",
        )
    if act is Act.ROLL_BACK and state.phase in (Phase.ERASING, Phase.ERASED):
        raise Refused(
            "There is nothing to roll back to: the erasure of the source has begun.",
            remedy="To leave the target, migrate from it to another store.",
            rule="migration-erased",
        )
    if LEADS_TO[act] not in TRANSITIONS[state.phase]:
        # Nobody asks for a freeze by itself: it is the first step of a cut-over.
        asked = Act.CUT_OVER if act is Act.FREEZE else act
        raise Refused(
            f"`{asked.value}` is not possible while the migration is `{state.phase.value}`.",
            remedy=NEXT_STEP[state.phase],
            rule="migration-order",
        )


def require_may_begin_cut_over(state: MigrationState, actor: Actor) -> None:
    """Refuse unless everything was proved once, or an interrupted cut-over is to be finished.

    Raises:
        Refused: rule `migration-operator` or `migration-order`.
    """
    interrupted = state.frozen is not None and state.phase in (
        Phase.SURVEYED,
        Phase.PLANNED,
        Phase.COPIED,
    )
    require_may(Act.FREEZE if interrupted else Act.CUT_OVER, state, actor)


def decide_cut_over(
    state: MigrationState, actor: Actor, ready: Readiness, *, accept_left_behind: bool
) -> CutOver:
    """The switch of the canonical side, or why not.

    Raises:
        Refused: rule `migration-order` (no proof that still stands),
            `migration-freeze` (nobody says that the source is read-only),
            `migration-delta` (the source moved on), `migration-target` (the
            target lost objects) or `migration-left-behind`.
    """
    require_may(Act.CUT_OVER, state, actor)
    proof = state.proof
    if proof is None:
        raise Refused(
            "There is no proof that still stands.",
            remedy="Run `bercail migrate prove`.",
            rule="migration-order",
        )
    if state.frozen is None:
        raise Refused(
            "Nothing shows that the source is read-only.",
            remedy="Run `bercail migrate cut-over`, which asserts it first.",
            rule="migration-freeze",
        )
    _require_unmoved(ready, accept_left_behind=accept_left_behind)
    return CutOver(proof=proof.proof, root=proof.root, left_behind=ready.left_behind)


def _require_unmoved(ready: Readiness, *, accept_left_behind: bool) -> None:
    if ready.absent:
        raise Refused(
            f"The target no longer shows {ready.absent} of the objects that were proved.",
            remedy="Run survey, plan, copy and prove again.",
            rule="migration-target",
        )
    if ready.pending or not ready.delta.empty:
        raise Refused(
            f"The source is not what was proved: {ready.delta.described()}, "
            f"{ready.pending} still to copy.",
            remedy="Freeze the source, then run survey, plan, copy and prove again.",
            rule="migration-delta",
        )
    if ready.left_behind and not accept_left_behind:
        raise Refused(
            f"{ready.left_behind} objects cannot be carried and would stay behind.",
            remedy="See `bercail migrate status`; then say `--accept-left-behind`.",
            rule="migration-left-behind",
        )


def require_freeze(freeze: Freeze | None) -> Freeze:
    """The way in which the source is asserted to be read-only.

    Raises:
        Refused: none was given (rule `migration-freeze`).
    """
    if freeze is None:
        raise Refused(
            "A cut-over needs a source that takes no more writes, and nothing says so.",
            remedy="Give `--probe-credentials PREFIX`, or `--attested-by` with `--attestation`.",
            rule="migration-freeze",
        )
    return freeze


def require_reason(state: MigrationState, actor: Actor, reason: str) -> None:
    """Let a roll-back pass: it is possible now, and has a reason in words.

    Raises:
        Refused: not an operator, not cut over, erased since, or no reason given.
    """
    require_may(Act.ROLL_BACK, state, actor)
    if not reason.strip():
        raise Refused(
            "A roll-back needs a reason.",
            remedy="Say why with `--reason`.",
            rule="migration-reason",
        )


def require_canonical_target(state: MigrationState) -> None:
    """Refuse to hand out the target's objects while the source is canonical.

    Raises:
        Refused: with rule `migration-one-canonical`.
    """
    if state.canonical is not Side.TARGET:
        raise Refused(
            "The target is not canonical yet: what landed there may not be used.",
            remedy=NEXT_STEP[state.phase],
            rule="migration-one-canonical",
        )
