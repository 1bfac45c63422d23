"""Every adapter under the one contract, on real servers where there is a server."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from bercail.storage import Location, ObjectStore, ReadOnly, Retrying, open_store
from bercail.storage.wrappers import Metered
from bercail.testing.object_store_contract import ObjectStoreContract, ReadingContract


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


def test_adapters_and_wrappers_are_stores(tmp_path: Path) -> None:
    folder = open_store(Location.folder(tmp_path))
    assert isinstance(folder, ObjectStore)
    assert isinstance(ReadOnly(folder), ObjectStore)
    assert isinstance(Metered(folder), ObjectStore)
    assert not isinstance(ReadingContract(), ObjectStore)
