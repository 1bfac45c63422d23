"""What somebody who can write the key table, or steal copies of it, may try."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from bercail.foundation import Missing, Secret, SystemClock, SystemRandomness, Unproven
from bercail.vault import Binding, FileCustodian, Keyring, open_bytes, renew_root, seal_bytes

PASSPHRASE = Secret(b"five words from a dice")
BINDING = Binding(kind="extract", store="p1", name="table", version="1")


@pytest.fixture
def house(tmp_path: Path) -> Keyring:
    custodian = FileCustodian.create(
        tmp_path / "root.custodian", PASSPHRASE, SystemRandomness(), cost=4
    )
    return Keyring(tmp_path / "keys.sqlite", custodian, SystemRandomness(), SystemClock())


def altered(house: Keyring, path: Path, statement: str, *values: object) -> None:
    house.close()
    connection = sqlite3.connect(path)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "column", ["kind = 'other'", "scope = 'other'", "epoch = 7", "purpose = 'secret'"]
)
def test_a_line_given_another_meaning(house: Keyring, tmp_path: Path, column: str) -> None:
    house.data_key("extract", "p1")
    altered(
        house,
        tmp_path / "keys.sqlite",
        f"UPDATE key SET {column} WHERE kind = 'extract'",  # noqa: S608
    )
    kind, scope = (
        "other" if "kind" in column else "extract",
        "other" if "scope" in column else "p1",
    )
    ask = house.secret if "purpose" in column else house.data_key
    with pytest.raises(Unproven) as caught:
        ask(kind, scope)
    assert caught.value.rule == "wrapped-key"


def test_a_stolen_table_opens_nothing_without_the_custodian(house: Keyring, tmp_path: Path) -> None:
    house.data_key("extract", "p1")
    house.close()
    shutil.copy(tmp_path / "keys.sqlite", tmp_path / "stolen.sqlite")
    thief = FileCustodian.create(
        tmp_path / "thief.custodian", PASSPHRASE, SystemRandomness(), cost=4
    )
    with pytest.raises(Unproven, match="does not hold the root"):
        Keyring(tmp_path / "stolen.sqlite", thief, SystemRandomness(), SystemClock())


def test_an_old_copy_of_the_table_after_destruction_and_a_new_root(
    house: Keyring, tmp_path: Path
) -> None:
    sealed = seal_bytes(b"rows", house.data_key("extract", "p1"), BINDING, SystemRandomness())
    house.close()
    shutil.copy(tmp_path / "keys.sqlite", tmp_path / "backup.sqlite")
    house.destroy("extract", "p1")
    renew_root(house)
    held = FileCustodian.open(tmp_path / "root.custodian", PASSPHRASE)
    with pytest.raises(Unproven, match="does not hold the root"):
        Keyring(tmp_path / "backup.sqlite", held, SystemRandomness(), SystemClock())
    with pytest.raises(Missing, match="was destroyed"):
        open_bytes(sealed, house.by_id, BINDING)


def test_a_destroyed_line_cannot_be_half_restored(house: Keyring, tmp_path: Path) -> None:
    house.data_key("extract", "p1")
    house.destroy("extract", "p1")
    with pytest.raises(sqlite3.IntegrityError):
        altered(house, tmp_path / "keys.sqlite", "UPDATE key SET destroyed = NULL")
