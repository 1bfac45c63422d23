"""The file of the key table: how SQLite keeps it, what stays of erased keys, who is refused."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import FixedClock, Missing, SeededRandomness, SystemRandomness, Unproven
from bercail.vault import Keyring, MemoryCustodian, Purpose
from bercail.vault.key_table import KeyTable


@contextmanager
def beside(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path)
    try:
        yield connection
        connection.commit()
    finally:
        connection.close()


def wrapped_keys(path: Path) -> set[bytes]:
    with beside(path) as connection:
        found = connection.execute("SELECT wrapped FROM key WHERE wrapped IS NOT NULL")
        return {line[0] for line in found.fetchall()}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("secure_delete", 1),
        ("synchronous", 2),
        ("journal_mode", "wal"),
        ("user_version", 1),
        ("busy_timeout", 60_000),
    ],
)
def test_erased_bytes_are_overwritten_and_written_ones_reach_the_disk(
    tmp_path: Path, setting: str, value: object
) -> None:
    table = KeyTable(tmp_path / "keys.sqlite")
    with table.reading() as connection:
        assert connection.execute(f"PRAGMA {setting}").fetchone() == (value,)
        # Transactions begin where `writing` says, not where the library thinks.
        assert connection.isolation_level is None
    table.close()


def test_what_matters_is_asked_of_sqlite_and_not_left_to_how_it_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    real = sqlite3.connect

    def heard(path: Path, **options: Any) -> sqlite3.Connection:
        connection = real(path, **options)
        connection.set_trace_callback(said.append)
        return connection

    monkeypatch.setattr("bercail.vault.key_table.sqlite3.connect", heard)
    KeyTable(tmp_path / "keys.sqlite").close()
    assert said[:2] == ["PRAGMA secure_delete = ON", "PRAGMA synchronous = FULL"]
    assert "PRAGMA journal_mode = WAL" in said


def test_the_version_is_in_the_file(tmp_path: Path) -> None:
    KeyTable(tmp_path / "keys.sqlite").close()
    with beside(tmp_path / "keys.sqlite") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_the_folders_of_a_table_are_made(tmp_path: Path) -> None:
    path = tmp_path / "trust" / "house" / "keys.sqlite"
    KeyTable(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_table_that_nobody_holds_is_closed(tmp_path: Path) -> None:
    table = KeyTable(tmp_path / "keys.sqlite")
    with table.reading() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    del table
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_a_transaction_that_breaks_off_leaves_nothing(keyring: Keyring) -> None:
    keyring.data_key("part", "a")
    table = keyring.lines.table

    def erase_and_fail() -> None:
        with table.writing() as connection:
            connection.execute("DELETE FROM key")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        erase_and_fail()
    assert len(table.rows()) == 2


@pytest.mark.parametrize("change", ["not a database at all" * 100, "a later version"])
def test_another_file_is_refused_by_the_rule_of_key_tables(tmp_path: Path, change: str) -> None:
    path = tmp_path / "keys.sqlite"
    if change == "a later version":
        with beside(path) as connection:
            connection.execute("PRAGMA user_version = 9")
    else:
        path.write_text(change, "utf-8")
    with pytest.raises(Unproven) as caught:
        KeyTable(path)
    assert caught.value.rule == "key-table"


def test_a_change_of_root_leaves_no_old_wrap_in_the_files(keyring: Keyring, tmp_path: Path) -> None:
    for name in "abc":
        keyring.data_key("part", name)
    old = wrapped_keys(tmp_path / "keys.sqlite")
    keyring.rotate_root(MemoryCustodian(SystemRandomness(), "new"))
    assert not old & wrapped_keys(tmp_path / "keys.sqlite")
    for file in tmp_path.iterdir():
        data = file.read_bytes()
        assert not [one for one in old if one in data]


def test_only_the_keys_of_one_purpose_are_destroyed(keyring: Keyring) -> None:
    key, secret = keyring.data_key("names", "p1"), keyring.secret("names", "p1")
    certificate = keyring.destroy("names", "p1", purpose=Purpose.SECRET)
    assert [one.purpose for one in certificate.keys] == [Purpose.SECRET]
    assert (certificate.kind, certificate.scope) == ("names", "p1")
    assert keyring.by_id(key.id) == key
    with pytest.raises(Missing):
        keyring.secret("names", "p1")
    assert secret


def test_a_certificate_names_every_custodian_once(keyring: Keyring) -> None:
    keyring.data_key("part", "a")
    keyring.destroy("part", "a")
    keyring.rotate_root(MemoryCustodian(SystemRandomness(), "new"))
    for _ in range(2):
        keyring.next_epoch("part", "a")
    assert keyring.destroy("part", "a").custodian == "memory, new"


def test_a_change_of_root_that_another_made_is_made_again(
    tmp_path: Path, keyring: Keyring, clock: FixedClock
) -> None:
    key = keyring.data_key("part", "a")
    late = Keyring(tmp_path / "keys.sqlite", keyring.custodian, SeededRandomness(3), clock)
    new = MemoryCustodian(SystemRandomness(), "new")
    assert keyring.rotate_root(new) == 1
    assert late.rotate_root(new) == 1
    assert late.by_id(key.id) == key


def test_a_key_that_is_there_is_found_without_writing(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, other = keyring.data_key("part", "a"), keyring.data_key("part", "b")

    def forbidden(_: object) -> object:
        raise AssertionError("a transaction of writing began")

    monkeypatch.setattr(KeyTable, "writing", forbidden)
    assert keyring.data_key("part", "a") == key
    assert keyring.data_key("part", "b") == other
