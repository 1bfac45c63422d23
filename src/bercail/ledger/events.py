"""What is recorded: an event before and after it has its place in the journal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from attrs import field, frozen
from attrs.validators import ge, instance_of, matches_re

from bercail.foundation import Invalid, canonical_json, from_iso

SALT_BYTES = 16
"""Length of the salt of a commitment, in bytes."""

STREAM_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,199}"
"""The form of a stream name; it holds a room and an id, never a person's value."""

_KIND_PATTERN = r"[A-Za-z][A-Za-z0-9_.-]{0,99}"
_ACTOR_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._@:-]{0,99}"


def _is_salt(_: object, __: object, value: bytes) -> None:
    if len(value) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")


@lru_cache(maxsize=1_024)
def _read_moment(value: str) -> None:
    """All events of one append have the same moment; it is looked at once."""
    from_iso(value)


def _is_moment(_: object, __: object, value: str) -> None:
    _read_moment(value)


@frozen(kw_only=True)
class NewEvent:
    """An event that has no place yet.

    `body` is JSON without floats; `at` is written by `to_iso`; `salt` is 16
    random bytes. A value that is not of this form cannot exist (ValueError).
    """

    kind: str = field(validator=[instance_of(str), matches_re(_KIND_PATTERN)])
    body: Mapping[str, Any]
    actor: str = field(validator=[instance_of(str), matches_re(_ACTOR_PATTERN)])
    at: str = field(validator=_is_moment)
    salt: bytes = field(validator=_is_salt, repr=False)


@frozen(kw_only=True)
class RecordedEvent:
    """An event at its place: `position` in the journal, `version` in its stream, both from 1."""

    position: int = field(validator=ge(1))
    stream: str
    version: int = field(validator=ge(1))
    kind: str
    body: Mapping[str, Any]
    actor: str
    at: str
    salt: bytes = field(validator=_is_salt, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The seven members that are committed to, without the salt."""
        return {
            "position": self.position,
            "stream": self.stream,
            "version": self.version,
            "kind": self.kind,
            "body": dict(self.body),
            "actor": self.actor,
            "at": self.at,
        }

    def commitment(self) -> bytes:
        """SHA-256 of the salt and the canonical event: what the log holds (32 bytes)."""
        return hashlib.sha256(self.salt + canonical_json(self.as_dict())).digest()

    def export_line(self) -> bytes:
        """The event and its salt as one canonical JSON line, without the line feed."""
        return canonical_json({**self.as_dict(), "salt": self.salt.hex()})


@frozen(kw_only=True)
class StaffEnrolled:
    """A person of the staff has a token to act under; who it is stands in the register only."""

    token: str


@frozen(kw_only=True)
class StaffErased:
    """What tied a token to a person is destroyed; `reason` names nobody."""

    token: str
    reason: str


STAFF_EVENTS = (StaffEnrolled, StaffErased)


@frozen(kw_only=True)
class IncidentOpened:
    """An incident is known here since `known`; the time limits run from then."""

    name: str
    known: datetime


@frozen(kw_only=True)
class IncidentTold:
    """A step of an incident was told to the authorities."""

    name: str
    step: str
    at: datetime


INCIDENT_EVENTS = (IncidentOpened, IncidentTold)


@frozen(kw_only=True)
class ProjectHalted:
    """Everything of a project must stop at once; `reason` names nobody."""

    project: str
    reason: str
    at: str


@frozen(kw_only=True)
class ProjectResumed:
    """The order to halt is lifted."""

    project: str
    reason: str
    at: str


@frozen(kw_only=True)
class SessionsEnded:
    """Sessions of a halted project were ended, so many whole seconds after the order."""

    project: str
    sessions: int
    seconds: int


HALT_EVENTS = (ProjectHalted, ProjectResumed, SessionsEnded)


@frozen(kw_only=True)
class AlarmRaised:
    """Something in the journal must be looked at today: the rule, the event, when it happened.

    `position` is that of the event; 0 for what no event tells, then `subject` says what.
    `about` is the id of the person whose act or roles it is.
    """

    alarm: str
    rule: str
    position: int
    subject: str
    at: str
    about: str = ""


@frozen(kw_only=True)
class AlarmAcknowledged:
    """Somebody looked at an alarm and says what they found."""

    alarm: str
    finding: str
    at: str


@frozen(kw_only=True)
class RolesSeen:
    """The roles that a person held when the house was last watched."""

    person: str
    roles: tuple[str, ...]


@frozen(kw_only=True)
class ActRefused:
    """Somebody asked for what a rule denies: the command, the rule; never what was asked for."""

    command: str
    rule: str


ALARM_EVENTS = (AlarmRaised, AlarmAcknowledged, RolesSeen)
REFUSAL_EVENTS = (ActRefused,)


def body_text(event: NewEvent) -> str:
    """The body of `event` as canonical JSON, the form in which journals keep it.

    Raises:
        Invalid: the body holds a float, bytes, or text that is not Unicode.
    """
    try:
        return canonical_json(dict(event.body)).decode("utf-8")
    except (TypeError, ValueError) as problem:
        raise Invalid(
            f"The body of an event `{event.kind}` has no canonical form.",
            remedy="Use text, whole numbers, booleans, lists and objects only.",
        ) from problem


def body_from_text(text: str) -> dict[str, Any]:
    """The body kept as `text`; a fresh object each time."""
    body: dict[str, Any] = json.loads(text)
    return body
