"""The freeze shown by a write that a real host refuses: an S3 reader, a reading SAS on Azure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from attrs import frozen
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

from bercail.foundation import Refused, Secret, SeededRandomness
from bercail.hosting import MigrationService, ProbeWrite, Side
from bercail.hosting.migration.freeze import PROBE_NAME
from bercail.storage import Credentials, ObjectStore, make_home, open_store
from bercail.testing.moving import MovingWorld, OneContainer, landed
from bercail.testing.servers import ACCOUNT, RunningServer

CONTENTS = {"été/a": b"a" * 3000, "b": b"", "c+d": b"c"}


@frozen(kw_only=True)
class Sides:
    """A source as its writer opens it, the bare store with the reader's credentials, and both."""

    source: ObjectStore
    reader: ObjectStore
    writer: ObjectStore
    root: str


def on_s3(seaweedfs: RunningServer) -> Sides:
    bucket = seaweedfs.location(f"frozen-{uuid4().hex[:12]}")
    make_home(bucket, seaweedfs.credentials)
    assert seaweedfs.reader is not None
    writer = open_store(bucket, seaweedfs.credentials)
    reader = open_store(bucket, seaweedfs.reader)
    return Sides(source=reader, reader=reader, writer=writer, root="")


def on_azure(azurite: RunningServer) -> Sides:
    assert azurite.credentials.secret is not None
    token = generate_account_sas(
        ACCOUNT,
        azurite.credentials.secret.reveal().decode(),
        resource_types=ResourceTypes(service=True, container=True, object=True),
        permission=AccountSasPermissions(read=True, list=True),
        expiry=datetime.now(UTC) + timedelta(days=1),
        start=datetime.now(UTC) - timedelta(minutes=5),
    )
    writer = open_store(azurite.location(), azurite.credentials)
    reader = open_store(azurite.location(), Credentials(sas=Secret(token.encode())))
    source = OneContainer(reader, "frozen")
    return Sides(source=source, reader=reader, writer=writer, root=source.root)


@pytest.fixture(params=["s3", "azure"])
def sides(request: pytest.FixtureRequest) -> Sides:
    if request.param == "s3":
        return on_s3(request.getfixturevalue("seaweedfs"))
    return on_azure(request.getfixturevalue("azurite"))


@pytest.fixture
def proven(sides: Sides, tmp_path: Path) -> tuple[MovingWorld, Callable[[], MigrationService]]:
    """A migration of `sides` that is proven, its world, and a desk for it."""
    for name, content in CONTENTS.items():
        sides.writer.put(sides.root + name, content)
    world = MovingWorld(tmp_path)

    def desk() -> MigrationService:
        return world.service(source=sides.source, freeze=None)

    for step in (desk().survey, desk().plan, desk().copy, desk().prove):
        step()
    return world, desk


def probe(store: ObjectStore, credentials: str) -> ProbeWrite:
    return ProbeWrite(
        store=store, credentials=credentials, by="operator", randomness=SeededRandomness(4)
    )


def names(sides: Sides) -> set[str]:
    return {info.name.removeprefix(sides.root) for info in sides.writer.list(sides.root)}


def test_a_host_that_refuses_the_write_shows_the_freeze(
    sides: Sides, proven: tuple[MovingWorld, Callable[[], MigrationService]]
) -> None:
    _, desk = proven
    state = desk().cut_over(freeze=probe(sides.reader, "READER")).state
    assert state.canonical is Side.TARGET
    assert state.frozen is not None
    assert (state.frozen.how, state.frozen.credentials) == ("probe-write", "READER")
    assert state.frozen.probes == 1
    assert names(sides) == set(CONTENTS)
    assert landed(desk()) == {sides.root + name: content for name, content in CONTENTS.items()}


def test_a_host_that_takes_the_write_loses_it_again_and_stays_canonical(
    sides: Sides, proven: tuple[MovingWorld, Callable[[], MigrationService]]
) -> None:
    world, desk = proven
    with pytest.raises(Refused, match=rf"`{sides.root}{PROBE_NAME}-\w+` \(deleted again\)") as told:
        desk().cut_over(freeze=probe(sides.writer, "WRITER"))
    assert told.value.rule == "migration-freeze"
    assert names(sides) == set(CONTENTS)
    assert desk().canonical() is Side.SOURCE
    assert "SourceFrozen" not in world.kinds()


def test_credentials_that_the_host_does_not_know_show_no_freeze(
    seaweedfs: RunningServer, tmp_path: Path
) -> None:
    """Refused everything, they would look like a frozen source; the listing gives them away."""
    bucket = seaweedfs.location(f"frozen-{uuid4().hex[:12]}")
    make_home(bucket, seaweedfs.credentials)
    stranger = Credentials(access_key="nobody", secret=Secret(b"nothing"))
    with pytest.raises(Refused) as told:
        probe(open_store(bucket, stranger), "STRANGER").assert_frozen(["any"])
    assert told.value.rule != "migration-freeze"
