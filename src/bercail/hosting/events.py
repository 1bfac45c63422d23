"""What the journal remembers of hosting: judgements, and each step of a migration.

Counts, bytes and digests only: no object name, no content.
"""

from __future__ import annotations

from attrs import field, frozen


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
    """A plan was computed from survey number `survey`; `digest` names it.

    `cautions` counts the objects that are carried with something to know of them, by its code.
    """

    plan: int
    survey: int
    digest: str
    to_copy: int
    to_copy_bytes: int
    not_carried: int
    cautions: dict[str, int] = field(factory=dict)


@frozen(kw_only=True)
class CopyFinished:
    """A copying run came to its end. `copied` counts this run, `carried` the whole.

    `began` is the moment (ISO 8601) at which this run began to copy.
    """

    run: int
    plan: str
    copied: int
    copied_bytes: int
    carried: int
    carried_bytes: int
    failed: int
    began: str = ""


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
    began: str = ""


@frozen(kw_only=True)
class ProofFailed:
    """A proof was tried and `failures` objects did not agree; `digest` is of their list."""

    proof: int
    failures: int
    digest: str


@frozen(kw_only=True)
class SidesCompared:
    """Both sides were compared while both can be read; nothing was changed.

    `depth` says what was looked at; `reread` counts objects read whole on both
    sides. `differences` maps `class/kind` to a number; `digest` is the SHA-256 of
    the file of names, kept on the trust side.
    """

    comparison: int
    depth: str
    objects: int
    reread: int
    same: int
    differences: dict[str, int]
    digest: str
    quiet_rounds: int


@frozen(kw_only=True)
class DeltasLogged:
    """The log of deltas grew to `size` lines with `root`; the tree of `earlier` is its beginning.

    `proof` is the SHA-256 of the RFC 9162 consistency proof between the two.
    """

    size: int
    root: str
    earlier: int
    earlier_root: str
    proof: str


@frozen(kw_only=True)
class SourceFrozen:
    """The source was asserted to be read-only, before the last delta.

    `how` is `probe-write` (`probes` writes were refused, asked with the credentials
    `credentials`) or `attestation` (the person `by` said `statement`).
    """

    how: str
    by: str
    statement: str = ""
    credentials: str = ""
    probes: int = 0


@frozen(kw_only=True)
class CutOver:
    """The target became the one canonical side, on the strength of the proof with `root`."""

    proof: int
    root: str
    left_behind: int


@frozen(kw_only=True)
class RolledBack:
    """The source became the one canonical side again.

    `written`, `changed` and `removed` count the target's objects that are not as they
    were at the cut-over; `digest` is the SHA-256 of the file that lists them.
    """

    reason: str
    written: int = 0
    changed: int = 0
    removed: int = 0
    digest: str = ""


@frozen(kw_only=True)
class ErasurePlanned:
    """What is to be erased on the source was listed; `digest` names the list of names."""

    plan: int
    objects: int
    bytes: int
    not_carried: int
    subjects: tuple[str, ...]
    digest: str


@frozen(kw_only=True)
class ErasureNotified:
    """The notice of the erasure was given; nothing is erased before `not_before` (ISO 8601)."""

    plan: int
    given_by: str
    given_to: str
    not_before: str
    source: str
    document: str = ""


@frozen(kw_only=True)
class ErasureBegun:
    """The notice has run out and the list was released: from here on there is no roll-back.

    `reread` objects were read again on the target and opened, right before.
    """

    plan: int
    digest: str
    reread: int


@frozen(kw_only=True)
class ErasureEvidenced:
    """What is known of one `subject` of the erasure, and on whose word (`basis`).

    `remaining` counts what was still found, `looked` what was asked for by name.
    `document` is the SHA-256 of a document of `by`.
    """

    plan: int
    subject: str
    basis: str
    by: str
    remaining: int = 0
    looked: int = 0
    document: str = ""
    statement: str = ""


@frozen(kw_only=True)
class SourceErased:
    """The erasure is certified; `certificate` is the SHA-256 of the signed certificate."""

    plan: int
    objects: int
    seen: int
    on_word: int
    certificate: str


@frozen(kw_only=True)
class ExitRehearsed:
    """A sample left the host and was proven elsewhere. Durations in milliseconds and seconds.

    `opened` objects were opened down to the data and compared. The whole would take
    `estimate_s`, between `low_s` and `high_s` at 95 %; `within` compares the upper
    end with the longest transition that the Data Act allows.
    """

    rehearsal: int
    source: str
    target: str
    objects: int
    bytes: int
    opened: int
    root: str
    milliseconds: int
    all_objects: int
    all_bytes: int
    estimate_s: int
    low_s: int
    high_s: int
    within: bool


GATE_EVENTS: tuple[type, ...] = (HostJudged, QualificationLost)
MIGRATION_EVENTS: tuple[type, ...] = (
    SurveyTaken,
    PlanMade,
    CopyFinished,
    ProofMade,
    ProofFailed,
    SidesCompared,
    DeltasLogged,
    SourceFrozen,
    CutOver,
    RolledBack,
    ErasurePlanned,
    ErasureNotified,
    ErasureBegun,
    ErasureEvidenced,
    SourceErased,
)
EXIT_EVENTS: tuple[type, ...] = (ExitRehearsed,)
