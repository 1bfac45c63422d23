"""From any state of source, landing and work table, a plan and its copy reach equality.

States are reached by what happens to a migration: objects written, changed and removed on
the source, damage and strangers on the target, the work table lost, and processes killed
while they survey, plan or copy. Whatever came before, the next plan finishes it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bercail.foundation import Refused, Unproven
from bercail.hosting import MigrationService
from bercail.hosting.migration.entry import ObjectState
from bercail.storage import ObjectInfo, ObjectStore, Passing
from bercail.testing.moving import Killed, Killer, MovingWorld

NAMES = st.sampled_from(["a", "b c", "d/é", "d/f", "plus+%41", "h"])
CONTENTS = st.sampled_from([b"", b"x", b"y" * 100, b"z" * 70_000])
STEPS = st.one_of(
    st.tuples(st.just("write"), NAMES, CONTENTS),
    st.tuples(st.just("remove"), NAMES),
    st.tuples(st.just("survey"), st.none() | st.integers(0, 5)),
    st.tuples(st.just("plan"), st.booleans()),
    st.tuples(st.just("copy"), st.none() | st.tuples(st.integers(0, 5), st.booleans())),
    st.tuples(st.just("prove")),
    st.tuples(st.just("damage"), st.integers(0, 9), st.sampled_from(["delete", "flip", "cut"])),
    st.tuples(st.just("stranger"), st.integers(0, 3)),
    st.tuples(st.just("lose the work table")),
)
HISTORIES = st.lists(STEPS, max_size=9)
RELAXED = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


class DiesListing(Passing):
    """A store whose process dies after it listed `after` objects."""

    def __init__(self, store: ObjectStore, after: int) -> None:
        super().__init__(store)
        self._after = after

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Some objects, then the end of the process."""
        for count, info in enumerate(super().list(prefix)):
            if count == self._after:
                break
            yield info
        raise Killed


def happen(world: MovingWorld, step: tuple[object, ...]) -> None:
    """Let one thing happen; a step out of order or a proof that fails is part of life."""
    try:
        _to_the_stores(world, step)
        _to_the_migration(world, step)
    except (Killed, Refused, Unproven):
        return


def _to_the_stores(world: MovingWorld, step: tuple[object, ...]) -> None:
    match step:
        case ("write", str(name), bytes(content)):
            world.source.put(name, content)
        case ("remove", str(name)):
            world.source.delete(name)
        case ("damage", int(number), str(how)):
            _damage(world, number, how)
        case ("stranger", int(number)):
            world.home.put(f"not-ours-{number}", b"?" * number)
        case ("lose the work table",):
            shutil.rmtree(world.folder / "work", ignore_errors=True)


def _to_the_migration(world: MovingWorld, step: tuple[object, ...]) -> None:
    match step:
        case ("survey", int(after)):
            world.service(source=DiesListing(world.source, after)).survey()
        case ("survey", None):
            world.service().survey()
        case ("plan", bool(killed)):
            home = DiesListing(world.home, 1) if killed else None
            world.service(home=home).plan()
        case ("copy", (int(at), bool(after))):
            world.service(home=Killer(world.home, at, after=after)).copy()
        case ("copy", None):
            world.service().copy()
        case ("prove",):
            world.service().prove()


def _damage(world: MovingWorld, number: int, how: str) -> None:
    places = sorted(info.name for info in world.home.list())
    if not places:
        return
    place = places[number % len(places)]
    content = world.home.get(place)
    if how == "delete":
        world.home.delete(place)
    elif how == "flip" and content:
        world.home.put(place, content[:-1] + bytes([content[-1] ^ 1]))
    else:
        world.home.put(place, content[: len(content) // 2])


def applied(service: MigrationService) -> None:
    """One plan and its copy; what a proof names is carried by the next."""
    service.survey()
    service.plan()
    service.copy()
    try:
        service.prove()
    except Unproven:
        service.plan()
        service.copy()
        service.prove()


def carried(world: MovingWorld, service: MigrationService) -> dict[str, bytes]:
    """What stands on the target for each row that the work table calls carried."""
    with service.ground.table() as table:
        rows = list(table.objects.rows(ObjectState.CARRIED))
        assert not list(table.objects.rows(ObjectState.PENDING, ObjectState.FAILED))
    target = world.target()
    return {
        row.entry.name: b"".join(target.stream(row.entry.name, row.entry.binding_version))
        for row in rows
    }


def on_the_source(world: MovingWorld) -> dict[str, bytes]:
    return {info.name: world.source.get(info.name) for info in world.source.list()}


@RELAXED
@given(before=HISTORIES, after=HISTORIES)
def test_after_any_history_the_next_plan_reaches_equality(
    before: list[tuple[object, ...]], after: list[tuple[object, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = MovingWorld(Path(folder))
        for step in [*before, ("survey", None), ("plan", False), *after]:
            happen(world, step)
        applied(world.service())
        assert carried(world, world.service()) == on_the_source(world)
        plan = world.service().plan()
        assert (plan.to_copy.objects, plan.read_back.objects) == (0, 0)
        assert plan.there.objects == len(on_the_source(world))


@RELAXED
@given(history=HISTORIES)
def test_a_plan_counts_every_object_of_the_source_once(history: list[tuple[object, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = MovingWorld(Path(folder))
        for step in history:
            happen(world, step)
        service = world.service()
        service.survey()
        plan = service.plan()
        held = on_the_source(world)
        assert (plan.total.objects, plan.total.bytes) == (
            len(held),
            sum(len(content) for content in held.values()),
        )
        parts = (plan.there, plan.read_back, plan.to_copy)
        assert sum(part.objects for part in parts) == plan.total.objects
        assert sum(part.bytes for part in parts) == plan.total.bytes
        report = service.copy()
        assert report.copied.objects + report.read_back.objects <= (
            plan.to_copy.objects + plan.read_back.objects
        )
        assert report.pending == 0
