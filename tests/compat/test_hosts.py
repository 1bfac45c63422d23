"""The contract on other programs that speak S3, and the refusal of one that only pretends.

Not collected by `make test`: `make compat` runs it (`scripts/run_compat.py`).
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from attrs import evolve

from bercail.foundation import Refused
from bercail.storage import ObjectStore, ProbeReport, clean, open_store, require_fit_for_home
from bercail.storage.parts import PART
from bercail.storage.uploads import upload
from bercail.testing.object_store_contract import ObjectStoreContract
from bercail.testing.servers import RunningServer


def place(server: RunningServer, report: ProbeReport) -> ObjectStore:
    """A place of one test's own, opened with what the probe saw."""
    location = evolve(server.location("compat"), path=f"test-{uuid4().hex}")
    return open_store(location, server.credentials, probed=report)


class Resumable(ObjectStoreContract):
    """The contract, and an upload in parts that is broken off and continued."""

    def test_a_broken_upload_goes_on(self, store: ObjectStore, root: str) -> None:
        class Source:
            size = 2 * PART + 5
            broken = True

            def read_at(self, offset: int, length: int) -> bytes:
                if self.broken and offset == 2 * PART:
                    raise InterruptedError
                return (offset // PART).to_bytes(1, "big") * length

        source = Source()
        with pytest.raises(InterruptedError):
            upload(store, f"{root}resumed", source)
        assert list(store.list(root)) == []
        assert len(clean(store, apply=False).young) == 1
        source.broken = False
        done = upload(store, f"{root}resumed", source)
        assert done.found >= 1
        whole = bytes(PART) + b"\1" * PART + b"\2" * 5
        assert store.get(f"{root}resumed") == whole
        assert clean(store, apply=False).young == ()


class TestJuicefs(Resumable):
    """It embeds the gateway of an older MinIO: conditions are ignored, and so looked up."""

    @pytest.fixture
    def store(self, juicefs: RunningServer, juicefs_probe: ProbeReport) -> ObjectStore:
        return place(juicefs, juicefs_probe)

    def test_what_it_ignores_is_known(self, juicefs_probe: ProbeReport) -> None:
        require_fit_for_home(juicefs_probe)
        ignored = {t.name for t in juicefs_probe.traits if t.verdict == "ignored"}
        assert {"conditional-put", "wrong-crc64nvme", "policy-enforced"} <= ignored
        assert juicefs_probe.holds("wrong-payload-hash")

    def test_readers_see_whole_versions_only(self, store: ObjectStore, root: str) -> None:
        """It does not promise that: a reader beside a writer may see some of both.

        The house never overwrites: what it stores is written once under a name of its own,
        and sealed, so that a mixture would not open. What stands at the end is whole.
        """
        for version in (b"a" * 10_000, b"b" * 20, b"c" * 5_000):
            store.put(f"{root}w", version)
            assert store.get(f"{root}w") == version


class TestSwift(Resumable):
    """OpenStack Swift through its s3api."""

    @pytest.fixture
    def store(self, swift: RunningServer, swift_probe: ProbeReport) -> ObjectStore:
        return place(swift, swift_probe)

    def test_it_may_be_a_home(self, swift_probe: ProbeReport) -> None:
        require_fit_for_home(swift_probe)
        assert swift_probe.holds("wrong-crc64nvme")
        assert swift_probe.holds("conditional-put")


class TestCeph(Resumable):
    """Ceph's gateway in a version that many hosts still run: newer checksums are ignored."""

    @pytest.fixture
    def store(self, ceph: RunningServer, ceph_probe: ProbeReport) -> ObjectStore:
        return place(ceph, ceph_probe)

    def test_it_may_be_a_home(self, ceph_probe: ProbeReport) -> None:
        require_fit_for_home(ceph_probe)
        assert not ceph_probe.holds("wrong-crc64nvme")
        assert ceph_probe.holds("wrong-payload-hash")
        assert not ceph_probe.holds("conditional-multipart")


def test_rclone_is_refused_as_a_home(rclone_probe: ProbeReport) -> None:
    with pytest.raises(Refused) as refusal:
        require_fit_for_home(rclone_probe)
    assert refusal.value.rule == "store-unfit"
    for trait in ("conditional-put", "wrong-crc64nvme", "wrong-payload-hash"):
        assert trait in refusal.value.message
