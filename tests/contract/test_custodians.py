"""Every custodian keeps the contract of its port."""

from __future__ import annotations

from pathlib import Path

import pytest

from bercail.foundation import Secret, SystemRandomness
from bercail.testing.custodian_contract import CustodianContract
from bercail.vault import Custodian, FileCustodian, MemoryCustodian

PASSPHRASE = Secret(b"five words from a dice")


class TestMemoryCustodian(CustodianContract):
    @pytest.fixture
    def custodian(self) -> Custodian:
        return MemoryCustodian(SystemRandomness())

    @pytest.fixture
    def stranger(self) -> Custodian:
        return MemoryCustodian(SystemRandomness())


class TestFileCustodian(CustodianContract):
    @pytest.fixture
    def custodian(self, tmp_path: Path) -> Custodian:
        path = tmp_path / "one.custodian"
        FileCustodian.create(path, PASSPHRASE, SystemRandomness(), cost=4)
        return FileCustodian.open(path, PASSPHRASE)

    @pytest.fixture
    def stranger(self, tmp_path: Path) -> Custodian:
        path = tmp_path / "two.custodian"
        return FileCustodian.create(path, PASSPHRASE, SystemRandomness(), cost=4)
