"""What in the journal must raise an alarm: a table of rules over kinds of events. Pure.

SNDS referential 7.3; SecNumCloud 12.9.c: rise of privileges, unauthorised access or output,
abnormal change of source data, output too large. Rooms are known here by the names of their events
only; a test holds each name against the events that exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from attrs import frozen

from bercail.foundation import from_iso
from bercail.ledger.events import RecordedEvent

REFUSALS = 5
"""Refusals of one person within an hour that are more than a mistake."""

KINDS: Mapping[str, str] = {
    "OutputAlert": "output-too-large",
    "OutputRefused": "output-unauthorised",
    "RequestQuarantined": "output-unauthorised",
    "TamperingFound": "output-unauthorised",
    "DeliveryQuarantined": "source-abnormal",
    "RowsErased": "source-abnormal",
    "RootRecovered": "privilege-elevation",
    "QualificationLost": "host-unqualified",
    "ProofFailed": "source-abnormal",
    "ProjectHalted": "project-halted",
}
"""The alarm that one event of a kind raises by itself."""

IDENTIFYING = frozenset({"pseudonym", "holder"})
"""Kinds of secrets with which persons are found again; `SecretOpened` of one raises an alarm.

Every command that reads the host opens the secret of its names: an alarm for each of those would
bury all others.
"""


@frozen(kw_only=True)
class Suspicion:
    """One thing to look at: the rule, the event, what it is about, when; `about` is a person."""

    rule: str
    position: int
    subject: str
    at: str
    about: str

    @property
    def alarm(self) -> str:
        """Its id, the same each time the journal is read."""
        return f"{self.rule}:{self.position or self.subject}"


def suspicions(records: Iterable[RecordedEvent]) -> Iterator[Suspicion]:
    """What `records` (all of the journal, in order) hold that somebody must look at."""
    refused: dict[str, list[RecordedEvent]] = {}
    authors: dict[str, str] = {}
    for record in records:
        if rule := KINDS.get(record.kind):
            yield _suspicion(rule, record)
        if record.kind == "SecretOpened" and record.body.get("kind") in IDENTIFYING:
            yield _suspicion("privilege-elevation", record)
        if record.kind == "ActRefused":
            yield from _many_refusals(record, refused.setdefault(record.actor, []))
        if record.kind == "RequestOpened":
            authors[record.stream] = record.actor
        if record.kind == "VoteCast" and authors.get(record.stream) == record.actor:
            # The rules deny it; an event that says so was written by who went round them.
            yield _suspicion("privilege-elevation", record)


def _suspicion(rule: str, record: RecordedEvent) -> Suspicion:
    return Suspicion(
        rule=rule,
        position=record.position,
        subject=record.actor,
        at=record.at,
        about=record.actor,
    )


def _many_refusals(record: RecordedEvent, earlier: list[RecordedEvent]) -> Iterator[Suspicion]:
    """One alarm at each `REFUSALS`-th refusal of a person within an hour."""
    since = from_iso(record.at) - timedelta(hours=1)
    earlier[:] = [one for one in earlier if from_iso(one.at) >= since]
    earlier.append(record)
    if len(earlier) >= REFUSALS:
        earlier.clear()
        yield _suspicion("access-unauthorised", record)


def new_roles(
    seen: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """The persons who hold more roles `now` than when last `seen`, and those roles.

    A person never seen before is told with every role, except when nobody was ever seen.
    """
    if not seen:
        return {}
    risen = {
        name: tuple(sorted(set(roles) - set(seen.get(name, ())))) for name, roles in now.items()
    }
    return {name: roles for name, roles in sorted(risen.items()) if roles}
