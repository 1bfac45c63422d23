"""Several small objects at once, on real servers: plainly, or left to the ordinary way."""

from __future__ import annotations

import pytest
from attrs import evolve

from bercail.foundation import Unproven
from bercail.storage import Location, ObjectStore, Passing, ReadOnly, Retrying, open_store
from bercail.storage.several import Wanted, puts_several, reads_several
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


def test_objects_come_together(azurite: RunningServer) -> None:
    store = holding(open_store(azurite.location(), azurite.credentials))
    reads = reads_several(Retrying(store))
    assert reads is not None
    asked = wanted(store)
    assert reads.read_several(asked) == list(BODIES.values())
    store.put("several/2", b"x" * asked[2].size)
    store.put("several/3", b"another")
    store.delete("several/5")
    found = dict(zip(BODIES, reads.read_several(asked), strict=True))
    gone = ("several/2", "several/3", "several/5")
    kept = {name: body for name, body in BODIES.items() if name not in gone}
    assert {name: body for name, body in found.items() if body is not None} == kept
    with pytest.raises(Unproven, match="several/2"):
        store.read("several/2", 0, 1, if_match=asked[2].etag)
    # A size that is not the object's is no plain answer either.
    wrong = [Wanted(name=one.name, etag=one.etag, size=one.size + 1) for one in asked[:1]]
    assert reads.read_several(wrong) == [None]


def test_objects_are_put_together(s3_location: Location, seaweedfs: RunningServer) -> None:
    store = Retrying(open_store(s3_location, seaweedfs.credentials))
    puts = puts_several(store)
    assert puts is not None
    assert puts.put_several(list(BODIES.items())) == [True] * len(BODIES)
    assert {name: store.get(name) for name in BODIES} == BODIES
    # What the general client cannot name is left to the ordinary way, whole.
    assert puts.put_several([("a//b", b"1"), ("c", b"2")]) == [False, False]


def test_a_host_that_is_away_gives_and_takes_nothing_and_raises_nothing(
    seaweedfs: RunningServer, azurite: RunningServer
) -> None:
    nowhere = "http://127.0.0.1:9"
    away = Location(scheme="s3", name="nowhere", endpoint=nowhere)
    puts = puts_several(open_store(away, seaweedfs.credentials))
    source = evolve(azurite.location(), endpoint=f"{nowhere}/account")
    reads = reads_several(open_store(source, azurite.credentials))
    assert reads is not None
    assert puts is not None
    asked = [Wanted(name=f"several/{number}", etag="e", size=1) for number in range(2)]
    assert reads.read_several(asked) == [None, None]
    assert puts.put_several([("a", b"1"), ("b", b"2")]) == [False, False]


def test_wrappers_that_must_see_each_object_see_it(
    s3_location: Location, seaweedfs: RunningServer, azurite: RunningServer
) -> None:
    home = open_store(s3_location, seaweedfs.credentials)
    assert puts_several(Retrying(home)) is home
    assert puts_several(ReadOnly(home)) is None
    assert puts_several(Retrying(Passing(home))) is None
    source = open_store(azurite.location(), azurite.credentials)
    assert reads_several(Passing(source)) is None
    checked = CheckedSource(Retrying(source))
    assert reads_several(checked) is source
    checked.relies_on = SourceChecksum.OBJECT
    assert reads_several(checked) is None
