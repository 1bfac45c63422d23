"""Each range of a source is compared with the host's own checksum, where it gives one.

Azurite gives none, so a proxy of ours answers for it as Azure does; SeaweedFS gives those of
whole objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from attrs import evolve
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

from bercail.foundation import Secret, Unproven
from bercail.storage import (
    CheckedSource,
    Credentials,
    Location,
    ObjectStore,
    Retrying,
    SourceChecksum,
    open_store,
)
from bercail.storage.azure import AzureStore
from bercail.storage.azure_probe import AzureQuestions
from bercail.storage.source_checksums import learn, rely_on
from bercail.testing.chaos_proxy import NO_FAULT, ChaosProxy, Exchange, Fault
from bercail.testing.moving import MovingWorld
from bercail.testing.servers import ACCOUNT, RunningServer, start_azurite

MIB = 1 << 20
TELLS = Fault(range_crc64=True)
SPOILT = Fault(range_crc64=True, flip_down=0)
ASKED = "x-ms-range-get-content-crc64"


def content(size: int) -> bytes:
    return Random(size).randbytes(size)


def signed(azurite: RunningServer) -> Credentials:
    """A signature in the address, so that the proxy may keep a header from Azurite."""
    key = azurite.credentials.secret
    assert key is not None
    told = generate_account_sas(
        ACCOUNT,
        key.reveal().decode(),
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, list=True, write=True, create=True, delete=True, add=True),
        expiry=datetime.now(UTC) + timedelta(hours=3),
    )
    return Credentials(sas=Secret(told.encode()))


def asked_range(one: Exchange) -> str:
    """The range asked for, however the client writes it."""
    return one.headers.get("range") or one.headers.get("x-ms-range", "")


def asked(proxy: ChaosProxy) -> list[Exchange]:
    return [one for one in proxy.seen if ASKED in one.headers]


def source_of(proxy: ChaosProxy, azurite: RunningServer) -> CheckedSource:
    location = evolve(azurite.location(), endpoint=proxy.endpoint)
    return CheckedSource(Retrying(open_store(location, signed(azurite)), sleep=lambda _: None))


@pytest.fixture
def road(azurite: RunningServer) -> Iterator[ChaosProxy]:
    with ChaosProxy(azurite.endpoint, lambda _: TELLS) as proxy:
        yield proxy


@pytest.fixture
def source(road: ChaosProxy, azurite: RunningServer) -> CheckedSource:
    found = source_of(road, azurite)
    rely_on(found, SourceChecksum.RANGE)
    return found


def test_azurite_is_asked_once_and_tells_none(
    azurite: RunningServer, azure_store: ObjectStore, azure_root: str
) -> None:
    azure_store.put(f"{azure_root}one", b"content")
    with ChaosProxy(azurite.endpoint, lambda _: NO_FAULT) as proxy:
        plain = source_of(proxy, azurite)
        assert learn(plain, [f"{azure_root}absent", f"{azure_root}one"]) is SourceChecksum.NONE
        assert len(asked(proxy)) == 2
        rely_on(plain, SourceChecksum.NONE)
        assert b"".join(plain.stream(f"{azure_root}one")) == b"content"
        assert len(asked(proxy)) == 2


def test_a_host_that_tells_is_known_by_its_answer(
    road: ChaosProxy, azurite: RunningServer, azure_store: ObjectStore, azure_root: str
) -> None:
    azure_store.put(f"{azure_root}one", b"content")
    assert learn(source_of(road, azurite), [f"{azure_root}one"]) is SourceChecksum.RANGE


def test_every_range_of_a_blob_is_asked_for_with_its_checksum(
    road: ChaosProxy, source: CheckedSource, azure_store: ObjectStore, azure_root: str
) -> None:
    name, body = f"{azure_root}large", content(9 * MIB + 5)
    etag = azure_store.put(name, body).etag
    for chunk in (4 * MIB, 8 * MIB):
        road.seen.clear()
        assert b"".join(source.stream(name, if_match=etag, chunk=chunk)) == body
        ranges = sorted(one.headers["range"] for one in asked(road))
        assert len(asked(road)) == len(road.seen) == len(set(ranges)) == 3
    assert source.read(name, 5 * MIB, 3, if_match=etag) == body[5 * MIB : 5 * MIB + 3]
    assert source.read(name, len(body) - 2, 10) == body[-2:]
    assert source.read(name, len(body), 10) == b""
    with pytest.raises(Unproven) as refusal:
        source.read(name, 0, 3, if_match='"another"')
    assert refusal.value.rule == "object-changed"


def test_an_empty_blob_and_an_odd_name_are_read_too(
    source: CheckedSource, azure_store: ObjectStore, azure_root: str
) -> None:
    for name, body in ((f"{azure_root}empty", b""), (f"{azure_root}odd//name", b"some")):
        azure_store.put(f"{azure_root}x", b"")
        azure_store.control.blob(name).upload_blob(body)  # type: ignore[attr-defined]
        assert b"".join(source.stream(name)) == body
        assert b"".join(source.stream(name, chunk=1)) == body
        assert b"".join(azure_store.stream(name, chunk=1)) == body


def test_a_spoilt_range_is_read_again(
    road: ChaosProxy, source: CheckedSource, azure_store: ObjectStore, azure_root: str
) -> None:
    name, body = f"{azure_root}one", content(100_000)
    azure_store.put(name, body)
    faults = [SPOILT, SPOILT]
    road.choose = lambda _: faults.pop() if faults else TELLS
    assert source.get(name) == body
    assert len(asked(road)) == 3


@pytest.mark.parametrize("lasting", [SPOILT, NO_FAULT, Fault(range_crc64=False, flip_down=0)])
def test_a_range_that_stays_spoilt_is_unproven_by_name_and_place(
    road: ChaosProxy,
    source: CheckedSource,
    azure_store: ObjectStore,
    azure_root: str,
    lasting: Fault,
) -> None:
    name = f"{azure_root}one"
    azure_store.put(name, content(5 * MIB))
    place = f"bytes={4 * MIB}-"
    road.choose = lambda one: lasting if place in asked_range(one) else TELLS
    with pytest.raises(Unproven) as refusal:
        list(source.stream(name, chunk=4 * MIB))
    assert refusal.value.rule == "source-checksum"
    assert f"`{name}` ({4 * MIB} bytes from {4 * MIB})" in refusal.value.message


def test_the_probe_tells_whether_ranges_have_checksums(
    road: ChaosProxy, azurite: RunningServer, azure_root: str
) -> None:
    location = evolve(azurite.location(), endpoint=road.endpoint)
    store = open_store(location, signed(azurite))
    assert isinstance(store, AzureStore)
    (question,) = (q for q in AzureQuestions(store).questions() if q.name == "range-crc64-told")
    for fault, verdict in ((TELLS, "held"), (NO_FAULT, "absent")):
        road.choose = _only_ranges(fault)
        assert question.ask(f"{azure_root}probed")[0] == verdict


def _only_ranges(fault: Fault) -> Callable[[Exchange], Fault]:
    return lambda one: fault if ASKED in one.headers else NO_FAULT


def test_s3_objects_are_compared_with_what_the_host_kept_of_them(
    seaweedfs: RunningServer, s3_store: ObjectStore, s3_location: Location
) -> None:
    body = content(3 * MIB)
    s3_store.put("one", body)
    with ChaosProxy(seaweedfs.endpoint, lambda _: NO_FAULT) as proxy:
        through = open_store(evolve(s3_location, endpoint=proxy.endpoint), seaweedfs.credentials)
        source = CheckedSource(Retrying(through))
        told = learn(source, ["one"])
        assert told is SourceChecksum.OBJECT
        rely_on(source, told)
        etag = source.head("one").etag
        assert b"".join(source.stream("one", if_match=etag, chunk=MIB)) == body
        proxy.choose = lambda one: Fault(flip_down=7) if one.method == "GET" else NO_FAULT
        with pytest.raises(Unproven) as refusal:
            list(source.stream("one", if_match=etag, chunk=MIB))
        assert refusal.value.rule == "source-checksum"
        assert "`one` (the whole object)" in refusal.value.message


def test_a_migration_learns_it_by_its_plan_and_copies_no_spoilt_byte(tmp_path: Path) -> None:
    """An account of its own, since a survey takes in the whole of it."""
    azurite = start_azurite(tmp_path / "azure", in_memory=True)
    try:
        straight = open_store(azurite.location(), azurite.credentials)
        for number in range(6):
            straight.put(f"data/{number}", content(50_000 + number))
        with ChaosProxy(azurite.endpoint, lambda _: TELLS) as road:
            _migrated(MovingWorld(tmp_path), road, azurite)
    finally:
        azurite.stop()


def _migrated(world: MovingWorld, road: ChaosProxy, azurite: RunningServer) -> None:
    location = evolve(azurite.location(), endpoint=road.endpoint)
    world.source = Retrying(open_store(location, signed(azurite)), sleep=lambda _: None)
    world.service().survey()
    assert world.service().plan().source_checksum is SourceChecksum.RANGE
    road.choose = lambda one: SPOILT if "/data/3" in one.target else TELLS
    # A new desk, as a new process opens it, knows from the plan what to rely on.
    world.source = Retrying(open_store(location, signed(azurite)), sleep=lambda _: None)
    failed = world.service().copy().failed
    assert list(failed) == ["data/3"]
    assert "bytes from 0)" in failed["data/3"]
    once = [SPOILT]
    road.choose = lambda one: once.pop() if once and ASKED in one.headers else TELLS
    assert world.service().copy().carried.objects == 6
    road.seen.clear()
    assert world.service().prove().carried == 6
    assert len(asked(road)) == 6, "the second reading is compared as well"
