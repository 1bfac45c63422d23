"""The probe on real servers: what they hold, and what becomes of a home that was asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import botocore.auth  # before the next one, which it imports in its turn
import botocore.crt.auth
import pytest
from typer.testing import CliRunner

from bercail.cli.door import choose
from bercail.cli.store import app
from bercail.foundation import Clock, Missing, Refused, SystemClock
from bercail.storage import (
    Location,
    ObjectStore,
    ProbeReport,
    clean,
    kept_probe,
    open_home,
    open_store,
    probe,
    require_fit_for_home,
)
from bercail.storage.azure import AzureStore
from bercail.storage.s3 import S3Store
from bercail.storage.s3_control import S3Control
from bercail.testing.servers import RunningServer


def verdicts(report: ProbeReport) -> dict[str, str]:
    return {trait.name: trait.verdict for trait in report.traits}


def buckets(server: RunningServer, location: Location) -> list[str]:
    told = S3Control(location, server.credentials).client.list_buckets()
    return [bucket["Name"] for bucket in told["Buckets"]]


def test_a_bucket_with_locks(seaweedfs: RunningServer) -> None:
    """Asked in the bucket itself, which has locks, and in one made for the questions."""
    location = seaweedfs.location(f"locks-{uuid4().hex}")
    control = S3Control(location, seaweedfs.credentials)
    control.client.create_bucket(Bucket=location.name, ObjectLockEnabledForBucket=True)
    before = buckets(seaweedfs, location)
    told = verdicts(report := probe(open_store(location, seaweedfs.credentials)))
    for name in (
        "versions",
        "object-lock",
        "versions-offered",
        "lock-offered",
        "lock-legal-hold",
        "lock-governance",
        "lock-compliance",
        "scratch-bucket-removed",
        "policy-enforced",
        "list-beside-writers",
    ):
        assert told[name] == "held", name
    assert told["wrong-payload-hash"] == "ignored"
    assert buckets(seaweedfs, location) == before
    require_fit_for_home(report)
    features = open_store(location, seaweedfs.credentials, probed=report).features
    assert features.versions
    assert features.object_lock


def test_an_azure_account(azure_store: ObjectStore) -> None:
    report = probe(azure_store)
    told = verdicts(report)
    absent = [name for name, verdict in told.items() if verdict != "held"]
    assert absent == ["range-crc64-told", "versions"]
    assert report.identity["server"].startswith("Azurite")
    assert not azure_store.features.server_checksums
    assert list(azure_store.list("bercail-probe/")) == []


def test_a_real_home_on_a_server_takes_data_once_it_was_probed(
    seaweedfs: RunningServer, s3_location: Location, tmp_path: Path, monkeypatch: Any
) -> None:
    config = tmp_path / "bercail.toml"
    config.write_text(
        'name = "house"\ntrust_side = "trust"\n[home]\n'
        f"location = {json.dumps(str(s3_location))}\n"
        'credentials = "BERCAIL_HOME"\n[host]\nservice = "none"\n'
    )
    secret = seaweedfs.credentials.secret
    assert secret is not None
    monkeypatch.setenv("BERCAIL_HOME_ACCESS_KEY", seaweedfs.credentials.access_key)
    monkeypatch.setenv("BERCAIL_HOME_SECRET_KEY", secret.reveal().decode())
    kept = tmp_path / "trust" / "home-probe.json"

    def home() -> ObjectStore:
        return open_home(s3_location, seaweedfs.credentials, data_class="real", kept=kept)

    with pytest.raises(Refused, match="never asked"):
        home().put("x", b"1")
    choose(config=config, actor=None)
    try:
        done = CliRunner().invoke(app, ["probe-home", "--json"])
    finally:
        choose(config=None, actor=None)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["sound"] is True
    home().put("x", b"1")
    store = open_store(s3_location, seaweedfs.credentials)
    assert store.get("x") == b"1"
    there = kept_probe(store)
    assert there is not None
    assert there.as_dict() == json.loads(kept.read_bytes())


class Later(SystemClock):
    """A clock two hours ahead, so that what was just begun is old."""

    def now(self) -> Any:
        return super().now() + timedelta(hours=2)


class TestUncommittedBlocks:
    """What an interrupted upload leaves on Azure is found, and removed when it is old."""

    def staged(self, store: ObjectStore, name: str) -> Any:
        assert isinstance(store, AzureStore)
        container, _, blob = name.partition("/")
        client = store.control.service.get_blob_client(container, blob)
        client.stage_block(base64.b64encode(b"0" * 16).decode(), b"half of it")
        return client

    def cleaned(self, store: ObjectStore, root: str, clock: Clock | None, *, apply: bool) -> Any:
        found = clean(store, older_than_hours=1, apply=apply, clock=clock)
        mine = lambda leftovers: [one.name for one in leftovers if one.name.startswith(root)]  # noqa: E731
        return mine(found.old), mine(found.young)

    def test_they_are_found_shown_and_removed(
        self, azure_store: ObjectStore, azure_root: str
    ) -> None:
        azure_store.put(f"{azure_root}stands", b"")
        azure_store.put(f"{azure_root}whole", b"whole")
        name = f"{azure_root}a b/é"
        self.staged(azure_store, name)
        assert self.cleaned(azure_store, azure_root, None, apply=True) == ([], [name])
        assert self.cleaned(azure_store, azure_root, Later(), apply=False) == ([name], [])
        assert self.cleaned(azure_store, azure_root, Later(), apply=True) == ([name], [])
        assert self.cleaned(azure_store, azure_root, Later(), apply=True) == ([], [])
        left = {info.name: info.size for info in azure_store.list(azure_root)}
        assert left == {f"{azure_root}stands": 0, f"{azure_root}whole": 5}

    def test_a_blob_committed_meanwhile_stays(
        self, azure_store: ObjectStore, azure_root: str
    ) -> None:
        assert isinstance(azure_store, AzureStore)
        azure_store.put(f"{azure_root}other", b"1")
        client = self.staged(azure_store, f"{azure_root}x")
        (leftover,) = (one for one in azure_store.leftovers() if one.name == f"{azure_root}x")
        client.upload_blob(b"whole", overwrite=True)
        azure_store.discard(leftover)
        assert azure_store.get(f"{azure_root}x") == b"whole"

    def test_one_already_gone_is_no_error(self, azure_store: ObjectStore, azure_root: str) -> None:
        assert isinstance(azure_store, AzureStore)
        azure_store.put(f"{azure_root}other", b"1")
        self.staged(azure_store, f"{azure_root}x")
        (leftover,) = (one for one in azure_store.leftovers() if one.name == f"{azure_root}x")
        azure_store.discard(leftover)
        azure_store.discard(leftover)
        with pytest.raises(Missing):
            azure_store.head(f"{azure_root}x")


@pytest.mark.parametrize("minutes", [20, -20])
def test_a_clock_that_differs_is_told_as_such(
    s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """The server itself refuses what is signed by a clock too far from its own."""
    assert isinstance(s3_store, S3Store)
    s3_store.put("x", b"1")
    real: Callable[..., Any] = botocore.crt.auth.get_current_datetime

    def wrong(*args: Any, **options: Any) -> Any:
        return real(*args, **options) + timedelta(minutes=minutes)

    monkeypatch.setattr(botocore.crt.auth, "get_current_datetime", wrong)
    control = s3_store.control
    with pytest.raises(Refused) as refusal, control.translated("reading `x`", "x"):
        control.client.get_object(Bucket=s3_store.location.name, Key=s3_store.prefix + "x")
    assert refusal.value.rule == "store-clock"
    assert "clock" in refusal.value.message
