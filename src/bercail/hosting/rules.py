"""The host gate's decisions: pure functions of a service, a registry and a day."""

from __future__ import annotations

from datetime import date

from bercail.hosting.host import (
    Answer,
    Caution,
    Criterion,
    DataClass,
    Evidence,
    HostRegistry,
    HostService,
    Status,
    Urgency,
    Verdict,
)

# HOST-02: how many days before the end each caution begins, the most urgent first.
EXPIRY_CAUTIONS: tuple[tuple[int, Urgency], ...] = (
    (30, Urgency.URGENT),
    (90, Urgency.WARNING),
    (180, Urgency.NOTICE),
)

# A change that affects qualification must be notified within one month (SecNumCloud 19.6.f),
# so a reading older than that may have missed one.
READING_GROWS_OLD_AFTER = 31
# Beyond a year the reading shows nothing about today.
READING_SHOWS_NOTHING_AFTER = 365

QUALIFIED = Criterion(
    id="service-qualified",
    rule="HOST-01",
    question="Is this very service, not only its provider, in the catalogue of qualified services?",
    source="SREN law art. 31; decree 2026-272; SecNumCloud 3.2 annex 2",
)
IN_FORCE = Criterion(
    id="qualification-in-force",
    rule="HOST-01",
    question="Has the qualification begun, and does it end after today?",
    source="SREN law art. 31; SecNumCloud 3.2 annex 2",
)
READING = Criterion(
    id="reading-recent",
    rule="HOST-01",
    question="Is the reading of the catalogue recent enough to show it?",
    source="SecNumCloud 3.2, 19.6.f",
)


def judge(
    service: HostService,
    registry: HostRegistry,
    today: date,
    data_class: DataClass = DataClass.REAL,
) -> Verdict:
    """Whether `service` may hold data of `data_class` on `today`.

    Real data needs a service that is shown to be qualified today (HOST-01);
    what cannot be shown is refused. Made-up data needs no qualification, and
    the answers say so instead of pretending that the service has one.
    """
    answers: tuple[Answer, ...] = (_not_needed(service, registry),)
    if data_class is DataClass.REAL:
        answers = (
            _qualified(service, registry),
            _in_force(service, registry, today),
            _reading(registry, today),
        )
    return Verdict(
        service=service,
        data_class=data_class,
        on=today,
        answers=answers,
        cautions=cautions(service, registry, today),
        registry_digest=registry.digest,
    )


def cautions(service: HostService, registry: HostRegistry, today: date) -> tuple[Caution, ...]:
    """What will need an act soon: the end of a qualification, an old reading (HOST-02)."""
    found = []
    end = service.qualified_until
    if service.status is Status.QUALIFIED and end is not None and end > today:
        left = (end - today).days
        urgency = next((u for days, u in EXPIRY_CAUTIONS if left <= days), None)
        if urgency is not None:
            found.append(
                Caution(
                    rule="HOST-02",
                    urgency=urgency,
                    text=f"The qualification ends on {end}, in {left} days: ask the host for its "
                    "renewal and prepare the exit.",
                )
            )
    age = (today - registry.as_of).days
    if READING_GROWS_OLD_AFTER < age <= READING_SHOWS_NOTHING_AFTER:
        found.append(
            Caution(
                rule="HOST-02",
                urgency=Urgency.NOTICE,
                text=f"The catalogue was read {age} days ago: read it again before deciding.",
            )
        )
    return tuple(found)


def lost_qualification(accepted_before: bool, verdict: Verdict) -> bool:
    """Whether a host that was accepted for real data no longer is (SecNumCloud 19.1.g)."""
    return accepted_before and verdict.data_class is DataClass.REAL and not verdict.accepted


def _qualified(service: HostService, registry: HostRegistry) -> Answer:
    reasons = {
        Status.QUALIFIED: f"`{service.id}` is in the catalogue of qualified services.",
        Status.IN_PROGRESS: f"`{service.id}` is not qualified: its qualification is in progress.",
        Status.NOT_IN_CATALOGUE: f"`{service.id}` is not in the catalogue of qualified services.",
    }
    holds = service.status is Status.QUALIFIED
    reason = reasons[service.status]
    if not holds and service.remark:
        reason += f" ({service.remark[:1].upper()}{service.remark[1:]}.)"
    return _answer(QUALIFIED, holds, reason, service, registry)


def _in_force(service: HostService, registry: HostRegistry, today: date) -> Answer:
    start, end = service.qualified_from, service.qualified_until
    if service.status is not Status.QUALIFIED:
        return _answer(IN_FORCE, None, "There is no qualification to date.", service, registry)
    if end is None:
        reason = (
            f"It cannot be shown that the qualification of `{service.id}` is in force: "
            "the registry holds no end date."
        )
        return _answer(IN_FORCE, False, reason, service, registry)
    if end <= today:
        reason = f"The qualification of `{service.id}` ended on {end}; this is {today}."
        return _answer(IN_FORCE, False, reason, service, registry)
    if start is not None and start > today:
        reason = f"The qualification of `{service.id}` only begins on {start}; this is {today}."
        return _answer(IN_FORCE, False, reason, service, registry)
    return _answer(IN_FORCE, True, f"Its qualification runs until {end}.", service, registry)


def _reading(registry: HostRegistry, today: date) -> Answer:
    age = (today - registry.as_of).days
    evidence = _evidence(registry, f"catalogue read on {registry.as_of}")
    if age < 0:
        reason = f"The registry is dated {registry.as_of}, after today ({today}): one of them lies."
        return Answer(criterion=READING, holds=False, reason=reason, evidence=evidence)
    if age > READING_SHOWS_NOTHING_AFTER:
        reason = (
            f"The catalogue was read {age} days ago, which shows nothing about today; the limit "
            f"is {READING_SHOWS_NOTHING_AFTER} days."
        )
        return Answer(criterion=READING, holds=False, reason=reason, evidence=evidence)
    reason = f"The catalogue was read on {registry.as_of}."
    return Answer(criterion=READING, holds=True, reason=reason, evidence=evidence)


def _not_needed(service: HostService, registry: HostRegistry) -> Answer:
    reason = (
        f"`{service.id}` is judged for made-up data only, which needs no qualification; "
        "this says nothing about real data."
    )
    return _answer(QUALIFIED, None, reason, service, registry)


def _answer(
    criterion: Criterion,
    holds: bool | None,
    reason: str,
    service: HostService,
    registry: HostRegistry,
) -> Answer:
    statement = (
        f"status {service.status.value}, from {service.qualified_from or 'unknown'} "
        f"until {service.qualified_until or 'unknown'}"
    )
    evidence = _evidence(registry, statement)
    return Answer(criterion=criterion, holds=holds, reason=reason, evidence=evidence)


def _evidence(registry: HostRegistry, statement: str) -> Evidence:
    return Evidence(statement=statement, as_of=registry.as_of, source=registry.source)
