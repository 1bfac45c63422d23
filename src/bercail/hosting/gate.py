"""The desk of the host gate: look up, judge, record."""

from __future__ import annotations

from bercail.foundation import Actor, Clock, Refused
from bercail.hosting import rules
from bercail.hosting.events import GATE_EVENTS, HostJudged, QualificationLost
from bercail.hosting.host import SEALING_IS_NO_REMEDY, DataClass, HostRegistry, HostService, Verdict
from bercail.hosting.registry import find_service
from bercail.ledger import Ledger


class GateService:
    """Judges services of one registry for one platform. Every judgement is an event."""

    def __init__(
        self, *, registry: HostRegistry, ledger: Ledger, clock: Clock, actor: Actor
    ) -> None:
        self._registry = registry
        self._ledger = ledger
        self._clock = clock
        self._actor = actor

    def services(self) -> tuple[HostService, ...]:
        """Every service that the registry knows, qualified or not."""
        return self._registry.services

    def judge(self, name: str, data_class: DataClass | str = DataClass.REAL) -> Verdict:
        """The verdict on the service called `name`, today; recorded whatever it says.

        When the service was accepted for real data before and no longer is,
        `QualificationLost` is recorded with it, which opens the exit procedure.

        Raises:
            Missing: the registry knows no such service.
        """
        service = find_service(self._registry, name)
        today = self._clock.now().date()
        verdict = rules.judge(service, self._registry, today, DataClass(data_class))
        stream = f"host/{service.id}"
        version, past = self._ledger.load(stream, GATE_EVENTS)
        events: list[HostJudged | QualificationLost] = [_judged(verdict)]
        if rules.lost_qualification(_accepted_last(past), verdict):
            events.append(_lost(verdict))
        self._ledger.append(stream, version, events, self._actor)
        return verdict

    def require(self, name: str, data_class: DataClass | str = DataClass.REAL) -> Verdict:
        """The verdict, when it accepts.

        Raises:
            Refused: the service may not hold this class of data; the rule's id is on the error.
            Missing: the registry knows no such service.
        """
        verdict = self.judge(name, data_class)
        if not verdict.accepted:
            raise Refused(
                " ".join(answer.reason for answer in verdict.failed),
                remedy=f"Choose a qualified service (`bercail host list`). {SEALING_IS_NO_REMEDY}",
                rule=verdict.failed[0].criterion.rule,
            )
        return verdict


def _judged(verdict: Verdict) -> HostJudged:
    return HostJudged(
        service=verdict.service.id,
        data_class=verdict.data_class.value,
        on=verdict.on.isoformat(),
        accepted=verdict.accepted,
        rules=tuple(sorted({answer.criterion.rule for answer in verdict.failed})),
        cautions=tuple(f"{c.rule}:{c.urgency.value}" for c in verdict.cautions),
        registry=verdict.registry_digest,
    )


def _lost(verdict: Verdict) -> QualificationLost:
    return QualificationLost(
        service=verdict.service.id,
        on=verdict.on.isoformat(),
        rules=tuple(sorted({answer.criterion.rule for answer in verdict.failed})),
    )


def _accepted_last(past: tuple[object, ...]) -> bool:
    """Whether the last judgement for real data accepted; one loss is recorded once."""
    judged = [e for e in past if isinstance(e, HostJudged) and e.data_class == DataClass.REAL.value]
    return bool(judged) and judged[-1].accepted
