"""What the vault's tests share: a key, a binding, a key ring that dies with the test."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bercail.foundation import FixedClock, Secret, SeededRandomness
from bercail.vault import Binding, DataKey, Keyring, MemoryCustodian


@pytest.fixture
def randomness() -> SeededRandomness:
    return SeededRandomness(7)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 21, 9, 30, tzinfo=UTC))


@pytest.fixture
def key() -> DataKey:
    return DataKey(
        id=bytes(range(16)), kind="part", scope="ER_PRS_F", epoch=1, secret=Secret(bytes(range(32)))
    )


@pytest.fixture
def binding() -> Binding:
    return Binding(kind="part", store="ER_PRS_F", name="2023/02/part-0.parquet", version="1")


@pytest.fixture
def keyring(tmp_path: Path, randomness: SeededRandomness, clock: FixedClock) -> Keyring:
    return Keyring(tmp_path / "keys.sqlite", MemoryCustodian(randomness), randomness, clock)
