"""Where a sealed file lies and what opens it, for readers on other machines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bercail.access.opened import GuardedFolder
from bercail.foundation import FixedClock, Missing, Refused, SeededRandomness, Unproven
from bercail.lake import SealedFolder, SealedStore
from bercail.lake.filesystem import SealedFilesystem
from bercail.storage import Location
from bercail.storage.memory import MemoryStore
from bercail.vault import Keyring, MemoryCustodian, SealedReader

PLAIN = b"a part" * 1000


@pytest.fixture
def host(tmp_path: Path) -> MemoryStore:
    return MemoryStore(Location.parse(f"memory:{tmp_path.name}-placement"))


@pytest.fixture
def store(host: MemoryStore, tmp_path: Path) -> Iterator[SealedStore]:
    randomness = SeededRandomness(4)
    clock = FixedClock(datetime(2026, 11, 21, tzinfo=UTC))
    keys = Keyring(tmp_path / "keys.sqlite", MemoryCustodian(randomness), randomness, clock)
    yield SealedStore(host, keys, kind="project", scope="p1", randomness=randomness)
    keys.close()


def test_a_placed_part_opens_elsewhere(store: SealedStore, host: MemoryStore) -> None:
    store.put("part", PLAIN)
    placed = store.filesystem().placement("sealed://p1/part")
    reader = SealedReader(
        lambda offset, length: host.read(placed.opaque, offset, length),
        placed.sealed_size,
        lambda _: placed.key,
        placed.binding,
    )
    assert reader.read_all() == PLAIN
    assert placed.key.secret.reveal().hex() not in repr(placed)


def test_a_part_is_placed_under_the_key_that_sealed_it(store: SealedStore) -> None:
    store.put("part", PLAIN)
    before = store.sealing_key().id
    store.insides.keys.next_epoch("project", "p1")
    assert store.sealing_key().id != before
    assert store.filesystem().placement("sealed://p1/part").key.id == before


def test_what_does_not_open_is_not_placed(store: SealedStore, host: MemoryStore) -> None:
    sealed = store.put("part", PLAIN)
    bytes_there = bytearray(host.get(sealed.opaque))
    bytes_there[-1] ^= 1
    host.put(sealed.opaque, bytes(bytes_there))
    with pytest.raises(Unproven):
        store.filesystem().placement("sealed://p1/part")


def test_another_store_or_one_that_tells_nobody_places_nothing(store: SealedStore) -> None:
    class Silent:
        def reader(self, name: str) -> SealedReader:
            return store.reader(name)

    for path in ("sealed://p2/part", "sealed://silent/part"):
        with pytest.raises(Missing, match="other machines"):
            SealedFilesystem({"p1": store, "silent": Silent()}).placement(path)


def test_a_folder_places_what_it_lists_and_asks_its_guard(store: SealedStore) -> None:
    store.put("part", PLAIN)
    store.put("another", PLAIN)
    with pytest.raises(Missing, match="`nothing`"):
        store.placement("nothing")
    folder = SealedFolder(store, {"part": "1"})
    ended: list[bool] = []

    def guard() -> None:
        if ended:
            raise Refused("The permit has ended.", rule="permit")

    files = SealedFilesystem({"p1": GuardedFolder(folder, guard)})
    assert files.placement("sealed://p1/part").binding.name == "part"
    with pytest.raises(Missing):
        files.placement("sealed://p1/another")
    ended.append(True)
    with pytest.raises(Refused):
        files.placement("sealed://p1/part")
