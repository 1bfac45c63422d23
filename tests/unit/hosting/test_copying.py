"""One object at a time: what a carrier and a prover make of an unwilling source or target."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from bercail.foundation import Invalid, Missing, Unavailable, Unproven
from bercail.hosting import Basis
from bercail.hosting.migration.copying import Carrier
from bercail.hosting.migration.entry import LARGEST_OBJECT, Entry, ObjectState, SourceFacts
from bercail.hosting.migration.entry import entry_of as entry
from bercail.hosting.migration.object_table import WorkRow
from bercail.hosting.migration.part_notes import UploadNotes
from bercail.hosting.migration.patience import MOST_ATTEMPTS, Patience
from bercail.hosting.migration.pool import AHEAD, Gauge, Stopped, run_bounded
from bercail.hosting.migration.proving import Prover
from bercail.storage import ObjectInfo, ObjectStore, Passing
from bercail.testing.moving import Labelled, MovingWorld


@pytest.fixture
def world(tmp_path: Path) -> MovingWorld:
    made = MovingWorld(tmp_path)
    made.fill({"a": b"content of a"})
    return made


def row(world: MovingWorld, **more: object) -> WorkRow:
    seen = entry(world.source.head("a"))
    opaque = world.target().opaque_name("a", seen.binding_version)
    return WorkRow(entry=seen, opaque=opaque, state=ObjectState.PENDING, **more)


def carrier(
    world: MovingWorld, *, source: ObjectStore | None = None, home: ObjectStore | None = None
) -> tuple[Carrier, Gauge, list[float]]:
    gauge, slept = Gauge(), []
    made = Carrier(
        source=source or world.source,
        target=world.target(home),
        home=home or world.home,
        gauge=gauge,
        notes=UploadNotes(world.folder / "uploads.sqlite"),
        sleep=slept.append,
    )
    return made, gauge, slept


def test_what_is_carried_has_its_digests(world: MovingWorld) -> None:
    one, gauge, _ = carrier(world)
    outcome = one.carry(row(world))
    assert (outcome.state, outcome.written) == (ObjectState.CARRIED, True)
    assert outcome.row.sealed_size == world.home.head(outcome.row.opaque).size
    assert len(outcome.row.crc or "") == 16
    assert gauge.moved == 12


def test_what_stands_there_already_is_read_back_with_the_same_digests(world: MovingWorld) -> None:
    one, gauge, _ = carrier(world)
    sent = one.carry(row(world)).row
    again = one.carry(row(world, there=True))
    assert (again.state, again.written) == (ObjectState.CARRIED, False)
    assert (again.row.sha256, again.row.crc, again.row.sealed_size) == (
        sent.sha256,
        sent.crc,
        sent.sealed_size,
    )
    assert gauge.moved == 24


def test_what_does_not_open_there_is_sent_again(world: MovingWorld) -> None:
    one, gauge, _ = carrier(world)
    world.home.put(row(world).opaque, b"nonsense")
    assert one.carry(row(world, there=True)).written
    assert gauge.moved == 12


def test_what_is_distrusted_is_sent_again(world: MovingWorld) -> None:
    one, _, _ = carrier(world)
    one.carry(row(world))
    assert one.carry(row(world, there=True, distrust=True)).written


def test_a_silent_host_is_asked_again_with_growing_pauses(world: MovingWorld) -> None:
    class Silent(Passing):
        def stream(self, name: str, **_: object) -> Iterator[bytes]:
            yield b"cont"
            raise Unavailable("The source does not answer.")

    one, gauge, slept = carrier(world, source=Silent(world.source))
    with pytest.raises(Unavailable):
        one.carry(row(world))
    pauses = [pause for pause in slept if pause in {0.5, 2.0, 8.0, 32.0, 60.0}]
    assert pauses == [0.5, 2.0, 8.0, 32.0, 60.0]
    assert len(pauses) == MOST_ATTEMPTS - 1
    assert gauge.moved == 0


def test_a_tier_learnt_only_when_asked_leaves_the_object_behind(world: MovingWorld) -> None:
    one, _, _ = carrier(world, source=Labelled(world.source, {"a": {"tier": "archive"}}))
    outcome = one.carry(row(world))
    assert outcome.state is ObjectState.NOT_CARRIED
    assert "rehydrated" in (outcome.reason or "")
    assert list(world.home.list()) == []


def test_a_name_that_cannot_be_asked_for_fails_by_its_reason(world: MovingWorld) -> None:
    class Fussy(Passing):
        def head(self, name: str) -> ObjectInfo:
            raise Invalid(f"The name `{name}` cannot be asked for.")

    outcome = carrier(world, source=Fussy(world.source))[0].carry(row(world))
    assert (outcome.state, outcome.reason) == (
        ObjectState.FAILED,
        "The name `a` cannot be asked for",
    )


def test_a_target_without_its_container_is_missing_and_no_object_is_gone(
    world: MovingWorld,
) -> None:
    class Nowhere(Passing):
        def put(self, *_: object, **__: object) -> ObjectInfo:
            raise Missing("There is no such bucket.")

    with pytest.raises(Missing, match="bucket"):
        carrier(world, home=Nowhere(world.home))[0].carry(row(world))


def test_a_target_that_keeps_another_size_is_a_failure(world: MovingWorld) -> None:
    class Lossy(Passing):
        def put(self, name: str, data: bytes, **_: object) -> ObjectInfo:
            return evolve(super().put(name, data), size=1)

    outcome = carrier(world, home=Lossy(world.home))[0].carry(row(world))
    assert outcome.state is ObjectState.FAILED
    assert "The host holds 1 bytes" in (outcome.reason or "")


def test_a_source_that_breaks_while_it_is_proved_is_named(world: MovingWorld) -> None:
    class Breaking(Passing):
        def stream(self, name: str, **_: object) -> Iterator[bytes]:
            raise Unproven("The object changed under the reader.")
            yield b""

    carried = carrier(world)[0].carry(row(world)).row
    prover = Prover(
        source=Breaking(world.source), target=world.target(), gauge=Gauge(), basis=Basis.REREAD
    )
    check = prover.check(carried)
    assert check.wrong == (
        "the source changed while it was read (The object changed under the reader)"
    )
    assert not check.distrust


def test_a_digest_that_is_not_that_of_the_copy_is_the_targets_fault(world: MovingWorld) -> None:
    carried = carrier(world)[0].carry(row(world)).row
    prover = Prover(
        source=world.source, target=world.target(), gauge=Gauge(), basis=Basis.COPY_TIME
    )
    check = prover.check(evolve(carried, sha256="00" * 32))
    assert (check.wrong, check.distrust) == (
        "the target holds other bytes than were copied",
        True,
    )


def test_an_object_that_no_store_takes_whole_is_an_obstacle() -> None:
    facts = SourceFacts(etag="e")
    assert Entry(name="a", size=LARGEST_OBJECT, facts=facts).obstacle is None
    assert "larger" in (Entry(name="a", size=LARGEST_OBJECT + 1, facts=facts).obstacle or "")


def test_the_binding_version_names_entity_tag_and_size_only() -> None:
    one = Entry(name="a", size=1, facts=SourceFacts(etag="e"))
    assert one.binding_version == evolve(one, name="b").binding_version
    assert one.binding_version != evolve(one, size=2).binding_version
    assert one.binding_version != evolve(one, facts=SourceFacts(etag="f")).binding_version
    told = SourceFacts(etag="e", version="v", tier="Hot", metadata={"k": "v"})
    assert one.binding_version == evolve(one, facts=told).binding_version


def test_a_store_without_entity_tags_is_pinned_by_time() -> None:
    info = ObjectInfo(name="a", size=1, etag="")
    assert entry(info).facts.etag == "modified:None"


def test_the_first_failure_stops_all_and_comes_through() -> None:
    gauge, finished = Gauge(), []

    def work(number: int) -> int:
        if number == 3:
            raise Unavailable("The host does not answer.")
        gauge.move(1)
        return number

    with pytest.raises(Unavailable):
        run_bounded(
            iter(range(1000)),
            work,
            threads=2,
            gauge=gauge,
            on_result=finished.append,
            on_tick=lambda: None,
        )
    assert set(finished) >= {0, 1}
    assert len(finished) < 100
    with pytest.raises(Stopped):
        gauge.move(1)


def test_no_more_than_a_few_tasks_a_thread_are_taken_ahead() -> None:
    taken, finished = [], []

    def tasks() -> Iterator[int]:
        for number in range(200):
            taken.append(number)
            assert len(taken) - len(finished) <= 3 * AHEAD
            yield number

    run_bounded(
        tasks(),
        lambda number: number,
        threads=3,
        gauge=Gauge(),
        on_result=finished.append,
        on_tick=lambda: None,
    )
    assert sorted(finished) == taken == list(range(200))


def test_a_host_that_asks_for_longer_is_left_alone_by_all_workers() -> None:
    slept: list[float] = []
    clock = [100.0]
    patience = Patience(sleep=slept.append, now=lambda: clock[0], asked=lambda: 40.0)
    patience.before()
    assert slept == []
    patience.after(1, Unavailable("Busy."))
    clock[0] = 110.0
    patience.before()
    assert slept == [40.0, 30.0]


def test_a_listing_that_tells_everything_saves_a_question(world: MovingWorld) -> None:
    asked: list[str] = []

    class Whole(Passing):
        def head(self, name: str) -> ObjectInfo:
            asked.append(name)
            return super().head(name)

    source = Whole(world.source)
    source.features = evolve(source.features, whole_listing=True)
    listed = row(world)
    assert carrier(world, source=source)[0].carry(listed).written
    assert asked == []
    world.source.put("a", b"changed since it was listed")
    outcome = carrier(world, source=source)[0].carry(listed)
    assert outcome.row.entry.size == 27
    assert asked
    told = evolve(listed, reason="a proof found it changed")
    asked.clear()
    carrier(world, source=source)[0].carry(told)
    assert asked == ["a"]


def test_an_object_archived_since_it_was_listed_is_asked_about(world: MovingWorld) -> None:
    class Archived(Passing):
        def stream(self, name: str, **_: object) -> Iterator[bytes]:
            raise Invalid("The store does not accept the request: status 409, `BlobArchived`.")
            yield b""

    source = Archived(Labelled(world.source, {"a": {"tier": "Archive"}}))
    source.features = evolve(source.features, whole_listing=True)
    outcome = carrier(world, source=source)[0].carry(row(world))
    assert outcome.state is ObjectState.NOT_CARRIED
    assert "rehydrated" in (outcome.reason or "")
