"""A lake in memory, with its keys and its trust side in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bercail.foundation import FixedClock, SeededRandomness
from bercail.lake import Lake, SealedStore
from bercail.storage.location import Location
from bercail.storage.memory import MemoryStore
from bercail.vault import Keyring, MemoryCustodian


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 21, 12, tzinfo=UTC))


@pytest.fixture
def keys(tmp_path: Path, clock: FixedClock) -> Iterator[Keyring]:
    randomness = SeededRandomness(1)
    ring = Keyring(tmp_path / "keys.sqlite", MemoryCustodian(randomness), randomness, clock)
    yield ring
    ring.close()


@pytest.fixture
def host(tmp_path: Path) -> MemoryStore:
    return MemoryStore(Location.parse(f"memory:{tmp_path.name}"))


@pytest.fixture
def sealed(host: MemoryStore, keys: Keyring) -> SealedStore:
    return SealedStore(host, keys, kind="file", scope="deliveries", randomness=SeededRandomness(2))


@pytest.fixture
def lake(host: MemoryStore, keys: Keyring, tmp_path: Path, clock: FixedClock) -> Iterator[Lake]:
    url = f"sqlite:///{tmp_path}/lake.sqlite"
    with Lake(host, keys, url, None, SeededRandomness(3), clock) as opened:
        yield opened
