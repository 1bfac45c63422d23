"""What happened to applications, permits, objections and extracts."""

from __future__ import annotations

from datetime import date

from attrs import frozen

from bercail.access.permit import AccessApplication, DataPermit


@frozen(kw_only=True)
class ApplicationFiled:
    """An application arrived."""

    application: str
    content: AccessApplication


@frozen(kw_only=True)
class InformationRequested:
    """Items are missing; the applicant has until `due` (EHDS art. 68(4): four weeks)."""

    missing: tuple[str, ...]
    due: date


@frozen(kw_only=True)
class ApplicationCompleted:
    """The applicant gave the missing items; the whole content as it now stands."""

    content: AccessApplication


@frozen(kw_only=True)
class OpinionGiven:
    """The committee's opinion (CESREES in France, CSP L1462-1)."""

    favourable: bool
    reasons: str


@frozen(kw_only=True)
class AuthorisationGiven:
    """The regulator's decision (CNIL in France, LIL art. 66 and 76)."""

    reference: str
    authorised: bool


@frozen(kw_only=True)
class PermitGranted:
    """The access body granted the permit."""

    permit: DataPermit


@frozen(kw_only=True)
class PermitRefused:
    """The access body refused, with its reasons."""

    reasons: str


@frozen(kw_only=True)
class PermitRevoked:
    """The permit was taken back (EHDS art. 63)."""

    reasons: str


@frozen(kw_only=True)
class ExtractMade:
    """An extract was materialised.

    `objections` is the version of the registry of objections that it respects, `rows` and
    `snapshots` are by lake table, `manifest_sha256` names every part by its digest.
    """

    extract: str
    manifest_sha256: str
    objections: int
    persons: int
    rows: dict[str, int]
    snapshots: dict[str, str]


@frozen(kw_only=True)
class ExtractOpened:
    """A member of the project opened the extract to work on it."""

    extract: str
    member: str


@frozen(kw_only=True)
class PseudonymTurnBegun:
    """The pseudonyms of the project are changing: its extracts are shut until `turn` ends."""

    turn: str


@frozen(kw_only=True)
class ExtractTurned:
    """The extract stands under new pseudonyms, as `extract`; `former` opens by its name.

    `manifest_sha256` names every new part by its digest. Rows and persons are the same.
    """

    turn: str
    former: str
    extract: str
    manifest_sha256: str


@frozen(kw_only=True)
class PseudonymTurnEnded:
    """`turn` ended and had no extract of this permit to write again."""

    turn: str


@frozen(kw_only=True)
class FormerExtractsExpired:
    """Extracts under former pseudonyms left the host: `extracts`, in so many files."""

    extracts: tuple[str, ...]
    files: int


@frozen(kw_only=True)
class ProjectNamed:
    """The name of a project, and with it its pseudonyms, belongs to this applicant."""

    project: str
    applicant: str


@frozen(kw_only=True)
class ObjectionRegistered:
    """A person objected; the registry has a new version, named by a keyed digest alone."""

    version: int
    registry_digest: str


@frozen(kw_only=True)
class ObjectionWithdrawn:
    """A person withdrew an objection; the registry has a new version."""

    version: int
    registry_digest: str


APPLICATION_EVENTS = (
    ApplicationFiled,
    InformationRequested,
    ApplicationCompleted,
    OpinionGiven,
    AuthorisationGiven,
    PermitGranted,
    PermitRefused,
    PermitRevoked,
    ExtractMade,
    ExtractOpened,
    PseudonymTurnBegun,
    ExtractTurned,
    PseudonymTurnEnded,
    FormerExtractsExpired,
)
PROJECT_EVENTS = (ProjectNamed,)
OBJECTION_EVENTS = (ObjectionRegistered, ObjectionWithdrawn)
