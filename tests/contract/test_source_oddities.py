"""What sources hold although the house would not write it: read exactly, or not at all."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from azure.storage.blob import BlobServiceClient, generate_account_sas
from botocore.config import Config

from bercail.foundation import Invalid, Missing, Refused, Secret, Unproven
from bercail.storage import Credentials, Location, ObjectStore, open_store
from bercail.testing.servers import ACCOUNT, RunningServer

AZURE_ODD = ("a//b", "trailing/", "tab\there", "mark#%41?&é")
S3_ODD = ("tab\there", "plus+space é%2B")


def key_of(server: RunningServer) -> str:
    secret = server.credentials.secret
    assert secret is not None
    return secret.reveal().decode()


@pytest.fixture
def service(azurite: RunningServer) -> Iterator[BlobServiceClient]:
    credential = {"account_name": ACCOUNT, "account_key": key_of(azurite)}
    with BlobServiceClient(azurite.endpoint, credential=credential) as client:
        yield client


@pytest.fixture
def s3_client(seaweedfs: RunningServer) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=seaweedfs.endpoint,
        aws_access_key_id=seaweedfs.credentials.access_key,
        aws_secret_access_key=key_of(seaweedfs),
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )


def assert_read_exactly(store: ObjectStore, root: str, odd: tuple[str, ...]) -> None:
    assert {info.name for info in store.list(root)} == {root + name for name in odd}
    for name in odd:
        info = store.head(root + name)
        assert info.size == len(name.encode())
        assert store.get(root + name) == name.encode()
        assert store.read(root + name, 1, 3, if_match=info.etag) == name.encode()[1:4]
        assert store.read(root + name, 99, 3) == b""
        with pytest.raises(Unproven):
            store.read(root + name, 0, 1, if_match='"other"')
        store.delete(root + name)
        store.delete(root + name)
        with pytest.raises(Missing):
            store.get(root + name)


def test_odd_azure_names(
    service: BlobServiceClient, azure_store: ObjectStore, azure_root: str
) -> None:
    container = service.create_container(azure_root.rstrip("/"))
    for name in AZURE_ODD:
        container.upload_blob(name, name.encode())
    assert_read_exactly(azure_store, azure_root, AZURE_ODD)


def test_odd_s3_names(s3_client: Any, s3_store: ObjectStore, s3_location: Location) -> None:
    for name in S3_ODD:
        key = f"{s3_location.path}/{name}"
        s3_client.put_object(Bucket=s3_location.name, Key=key, Body=name.encode())
    assert_read_exactly(s3_store, "", S3_ODD)


def test_folder_markers_of_s3_consoles(
    s3_client: Any, s3_store: ObjectStore, s3_location: Location
) -> None:
    s3_client.put_object(Bucket=s3_location.name, Key=f"{s3_location.path}/folder/", Body=b"")
    s3_store.put("folder/x", b"1")
    assert {info.name: info.size for info in s3_store.list()} == {"folder/": 0, "folder/x": 1}
    assert s3_store.get("folder/") == b""
    assert s3_store.head("folder/").size == 0


def test_a_listing_longer_than_a_page(
    s3_client: Any, s3_store: ObjectStore, s3_location: Location
) -> None:
    names = [f"é {number:04d}" for number in range(1_005)]
    for name in names:
        s3_store.put(name, b"x")
    assert [info.name for info in s3_store.list()] == names
    for name in names:
        s3_store.delete(name)


def test_an_inventory_has_all_that_azure_tells(
    service: BlobServiceClient, azure_store: ObjectStore, azure_root: str
) -> None:
    container = service.create_container(azure_root.rstrip("/"))
    container.upload_blob("block", b"hello", metadata={"owner": "someone"})
    container.upload_blob("page", b"\0" * 512, blob_type="PageBlob")
    container.upload_blob("append", b"line\n", blob_type="AppendBlob")
    found = {info.name.removeprefix(azure_root): info for info in azure_store.list(azure_root)}
    assert {name: info.blob_type for name, info in found.items()} == {
        "block": "BlockBlob",
        "page": "PageBlob",
        "append": "AppendBlob",
    }
    block = found["block"]
    assert block.content_md5 is not None
    assert block.content_md5.hex() == "5d41402abc4b2a76b9719d911017c592"
    assert dict(block.metadata) == {"owner": "someone"}
    assert block.tier == "Hot"
    assert block == azure_store.head(f"{azure_root}block")


def test_all_containers_are_listed_by_a_prefix_without_slash(
    azure_store: ObjectStore, azure_root: str
) -> None:
    first, second = azure_root.rstrip("/") + "a", azure_root.rstrip("/") + "b"
    azure_store.put(f"{first}/x", b"1")
    azure_store.put(f"{second}/y", b"1")
    found = [info.name for info in azure_store.list(azure_root.rstrip("/"))]
    assert found == [f"{first}/x", f"{second}/y"]


def test_a_shared_access_signature_reads_and_cannot_write(
    azurite: RunningServer, azure_store: ObjectStore, azure_root: str
) -> None:
    azure_store.put(f"{azure_root}x", b"0123456789" * 1000)
    signature = generate_account_sas(
        ACCOUNT,
        key_of(azurite),
        resource_types="sco",
        permission="rl",
        expiry=datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1),
    )
    reader = open_store(azurite.location(), Credentials(sas=Secret(signature.encode())))
    assert reader.get(f"{azure_root}x") == b"0123456789" * 1000
    assert [info.name for info in reader.list(azure_root)] == [f"{azure_root}x"]
    assert reader.head(f"{azure_root}x").size == 10_000
    for act in (
        lambda: reader.put(f"{azure_root}y", b"1"),
        lambda: reader.put(f"{azure_root}y", iter([bytes(17 << 20)])),
        lambda: reader.delete(f"{azure_root}x"),
    ):
        with pytest.raises(Refused) as refusal:
            act()
        assert "sig=" not in str(refusal.value)


def test_backslashes_are_not_written(s3_store: ObjectStore) -> None:
    with pytest.raises(Invalid):
        s3_store.put("a\\b", b"1")
    with pytest.raises(Missing):
        s3_store.get("a\\b")
