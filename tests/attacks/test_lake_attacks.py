"""What an attacker on the host, or on the trust side's disk, cannot do to the lake unseen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from bercail.foundation import FixedClock, Missing, SeededRandomness, Unproven
from bercail.lake import Lake, split_url
from bercail.lake.fileio import KIND
from bercail.storage.location import Location
from bercail.storage.memory import MemoryStore
from bercail.vault import Keyring, MemoryCustodian, opaque_name, signer

SCHEMA = pa.schema([("BEN_NIR_PSA", pa.string()), ("PRS_NAT_REF", pa.int64())])
CANARY = "7ZQX4KVAH2MNB0PWR"


class House:
    """A lake of two deliveries, and what an attacker can reach of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FixedClock(datetime(2026, 11, 21, tzinfo=UTC))
        randomness = SeededRandomness(7)
        self.keys = Keyring(folder / "keys", MemoryCustodian(randomness), randomness, self.clock)
        self.host = MemoryStore(Location.parse(f"memory:attacks-{folder.name}"))
        self.lake = self.opened()
        for index, delivery in enumerate(["DCIR_202302", "DCIR_202303"]):
            numbers = pa.array(range(50 * index, 50 * index + 50))
            batch = pa.record_batch([pa.array([CANARY] * 50), numbers], schema=SCHEMA)
            self.lake.append("ER_PRS_F", [batch], SCHEMA, delivery=delivery)

    def opened(self) -> Lake:
        url = f"sqlite:///{self.folder}/lake.sqlite"
        return Lake(self.host, self.keys, url, None, SeededRandomness(11), self.clock)

    def opaque(self, url: str) -> str:
        table, name = split_url(url)
        return opaque_name(self.keys.secret("names", KIND), KIND, table, name, "1")

    def part(self, index: int) -> str:
        return self.opaque(self.lake.parts("ER_PRS_F")[index].url)

    def tamper(self, change: str, *values: object) -> None:
        with sqlite3.connect(self.folder / "lake.sqlite") as connection:
            connection.execute(change, values)
        connection.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    yield built
    built.lake.__exit__()
    built.keys.close()


def test_the_host_holds_no_name_no_schema_and_no_value(house: House) -> None:
    # Words of 7 letters and more: sealed bytes and random names hold shorter ones by chance.
    secrets = [CANARY, "BEN_NIR_PSA", "ER_PRS_F", "DCIR_2023", "parquet", "iceberg", "metadata"]
    for info in house.host.list():
        held = house.host.get(info.name)
        assert not held.startswith((b"PAR1", b"Obj\x01"))
        for secret in secrets:
            assert secret.encode() not in held
            assert secret.lower() not in info.name.lower()


@pytest.mark.parametrize("place", [0, 60, 200, -1])
def test_a_flipped_bit_in_a_part_is_seen(house: House, place: int) -> None:
    held = bytearray(house.host.get(house.part(0)))
    held[place] ^= 1
    house.host.put(house.part(0), bytes(held))
    with pytest.raises((Unproven, Missing)):
        house.opened().verify("ER_PRS_F")


def test_a_truncated_part_is_seen(house: House) -> None:
    house.host.put(house.part(0), house.host.get(house.part(0))[:-17])
    with pytest.raises(Unproven):
        house.opened().verify("ER_PRS_F")


def test_two_parts_exchanged_are_seen_by_verify_and_by_read(house: House) -> None:
    first, second = house.part(0), house.part(1)
    one, two = house.host.get(first), house.host.get(second)
    house.host.put(first, two)
    house.host.put(second, one)
    with pytest.raises(Unproven, match="The object found is not"):
        house.opened().verify("ER_PRS_F")
    with pytest.raises(Unproven):
        house.opened().read("ER_PRS_F").read_all()


def test_a_lost_part_is_seen_and_named(house: House) -> None:
    house.host.delete(house.part(1))
    with pytest.raises(Unproven, match=r"DCIR_202303.*is gone from the host"):
        house.opened().verify("ER_PRS_F")


def test_a_part_sealed_by_an_insider_with_the_key_is_seen(house: House) -> None:
    # Whoever holds the data key can seal other rows under the same name: only the signature tells.
    part = house.lake.parts("ER_PRS_F")[0]
    table, name = split_url(part.url)
    other = house.lake._files.sealed(table)
    first = other.read(name)
    other.put(name, other.read(split_url(house.lake.parts("ER_PRS_F")[1].url)[1]))
    with pytest.raises(Unproven, match="is not the part that was signed"):
        house.opened().verify("ER_PRS_F")
    other.put(name, first)
    assert house.opened().verify("ER_PRS_F").rows == 100


def test_metadata_replaced_by_an_insider_is_seen(house: House) -> None:
    statement = house.lake._statements.open(house.lake._signed("ER_PRS_F", None))
    table, name = split_url(statement.metadata.url)
    other = house.lake._files.sealed(table)
    other.put(name, other.read(name) + b" ")
    with pytest.raises(Unproven, match="is not the metadata that was signed"):
        house.lake.verify("ER_PRS_F")


def test_manifests_that_name_other_parts_are_seen(house: House) -> None:
    loaded = house.lake._load("ER_PRS_F")
    lists = [snapshot.manifest_list for snapshot in loaded.metadata.snapshots]
    (table, old), (_, new) = split_url(lists[0]), split_url(lists[1])
    other = house.lake._files.sealed(table)
    other.put(new, other.read(old))
    with pytest.raises(Unproven, match="names other parts than were signed"):
        house.lake.verify("ER_PRS_F")


@pytest.mark.parametrize(
    "change",
    [
        (
            "UPDATE lake_statements SET statement = CAST(replace(CAST(statement AS TEXT), "
            "'DCIR_202303', 'DCIR_202304') AS BLOB) WHERE sequence = 2"
        ),
        "UPDATE lake_statements SET statement = CAST(statement AS TEXT) WHERE sequence = 2",
        "UPDATE lake_statements SET signature = '{}' WHERE sequence = 2",
        "UPDATE lake_statements SET signature = 'none' WHERE sequence = 2",
    ],
)
def test_an_altered_statement_is_refused_everywhere(house: House, change: str) -> None:
    house.tamper(change)
    opened = house.opened()
    for use in (opened.verify, opened.parts, opened.snapshot, opened.snapshots, opened.read):
        with pytest.raises(Unproven):
            use("ER_PRS_F")


def test_a_statement_removed_from_the_chain_is_seen(house: House) -> None:
    house.tamper("DELETE FROM lake_statements WHERE sequence = 1")
    with pytest.raises(Unproven, match="does not follow the one before it"):
        house.opened().verify("ER_PRS_F")


def test_a_statement_of_another_key_is_refused(house: House, tmp_path: Path) -> None:
    randomness = SeededRandomness(99)
    stranger = Keyring(tmp_path / "other", MemoryCustodian(randomness), randomness, house.clock)
    signed = house.lake._signed("ER_PRS_F", None)
    forged = signer(stranger, "lake").sign(signed.statement).as_dict()
    house.tamper("UPDATE lake_statements SET signature = ? WHERE sequence = 2", json.dumps(forged))
    with pytest.raises(Unproven):
        house.opened().verify("ER_PRS_F")
    stranger.close()


def test_a_catalogue_turned_back_does_not_hide_a_delivery(house: House) -> None:
    # The row of the catalogue points to the former metadata: the last delivery seems undone.
    house.tamper("UPDATE iceberg_tables SET metadata_location = previous_metadata_location")
    opened = house.opened()
    for use in (opened.verify, opened.parts, opened.snapshots, opened.read):
        with pytest.raises(Unproven, match="it was turned back"):
            use("ER_PRS_F")
    batch = pa.record_batch([pa.array(["x"]), pa.array([1])], schema=SCHEMA)
    with pytest.raises(Unproven, match="it was turned back"):
        opened.append("ER_PRS_F", [batch], SCHEMA, delivery="DCIR_202304")


def test_a_commit_made_around_the_lake_is_never_signed(house: House) -> None:
    loaded = house.lake._load("ER_PRS_F")
    with loaded.transaction() as transaction, transaction.update_snapshot().fast_append():
        pass
    with pytest.raises(Unproven, match="names no delivery"):
        house.opened().snapshots("ER_PRS_F")


def test_a_commit_left_unsigned_is_signed_only_when_its_parts_are_whole(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    batch = pa.record_batch([pa.array(["x"] * 9), pa.array(range(9))], schema=SCHEMA)
    with monkeypatch.context() as patch:
        patch.setattr("bercail.lake.shelf.Shelf.store", dies)
        with pytest.raises(KeyboardInterrupt):
            house.lake.append("ER_PRS_F", [batch], SCHEMA, delivery="DCIR_202304")
    unsigned = next(
        path
        for path in house.lake._load("ER_PRS_F").inspect.files()["file_path"].to_pylist()
        if "DCIR_202304" in path
    )
    table, name = split_url(unsigned)
    held = house.lake._files.sealed(table)
    whole = held.read(name)
    held.put(name, held.read(split_url(house.lake._shelf.files(table)[0].location)[1]))
    for _ in range(2):
        with pytest.raises(Unproven, match="not those that were committed"):
            house.opened().snapshots("ER_PRS_F")
    held.put(name, whole)
    assert house.opened().snapshot("ER_PRS_F").delivery == "DCIR_202304"
    assert house.opened().verify("ER_PRS_F").rows == 109


def test_destroying_the_key_of_a_table_erases_it(house: House) -> None:
    house.keys.destroy(KIND, "ER_PRS_F")
    opened = house.opened()
    with pytest.raises(Missing, match="was destroyed"):
        opened.read("ER_PRS_F")
