"""The exit is rehearsed on a sample: it leaves, is proven and opened there, and is timed."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Actor, Invalid, Missing, Refused, Role, Unproven
from bercail.hosting.exit import Batch, Estimate, ExitRehearsal
from bercail.hosting.exit.estimate import extrapolate
from bercail.hosting.exit.views import Arrived, Part
from bercail.lake import SealedFolder
from bercail.storage import Location, Passing, open_store
from bercail.testing import leaving
from bercail.testing.moving import OPERATOR, MovingWorld

CONTENTS = {f"data/{n}": bytes([n]) * (1000 + n) for n in range(12)}
_NUMBERS = itertools.count()


@pytest.fixture
def world(tmp_path: Path) -> MovingWorld:
    made = MovingWorld(tmp_path)
    made.fill(CONTENTS)
    service = made.service()
    for step in (service.survey, service.plan, service.copy, service.prove):
        step()
    service.cut_over()
    return made


def rehearsal(world: MovingWorld, **places: Any) -> ExitRehearsal:
    """A rehearsal on a watch that shows five seconds more at each look."""
    return leaving.rehearsal(world, timer=itertools.count(0.0, 5.0).__next__, **places)


def test_a_sample_leaves_is_proven_and_opened_there_and_is_timed(world: MovingWorld) -> None:
    desk = rehearsal(world)
    done = desk.rehearse(OPERATOR, sample=8)
    event = done.event
    # Twelve objects and the manifest stand at home; eight of them leave, in batches of one.
    assert (event.objects, event.all_objects, len(done.batches)) == (8, 13, 8)
    assert 7 <= event.opened <= 8
    assert event.milliseconds == 8 * 5000
    assert event.low_s <= event.estimate_s <= event.high_s
    assert event.within
    (recorded,) = world.journal.read("exit/moving")
    assert (recorded.kind, recorded.body["milliseconds"]) == ("ExitRehearsed", 40_000)
    assert "data/" not in json.dumps(recorded.body)
    assert list(desk.away.list()) == []


def test_the_home_is_not_written_to(world: MovingWorld) -> None:
    before = list(world.home.list())
    rehearsal(world).rehearse(OPERATOR, sample=4)
    assert list(world.home.list()) == before


def test_a_second_rehearsal_takes_another_number_and_may_be_kept(world: MovingWorld) -> None:
    rehearsal(world).rehearse(OPERATOR, sample=3)
    desk = rehearsal(world)
    assert desk.rehearse(OPERATOR, sample=3, keep=True).event.rehearsal == 2
    # Each object and, for each of the three batches, its manifest.
    assert len(list(desk.away.list())) == 6


def test_what_opens_there_to_other_data_is_unproven(world: MovingWorld) -> None:
    with world.service().ground.table() as table, table:
        table._db.execute("UPDATE objects SET sha256 = ?", ("0" * 64,))
    with pytest.raises(Unproven, match="other data"):
        rehearsal(world).rehearse(OPERATOR, sample=8)
    assert list(world.journal.read("exit/moving")) == []


def test_what_cannot_leave_is_unproven(world: MovingWorld) -> None:
    class Vanishing(Passing):
        def head(self, name: str):
            raise Missing("It is not there.")

    with pytest.raises(Unproven) as caught:
        rehearsal(world, home=Vanishing(world.home)).rehearse(OPERATOR, sample=4)
    assert caught.value.rule == "exit-sample"


def test_the_place_must_be_empty_the_sample_large_enough_the_actor_an_operator(
    world: MovingWorld,
) -> None:
    away = open_store(Location.parse(f"memory:exit-{next(_NUMBERS)}"))
    away.put("somebody's", b"work")
    with pytest.raises(Refused) as caught:
        rehearsal(world, away=away).rehearse(OPERATOR)
    assert caught.value.rule == "exit-empty-place"
    assert away.get("somebody's") == b"work"
    with pytest.raises(Invalid, match="`1`"):
        rehearsal(world).rehearse(OPERATOR, sample=1)
    with pytest.raises(Refused) as caught:
        rehearsal(world).rehearse(Actor(id="someone", roles={Role.AUDITOR}))
    assert caught.value.rule == "migration-operator"
    empty = open_store(Location.parse(f"memory:exit-{next(_NUMBERS)}"))
    with pytest.raises(Missing, match="too few"):
        rehearsal(world, home=empty).rehearse(OPERATOR)


def test_a_house_that_was_not_brought_by_a_migration_leaves_sealed(
    world: MovingWorld, tmp_path: Path
) -> None:
    desk = rehearsal(world)
    (tmp_path / "work" / "state.sqlite").rename(tmp_path / "elsewhere")
    assert desk.rehearse(OPERATOR, sample=4).event.opened == 0


def test_the_estimate_finds_known_costs_and_its_interval_holds_them() -> None:
    # Each object costs 0.1 s, each megabyte 2 s, with some noise.
    noise = (0.97, 1.02, 1.01, 0.99, 1.03, 0.98, 1.0, 1.02)
    batches = [
        Batch(objects=10 + n, bytes=(8 - n) * 10**6, seconds=(0.1 * (10 + n) + 2 * (8 - n)) * x)
        for n, x in enumerate(noise)
    ]
    true = 0.1 * 10_000 + 2 * 5_000
    found = extrapolate(batches, 10_000, 5_000 * 10**6)
    assert abs(found.seconds - true) / true < 0.2
    assert found.low <= true <= found.high
    assert found == extrapolate(batches, 10_000, 5_000 * 10**6)


def test_an_exit_that_may_take_longer_than_30_days_says_so() -> None:
    month = 30 * 86_400
    assert Estimate(seconds=1, low=0, high=month).within
    assert not Estimate(seconds=1, low=0, high=month + 1).within


def test_one_batch_says_nothing_and_empty_objects_cost_something() -> None:
    with pytest.raises(Invalid, match="`1` batch"):
        extrapolate([Batch(objects=1, bytes=1, seconds=1)], 1, 1)
    batches = [Batch(objects=2, bytes=0, seconds=1.0) for _ in range(3)]
    assert extrapolate(batches, 10, 0).seconds == 5


def test_a_part_shows_only_its_objects_and_nothing_can_be_written(world: MovingWorld) -> None:
    shown = sorted(world.home.list(), key=lambda info: info.name)[:2]
    part = Part(world.home, shown)
    names = [info.name for info in shown]
    assert [info.name for info in part.list()] == names
    assert [info.name for info in part.list(names[0])] == names[:1]
    assert not hasattr(part, "inner")
    assert part.get(names[0]) == world.home.get(names[0])
    for write in (lambda: part.put("x", b""), lambda: part.delete(names[0])):
        with pytest.raises(Refused) as caught:
            write()
        assert caught.value.rule == "read-only-store"


def test_what_arrived_is_a_store_to_read_from(world: MovingWorld) -> None:
    target = world.target()
    target.put("name", b"0123456789", "v")
    store = Arrived(SealedFolder(target, {"name": "v"}), world.home)
    assert store.get("name") == b"0123456789"
    assert store.read("name", 8, 100) == b"89"
    assert store.read("name", 20, 5) == b""
    assert [(info.name, info.size) for info in store.list()] == [("name", 10)]
    with pytest.raises(Missing):
        store.head("other")
    with pytest.raises(Refused):
        store.delete("name")
