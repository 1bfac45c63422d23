"""Large objects on a real S3 server: broken off, gone on with, and what a lying source gets."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from bercail.foundation import Unavailable
from bercail.hosting.migration.entry import entry_of
from bercail.hosting.migration.object_table import Tally
from bercail.hosting.migration.part_notes import UploadNotes
from bercail.lake import SealedStore
from bercail.lake.sealed_carriage import put_in_parts
from bercail.lake.sealed_parts import OtherPlaintext
from bercail.storage import CHUNK, Location, Passing, open_store
from bercail.storage.parts import PART
from bercail.storage.s3 import S3Store
from bercail.testing.moving import MovingWorld
from bercail.testing.servers import RunningServer

SIZE = 3 * PART + 12_345
CONTENT = b"".join(bytes([n]) * 65_536 for n in range(256))[:PART] * 3 + b"z" * 12_345
OTHER = CONTENT[: PART + 500] + b"?" + CONTENT[PART + 501 :]


class Breaking(Passing):
    """A source that stops answering after some bytes of each reading."""

    def __init__(self, store: object, after: int) -> None:
        super().__init__(store)  # type: ignore[arg-type]
        self.after = after

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        given = 0
        for piece in super().stream(name, if_match=if_match, chunk=chunk):
            if given >= self.after:
                raise Unavailable("The source does not answer.")
            given += len(piece)
            yield piece


class Lying(Passing):
    """A source that gives `other` bytes under the same name and entity tag."""

    def __init__(self, store: object, other: bytes) -> None:
        super().__init__(store)  # type: ignore[arg-type]
        self._other = other

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        for at in range(0, len(self._other), chunk):
            yield self._other[at : at + chunk]


class Turns:
    """Turns that tell whether the thread which asks holds one."""

    def __init__(self) -> None:
        self._mine = threading.local()

    def __enter__(self) -> None:
        self._mine.held = True

    def __exit__(self, *raised: object) -> None:
        self._mine.held = False

    def held(self) -> bool:
        return getattr(self._mine, "held", False)


class Counting:
    """The parts sent through a store, by number, and the salts that they were sealed under."""

    def __init__(self, store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[int] = []
        self.bodies: dict[tuple[str, int], set[bytes]] = {}
        real = store.parts.send

        def send(key: str, name: str, upload: str, number: int, pieces: Sequence[bytes]) -> object:
            self.sent.append(number)
            self.bodies.setdefault((upload, number), set()).add(b"".join(pieces))
            return real(key, name, upload, number, pieces)

        monkeypatch.setattr(store.parts, "send", send)


@pytest.fixture
def home(seaweedfs: RunningServer, s3_location: Location) -> S3Store:
    opened = open_store(s3_location, seaweedfs.credentials)
    assert isinstance(opened, S3Store)
    return opened


@pytest.fixture
def world(tmp_path: Path) -> MovingWorld:
    made = MovingWorld(tmp_path)
    made.fill({"large": CONTENT, "small": b"s"})
    service = made.service()
    service.survey()
    service.plan()
    return made


def broken(world: MovingWorld, home: S3Store, after: int) -> None:
    with pytest.raises(Unavailable):
        world.service(source=Breaking(world.source, after), home=home).copy()


def notes(world: MovingWorld) -> UploadNotes:
    return UploadNotes(world.folder / "work" / "uploads.sqlite")


def test_a_broken_copy_goes_on_at_the_part_and_leaves_nothing_behind(
    world: MovingWorld, home: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(world, home, 2 * PART + 100)
    assert len(list(home.leftovers())) == 1
    with closing(notes(world)) as kept:
        begun = kept.find("large")
        assert begun is not None
        assert set(begun.digests) == {1, 2}
    counting = Counting(home, monkeypatch)
    world.service(home=home).copy()
    assert sorted(counting.sent) == [3, 4]
    assert list(home.leftovers()) == []
    with closing(notes(world)) as kept:
        assert kept.names() == []
    proof = world.service(home=home).prove()
    assert (proof.carried, proof.bytes) == (2, SIZE + 1)
    world.service(home=home).cut_over()
    landed = world.service(home=home).landed()
    assert b"".join(landed.stream("large")) == CONTENT


def test_a_source_that_lies_about_its_entity_tag_never_gets_one_salt_twice(
    world: MovingWorld, home: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(home, monkeypatch)
    broken(world, home, 2 * PART + 100)
    with closing(notes(world)) as kept:
        before = kept.find("large")
    world.service(source=Lying(world.source, OTHER), home=home).copy()
    # No part of one upload, that is of one salt, ever had two contents.
    assert all(len(bodies) == 1 for bodies in counting.bodies.values())
    uploads = {upload for upload, _ in counting.bodies}
    assert len(uploads) == 2
    assert before is not None
    assert before.token in uploads
    assert list(home.leftovers()) == []


def test_other_bytes_are_noticed_before_anything_is_sealed_again(
    world: MovingWorld, home: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(world, home, 2 * PART + 100)
    counting = Counting(home, monkeypatch)
    version = world.source.head("large")
    sealed: SealedStore = world.target(home)
    with closing(notes(world)) as kept:
        begun = kept.find("large")
        assert begun is not None
        pieces = (OTHER[at : at + CHUNK] for at in range(0, SIZE, CHUNK))
        binding = entry_of(version).binding_version
        with pytest.raises(OtherPlaintext):
            put_in_parts(sealed, "large", pieces, binding, size=SIZE, notes=kept)
        assert kept.find("large") is None
    assert counting.sent == []
    assert list(home.leftovers()) == []


def test_a_part_leaves_only_while_it_has_its_turn(
    world: MovingWorld, home: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, held = Turns(), []
    real = home.parts.send

    def send(*told: object) -> object:
        held.append(turns.held())
        return real(*told)  # type: ignore[arg-type]

    monkeypatch.setattr(home.parts, "send", send)
    with closing(notes(world)) as kept:
        put_in_parts(
            world.target(home), "large", [CONTENT], "1", size=SIZE, notes=kept, turns=turns
        )
    assert held == [True] * 4
    assert not turns.held()


def test_objects_side_by_side_send_no_more_parts_than_there_are_threads(
    world: MovingWorld, home: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, most, lock = [0], [0], threading.Lock()
    real = home.parts.send

    def send(*told: object) -> object:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        try:
            return real(*told)  # type: ignore[arg-type]
        finally:
            with lock:
                now[0] -= 1

    monkeypatch.setattr(home.parts, "send", send)
    world.fill({f"large-{number}": CONTENT for number in range(2)})
    service = world.service(home=home, threads=2)
    service.survey()
    service.plan()
    assert service.copy().copied == Tally(objects=2, bytes=2 * SIZE)
    assert 0 < most[0] <= 2


def test_an_object_that_changed_between_two_runs_leaves_no_parts(
    world: MovingWorld, home: S3Store
) -> None:
    broken(world, home, 2 * PART + 100)
    world.source.put("large", b"small now")
    world.service(home=home).copy()
    assert list(home.leftovers()) == []
    service = world.service(home=home)
    service.survey()
    service.plan()
    service.copy()
    assert service.prove().carried == 2


def test_an_object_that_is_gone_between_two_runs_leaves_no_parts(
    world: MovingWorld, home: S3Store
) -> None:
    broken(world, home, PART + 100)
    world.source.delete("large")
    world.service(home=home).copy()
    assert list(home.leftovers()) == []


def test_killed_between_the_note_and_the_hosts_answer_nothing_is_left(
    world: MovingWorld, home: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = home.parts.begin

    def begin(key: str, name: str, metadata: Mapping[str, str], storage_class: str | None) -> str:
        real(key, name, metadata, storage_class)
        raise KeyboardInterrupt

    monkeypatch.setattr(home.parts, "begin", begin)
    with pytest.raises(KeyboardInterrupt):
        world.service(home=home).copy()
    assert len(list(home.leftovers())) == 1
    monkeypatch.undo()
    world.service(home=home).copy()
    assert list(home.leftovers()) == []


def test_a_source_that_gives_fewer_bytes_leaves_no_parts(world: MovingWorld, home: S3Store) -> None:
    report = world.service(source=Lying(world.source, CONTENT[:-5]), home=home).copy()
    assert "large" in report.failed
    assert list(home.leftovers()) == []


def test_a_target_without_parts_is_written_whole(world: MovingWorld) -> None:
    service = world.service()
    service.copy()
    assert service.prove().carried == 2
    sizes = sorted(info.size for info in world.home.list())
    assert sizes[-1] > SIZE
