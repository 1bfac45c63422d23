"""Objects over connections of our own: over TLS, and never instead of the careful client."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

from bercail.foundation import Secret, Unavailable, Unproven
from bercail.storage import Credentials, Location, ObjectStore, open_store, wire
from bercail.storage.request_signing import AGENT
from bercail.storage.s3 import S3Store
from bercail.storage.uploads import upload
from bercail.storage.wire import Wire
from bercail.testing import tls_door
from bercail.testing.chaos_proxy import NO_FAULT, ChaosProxy, Exchange, Fault
from bercail.testing.servers import RunningServer
from bercail.testing.tls_door import TlsDoor

BODY = random.Random(4).randbytes(18 << 20)  # not a secret


class Body:
    """A source for `upload`."""

    size = len(BODY)

    def read_at(self, offset: int, length: int) -> bytes:
        return BODY[offset : offset + length]


class Watched:
    """How many ranges and bodies went over the wire, and how many were asked otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plain = {"get": 0, "put": 0}
        self.other = {"get": 0, "put": 0}
        get, put = Wire.get, Wire.put

        def seen_get(of: Wire, *more: Any) -> object:
            return self._count("get", get(of, *more))

        def seen_put(of: Wire, *more: Any) -> object:
            return self._count("put", put(of, *more))

        monkeypatch.setattr(Wire, "get", seen_get)
        monkeypatch.setattr(Wire, "put", seen_put)

    def _count(self, kind: str, answer: object) -> object:
        (self.plain if answer is not None else self.other)[kind] += 1
        return answer


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of this machine that signed itself, and its key."""
    return tls_door.papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture
def door(
    request: pytest.FixtureRequest, papers: tuple[Path, Path], azurite: RunningServer
) -> Iterator[TlsDoor]:
    seaweedfs: RunningServer = request.getfixturevalue("seaweedfs")
    server = azurite if request.param == "azure" else seaweedfs
    with TlsDoor(server.endpoint, *papers) as opened:
        yield opened


def trusting(location: Location, door: TlsDoor, authority: Path) -> Location:
    options = {**location.options, "ca": str(authority)}
    return evolve(location, endpoint=door.endpoint, options=options)


def account_signature(azurite: RunningServer) -> Credentials:
    key = azurite.credentials.secret
    assert key is not None
    told = generate_account_sas(
        azurite.location().name,
        key.reveal().decode(),
        ResourceTypes(object=True, container=True, service=True),
        AccountSasPermissions(read=True, list=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    return Credentials(sas=Secret(told.encode()))


@pytest.mark.parametrize("door", ["s3"], indirect=True)
def test_over_tls_parts_and_ranges_of_s3_go_over_the_wire(
    door: TlsDoor,
    papers: tuple[Path, Path],
    s3_location: Location,
    seaweedfs: RunningServer,
    watched: Watched,
) -> None:
    store = open_store(trusting(s3_location, door, papers[0]), seaweedfs.credentials)
    upload(store, "large", Body())
    assert b"".join(store.stream("large")) == BODY
    assert store.read("large", 5, 1 << 20) == BODY[5 : 5 + (1 << 20)]
    assert watched.plain == {"get": 4, "put": 2}
    assert watched.other == {"get": 0, "put": 0}
    assert door.opened


@pytest.mark.parametrize("door", ["azure"], indirect=True)
@pytest.mark.parametrize("by_signature", [False, True])
@pytest.mark.parametrize("blob", ["year=2026/a+b&c", "a folder/é#1"])
def test_over_tls_ranges_of_azure_go_over_the_wire(
    door: TlsDoor,
    papers: tuple[Path, Path],
    azurite: RunningServer,
    azure_store: ObjectStore,
    azure_root: str,
    watched: Watched,
    by_signature: bool,
    blob: str,
) -> None:
    name = azure_root + blob
    azure_store.put(name, [BODY])
    credentials = account_signature(azurite) if by_signature else azurite.credentials
    store = open_store(trusting(azurite.location(), door, papers[0]), credentials)
    assert b"".join(store.stream(name)) == BODY
    assert watched.plain["get"] == 3
    assert watched.other["get"] == 0


@pytest.mark.parametrize("door", ["s3"], indirect=True)
def test_a_certificate_of_a_stranger_ends_everything(
    door: TlsDoor, s3_location: Location, seaweedfs: RunningServer, s3_store: ObjectStore
) -> None:
    s3_store.put("large", [BODY])
    store = open_store(evolve(s3_location, endpoint=door.endpoint), seaweedfs.credentials)
    with pytest.raises(Unavailable):
        store.read("large", 0, 1 << 20)
    assert isinstance(store, S3Store)
    with pytest.raises(Unavailable):
        store.parts.begin("large", "large", {})


def signed(exchange: Exchange) -> bool:
    return exchange.headers.get("user-agent") == AGENT and exchange.method != "POST"


FAULTS: dict[str, Fault] = {
    "cut": Fault(cut_after=100),
    "reset": Fault(cut_after=100, reset=True),
    "dropped": Fault(drop_answer=True),
    "busy": Fault(slow_down=1),
    "forbidden": Fault(refusal=(403, "AccessDenied")),
    "redirected": Fault(refusal=(307, "TemporaryRedirect")),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_is_not_plain_is_asked_again_of_the_careful_client(
    fault: Fault,
    s3_location: Location,
    seaweedfs: RunningServer,
    s3_store: ObjectStore,
    watched: Watched,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3_store.put("large", [BODY])
    monkeypatch.setattr(wire, "_REST_SECONDS", 0.0)

    def choose(exchange: Exchange) -> Fault:
        return fault if signed(exchange) else NO_FAULT

    with ChaosProxy(s3_location.endpoint or "", choose) as proxy:
        store = open_store(evolve(s3_location, endpoint=proxy.endpoint), seaweedfs.credentials)
        assert b"".join(store.stream("large")) == BODY
        upload(store, "again", Body())
        assert watched.plain["get"] == 0
        # The answer to a part has no body, so none that could be cut.
        assert watched.other == {"get": 3, "put": 0 if fault.cut_after else 2}
    assert s3_store.get("again") == BODY


def test_after_a_failure_the_careful_client_is_alone_for_a_while(
    s3_location: Location, seaweedfs: RunningServer, s3_store: ObjectStore, watched: Watched
) -> None:
    s3_store.put("large", [BODY])
    seen: list[Exchange] = []

    def choose(exchange: Exchange) -> Fault:
        if signed(exchange):
            seen.append(exchange)
            return Fault(slow_down=1)
        return NO_FAULT

    with ChaosProxy(s3_location.endpoint or "", choose) as proxy:
        store = open_store(evolve(s3_location, endpoint=proxy.endpoint), seaweedfs.credentials)
        assert store.read("large", 0, 1 << 20) == BODY[: 1 << 20]
        assert store.read("large", 0, 1 << 20) == BODY[: 1 << 20]
    assert len(seen) == 1


def test_a_part_spoilt_on_the_way_is_refused_by_the_host_and_sent_again(
    s3_location: Location, seaweedfs: RunningServer, s3_store: ObjectStore
) -> None:
    def choose(exchange: Exchange) -> Fault:
        spoilt = signed(exchange) and exchange.method == "PUT"
        return Fault(flip_up=1000) if spoilt else NO_FAULT

    with ChaosProxy(s3_location.endpoint or "", choose) as proxy:
        store = open_store(evolve(s3_location, endpoint=proxy.endpoint), seaweedfs.credentials)
        upload(store, "large", Body())
    assert s3_store.get("large") == BODY


def test_a_host_that_falls_silent_is_told_after_one_deadline(
    s3_location: Location,
    seaweedfs: RunningServer,
    s3_store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3_store.put("large", [BODY])
    monkeypatch.setattr(wire, "SILENCE_SECONDS", 0.5)
    asked: list[Exchange] = []

    def choose(exchange: Exchange) -> Fault:
        asked.append(exchange)
        return Fault(silent=True)

    with ChaosProxy(s3_location.endpoint or "", choose) as proxy:
        store = open_store(evolve(s3_location, endpoint=proxy.endpoint), seaweedfs.credentials)
        with pytest.raises(Unavailable):
            store.read("large", 0, 1 << 20)
    assert len(asked) == 1


def test_a_range_is_of_the_version_asked_for_and_ends_with_the_object(
    s3_store: ObjectStore, watched: Watched
) -> None:
    s3_store.put("large", [BODY])
    etag = s3_store.head("large").etag
    assert s3_store.read("large", len(BODY) - 7, 1 << 20, if_match=etag) == BODY[-7:]
    assert s3_store.read("large", len(BODY), 1 << 20) == b""
    s3_store.put("large", [BODY[::-1]])
    with pytest.raises(Unproven):
        s3_store.read("large", 0, 1 << 20, if_match=etag)
    assert watched.plain["get"] == 1


def test_an_object_kept_compressed_is_given_as_it_is_kept(
    s3_store: ObjectStore, watched: Watched
) -> None:
    assert isinstance(s3_store, S3Store)
    s3_store.control.client.put_object(
        Bucket=s3_store.location.name,
        Key=s3_store.prefix + "packed",
        Body=BODY[: 1 << 20],
        ContentEncoding="gzip",
    )
    assert s3_store.read("packed", 0, 1 << 20) == BODY[: 1 << 20]
    assert watched.plain["get"] == 1


@pytest.mark.parametrize("opened", ["s3_store", "azure_store"])
def test_no_log_tells_a_signature(
    opened: str,
    request: pytest.FixtureRequest,
    azure_root: str,
    caplog: pytest.LogCaptureFixture,
    watched: Watched,
) -> None:
    store: ObjectStore = request.getfixturevalue(opened)
    put: Callable[..., object] = store.put
    put(f"{azure_root}large", [BODY])
    with caplog.at_level(logging.DEBUG):
        store.read(f"{azure_root}large", 0, 1 << 20)
    assert watched.plain["get"] == 1
    assert "sig=" not in caplog.text
    assert "Signature=" not in caplog.text
