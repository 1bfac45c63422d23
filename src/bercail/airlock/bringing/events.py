"""What happens to files on their way in. Names, kinds, digests; never a value."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class BroughtFile:
    """One declared file: its name, kind and bytes, and the SHA-256 of what is brought."""

    name: str
    kind: str
    size: int
    sha256: str


@frozen(kw_only=True)
class BringingDeclared:
    """A member of a project declares files: what they are, where from, under which terms."""

    bringing: str
    permit: str
    project: str
    author: str
    purpose: str
    origin: str
    terms: str
    files: tuple[BroughtFile, ...]


@frozen(kw_only=True)
class BringingScanned:
    """The files were looked at; `rules` were met, `stopped` when one of them forbids the way in."""

    rules: tuple[str, ...]
    stopped: bool


@frozen(kw_only=True)
class BringingApproved:
    """A person approved exactly these bytes: `step` is `responsible` or `specialist`."""

    step: str
    by: str
    set_digest: str


@frozen(kw_only=True)
class BringingRefused:
    """A person refused; nothing goes in."""

    by: str
    reason: str


@frozen(kw_only=True)
class BringingHandedOver:
    """The files were handed to the project's space."""

    set_digest: str
    at: str


BRINGING_EVENTS: tuple[type, ...] = (
    BringingDeclared,
    BringingScanned,
    BringingApproved,
    BringingRefused,
    BringingHandedOver,
)
