"""What the journal remembers of hosting: judgements, and each step of a migration.

Counts, bytes and digests only: no object name, no content.
"""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class HostJudged:
    """A service was judged. `on` is a day (ISO 8601); `rules` are those that refused."""

    service: str
    data_class: str
    on: str
    accepted: bool
    rules: tuple[str, ...]
    cautions: tuple[str, ...]
    registry: str


@frozen(kw_only=True)
class QualificationLost:
    """A service once accepted for real data no longer is: the exit procedure opens (HOST-02)."""

    service: str
    on: str
    rules: tuple[str, ...]


@frozen(kw_only=True)
class SurveyTaken:
    """The source was listed whole, for the `survey`-th time."""

    survey: int
    objects: int
    bytes: int
    new: int
    changed: int
    gone: int


@frozen(kw_only=True)
class PlanMade:
    """A plan was computed from survey number `survey`; `digest` names it."""

    plan: int
    survey: int
    digest: str
    to_copy: int
    to_copy_bytes: int
    not_carried: int


@frozen(kw_only=True)
class CopyFinished:
    """A copying run came to its end. `copied` counts this run, `carried` the whole."""

    run: int
    plan: str
    copied: int
    copied_bytes: int
    carried: int
    carried_bytes: int
    failed: int


@frozen(kw_only=True)
class ProofMade:
    """Every object was re-read on the target and agreed; both sides' keys signed `root`."""

    proof: int
    basis: str
    lines: int
    bytes: int
    root: str
    manifest: str
    envelope: str


@frozen(kw_only=True)
class ProofFailed:
    """A proof was tried and `failures` objects did not agree; `digest` is of their list."""

    proof: int
    failures: int
    digest: str


@frozen(kw_only=True)
class CutOver:
    """The target became the one canonical side, on the strength of the proof with `root`."""

    proof: int
    root: str
    left_behind: int


@frozen(kw_only=True)
class RolledBack:
    """The source became the one canonical side again."""

    reason: str


GATE_EVENTS: tuple[type, ...] = (HostJudged, QualificationLost)
MIGRATION_EVENTS: tuple[type, ...] = (
    SurveyTaken,
    PlanMade,
    CopyFinished,
    ProofMade,
    ProofFailed,
    CutOver,
    RolledBack,
)
