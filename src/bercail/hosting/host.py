"""What we know about a host, and what we conclude from it. Frozen values."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

from attrs import field, frozen, validators


class Status(StrEnum):
    """Where a service stands in the catalogue of qualified services."""

    QUALIFIED = "qualified"
    IN_PROGRESS = "in_progress"
    NOT_IN_CATALOGUE = "not_in_catalogue"


class DataClass(StrEnum):
    """What the host would hold: data about real people, or data made up by a program."""

    REAL = "real"
    SYNTHETIC = "synthetic"


class Urgency(StrEnum):
    """How near the end of a qualification is (HOST-02: 180, 90 and 30 days)."""

    NOTICE = "notice"
    WARNING = "warning"
    URGENT = "urgent"


@frozen(kw_only=True)
class HostService:
    """One service that a host sells; the qualification belongs to it, not to the brand.

    `qualified_from` and `qualified_until` are days, or None where the
    registry's source does not give them. (SecNumCloud 3.2, annex 2.)
    """

    id: str = field(validator=validators.matches_re(r"[a-z0-9]+(-[a-z0-9]+)*"))
    provider: str = field(validator=validators.min_len(1))
    service: str = field(validator=validators.min_len(1))
    scope: tuple[str, ...] = ()
    status: Status
    qualified_from: date | None = None
    qualified_until: date | None = None
    remark: str | None = None

    def __attrs_post_init__(self) -> None:
        start, end = self.qualified_from, self.qualified_until
        if start is not None and end is not None and end <= start:
            raise ValueError(f"`{self.id}` would stop being qualified before it starts")

    @property
    def title(self) -> str:
        """Provider and service, for a reader."""
        return f"{self.provider}: {self.service}"

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        return {
            "id": self.id,
            "provider": self.provider,
            "service": self.service,
            "scope": list(self.scope),
            "status": self.status.value,
            "qualified_from": _day(self.qualified_from),
            "qualified_until": _day(self.qualified_until),
            "remark": self.remark,
        }


@frozen(kw_only=True)
class HostRegistry:
    """A dated reading of the catalogue. `as_of` is the day on which somebody read it.

    `digest` is the SHA-256 of the file that held it, in hexadecimal.
    """

    as_of: date
    catalogue_date: date
    source: str
    provenance: str
    digest: str
    services: tuple[HostService, ...]

    def __attrs_post_init__(self) -> None:
        ids = [service.id for service in self.services]
        if len(set(ids)) != len(ids):
            raise ValueError("two services of the registry share an id")


@frozen(kw_only=True)
class Criterion:
    """One question that a host must answer, with the rule it comes from."""

    id: str
    rule: str
    question: str
    source: str


@frozen(kw_only=True)
class Evidence:
    """A dated fact with its source."""

    statement: str
    as_of: date
    source: str


@frozen(kw_only=True)
class Answer:
    """What the evidence says to one criterion. `holds` is None where it does not apply."""

    criterion: Criterion
    holds: bool | None
    reason: str
    evidence: Evidence


@frozen(kw_only=True)
class Caution:
    """Something that does not refuse today, and will ask for an act."""

    rule: str
    urgency: Urgency
    text: str


@frozen(kw_only=True)
class Verdict:
    """May this service hold this class of data on this day, and why."""

    service: HostService
    data_class: DataClass
    on: date
    answers: tuple[Answer, ...]
    cautions: tuple[Caution, ...]
    registry_digest: str

    @property
    def accepted(self) -> bool:
        """True when no criterion fails."""
        return all(answer.holds is not False for answer in self.answers)

    @property
    def failed(self) -> tuple[Answer, ...]:
        """The answers that refuse."""
        return tuple(answer for answer in self.answers if answer.holds is False)

    @property
    def reason(self) -> str:
        """One paragraph for a reader."""
        if self.accepted:
            return " ".join(answer.reason for answer in self.answers)
        return " ".join(answer.reason for answer in self.failed) + " " + SEALING_IS_NO_REMEDY

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json` and the table of `host judge`."""
        return {
            "service": self.service.id,
            "title": self.service.title,
            "data_class": self.data_class.value,
            "on": self.on.isoformat(),
            "verdict": "accepted" if self.accepted else "refused",
            "rules": [answer.criterion.rule for answer in self.failed],
            "reason": self.reason,
            "cautions": [
                {"rule": c.rule, "urgency": c.urgency.value, "text": c.text} for c in self.cautions
            ],
            "answers": [
                {
                    "criterion": a.criterion.id,
                    "question": a.criterion.question,
                    "source": a.criterion.source,
                    "holds": a.holds,
                    "reason": a.reason,
                    "as_of": a.evidence.as_of.isoformat(),
                    "evidence": a.evidence.source,
                }
                for a in self.answers
            ],
            "registry": self.registry_digest,
        }


SEALING_IS_NO_REMEDY = (
    "Sealing the data ourselves does not change this: client-side encryption never makes an "
    "unqualified host acceptable, since its compute sees the data in clear."
)


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
