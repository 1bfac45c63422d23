"""Evidence for the hosting requirements: the gate, its warnings, the sovereignty score."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bercail.foundation import FixedClock
from bercail.hosting import GateService, find_service, load_grid, load_registry, score
from bercail.hosting.rules import judge
from bercail.testing.moving import OPERATOR, MovingWorld

VECTORS = Path(__file__).parents[1] / "vectors" / "hosting" / "csf-scores.json"


@pytest.mark.requirement("HOST-01")
@pytest.mark.parametrize(
    ("service", "today", "accepted"),
    [
        ("scaleway-secnumcloud", date(2026, 10, 9), False),
        ("bleu-cloud-de-confiance", date(2026, 10, 9), False),
        ("aws-public", date(2026, 10, 9), False),
        ("azure-public", date(2026, 10, 9), False),
        ("s3ns-premi3ns", date(2026, 10, 9), True),
        ("outscale-iaas-on-demand", date(2026, 10, 9), True),
        ("outscale-iaas-on-demand", date(2026, 11, 29), True),
        ("outscale-iaas-on-demand", date(2026, 11, 30), False),
        ("outscale-iaas-on-demand", date(2026, 12, 1), False),
        ("ovh-private-cloud-vmware", date(2026, 12, 30), False),
        ("numspot", date(2026, 10, 9), False),
    ],
)
def test_real_data_only_on_a_service_shown_to_be_qualified_today(
    service: str, today: date, accepted: bool
) -> None:
    registry = load_registry()
    verdict = judge(find_service(registry, service), registry, today)
    assert verdict.accepted is accepted
    if not accepted:
        assert {answer.criterion.rule for answer in verdict.failed} == {"HOST-01"}
        assert "never makes an unqualified host acceptable" in verdict.reason


@pytest.mark.requirement("HOST-02")
def test_the_end_of_a_qualification_is_announced_at_180_90_and_30_days() -> None:
    registry = load_registry()
    service = find_service(registry, "ovh-bare-metal-pod")
    assert service.qualified_until is not None
    said = {}
    for left in (181, 180, 90, 30):
        day = service.qualified_until - timedelta(days=left)
        cautions = judge(service, registry, day).cautions
        said[left] = [c.urgency.value for c in cautions if "ends on" in c.text]
    assert said == {181: [], 180: ["notice"], 90: ["warning"], 30: ["urgent"]}


@pytest.mark.requirement("HOST-02")
def test_the_loss_of_a_qualification_opens_the_exit_procedure(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    for day in (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)):
        GateService(
            registry=load_registry(), ledger=world.ledger, clock=FixedClock(day), actor=OPERATOR
        ).judge("outscale-iaas-on-demand")
    last = world.journal.read("host/outscale-iaas-on-demand")[-1]
    assert (last.kind, last.body["on"]) == ("QualificationLost", "2026-12-01")


@pytest.mark.requirement("HOST-07")
@pytest.mark.parametrize(
    "case", json.loads(VECTORS.read_text())["cases"], ids=lambda case: case["name"]
)
def test_the_sovereignty_score_agrees_with_the_golden_file(case: dict) -> None:
    found = score(load_grid(), case["levels"], case["minimum"])
    assert found.percent == case["score"]
    assert list(found.below_minimum) == case["below"]
    assert found.accepted is (not case["below"])


@pytest.mark.requirement("HOST-07")
def test_the_weights_are_those_published() -> None:
    grid = load_grid()
    assert [o.weight for o in grid.objectives] == [15, 10, 10, 15, 20, 15, 10, 5]
    assert [o.id for o in grid.objectives] == [f"SOV-{n}" for n in range(1, 9)]
    assert set(grid.levels) == {0, 1, 2, 3, 4}
