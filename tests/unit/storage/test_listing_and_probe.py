"""Listings as values, and the probe that distrusts a host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import uuid4

import pytest

from bercail.foundation import Unavailable
from bercail.storage import Location, ObjectInfo, ObjectStore, listing, open_store, probe
from bercail.storage.memory import MemoryStore


@pytest.fixture
def store() -> ObjectStore:
    return open_store(Location.parse(f"memory:{uuid4().hex}"))


def test_a_listing_counts_and_adds_up(store: ObjectStore) -> None:
    store.put("b", b"12345")
    store.put("a", b"1234567890")
    found = listing(store)
    assert (len(found.objects), found.bytes) == (2, 15)
    assert found.lines()[:2] == ["10  a", " 5  b"]
    assert found.as_dict()["count"] == 2
    assert listing(store, "zz").lines() == [f"0 objects, 0 bytes in {store.location}"]


def test_a_sound_host_passes_and_is_left_clean(store: ObjectStore) -> None:
    store.put("already/here", b"x")
    report = probe(store)
    assert report.sound
    assert [info.name for info in store.list()] == ["already/here"]


class IgnoresConditions(MemoryStore):
    """A host that takes a conditional write for any other, as several do."""

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        return super().put(name, data, metadata=metadata)


class IgnoresVersions(MemoryStore):
    """A host that answers a pinned read with whatever it has."""

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        return super().read(name, offset, length)


class IgnoresRanges(MemoryStore):
    """A host that sends the object from its start."""

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        return super().read(name, 0, length, if_match=if_match)


class ReadsNothing(MemoryStore):
    """A host that takes objects and gives none back."""

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        raise Unavailable("gone", remedy="wait")


@pytest.mark.parametrize(
    ("kind", "traits"),
    [
        (IgnoresConditions, {"conditional-put", "conditional-multipart"}),
        (IgnoresVersions, {"pinned-read"}),
        (IgnoresRanges, {"ranges"}),
        (ReadsNothing, {"ranges", "pinned-read"}),
    ],
)
def test_a_host_that_ignores_a_demand_is_found_out(
    kind: type[MemoryStore], traits: set[str]
) -> None:
    report = probe(kind(Location.parse(f"memory:{uuid4().hex}")))
    assert {trait.name for trait in report.traits if not trait.held} == traits
    assert not report.sound
    assert report.as_dict()["sound"] is False
