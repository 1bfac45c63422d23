"""The host gate's decisions, on registries made for the test."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from attrs import evolve

from bercail.hosting.host import (
    SEALING_IS_NO_REMEDY,
    DataClass,
    HostRegistry,
    HostService,
    Status,
    Urgency,
)
from bercail.hosting.rules import judge, lost_qualification

TODAY = date(2026, 10, 9)
QUALIFIED = HostService(
    id="good-iaas",
    provider="Good",
    service="IaaS",
    status=Status.QUALIFIED,
    qualified_from=date(2025, 1, 1),
    qualified_until=date(2028, 1, 1),
)


def registry(service: HostService, as_of: date = date(2026, 9, 26)) -> HostRegistry:
    return HostRegistry(
        as_of=as_of,
        catalogue_date=as_of,
        source="https://example.org/catalogue",
        provenance="made for a test",
        digest="00" * 32,
        services=(service,),
    )


def verdict(service: HostService, today: date = TODAY, data: DataClass = DataClass.REAL, **kw):
    return judge(service, registry(service, **kw), today, data)


def test_a_qualified_service_is_accepted_with_its_evidence() -> None:
    found = verdict(QUALIFIED)
    assert found.accepted
    assert found.failed == ()
    assert {a.evidence.source for a in found.answers} == {"https://example.org/catalogue"}
    assert found.cautions == ()


@pytest.mark.parametrize("status", [Status.IN_PROGRESS, Status.NOT_IN_CATALOGUE])
def test_another_status_is_refused_by_the_rule(status: Status) -> None:
    found = verdict(evolve(QUALIFIED, status=status))
    assert not found.accepted
    assert [a.criterion.rule for a in found.failed] == ["HOST-01"]
    assert "`good-iaas`" in found.reason


@pytest.mark.parametrize(
    ("today", "accepted"),
    [
        (date(2024, 12, 31), False),
        (date(2025, 1, 1), True),
        (date(2027, 12, 31), True),
        (date(2028, 1, 1), False),
        (date(2028, 1, 2), False),
    ],
)
def test_the_qualification_must_have_begun_and_end_after_today(today: date, accepted: bool) -> None:
    assert verdict(QUALIFIED, today, as_of=today).accepted is accepted


def test_an_end_that_is_not_known_cannot_be_shown() -> None:
    found = verdict(evolve(QUALIFIED, qualified_until=None))
    assert not found.accepted
    assert "cannot be shown" in found.reason


def test_a_start_that_is_not_known_is_no_obstacle() -> None:
    assert verdict(evolve(QUALIFIED, qualified_from=None)).accepted


def test_a_registry_of_the_future_is_refused() -> None:
    assert "one of them lies" in verdict(QUALIFIED, as_of=TODAY + timedelta(days=1)).reason


@pytest.mark.parametrize(
    ("age", "accepted", "cautioned"),
    [(0, True, False), (31, True, False), (32, True, True), (365, True, True), (366, False, False)],
)
def test_an_old_reading_warns_then_refuses(age: int, accepted: bool, cautioned: bool) -> None:
    found = verdict(QUALIFIED, as_of=TODAY - timedelta(days=age))
    assert (found.accepted, bool(found.cautions)) == (accepted, cautioned)


def test_every_refusal_says_that_sealing_is_no_remedy() -> None:
    found = verdict(evolve(QUALIFIED, status=Status.IN_PROGRESS))
    assert SEALING_IS_NO_REMEDY in found.reason
    assert SEALING_IS_NO_REMEDY in found.as_dict()["reason"]


def test_made_up_data_needs_no_qualification_and_the_verdict_pretends_none() -> None:
    service = evolve(QUALIFIED, status=Status.NOT_IN_CATALOGUE)
    found = verdict(service, data=DataClass.SYNTHETIC)
    assert found.accepted
    assert [a.holds for a in found.answers] == [None]
    assert "says nothing about real data" in found.reason


@pytest.mark.parametrize(
    ("left", "urgency"),
    [
        (181, None),
        (180, Urgency.NOTICE),
        (91, Urgency.NOTICE),
        (90, Urgency.WARNING),
        (31, Urgency.WARNING),
        (30, Urgency.URGENT),
        (1, Urgency.URGENT),
        (0, None),
    ],
)
def test_the_end_of_a_qualification_is_announced(left: int, urgency: Urgency | None) -> None:
    service = evolve(QUALIFIED, qualified_until=TODAY + timedelta(days=left))
    found = [c.urgency for c in verdict(service).cautions if "ends on" in c.text]
    assert found == ([] if urgency is None else [urgency])


@pytest.mark.parametrize(
    ("before", "status", "data", "lost"),
    [
        (True, Status.IN_PROGRESS, DataClass.REAL, True),
        (True, Status.QUALIFIED, DataClass.REAL, False),
        (False, Status.IN_PROGRESS, DataClass.REAL, False),
        (True, Status.IN_PROGRESS, DataClass.SYNTHETIC, False),
    ],
)
def test_when_a_qualification_is_lost(
    before: bool, status: Status, data: DataClass, lost: bool
) -> None:
    assert lost_qualification(before, verdict(evolve(QUALIFIED, status=status), data=data)) is lost


def test_a_service_cannot_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="before it starts"):
        evolve(QUALIFIED, qualified_until=date(2024, 1, 1))


def test_two_services_cannot_share_an_id() -> None:
    with pytest.raises(ValueError, match="share an id"):
        evolve(registry(QUALIFIED), services=(QUALIFIED, QUALIFIED))
