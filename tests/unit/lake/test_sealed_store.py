from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve
from awscrt.checksums import crc64nvme

from bercail.foundation import Missing, Refused, SeededRandomness, Unproven
from bercail.lake import SealedFolder, SealedStore
from bercail.storage.memory import MemoryStore
from bercail.vault import Keyring, sealed_size

MIB = 1024 * 1024
SIZES = [0, 1, 65_535, 65_536, 200_000, MIB, 5 * MIB + 7]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [None, 100_003])
def test_what_is_put_comes_back(
    sealed: SealedStore, host: MemoryStore, size: int, piece: int | None
) -> None:
    plain = random.Random(size).randbytes(size)
    pieces = [plain[i : i + piece] for i in range(0, size, piece)] if piece else plain
    put = sealed.put("été/a b.bin", pieces)

    assert sealed.read("été/a b.bin") == plain
    assert b"".join(sealed.stream("été/a b.bin", chunk=99_999)) == plain
    held = host.get(put.opaque)
    assert (put.size, put.sealed_size) == (size, len(held)) == (size, sealed_size(size))
    assert put.sha256 == hashlib.sha256(plain).hexdigest()
    assert put.crc64nvme == f"{crc64nvme(held):016x}"


def test_the_checksum_is_the_published_crc64nvme() -> None:
    # Check value of CRC-64/NVME in the NVM Command Set specification.
    assert crc64nvme(b"123456789") == 0xAE8B14860A799888


def test_the_host_sees_neither_name_nor_content(sealed: SealedStore, host: MemoryStore) -> None:
    sealed.put("liste des patients.csv", b"BEN_NIR_PSA;clear line")
    (info,) = host.list()
    assert "patient" not in info.name
    assert b"BEN_NIR_PSA" not in host.get(info.name)


def test_two_versions_stand_side_by_side(sealed: SealedStore) -> None:
    sealed.put("a", b"one", "1")
    sealed.put("a", b"two", "2")
    assert (sealed.read("a", "1"), sealed.read("a", "2")) == (b"one", b"two")


def test_the_same_name_in_another_scope_is_another_object(
    sealed: SealedStore, host: MemoryStore, keys: Keyring
) -> None:
    other = SealedStore(host, keys, kind="file", scope="other", randomness=SeededRandomness(9))
    sealed.put("a", b"here")
    assert other.opaque_name("a") != sealed.opaque_name("a")
    assert not other.exists("a")


def test_if_absent_leaves_the_first_object(sealed: SealedStore) -> None:
    sealed.put("a", b"first")
    with pytest.raises(Refused):
        sealed.put("a", b"second", if_absent=True)
    assert sealed.read("a") == b"first"


def test_a_missing_object_is_named_as_the_caller_names_it(sealed: SealedStore) -> None:
    with pytest.raises(Missing, match="`nothing`"):
        sealed.read("nothing")


def test_delete_may_be_repeated(sealed: SealedStore) -> None:
    sealed.put("a", b"x")
    sealed.delete("a")
    sealed.delete("a")
    assert not sealed.exists("a")


def test_an_interrupted_stream_leaves_nothing(sealed: SealedStore, host: MemoryStore) -> None:
    def broken() -> Iterator[bytes]:
        for _ in range(6):
            yield bytes(MIB)
        raise ConnectionError("the source is gone")

    with pytest.raises(ConnectionError):
        sealed.put("a", broken())
    assert list(host.list()) == []


def test_a_host_that_reports_another_size_is_not_believed(keys: Keyring) -> None:
    class Forgetful(MemoryStore):
        def put(self, name: str, data: Any, **options: Any) -> Any:
            return evolve(super().put(name, data, **options), size=3)

    from bercail.storage.location import Location

    store = SealedStore(
        Forgetful(Location.parse("memory:f")),
        keys,
        kind="file",
        scope="s",
        randomness=SeededRandomness(4),
    )
    with pytest.raises(Unproven, match="holds 3 bytes of `a`"):
        store.put("a", b"hello")


def test_a_large_stream_is_never_whole_in_memory(sealed: SealedStore, host: MemoryStore) -> None:
    taken = 0
    most_ahead = 0

    class Watching(MemoryStore):
        def put(self, name: str, data: Any, **options: Any) -> Any:
            def watched() -> Iterator[bytes]:
                nonlocal most_ahead
                sent = 0
                for piece in data:
                    sent += len(piece)
                    most_ahead = max(most_ahead, taken - sent)
                    yield piece

            return super().put(name, data if isinstance(data, bytes) else watched(), **options)

    def source() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(24):
            taken += MIB
            yield bytes(MIB)

    sealed._store = Watching(host.location)
    put = sealed.put("big", source())
    assert put.size == 24 * MIB
    assert most_ahead <= 6 * MIB


def test_a_folder_shows_what_its_manifest_names(sealed: SealedStore) -> None:
    sealed.put("b", b"old", "1")
    sealed.put("b", b"new!", "2")
    sealed.put("a", b"x", "1")
    sealed.put("unlisted", b"y", "1")
    folder = SealedFolder(sealed, {"b": "2", "a": "1"})
    assert folder.names() == ("a", "b")
    assert folder.size("b") == 4
    assert folder.open("b").read() == b"new!"
    assert b"".join(folder.stream("a")) == b"x"
    with pytest.raises(Missing, match="`unlisted`"):
        folder.open("unlisted")
