"""A plan says what will be done, in which order, how long it takes and what it costs."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from attrs import evolve

from bercail.foundation import Invalid, Missing, Refused, SystemRandomness, canonical_json
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.object_table import Tally
from bercail.hosting.migration.speed import Speed, keep_rate, kept_rate, measure
from bercail.hosting.migration.tariff import load_tariff
from bercail.hosting.migration.worktable import WorkTable
from bercail.storage import Location, open_store
from bercail.testing.moving import MovingWorld

TARIFF = """
format = "bercail-tariff/1"
currency = "EUR"
source = "price list of 1 November 2026"
egress_per_gb = "0.08"
reads_per_10000 = "0.005"
target_per_gb_month = "0.012"
"""
GB = 10**9


def tariff_file(tmp_path: Path, text: str = TARIFF, name: str = "prices.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_cost_is_exact_and_says_where_its_prices_are_from(tmp_path: Path) -> None:
    tariff = load_tariff(tariff_file(tmp_path))
    read, stands = Tally(objects=2_500_000, bytes=1_000 * GB), Tally(objects=1, bytes=1_500 * GB)
    cost = tariff.cost(read, stands).as_dict()
    requests = 2 * 2_500_000 + 1_000 * GB // (8 * 1024 * 1024)
    reads = (Decimal(requests) / 10_000 * Decimal("0.005")).quantize(Decimal("0.01"))
    assert cost["egress"] == "80.00"
    assert cost["reads"] == str(reads)
    assert cost["copy"] == cost["proof_by_second_reading"] == str(Decimal("80.00") + reads)
    assert cost["target_month"] == "18.00"
    assert cost["currency"] == "EUR"
    assert cost["source"] == "price list of 1 November 2026"
    assert cost["tariff"] == hashlib.sha256(TARIFF.encode()).hexdigest()


def test_a_gigabyte_is_what_the_contract_says(tmp_path: Path) -> None:
    binary = load_tariff(tariff_file(tmp_path, TARIFF + "bytes_per_gb = 1073741824\n"))
    assert binary.cost(Tally(bytes=2**30 * 100), Tally()).egress == "8.00"


def test_a_tariff_may_be_json(tmp_path: Path) -> None:
    values = {
        "format": "bercail-tariff/1",
        "currency": "EUR",
        "source": "s",
        "egress_per_gb": "1",
        "reads_per_10000": "0",
        "target_per_gb_month": "0",
    }
    path = tariff_file(tmp_path, json.dumps(values), "prices.json")
    assert load_tariff(path).cost(Tally(bytes=3 * GB), Tally()).egress == "3.00"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not = toml = at all", "cannot be read"),
        ('format = "other/1"', "is not a tariff"),
        (TARIFF.replace('"0.08"', "0.08"), "`egress_per_gb`"),
        (TARIFF.replace('"0.08"', '"-1"'), "`egress_per_gb`"),
        (TARIFF.replace('"0.08"', '"NaN"'), "`egress_per_gb`"),
        (TARIFF.replace('"0.08"', '"cheap"'), "`egress_per_gb`"),
        (TARIFF.replace('currency = "EUR"', 'currency = ""'), "`currency`"),
        (TARIFF.replace('currency = "EUR"', ""), "`currency` is absent"),
        (TARIFF + 'discount = "1"', "`discount`"),
        (TARIFF + "bytes_per_gb = 1000", "`1000`"),
        (TARIFF + "bytes_per_gb = 1e9", "1000000000.0"),
    ],
)
def test_a_tariff_that_is_none_is_invalid(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        load_tariff(tariff_file(tmp_path, text))


def test_a_plan_states_no_cost_and_no_duration_that_it_does_not_know(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a": b"12", "b": b""})
    service = world.service()
    service.survey()
    told = service.plan().as_dict()
    assert (told["cost"], told["seconds"], told["speed"]) == (None, None, None)
    assert told["order"] == "largest first, then by name"


def test_a_plan_is_kept_as_canonical_json_under_its_digest(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a": b"12", "b": b""})
    service = world.service()
    service.survey()
    prices = tariff_file(tmp_path)
    plan = service.plan(tariff=prices)
    (kept,) = (tmp_path / "work" / "plans").iterdir()
    body = kept.read_bytes()
    assert json.loads(body) == plan.as_dict()
    assert body == canonical_json(json.loads(body))
    assert kept.name == f"plan-1-{hashlib.sha256(body).hexdigest()[:16]}.json"
    assert plan.cost is not None
    assert plan.cost.egress == "0.00"
    # What a plan does is named by its digest, whatever it costs.
    assert service.plan().digest == plan.digest


def test_a_wrong_tariff_stops_before_anything_is_planned(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    service = world.service()
    service.survey()
    with pytest.raises(Missing):
        service.plan(tariff=tmp_path / "absent.toml")
    assert world.kinds() == ["SurveyTaken"]


def test_the_largest_goes_first_and_equals_by_name(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"b": b"1", "a": b"1", "z": b"333", "m": b"", "k": b"22"})
    world.service().survey()
    table = WorkTable(tmp_path / "work" / "state.sqlite")
    assert [row.entry.name for row in table.objects.work()] == ["z", "k", "a", "b", "m"]
    table.close()


def test_a_measured_plan_names_its_sample_and_leaves_nothing_on_the_target(
    tmp_path: Path,
) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a": b"1" * 1000, "b": b"2" * 500})
    service = world.service()
    service.survey()
    plan = service.plan(measure=True)
    assert plan.speed is not None
    assert "a sample: 2 objects, 1500 bytes read" in plan.speed.basis
    assert plan.seconds is not None
    assert plan.seconds >= 0
    assert list(world.home.list()) == []


def test_a_plan_measures_nothing_on_a_host_that_the_gate_refuses(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a": b"1"})
    service = world.service()
    service.survey()
    world.refusal = Refused("Not qualified.", rule="HOST-01")
    with pytest.raises(Refused):
        service.plan(measure=True)
    assert service.plan().speed is None


def test_the_speed_of_the_last_run_serves_the_next_plan(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a": b"1" * 1000, "b": b"2" * 500})
    service = world.service()
    service.survey()
    service.plan()
    service.copy()
    world.source.put("c", b"3")
    service.survey()
    plan = service.plan()
    assert plan.speed is not None
    assert plan.speed.basis == "the last run: 2 objects, 1500 bytes"
    service.copy()
    assert service.plan().seconds == 0


def test_a_rate_is_divided_between_bytes_and_objects(tmp_path: Path) -> None:
    table = WorkTable(tmp_path / "state.sqlite")
    with table:
        assert kept_rate(table) is None
        keep_rate(table, Tally(objects=10, bytes=1_000_000), 2.0)
        keep_rate(table, Tally(), 5.0)
    speed = kept_rate(table)
    assert speed is not None
    assert (speed.bytes_per_second, speed.microseconds_per_object) == (1_000_000, 100_000)
    assert speed.seconds(Tally(objects=10, bytes=1_000_000)) == 2
    assert speed.seconds(Tally(objects=1, bytes=0)) == 1
    assert speed.seconds(Tally()) == 0
    with table:
        keep_rate(table, Tally(objects=4, bytes=0), 2.0)
    empty = kept_rate(table)
    assert empty is not None
    assert empty.microseconds_per_object == 500_000
    table.close()


def test_a_sample_tells_waiting_from_moving_and_the_slower_side_counts(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"large": b"x" * 1_000_000, "small": b"", "gone": b"1"})
    world.service().survey()
    table = WorkTable(tmp_path / "work" / "state.sqlite")
    rows = list(table.objects.rows(ObjectState.PENDING))
    table.close()
    world.source.delete("gone")
    # Each look at this clock is 0.1 s after the last: every read, whatever its size, takes that.
    ticks = count()
    speed = measure(
        world.source,
        world.home,
        [evolve(row) for row in rows],
        threads=4,
        randomness=SystemRandomness(),
        now=lambda: next(ticks) / 10,
    )
    assert speed is not None
    assert speed.microseconds_per_object == 25_000
    assert "2 objects, 1000000 bytes read" in speed.basis
    nothing = open_store(Location.parse("memory:nothing"))
    assert measure(nothing, world.home, [], threads=1, randomness=SystemRandomness()) is None
    assert (
        Speed(bytes_per_second=10, microseconds_per_object=0, basis="").seconds(
            Tally(objects=5, bytes=101)
        )
        == 11
    )


def test_a_tariff_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"nowhere\.toml"):
        load_tariff(tmp_path / "nowhere.toml")
