"""What a source says of an object beside its bytes: kept in the manifest, told to no host."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from azure.storage.blob import ContentSettings, StandardBlobTier

from bercail.hosting import Proof, verify_manifest
from bercail.hosting.migration import obstacles
from bercail.storage import Checked, Location, Retrying, open_store
from bercail.storage.azure import AzureStore
from bercail.storage.s3 import S3Store
from bercail.testing.chaos_proxy import NO_FAULT, ChaosProxy
from bercail.testing.moving import MovingWorld
from bercail.testing.servers import RunningServer, start_azurite

TAGS = {"project": "knees-and-hips-of-the-north", "year": "2024"}
METADATA = {"owner": "the-cohort-of-the-north"}
HEADERS = {
    "CacheControl": "no-store",
    "ContentDisposition": "attachment",
    "ContentEncoding": "gzip",
    "ContentLanguage": "fr",
    "ContentType": "text/csv",
}


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of its own, since a survey takes in the whole of an account."""
    server = start_azurite(tmp_path_factory.mktemp("azure"), in_memory=True)
    yield server
    server.stop()


@pytest.fixture
def account(azure: RunningServer) -> Iterator[RunningServer]:
    """The account, empty again afterwards."""
    yield azure
    store = open_store(azure.location(), azure.credentials)
    for info in list(store.list()):
        store.delete(info.name)


@pytest.fixture
def weed(seaweedfs: RunningServer) -> Iterator[ChaosProxy]:
    with ChaosProxy(seaweedfs.endpoint, lambda _: NO_FAULT) as proxy:
        yield proxy


def lines_of(proof: Proof) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in proof.manifest.read_text("utf-8").splitlines()]
    return {line["name"]: line["source"] for line in lines}


def test_an_azure_tier_never_reaches_s3_and_what_describes_a_blob_travels_sealed(
    tmp_path: Path,
    account: RunningServer,
    weed: ChaosProxy,
    seaweedfs: RunningServer,
    s3_location: Location,
) -> None:
    world = MovingWorld(tmp_path)
    source = open_store(account.location(), account.credentials)
    assert isinstance(source, AzureStore)
    source.put("data/plain", b"plain")
    source.control.blob("data/told").upload_blob(
        b"told" * 100,
        tags=TAGS,
        metadata=METADATA,
        standard_blob_tier=StandardBlobTier.COOL,
        content_settings=ContentSettings(
            content_type="text/csv",
            content_encoding="gzip",
            content_language="fr",
            content_disposition="attachment",
            cache_control="no-store",
        ),
    )
    # Of several parts: they begin with a request that could name a class as well.
    source.control.blob("data/large").upload_blob(
        bytes(20 << 20), standard_blob_tier=StandardBlobTier.COLD, tags=TAGS
    )
    world.source = source
    through = evolve(s3_location, endpoint=weed.endpoint)
    world.home = open_store(through, seaweedfs.credentials)
    service = world.service()
    service.survey()
    plan = service.plan()
    assert plan.cautions == {
        obstacles.other_tier("Cool"): 1,
        obstacles.other_tier("Cold"): 1,
    }
    assert service.copy().carried.objects == 3
    proof = service.prove()
    assert verify_manifest.verify(proof.manifest)["format"] == "bercail-migration-manifest/2"
    found = lines_of(proof)
    told = found["data/told"]
    assert (told["tier"], told["tags"], told["metadata"]) == ("Cool", TAGS, METADATA)
    assert told["headers"] == HEADERS
    assert (found["data/plain"]["tags"], found["data/large"]["tags"]) == ({}, TAGS)
    writes = [one for one in weed.seen if one.method in {"PUT", "POST"}]
    assert len(writes) > 5
    for one in writes:
        odd = [
            name
            for name in one.headers
            if name.startswith(("x-amz-storage-class", "x-amz-meta", "x-amz-tagging"))
            or name in {"content-disposition", "content-language", "cache-control"}
        ]
        assert odd == []
        for text in (TAGS["project"], METADATA["owner"]):
            assert text.encode() not in one.body
            assert text not in f"{one.target} {dict(one.headers)}"
    target = open_store(s3_location, seaweedfs.credentials)
    assert {info.tier for info in target.list()} <= {"STANDARD", None}


def test_tiers_become_the_classes_that_the_operator_names(
    tmp_path: Path,
    account: RunningServer,
    weed: ChaosProxy,
    seaweedfs: RunningServer,
    s3_location: Location,
) -> None:
    world = MovingWorld(tmp_path)
    source = open_store(account.location(), account.credentials)
    assert isinstance(source, AzureStore)
    source.put("data/plain", b"plain")
    source.control.blob("data/cool").upload_blob(b"cool", standard_blob_tier=StandardBlobTier.COOL)
    source.control.blob("data/cold").upload_blob(b"cold", standard_blob_tier=StandardBlobTier.COLD)
    source.control.blob("data/large").upload_blob(
        bytes(20 << 20), standard_blob_tier=StandardBlobTier.COOL
    )
    world.source = source
    through = evolve(s3_location, endpoint=weed.endpoint)
    world.home = Checked(Retrying(open_store(through, seaweedfs.credentials)))
    service = world.service()
    service.survey()
    file = tmp_path / "classes.toml"
    file.write_text('format = "bercail-storage-classes/1"\n[tiers]\nCool = "STANDARD_IA"\n')
    plan = service.plan(classes=file)
    assert plan.classes == {"STANDARD_IA": 2}
    assert plan.cautions == {obstacles.other_tier("Cold"): 1}
    # A later plan keeps to what was chosen, and does the same.
    assert service.plan().digest == plan.digest
    assert service.copy().carried.objects == 4
    service.prove()
    target = open_store(s3_location, seaweedfs.credentials)
    tiers = Counter(info.tier or "STANDARD" for info in target.list())
    assert tiers == {"STANDARD": 3, "STANDARD_IA": 2}  # the sealed manifest is the third
    told = {one.headers.get("x-amz-storage-class") for one in weed.seen if one.method == "POST"}
    assert told == {None, "STANDARD_IA"}  # the large one's beginning, and its end


def test_of_a_bucket_it_is_told_only_what_was_asked_for(
    tmp_path: Path, seaweedfs: RunningServer, s3_location: Location
) -> None:
    world = MovingWorld(tmp_path)
    source = open_store(s3_location, seaweedfs.credentials)
    assert isinstance(source, S3Store)
    source.control.client.put_object(
        Bucket=s3_location.name,
        Key=f"{s3_location.path}/one",
        Body=b"one",
        ContentType="text/csv",
        ContentLanguage="fr",
        Tagging="project=knees",
        Metadata=METADATA,
    )
    world.source = source
    service = world.service()
    service.survey()
    assert service.plan().cautions == {obstacles.NO_DETAILS: 1}
    service.copy()
    bare = lines_of(service.prove())["one"]
    assert (bare["metadata"], bare["headers"], bare["tags"]) == (METADATA, None, None)
    service.survey(details=True)
    assert service.plan().cautions == {}
    service.copy()
    told = lines_of(service.prove())["one"]
    assert told["tags"] == {"project": "knees"}
    assert told["headers"]["ContentType"] == "text/csv"
    assert told["headers"]["ContentLanguage"] == "fr"
    assert told["metadata"] == METADATA
