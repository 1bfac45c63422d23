"""What happens to a request to let a result out. Names, counts and digests; never a value."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Entry:
    """One thing that is voted on: its part in the set, its name, and its digest.

    `part`: `submitted` and `report` never leave and are committed to under a key
    (`hmac-sha256:`); `leaves` and `policy` are plain digests (`sha256:`); `submission`
    carries the id of the submission.
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
class RequestSubmitted:
    """The author asks for the attached file; `submission` is new each time."""

    submission: str
    members: tuple[str, ...]
    singling_out: str
    correlation: str
    inference: str
    at: str


@frozen(kw_only=True)
class RequestChecked:
    """The automatic check is done; the set to vote on is fixed."""

    entries: tuple[Entry, ...]
    set_digest: str
    policy_digest: str
    verdict: str
    cells: int
    hidden_cells: int
    rules: tuple[str, ...]


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
class RequestApproved:
    """Enough distinct checkers approved the same set."""

    set_digest: str


@frozen(kw_only=True)
class RequestRejected:
    """A checker said no; the same set cannot leave."""

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


@frozen(kw_only=True)
class OutputAlert:
    """A project asks for more than is usual (SNDS referential, 7.3)."""

    requests: int
    days: int


@frozen(kw_only=True)
class OutputRefused:
    """A file was turned away at the door; in the project's own stream."""

    permit: str
    author: str
    rule: str
    size: int


REQUEST_EVENTS: tuple[type, ...] = (
    RequestOpened,
    FileAttached,
    RequestSubmitted,
    RequestChecked,
    RequestQuarantined,
    VoteCast,
    RequestApproved,
    RequestRejected,
    RequestReturned,
    RequestWithdrawn,
    RequestReleased,
    TamperingFound,
)
PROJECT_EVENTS: tuple[type, ...] = (OutputCounted, OutputAlert, OutputRefused)
