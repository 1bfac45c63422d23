"""What each kind of source holds, seen whole: former states, tags, leases, links, locks."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import boto3
import pytest
from attrs import evolve
from azure.storage.blob import BlobServiceClient
from botocore.config import Config

from bercail.foundation import Invalid, Missing, Refused, Secret, Unavailable
from bercail.storage import (
    Asked,
    Credentials,
    InventoryItem,
    ItemKind,
    Location,
    Metered,
    ReadOnly,
    Retrying,
    inventory,
    open_store,
)
from bercail.testing.azure_shapes import ShapedBlob, azure_shapes
from bercail.testing.chaos_proxy import ChaosProxy, Exchange, Fault
from bercail.testing.servers import ACCOUNT, RunningServer


def by_name(items: Iterator[InventoryItem]) -> dict[str, InventoryItem]:
    return {item.info.name: item for item in items}


@pytest.fixture
def azure_service(azurite: RunningServer) -> Iterator[BlobServiceClient]:
    assert azurite.credentials.secret is not None
    key = azurite.credentials.secret.reveal().decode()
    credential = {"account_name": ACCOUNT, "account_key": key}
    with BlobServiceClient(azurite.endpoint, credential=credential) as client:
        yield client


@pytest.fixture
def versioned(seaweedfs: RunningServer) -> Iterator[tuple[Any, Location]]:
    assert seaweedfs.credentials.secret is not None
    client = boto3.client(
        "s3",
        endpoint_url=seaweedfs.endpoint,
        aws_access_key_id=seaweedfs.credentials.access_key,
        aws_secret_access_key=seaweedfs.credentials.secret.reveal().decode(),
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    bucket = f"versions-{uuid4().hex[:12]}"
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    yield client, seaweedfs.location(bucket)
    client.close()


def test_an_azure_account(
    azurite: RunningServer, azure_service: BlobServiceClient, azure_root: str
) -> None:
    container = azure_service.create_container(azure_root.rstrip("/"))
    container.upload_blob("block é", b"now", metadata={"owner": "x"}, tags={"year": "2024"})
    container.get_blob_client("block é").create_snapshot()
    container.upload_blob("page", b"\0" * 512, blob_type="PageBlob")
    container.upload_blob("append", b"line\n", blob_type="AppendBlob")
    container.upload_blob("folder", b"", metadata={"hdi_isfolder": "true"})
    lease = container.get_blob_client("page").acquire_lease()
    container.upload_blob("cold", b"old")
    container.get_blob_client("cold").set_standard_blob_tier("Archive")
    store = ReadOnly(Retrying(open_store(azurite.location(), azurite.credentials)))
    found = list(inventory(store, Asked(prefix=azure_root)))
    lease.release()
    kinds = Counter(item.kind for item in found)
    assert kinds == {ItemKind.CURRENT: 4, ItemKind.SNAPSHOT: 1, ItemKind.DIRECTORY: 1}
    named = {item.logical.removeprefix(azure_root): item for item in found if not item.info.version}
    block = named["block é"]
    assert (dict(block.tags or {}), dict(block.info.metadata)) == ({"year": "2024"}, {"owner": "x"})
    assert block.headers["ContentType"] == "application/octet-stream"
    assert named["page"].lease == "infinite"
    assert named["block é"].lease is None
    assert {named[name].info.blob_type for name in ("page", "append")} == {"PageBlob", "AppendBlob"}
    assert named["cold"].info.tier == "Archive"
    snapshot = next(item for item in found if item.kind is ItemKind.SNAPSHOT)
    container.upload_blob("block é", b"later", overwrite=True)
    assert store.get(snapshot.info.name) == b"now"
    assert store.head(snapshot.info.name).size == 3
    assert store.read(snapshot.info.name, 1, 1) == b"o"
    with pytest.raises(Refused):
        store.put(snapshot.info.name, b"x")


def test_containers_are_seen_when_the_whole_account_is_asked(
    azurite: RunningServer, azure_root: str
) -> None:
    store = open_store(azurite.location(), azurite.credentials)
    store.put(f"{azure_root}x", b"1")
    name = azure_root.rstrip("/")
    found = list(inventory(Metered(store), Asked(prefix=name)))
    assert [(item.kind, item.logical) for item in found] == [
        (ItemKind.CONTAINER, name),
        (ItemKind.CURRENT, f"{azure_root}x"),
    ]


SHAPES = (
    ShapedBlob(name="a", content=b"first", version="2026-01-01T00:00:00.0000000Z", current=False),
    ShapedBlob(name="a", content=b"second", version="2026-02-01T00:00:00.0000000Z"),
    ShapedBlob(name="a", content=b"snap", snapshot="2026-01-15T00:00:00.0000000Z", current=False),
    ShapedBlob(
        name="gone",
        content=b"kept a while",
        deleted=True,
        current=False,
        properties="<DeletedTime>Mon, 02 Nov 2026 08:00:00 GMT</DeletedTime>"
        "<RemainingRetentionDays>7</RemainingRetentionDays>",
    ),
    ShapedBlob(name="dir", metadata={"hdi_isfolder": "true"}),
    ShapedBlob(name="dir/below", content=b"x", tags={"k": "v & w"}),
    ShapedBlob(
        name="locked",
        content=b"l",
        properties="<ImmutabilityPolicyUntilDate>Fri, 01 Jan 2027 00:00:00 GMT"
        "</ImmutabilityPolicyUntilDate><ImmutabilityPolicyMode>Locked</ImmutabilityPolicyMode>"
        "<LegalHold>true</LegalHold>",
    ),
    ShapedBlob(
        name="sealed",
        content=b"s",
        properties="<CustomerProvidedKeySha256>3q2+7w==</CustomerProvidedKeySha256>",
    ),
    ShapedBlob(
        name="thawing",
        content=b"t",
        properties="<ArchiveStatus>rehydrate-pending-to-hot</ArchiveStatus>",
    ),
)


@pytest.mark.parametrize("page", [1, 2, 5000])
def test_what_the_emulator_does_not_have(page: int) -> None:
    with azure_shapes(SHAPES) as (location, credentials):
        store = open_store(location, credentials)
        found = list(inventory(store, Asked(page=page)))
        seen = {(item.kind, item.logical) for item in found}
        assert len(found) == len(SHAPES) + 1
        assert seen >= {
            (ItemKind.VERSION, "con1/a"),
            (ItemKind.SNAPSHOT, "con1/a"),
            (ItemKind.CURRENT, "con1/a"),
            (ItemKind.DELETED, "con1/gone"),
            (ItemKind.DIRECTORY, "con1/dir"),
            (ItemKind.CURRENT, "con1/dir/below"),
        }
        current = {i.logical: i for i in found if i.kind is ItemKind.CURRENT}
        assert dict(current["con1/dir/below"].tags or {}) == {"k": "v & w"}
        assert current["con1/locked"].legal_hold
        locked_until = current["con1/locked"].locked_until
        assert locked_until is not None
        assert locked_until.year == 2027
        assert [name for name, item in current.items() if item.customer_key] == ["con1/sealed"]
        assert current["con1/thawing"].rehydration == "rehydrate-pending-to-hot"
        deleted = next(item for item in found if item.kind is ItemKind.DELETED)
        assert deleted.unreadable is not None
        former = {i.kind: i.info.name for i in found if i.logical == "con1/a"}
        assert store.get(former[ItemKind.VERSION]) == b"first"
        assert store.get(former[ItemKind.SNAPSHOT]) == b"snap"
        assert store.head(former[ItemKind.VERSION]).version == "2026-01-01T00:00:00.0000000Z"
        with pytest.raises(Missing):
            store.head(deleted.info.name)


def test_without_former_states_only_what_stands_now_is_seen() -> None:
    with azure_shapes(SHAPES) as (location, credentials):
        found = inventory(open_store(location, credentials), Asked(former=False))
        assert Counter(item.kind for item in found) == {
            ItemKind.CONTAINER: 1,
            ItemKind.DIRECTORY: 1,
            ItemKind.CURRENT: 5,
        }


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_a_bucket_with_versions(
    seaweedfs: RunningServer, versioned: tuple[Any, Location], page: int
) -> None:
    client, location = versioned
    for number in range(3):
        client.put_object(
            Bucket=location.name,
            Key="dir/x é",
            Body=b"%d" % number,
            Metadata={"n": str(number)},
            Tagging="year=2024",
        )
    client.put_object(Bucket=location.name, Key="y", Body=b"y")
    client.delete_object(Bucket=location.name, Key="y")
    client.put_object(Bucket=location.name, Key="held", Body=b"h", ObjectLockLegalHoldStatus="ON")
    store = open_store(location, seaweedfs.credentials)
    found = list(inventory(store, Asked(page=page)))
    assert Counter((item.kind, item.logical) for item in found) == {
        (ItemKind.CURRENT, "dir/x é"): 1,
        (ItemKind.VERSION, "dir/x é"): 2,
        (ItemKind.DELETE_MARKER, "y"): 1,
        (ItemKind.VERSION, "y"): 1,
        (ItemKind.CURRENT, "held"): 1,
    }
    former = [i.info.name for i in found if i.kind is ItemKind.VERSION and i.logical != "y"]
    assert sorted(store.get(name) for name in former) == [b"0", b"1"]
    assert sorted(store.head(name).metadata["n"] for name in former) == ["0", "1"]
    details = by_name(inventory(store, Asked(page=page, details=True)))
    assert details.keys() == {item.info.name for item in found}
    assert (dict(details["dir/x é"].tags or {}), dict(details["dir/x é"].info.metadata)) == (
        {"year": "2024"},
        {"n": "2"},
    )
    assert details["held"].legal_hold
    assert not details["dir/x é"].legal_hold
    now = inventory(store, Asked(page=page, former=False))
    assert {item.info.name for item in now} == {"dir/x é", "held"}


def test_a_folder_with_what_is_no_file(tmp_path: Path) -> None:
    for folder in ("empty/inside", "full"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "full" / "a\tb\\c").write_bytes(b"odd")
    (tmp_path / "full" / "link").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "full" / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / os.fsdecode(b"latin-\xe9")).write_bytes(b"1")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "full" / "sock"))
        store = open_store(Location.folder(tmp_path))
        found = by_name(inventory(store))
    assert {name: item.kind for name, item in found.items()} == {
        "empty/inside/": ItemKind.DIRECTORY,
        "full/a\tb\\c": ItemKind.CURRENT,
        "full/link": ItemKind.LINK,
        "full/pipe": ItemKind.SPECIAL,
        "full/sock": ItemKind.SPECIAL,
        "loop": ItemKind.LINK,
        "latin-\\xe9": ItemKind.CURRENT,
    }
    assert store.get("full/a\tb\\c") == b"odd"
    assert [name for name, item in found.items() if item.unreadable] == ["latin-\\xe9"]
    assert set(by_name(inventory(store, Asked(prefix="full/l")))) == {"full/link"}
    with pytest.raises(Missing):
        list(inventory(open_store(Location.folder(tmp_path / "absent"))))


def test_a_page_that_fails_is_asked_for_again_and_given_up_in_the_end(
    seaweedfs: RunningServer, s3_location: Location
) -> None:
    store = open_store(s3_location, seaweedfs.credentials)
    for name in "abc":
        store.put(name, b"1")
    pauses: list[float] = []
    broken = Fault(drop_answer=True)

    def often(exchange: Exchange) -> Fault:
        listing = "max-keys" in exchange.target and "continuation-token" in exchange.target
        return broken if listing and exchange.number % 5 else Fault()

    with ChaosProxy(seaweedfs.endpoint, often) as proxy:
        through = open_store(evolve(s3_location, endpoint=proxy.endpoint), seaweedfs.credentials)
        names = [i.info.name for i in inventory(through, Asked(page=1), sleep=pauses.append)]
        assert names == ["a", "b", "c"]
        assert pauses
        proxy.choose = lambda exchange: broken if "max-keys" in exchange.target else Fault()
        with pytest.raises(Unavailable):
            list(inventory(through, Asked(page=1), sleep=lambda _: None))


ENDLESS = (
    b"<ListBucketResult><IsTruncated>true</IsTruncated>"
    b"<Contents><Key>a</Key><Size>1</Size><ETag>e</ETag>"
    b"<LastModified>2026-10-21T07:28:00Z</LastModified></Contents>"
    b"<NextContinuationToken>again</NextContinuationToken></ListBucketResult>"
)
CUT = ENDLESS.replace(b"<NextContinuationToken>again</NextContinuationToken>", b"")
# A page of a proxy, or of another protocol: read as a listing, it would be an empty bucket.
NO_LISTING = b"<html><body>Welcome</body></html>"


class _Endless(BaseHTTPRequestHandler):
    """A bucket that answers the same page to everything."""

    page = ENDLESS

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.page)))
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal."""


@pytest.mark.parametrize(
    ("page", "told"),
    [(ENDLESS, "RepeatedToken"), (CUT, "NoToken|RepeatedToken"), (NO_LISTING, "NoListing")],
    ids=["stands still", "cut", "no listing"],
)
def test_a_listing_that_does_not_end_well_is_refused(
    page: bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Endless, "page", page)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endless)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        location = Location(scheme="s3", name="b", endpoint=endpoint)
        store = open_store(location, Credentials(access_key="k", secret=Secret(b"s")))
        with pytest.raises(Invalid, match=told):
            list(inventory(store, Asked(former=False)))
        with pytest.raises(Invalid, match=told):
            list(store.list(""))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
