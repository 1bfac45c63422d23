"""How stores fail: each failure has its family, soon, with a remedy and no secret."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Callable, Iterator

import certifi
import pytest
from attrs import evolve

from bercail.foundation import BercailError, Invalid, Missing, Refused, Secret, Unavailable
from bercail.storage import Credentials, Location, ObjectStore, make_home, open_store, transport
from bercail.testing.servers import RunningServer

SECRET = base64.b64encode(b"a secret of sixty-four bytes").decode()
CREDENTIALS = Credentials(access_key="someone", secret=Secret(SECRET.encode()))
LARGE = 17 * 1024 * 1024


def every_call(store: ObjectStore) -> list[Callable[[], object]]:
    return [
        lambda: store.get("container/x"),
        lambda: store.read("container/x", 0, 1),
        lambda: list(store.stream("container/x")),
        lambda: store.head("container/x"),
        lambda: list(store.list("container/")),
        lambda: list(store.list()),
        lambda: store.put("container/x", b"1"),
        lambda: store.put("container/x", iter([bytes(LARGE)])),
        lambda: store.put("container/x", iter([bytes(LARGE)]), if_absent=True),
        lambda: store.delete("container/x"),
        lambda: store.get("container/odd//name"),
        lambda: store.delete("container/odd//name"),
    ]


def assert_told(error: BercailError) -> None:
    assert error.remedy
    assert SECRET not in str(error)
    assert error.__cause__ is None, "the client's own text may repeat a signed URL"


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


HANGING = 60
"""Seconds. The clients of the services would try for minutes; ours take two on a free machine."""


@pytest.fixture(params=["s3", "azure"])
def absent(request: pytest.FixtureRequest) -> Location:
    """A location where nothing listens."""
    endpoint = f"http://127.0.0.1:{closed_port()}"
    return Location(scheme=request.param, name="somewhere", endpoint=endpoint)


def test_an_absent_server_is_unavailable_and_hangs_nobody(absent: Location) -> None:
    for act in every_call(open_store(absent, CREDENTIALS)):
        start = time.monotonic()
        with pytest.raises(Unavailable) as refusal:
            act()
        assert time.monotonic() - start < HANGING
        assert_told(refusal.value)
        assert "127.0.0.1" in refusal.value.message


def test_making_a_bucket_on_an_absent_server_is_unavailable(absent: Location) -> None:
    with pytest.raises(Unavailable):
        make_home(evolve(absent, scheme="s3"), CREDENTIALS)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers, as a full server does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("scheme", ["s3", "azure"])
def test_a_server_that_hangs_is_unavailable(
    silent_port: int, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "SILENCE_SECONDS", 1)
    location = Location(scheme=scheme, name="s", endpoint=f"http://127.0.0.1:{silent_port}")
    store = open_store(location, CREDENTIALS)
    with pytest.raises(Unavailable):
        store.read("container/x", 0, 1)


def test_wrong_secrets_are_refused_everywhere(s3_location: Location) -> None:
    for act in every_call(open_store(s3_location, CREDENTIALS)):
        with pytest.raises(Refused) as refusal:
            act()
        assert refusal.value.rule == "store-credentials"
        assert_told(refusal.value)
    with pytest.raises(Refused):
        make_home(s3_location, CREDENTIALS)


def test_a_wrong_secret_for_a_known_key_is_refused(
    seaweedfs: RunningServer, s3_location: Location
) -> None:
    wrong = evolve(seaweedfs.credentials, secret=Secret(b"wrong"))
    with pytest.raises(Refused):
        open_store(s3_location, wrong).head("x")


def test_wrong_account_keys_are_refused_everywhere(azurite: RunningServer) -> None:
    for act in every_call(open_store(azurite.location(), CREDENTIALS)):
        with pytest.raises(Refused) as refusal:
            act()
        assert refusal.value.rule == "store-credentials"
        assert_told(refusal.value)


def test_an_absent_bucket_is_missing(seaweedfs: RunningServer) -> None:
    store = open_store(seaweedfs.location("no-such-bucket"), seaweedfs.credentials)
    for act in (
        lambda: store.get("x"),
        lambda: list(store.list()),
        lambda: store.put("x", b"1"),
        lambda: store.put("x", iter([bytes(LARGE)])),
        lambda: store.put("x", iter([bytes(LARGE)]), if_absent=True),
    ):
        with pytest.raises(Missing) as refusal:
            act()
        assert_told(refusal.value)


def test_making_a_bucket_twice_is_making_it_once(seaweedfs: RunningServer) -> None:
    location = seaweedfs.location("made-twice")
    make_home(location, seaweedfs.credentials)
    open_store(location, seaweedfs.credentials).put("x", b"1")
    make_home(location, seaweedfs.credentials)
    assert open_store(location, seaweedfs.credentials).get("x") == b"1"


def test_an_absent_container_is_missing(azure_store: ObjectStore) -> None:
    for act in (
        lambda: azure_store.get("no-such-container/x"),
        lambda: azure_store.head("no-such-container/x"),
        lambda: list(azure_store.list("no-such-container/")),
    ):
        with pytest.raises(Missing):
            act()
    azure_store.delete("no-such-container/x")


@pytest.mark.parametrize("name", ["x", "UPPER/x", "a/x", "two--hyphens/x", "container/"])
def test_names_without_a_container_are_invalid(azure_store: ObjectStore, name: str) -> None:
    with pytest.raises(Invalid):
        azure_store.put(name, b"1")


@pytest.mark.parametrize(
    ("scheme", "credentials"),
    [
        ("s3", Credentials()),
        ("s3", Credentials(access_key="only")),
        ("azure", Credentials()),
        ("azure", Credentials(secret=Secret(b"not base64!"))),
    ],
)
def test_unusable_credentials_are_invalid_at_once(scheme: str, credentials: Credentials) -> None:
    location = Location(scheme=scheme, name="x", endpoint="http://127.0.0.1:1")
    with pytest.raises(Invalid):
        open_store(location, credentials)


@pytest.mark.parametrize("scheme", ["s3", "azure"])
def test_no_host_is_assumed(scheme: str) -> None:
    with pytest.raises(Invalid, match="endpoint"):
        open_store(Location(scheme=scheme, name="x"), CREDENTIALS)


@pytest.mark.parametrize(
    "options",
    [
        {"checksum": "md5"},
        {"style": "baroque"},
        {"ca": "/no/such/file.pem"},
        {"proxy": "no url"},
    ],
)
def test_options_that_mean_nothing_are_invalid(options: dict[str, str]) -> None:
    location = Location(scheme="s3", name="x", endpoint="https://h.example", options=options)
    with pytest.raises(Invalid):
        open_store(location, CREDENTIALS)


@pytest.mark.parametrize("scheme", ["s3", "azure"])
def test_a_private_authority_is_read_when_opening(scheme: str) -> None:
    options = {"ca": certifi.where()}
    location = Location(scheme=scheme, name="x", endpoint="https://h.example", options=options)
    assert open_store(location, CREDENTIALS).location == location


def test_a_bucket_is_made_in_its_region(seaweedfs: RunningServer) -> None:
    location = evolve(seaweedfs.location("elsewhere"), options={"region": "eu-west-1"})
    make_home(location, seaweedfs.credentials)
    store = open_store(location, seaweedfs.credentials)
    store.put("x", b"1")
    assert [info.name for info in store.list()] == ["x"]


def test_the_other_checksum_works_too(seaweedfs: RunningServer, s3_location: Location) -> None:
    location = evolve(s3_location, options={"checksum": "signature", "region": "us-east-1"})
    store = open_store(location, seaweedfs.credentials)
    assert store.put("x", iter([bytes(LARGE)])).size == LARGE
    assert store.head("x").size == LARGE
