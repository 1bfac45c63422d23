"""Several small objects at once, on real servers: plainly, or left to the ordinary way."""

from __future__ import annotations

import pytest

from bercail.foundation import Unproven
from bercail.storage import Location, ObjectStore, Passing, ReadOnly, Retrying, open_store
from bercail.storage.several import PutsSeveral, Wanted, puts_several, reads_several
from bercail.storage.source_checksums import CheckedSource, SourceChecksum
from bercail.testing.servers import RunningServer

BODIES = {f"several/{number}": bytes([number]) * (1 + 900 * number) for number in range(12)}


def wanted(store: ObjectStore) -> list[Wanted]:
    found = {info.name: info for info in map(store.head, BODIES)}
    return [Wanted(name=n, etag=found[n].etag, size=found[n].size) for n in BODIES]


def holding(store: ObjectStore) -> ObjectStore:
    for name, body in BODIES.items():
        store.put(name, body)
    return store


def come_together(store: ObjectStore) -> None:
    reads = reads_several(store)
    assert reads is not None
    asked = wanted(store)
    assert reads.read_several(asked) == list(BODIES.values())
    store.put("several/3", b"another")
    store.delete("several/5")
    found = dict(zip(BODIES, reads.read_several(asked), strict=True))
    kept = {name: body for name, body in BODIES.items() if name[-1] not in "35"}
    assert {name: body for name, body in found.items() if body is not None} == kept
    # A size that is not the object's is no plain answer either.
    wrong = [Wanted(name=one.name, etag=one.etag, size=one.size + 1) for one in asked[:1]]
    assert reads.read_several(wrong) == [None]


def test_objects_of_azure_come_together(azurite: RunningServer) -> None:
    come_together(holding(open_store(azurite.location(), azurite.credentials)))


def test_objects_of_s3_come_together(s3_location: Location, seaweedfs: RunningServer) -> None:
    come_together(holding(Retrying(open_store(s3_location, seaweedfs.credentials))))


def test_objects_are_put_together(s3_location: Location, seaweedfs: RunningServer) -> None:
    store = Retrying(open_store(s3_location, seaweedfs.credentials))
    puts = puts_several(store)
    assert puts is not None
    assert puts.put_several(list(BODIES.items())) == [True] * len(BODIES)
    assert {name: store.get(name) for name in BODIES} == BODIES
    # What the general client cannot name is left to the ordinary way, whole.
    assert puts.put_several([("a//b", b"1"), ("c", b"2")]) == [False, False]


def test_a_host_that_is_away_takes_nothing_and_raises_nothing(seaweedfs: RunningServer) -> None:
    away = Location(scheme="s3", name="nowhere", endpoint="http://127.0.0.1:9")
    store = open_store(away, seaweedfs.credentials)
    asked = [Wanted(name="a", etag="e", size=1)]
    reads, puts = reads_several(store), puts_several(store)
    assert reads is not None
    assert puts is not None
    assert reads.read_several(asked) == [None]
    assert puts.put_several([("a", b"1")]) == [False]


def test_wrappers_that_must_see_each_object_see_it(
    s3_location: Location, seaweedfs: RunningServer
) -> None:
    store = open_store(s3_location, seaweedfs.credentials)
    assert isinstance(store, PutsSeveral)
    assert puts_several(ReadOnly(store)) is None
    assert puts_several(Passing(store)) is None
    assert reads_several(Passing(store)) is None
    checked = CheckedSource(Retrying(store))
    assert reads_several(checked) is not None
    checked.relies_on = SourceChecksum.OBJECT
    assert reads_several(checked) is None


def test_an_object_that_the_host_changed_silently_is_not_taken(
    s3_location: Location, seaweedfs: RunningServer
) -> None:
    store = holding(open_store(s3_location, seaweedfs.credentials))
    asked = wanted(store)[2]
    store.put(asked.name, b"x" * asked.size)
    reads = reads_several(store)
    assert reads is not None
    assert reads.read_several([asked]) == [None]
    with pytest.raises(Unproven, match="several/2"):
        store.read(asked.name, 0, 1, if_match=asked.etag)
