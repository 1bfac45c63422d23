"""What happens to a request to let a result out. Names, counts and digests; never a value."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Entry:
    """One thing that is voted on: its part in the set, its name, and its digest.

    `part`: `submitted`, `supporting`, `schema` and `report` never leave and are committed to under
    a key (`hmac-sha256:`); `leaves` is a digest with a salt that only the release opens
    (`salted-sha256:`; in older events plain, `sha256:`); `policy` is a plain digest;
    `submission` carries the id of the submission.
    """

    part: str
    name: str
    digest: str


@frozen(kw_only=True)
class RequestOpened:
    """A member of a project began a request under a permit."""

    request: str
    permit: str
    project: str
    author: str


@frozen(kw_only=True)
class FileAttached:
    """A file was sealed into the request; `commitment` is keyed, `size` in bytes."""

    name: str
    size: int
    commitment: str


@frozen(kw_only=True)
class AttachedFile:
    """One file of a request: the name it goes by, its kind, its keyed commitment, its bytes.

    `role`: `leaves`, `supports` for what only the checkers see, or `declares` for the schema of
    a file of tables.
    """

    name: str
    kind: str
    role: str
    size: int
    commitment: str


@frozen(kw_only=True)
class FilesAttached:
    """Files were sealed into the request, in place of those before; their order is kept."""

    files: tuple[AttachedFile, ...]


@frozen(kw_only=True)
class RequestSubmitted:
    """The author asks for the attached files; `submission` is new each time.

    `context` says what the files show; `insisted` why usual causes of rejection stand.
    """

    submission: str
    members: tuple[str, ...]
    singling_out: str
    correlation: str
    inference: str
    at: str
    context: str = ""
    insisted: str = ""


@frozen(kw_only=True)
class RequestChecked:
    """The automatic check is done; the set to vote on is fixed, and how many must approve it.

    `checkers`: as the signed permit and the policy said at that moment; 0 in older events.
    """

    entries: tuple[Entry, ...]
    set_digest: str
    policy_digest: str
    verdict: str
    cells: int
    hidden_cells: int
    rules: tuple[str, ...]
    checkers: int = 0


@frozen(kw_only=True)
class RequestQuarantined:
    """The check stopped the request; its files stay sealed and cannot be voted on."""

    rules: tuple[str, ...]


@frozen(kw_only=True)
class VoteCast:
    """A checker voted on one set; `envelope` is the signed statement (DSSE, JSON text)."""

    checker: str
    approve: bool
    reason: str
    set_digest: str
    at: str
    envelope: str


@frozen(kw_only=True)
class ReviewDivided:
    """Enough checkers voted and they disagree: they see all votes and may change theirs."""

    set_digest: str


@frozen(kw_only=True)
class RequestApproved:
    """Enough distinct checkers approved the same set."""

    set_digest: str


@frozen(kw_only=True)
class RequestRejected:
    """Enough checkers said no; the same set cannot leave."""

    set_digest: str


@frozen(kw_only=True)
class RequestReturned:
    """A checker gave the request back to its author, with a reason."""

    reason: str


@frozen(kw_only=True)
class RequestWithdrawn:
    """The author took the request back."""

    reason: str


@frozen(kw_only=True)
class RequestReleased:
    """The package was fixed; from this event on it may be written out."""

    at: str
    package_digest: str
    ledger: str
    envelope: str


@frozen(kw_only=True)
class RequestRevoked:
    """A release is taken back, its package is void; `envelope` says so, signed (DSSE, JSON)."""

    reason: str
    at: str
    package_digest: str
    envelope: str


@frozen(kw_only=True)
class TamperingFound:
    """Sealed bytes are no longer those that were checked; `where` names the part."""

    where: str


@frozen(kw_only=True)
class OutputCounted:
    """A project asked for an output; in the project's own stream."""

    request: str
    submission: str
    cells: int
    at: str
    bytes: int = 0


@frozen(kw_only=True)
class OutputAlert:
    """A project asks for more than is usual (SNDS referential, 7.3): requests, cells or bytes."""

    requests: int
    days: int
    cells: int = 0
    bytes: int = 0


@frozen(kw_only=True)
class OutputRefused:
    """A file was turned away at the door; in the project's own stream."""

    permit: str
    author: str
    rule: str
    size: int


@frozen(kw_only=True)
class OutputSeen:
    """A checker saw what a request holds: `what` is the report or the name of a file."""

    request: str
    submission: str
    what: str
    by: str


REQUEST_EVENTS: tuple[type, ...] = (
    RequestOpened,
    FileAttached,
    FilesAttached,
    RequestSubmitted,
    RequestChecked,
    RequestQuarantined,
    VoteCast,
    ReviewDivided,
    RequestApproved,
    RequestRejected,
    RequestReturned,
    RequestWithdrawn,
    RequestReleased,
    RequestRevoked,
    TamperingFound,
)
PROJECT_EVENTS: tuple[type, ...] = (OutputCounted, OutputAlert, OutputRefused)
SIGHT_EVENTS: tuple[type, ...] = (OutputSeen,)
