"""The desk of the gate: names, events, the loss of a qualification."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bercail.foundation import FixedClock, Invalid, Missing, Refused
from bercail.hosting import GateService, find_service, load_registry
from bercail.testing.moving import OPERATOR, MovingWorld

DAY = datetime(2026, 10, 9, 12, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> MovingWorld:
    return MovingWorld(tmp_path)


def gate(world: MovingWorld, moment: datetime = DAY) -> GateService:
    return GateService(
        registry=load_registry(), ledger=world.ledger, clock=FixedClock(moment), actor=OPERATOR
    )


def test_a_judgement_is_recorded_whatever_it_says(world: MovingWorld) -> None:
    gate(world).judge("scaleway-secnumcloud")
    gate(world).judge("ovh-snc-cloud-platform")
    bodies = [record.body for record in world.journal.read_all()]
    assert [(b["service"], b["accepted"], b["rules"]) for b in bodies] == [
        ("scaleway-secnumcloud", False, ["HOST-01"]),
        ("ovh-snc-cloud-platform", True, []),
    ]
    assert {b["registry"] for b in bodies} == {load_registry().digest}


def test_the_loss_of_a_qualification_is_recorded_once(world: MovingWorld) -> None:
    gate(world).judge("outscale-iaas-on-demand")
    for _ in range(2):
        gate(world, datetime(2026, 12, 1, tzinfo=UTC)).judge("outscale-iaas-on-demand")
    kinds = [r.kind for r in world.journal.read("host/outscale-iaas-on-demand")]
    assert kinds == ["HostJudged", "HostJudged", "QualificationLost", "HostJudged"]


def test_a_service_judged_for_made_up_data_never_had_a_qualification_to_lose(
    world: MovingWorld,
) -> None:
    gate(world).judge("azure-public", "synthetic")
    gate(world).judge("azure-public")
    kinds = [r.kind for r in world.journal.read("host/azure-public")]
    assert kinds == ["HostJudged", "HostJudged"]


def test_require_refuses_with_the_rule_and_no_false_hope(world: MovingWorld) -> None:
    with pytest.raises(Refused) as caught:
        gate(world).require("bleu-cloud-de-confiance")
    assert caught.value.rule == "HOST-01"
    assert "never makes an unqualified host acceptable" in caught.value.remedy
    assert gate(world).require("s3ns-premi3ns").accepted


def test_a_provider_is_not_a_service() -> None:
    with pytest.raises(Missing) as caught:
        find_service(load_registry(), "OVHcloud")
    assert "is a provider" in caught.value.message
    assert "`ovh-bare-metal-pod`" in caught.value.remedy


def test_an_unknown_service_is_missing_with_near_names() -> None:
    with pytest.raises(Missing, match="outscale-iaas-on-demand"):
        find_service(load_registry(), "outscale-iaas-ondemand")
    with pytest.raises(Missing, match="host list"):
        find_service(load_registry(), "")


def test_a_service_is_found_by_its_own_name() -> None:
    assert find_service(load_registry(), "bare metal pod").id == "ovh-bare-metal-pod"


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        json.dumps({"format": "bercail-host-registry/2"}),
        json.dumps({"format": "bercail-host-registry/1", "as_of": "yesterday"}),
        json.dumps({"format": "bercail-host-registry/1"}),
    ],
)
def test_a_file_that_is_no_registry_is_invalid(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hosts.json"
    path.write_text(text)
    with pytest.raises(Invalid, match=r"hosts\.json"):
        load_registry(path)


def test_a_registry_that_cannot_be_read_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="Cannot read"):
        load_registry(tmp_path / "absent.json")


def test_the_registry_shipped_says_where_it_comes_from() -> None:
    registry = load_registry()
    assert registry.as_of.isoformat() == "2026-09-26"
    assert registry.source.startswith("https://")
    assert len(registry.services) == 20
