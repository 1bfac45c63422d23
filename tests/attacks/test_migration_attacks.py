"""A target, a source or a listing that lies: the proof finds it and names every object."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bercail.foundation import Refused, Unproven
from bercail.hosting import Basis
from bercail.storage import ObjectInfo, Passing
from bercail.testing.moving import Labelled, MovingWorld

NAMES = [f"deliveries/file {n:02}.csv" for n in range(12)]
SMALL = {name: f"content of {name};".encode() * 40 for name in NAMES}
CONTENTS = {**SMALL, "large.bin": b"\x07" * 3_000_000}


@pytest.fixture
def world(tmp_path: Path) -> MovingWorld:
    made = MovingWorld(tmp_path)
    made.fill(CONTENTS)
    service = made.service()
    service.survey()
    service.plan()
    service.copy()
    return made


def opaque(world: MovingWorld, name: str) -> str:
    """Where `name` stands on the target: found by opening, as only the trust side can."""
    info = world.source.head(name)
    pin = f'["{info.etag}",{info.size}]'.encode()
    version = "src-" + hashlib.sha256(pin).hexdigest()[:32]
    return world.target().opaque_name(name, version)


def refused(world: MovingWorld, *names: str, basis: Basis = Basis.REREAD) -> str:
    """The refusal, which must name exactly `names`; nothing may become canonical."""
    with pytest.raises(Unproven) as caught:
        world.service().prove(basis)
    assert caught.value.message.startswith(f"{len(names)} objects are not proven.")
    assert {name for name in CONTENTS if f"`{name}`" in caught.value.message} == set(names)
    assert set(world.service().status().wrong) == set(names)
    assert world.kinds()[-1] == "ProofFailed"
    with pytest.raises(Refused):
        world.service().cut_over()
    return caught.value.message


def repaired(world: MovingWorld) -> None:
    """A next copy carries what failed again, and only that; then everything is proven."""
    world.service().copy()
    assert world.service().prove().carried == len(CONTENTS)


def flip(world: MovingWorld, name: str, position: int) -> None:
    place = opaque(world, name)
    content = bytearray(world.home.get(place))
    content[position] ^= 1
    world.home.put(place, bytes(content))


@pytest.mark.parametrize("position", [0, 20, 60, -1, -40, 200])
def test_one_flipped_bit_is_found_and_named(world: MovingWorld, position: int) -> None:
    flip(world, NAMES[3], position)
    refused(world, NAMES[3])
    repaired(world)


@pytest.mark.parametrize("position", [70_000, 1_500_000, -5])
def test_one_flipped_bit_deep_in_a_large_object_is_found(world: MovingWorld, position: int) -> None:
    flip(world, "large.bin", position)
    refused(world, "large.bin", basis=Basis.COPY_TIME)
    repaired(world)


@pytest.mark.parametrize("kept", [0, 1, 65_536, 2_000_000])
def test_a_truncated_object_is_found_and_named(world: MovingWorld, kept: int) -> None:
    place = opaque(world, "large.bin")
    world.home.put(place, world.home.get(place)[:kept])
    refused(world, "large.bin")
    repaired(world)


def test_a_truncation_at_a_segment_edge_is_found(world: MovingWorld) -> None:
    place = opaque(world, "large.bin")
    content = world.home.get(place)
    world.home.put(place, content[: 10 * 65_536])
    refused(world, "large.bin")


def test_bytes_added_at_the_end_are_found(world: MovingWorld) -> None:
    place = opaque(world, NAMES[0])
    world.home.put(place, world.home.get(place) + b"\x00")
    refused(world, NAMES[0])
    repaired(world)


def test_two_swapped_objects_are_both_found_and_named(world: MovingWorld) -> None:
    first, second = opaque(world, NAMES[1]), opaque(world, NAMES[2])
    one, other = world.home.get(first), world.home.get(second)
    assert len(one) == len(other)
    world.home.put(first, other)
    world.home.put(second, one)
    refused(world, NAMES[1], NAMES[2])
    repaired(world)


def test_an_object_put_in_place_of_its_older_self_is_found(world: MovingWorld) -> None:
    older = world.home.get(opaque(world, NAMES[4]))
    world.source.put(NAMES[4], SMALL[NAMES[4]].upper())
    service = world.service()
    service.survey()
    service.plan()
    service.copy()
    world.home.put(opaque(world, NAMES[4]), older)
    refused(world, NAMES[4])
    repaired(world)


def test_a_deleted_object_is_found_and_named(world: MovingWorld) -> None:
    world.home.delete(opaque(world, NAMES[5]))
    refused(world, NAMES[5])
    repaired(world)


def test_several_attacks_at_once_are_all_named(world: MovingWorld) -> None:
    flip(world, NAMES[6], 100)
    world.home.delete(opaque(world, NAMES[7]))
    place = opaque(world, "large.bin")
    world.home.put(place, world.home.get(place)[:-1])
    message = refused(world, NAMES[6], NAMES[7], "large.bin")
    assert f"`{NAMES[7]}`: it is absent from the target" in message
    repaired(world)


def test_a_source_that_changed_since_the_copy_is_found(world: MovingWorld) -> None:
    world.source.put(NAMES[8], b"changed")
    assert "the source changed since it was copied" in refused(world, NAMES[8])
    repaired(world)


def test_a_source_that_lost_an_object_since_the_copy_is_found(world: MovingWorld) -> None:
    world.source.delete(NAMES[9])
    assert "the source no longer has it" in refused(world, NAMES[9])


def test_a_source_that_gives_other_bytes_under_one_entity_tag_is_found(
    world: MovingWorld,
) -> None:
    class Lying(Passing):
        def stream(self, name: str, **options: object) -> Iterator[bytes]:
            for piece in super().stream(name, **options):
                yield piece.swapcase() if name == NAMES[10] else piece

    with pytest.raises(Unproven, match="other bytes under the same entity tag"):
        world.service(source=Lying(world.source)).prove()
    assert list(world.service().status().wrong) == [NAMES[10]]


def stale(infos: list[ObjectInfo]) -> Iterator[ObjectInfo]:
    yield from infos
    yield ObjectInfo(name="never/was", size=3, etag="stale")


@pytest.mark.parametrize(
    ("lie", "total"),
    [
        (lambda infos: iter(infos[:-1]), len(CONTENTS) - 1),
        (lambda infos: itertools.chain(infos, infos), len(CONTENTS)),
        (stale, len(CONTENTS)),
    ],
    ids=["missing", "repeated", "stale"],
)
def test_a_listing_that_lies_never_reaches_a_cut_over_unseen(
    tmp_path: Path, lie: Callable[[list[ObjectInfo]], Iterator[ObjectInfo]], total: int
) -> None:
    class Lying(Passing):
        def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
            return lie(list(super().list(prefix)))

    world = MovingWorld(tmp_path)
    world.fill(CONTENTS)
    service = world.service(source=Lying(world.source))
    service.survey()
    service.plan()
    service.copy()
    assert service.prove().carried == total
    honest = world.service()
    assert honest.cut_over().state.canonical.value == "target"
    # What the listing hid is a last delta: carried and proved before the switch.
    assert world.kinds().count("ProofMade") == (2 if total < len(CONTENTS) else 1)
    landed = honest.landed()
    assert {name: b"".join(landed.stream(name)) for name in landed.names()} == CONTENTS


def test_a_storage_class_or_tier_of_the_source_never_reaches_the_target(tmp_path: Path) -> None:
    seen: list[object] = []

    class Watching(Passing):
        def put(self, name: str, data: object, **options: object) -> ObjectInfo:
            seen.append(options.get("metadata"))
            return super().put(name, data, **options)

    world = MovingWorld(tmp_path)
    world.fill({"a": b"a"})
    extra = {"a": {"tier": "Hot", "metadata": {"secret": "name"}}}
    home = Watching(world.home)
    service = world.service(source=Labelled(world.source, extra), home=home)
    service.survey()
    service.plan()
    service.copy()
    assert seen
    assert not any(seen)
