"""The desk of alarms: look at the journal, raise, acknowledge, say what waits too long (LOG-05)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen

from bercail.foundation import Actor, Invalid, Missing, Refused, Role, from_iso, to_iso
from bercail.ledger.detection import Suspicion, new_roles, suspicions
from bercail.ledger.events import ALARM_EVENTS, AlarmAcknowledged, AlarmRaised, RolesSeen
from bercail.ledger.recording import StreamRecorder
from bercail.ledger.service import Ledger

STREAM = "alarms"
DAILY = timedelta(hours=24)
"""An alarm that nobody acknowledged for so long is escalated (SNDS referential, 7.3)."""

_MAY_LOOK = frozenset({Role.OPERATOR, Role.AUDITOR, Role.REGULATOR})


@frozen(kw_only=True)
class Alarm:
    """An alarm as it stands: `escalated` when it waits for more than a day."""

    alarm: str
    rule: str
    position: int
    subject: str
    about: str
    raised_at: datetime
    acknowledged_by: str | None
    escalated: bool

    def as_dict(self) -> dict[str, Any]:
        """The alarm for people and for `--json`."""
        return {
            "alarm": self.alarm,
            "rule": self.rule,
            "position": self.position,
            "subject": self.subject,
            "about": self.about,
            "raised_at": to_iso(self.raised_at),
            "acknowledged_by": self.acknowledged_by,
            "escalated": self.escalated,
        }


@frozen(kw_only=True)
class AlarmDesk:
    """Raises alarms from the journal, and keeps who acknowledged them."""

    ledger: Ledger

    def look(self, people: Mapping[str, Sequence[str]], actor: Actor) -> list[Alarm]:
        """Read the journal and the roles of `people`; raise what is new; the alarms that wait.

        An alarm is raised once, however often one looks. Its day runs from the event's moment,
        not from the look.

        Raises:
            Refused: the actor is no operator, auditor or regulator (rule `LOG-05`).
        """
        _require(actor)
        events = self._book.events()
        known = {one.alarm for one in events if isinstance(one, AlarmRaised)}
        found = list(suspicions(self.ledger.history(limit=_ALL)))
        found += self._risen(people, events, len(known))
        for one in found:
            if one.alarm not in known:
                raised = AlarmRaised(
                    alarm=one.alarm,
                    rule=one.rule,
                    position=one.position,
                    subject=one.subject,
                    at=one.at,
                    about=one.about,
                )
                self._book.record_once(raised, actor)
        for name, roles in sorted(people.items()):
            if _last_seen(events).get(name) != tuple(sorted(roles)):
                self._book.record(RolesSeen(person=name, roles=tuple(sorted(roles))), actor)
        return self.waiting()

    def _risen(
        self, people: Mapping[str, Sequence[str]], events: Sequence[Any], number: int
    ) -> list[Suspicion]:
        now = to_iso(self.ledger.clock.now())
        risen = new_roles(_last_seen(events), people)
        return [
            Suspicion(
                rule="privilege-elevation",
                position=0,
                subject=f"{name} now {', '.join(roles)} ({number + n})",
                at=now,
                about=name,
            )
            for n, (name, roles) in enumerate(risen.items())
        ]

    def acknowledge(self, alarm: str, finding: str, actor: Actor) -> list[Alarm]:
        """Say what was found about an alarm; those that still wait.

        Raises:
            Missing: there is no such alarm.
            Refused: it is acknowledged already, or by the one whom it is about (rule `LOG-05`).
            Invalid: `finding` says nothing.
        """
        _require(actor)
        if not finding.strip():
            raise Invalid("An acknowledgement says what was found.", remedy="Give `--finding`.")
        one = self._find(alarm)
        if one.acknowledged_by or _is_about(one, actor.id):
            raise Refused(
                f"The alarm `{alarm}` is not yours to acknowledge, or is acknowledged.",
                remedy="Somebody else than the person it is about acknowledges it, once.",
                rule="LOG-05",
            )
        at = to_iso(self.ledger.clock.now())
        self._book.record(AlarmAcknowledged(alarm=alarm, finding=finding, at=at), actor)
        return self.waiting()

    def waiting(self) -> list[Alarm]:
        """The alarms that nobody acknowledged, the oldest first."""
        return [one for one in self.all() if one.acknowledged_by is None]

    def all(self) -> list[Alarm]:
        """Every alarm ever raised, the oldest first."""
        now = self.ledger.clock.now()
        alarms: dict[str, Alarm] = {}
        for record in self.ledger.history(STREAM, limit=_ALL):
            if record.stream != STREAM:
                continue
            if record.kind == "AlarmRaised":
                body, at = record.body, from_iso(record.body["at"])
                alarms[body["alarm"]] = Alarm(
                    alarm=body["alarm"],
                    rule=body["rule"],
                    position=body["position"],
                    subject=body["subject"],
                    about=body.get("about", ""),
                    raised_at=at,
                    acknowledged_by=None,
                    escalated=now - at > DAILY,
                )
            elif record.kind == "AlarmAcknowledged":
                alarms[record.body["alarm"]] = _settled(alarms[record.body["alarm"]], record.actor)
        return sorted(alarms.values(), key=lambda one: (one.raised_at, one.alarm))

    def _find(self, alarm: str) -> Alarm:
        for one in self.all():
            if one.alarm == alarm:
                return one
        raise Missing(
            f"There is no alarm `{alarm}`.", remedy="List them with `bercail ledger alarm list`."
        )

    @property
    def _book(self) -> StreamRecorder:
        kinds: tuple[type[Any], ...] = ALARM_EVENTS
        return StreamRecorder(ledger=self.ledger, stream=STREAM, kinds=kinds)


_ALL = 1 << 62


def _is_about(alarm: Alarm, person: str) -> bool:
    """Whether the alarm is about `person`; early alarms say so in their subject alone."""
    early = alarm.subject == person or alarm.subject.startswith(f"{person} now ")
    return alarm.about == person if alarm.about else early


def _settled(alarm: Alarm, by: str) -> Alarm:
    return Alarm(
        alarm=alarm.alarm,
        rule=alarm.rule,
        position=alarm.position,
        subject=alarm.subject,
        about=alarm.about,
        raised_at=alarm.raised_at,
        acknowledged_by=by,
        escalated=False,
    )


def _last_seen(events: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    return {one.person: one.roles for one in events if isinstance(one, RolesSeen)}


def _require(actor: Actor) -> None:
    if not actor.roles & _MAY_LOOK:
        raise Refused(
            f"`{actor.id}` may not handle alarms.",
            remedy="Ask an operator, an auditor or the regulator.",
            rule="LOG-05",
        )
