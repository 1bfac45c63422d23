"""From any pair of states, survey, plan and copy reach equality, killed anywhere."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bercail.foundation import Unproven
from bercail.hosting import MigrationService
from bercail.testing.moving import Killed, Killer, MovingWorld

names = st.sampled_from(["a", "b c", "d/é", "d/f", "g.csv", "h"])
contents = st.sampled_from([b"", b"x", b"y" * 100, b"z" * 70_000])
states = st.dictionaries(names, contents, max_size=6)
damages = st.lists(
    st.tuples(st.integers(0, 20), st.sampled_from(["delete", "flip", "cut", "swap"])), max_size=3
)
relaxed = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def damage(world: MovingWorld, number: int, how: str) -> None:
    """Do something to one object of the target."""
    places = sorted(info.name for info in world.home.list())
    if not places:
        return
    place = places[number % len(places)]
    content = world.home.get(place)
    if how == "delete":
        world.home.delete(place)
    elif how == "flip":
        world.home.put(place, content[:-1] + bytes([content[-1] ^ 1]))
    elif how == "cut":
        world.home.put(place, content[: len(content) // 2])
    else:
        world.home.put(place, world.home.get(places[0]))


def settle(service: MigrationService) -> None:
    """The commands an operator gives, once more when a proof names what is wrong."""
    service.survey()
    service.plan()
    service.copy()
    try:
        service.prove()
    except Unproven:
        service.copy()
        service.prove()


def landed(service: MigrationService) -> dict[str, bytes]:
    service.cut_over()
    folder = service.landed()
    return {name: b"".join(folder.stream(name)) for name in folder.names()}


@relaxed
@given(before=states, after=states, killed_at=st.integers(0, 8), damaged=damages)
def test_any_pair_of_states_reaches_equality(
    before: dict[str, bytes],
    after: dict[str, bytes],
    killed_at: int,
    damaged: list[tuple[int, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = MovingWorld(Path(folder))
        world.fill(before)
        first = world.service(home=Killer(world.home, killed_at))
        first.survey()
        first.plan()
        try:
            first.copy()
        except Killed:
            assert killed_at <= len(before)
        world.fill(after)
        for number, how in damaged:
            damage(world, number, how)
        service = world.service()
        settle(service)
        assert landed(service) == after


@relaxed
@given(
    state=states.filter(bool),
    kills=st.lists(st.tuples(st.integers(1, 7), st.booleans()), max_size=4),
    threads=st.integers(1, 3),
)
def test_killed_at_any_write_a_copy_resumes_and_repeats_nothing_that_finished(
    state: dict[str, bytes], kills: list[tuple[int, bool]], threads: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = MovingWorld(Path(folder))
        world.fill(state)
        world.service().survey()
        world.service().plan()
        written: dict[str, int] = {}
        for at, after in [*kills, (1000, False)]:
            killer = Killer(world.home, at, after=after)
            try:
                world.service(home=killer, threads=threads).copy()
            except Killed:
                assert at < 1000
            for place, count in killer.puts.items():
                written[place] = written.get(place, 0) + count
        assert set(written.values()) == {1}
        assert len(written) == len(state)
        service = world.service()
        service.prove()
        assert landed(service) == state
        assert world.kinds().count("CopyFinished") >= 1


@relaxed
@given(state=states, again=st.integers(0, 3))
def test_a_plan_made_twice_is_one_plan_and_an_applied_plan_is_empty(
    state: dict[str, bytes], again: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = MovingWorld(Path(folder))
        world.fill(state)
        service = world.service()
        service.survey()
        digests = {service.plan().digest for _ in range(again + 1)}
        assert len(digests) == 1
        service.copy()
        plan = service.plan()
        assert (plan.to_copy.objects, plan.read_back.objects) == (0, 0)
        assert plan.there.objects == len(state)
