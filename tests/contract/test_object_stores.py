"""Every adapter under the one contract, on real servers where there is a server."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from attrs import evolve

from bercail.storage import (
    Checked,
    Limit,
    Limited,
    Location,
    Metered,
    ObjectStore,
    ProbeReport,
    ReadOnly,
    Retrying,
    Trait,
    open_store,
)
from bercail.testing.object_store_contract import ObjectStoreContract, ReadingContract
from bercail.testing.servers import RunningServer


class TestMemory(ObjectStoreContract):
    @pytest.fixture
    def store(self) -> ObjectStore:
        return open_store(Location.parse(f"memory:{uuid4().hex}"))


class TestFolder(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return open_store(Location.folder(tmp_path))


class TestSeaweedfs(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3_store: ObjectStore) -> ObjectStore:
        return s3_store


class TestAzurite(ObjectStoreContract):
    @pytest.fixture
    def store(self, azure_store: ObjectStore) -> ObjectStore:
        return azure_store

    @pytest.fixture
    def root(self, azure_root: str) -> str:
        return azure_root


class TestWrapped(ObjectStoreContract):
    """Wrappers are stores: stacked, they keep the contract of what they wrap."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        from bercail.foundation import SeededRandomness

        inner = Metered(open_store(Location.folder(tmp_path)))
        return Retrying(
            inner, attempts=3, budget=1.0, sleep=lambda _: None, randomness=SeededRandomness(1)
        )


class TestChecked(ObjectStoreContract):
    """Every write read back."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return Checked(open_store(Location.folder(tmp_path)))


class TestCheckedByTheHost(ObjectStoreContract):
    """Every write compared with the checksum of a host that a probe found to be honest."""

    @pytest.fixture
    def store(self, s3_store: ObjectStore) -> ObjectStore:
        traits = (
            Trait(name="wrong-crc64nvme", verdict="held", told=""),
            Trait(name="checksum-told", verdict="held", told=""),
        )
        return Checked(s3_store, probed=ProbeReport(location=str(s3_store.location), traits=traits))


class TestLimited(ObjectStoreContract):
    """A bandwidth that slows and changes nothing else."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return Limited(open_store(Location.folder(tmp_path)), Limit(1 << 30))


class TestUnconditional(ObjectStoreContract):
    """An S3 host that was found to ignore conditions: they are looked up, not raced."""

    @pytest.fixture
    def store(self, seaweedfs: RunningServer, s3_location: Location) -> ObjectStore:
        location = evolve(s3_location, options={"checksum": "signature"})
        probed = ProbeReport(
            location=str(location),
            traits=(
                Trait(name="conditional-put", verdict="ignored", told=""),
                Trait(name="conditional-multipart", verdict="ignored", told=""),
            ),
        )
        return open_store(location, seaweedfs.credentials, probed=probed)


def test_adapters_and_wrappers_are_stores(tmp_path: Path) -> None:
    folder = open_store(Location.folder(tmp_path))
    assert isinstance(folder, ObjectStore)
    assert isinstance(ReadOnly(folder), ObjectStore)
    assert isinstance(Metered(folder), ObjectStore)
    assert isinstance(Checked(folder), ObjectStore)
    assert isinstance(Limited(folder, Limit(None)), ObjectStore)
    assert not isinstance(ReadingContract(), ObjectStore)
