"""The custodian file at its limits: costs, lengths, drafts, altered fields; and wraps by parts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bercail.foundation import (
    Invalid,
    Refused,
    Secret,
    SeededRandomness,
    SystemRandomness,
    Unproven,
    canonical_json,
    sha256_hex,
)
from bercail.vault import FileCustodian, MemoryCustodian, file_custodian
from bercail.vault.custody import read_head
from bercail.vault.file_custodian import write_private

PASSPHRASE = Secret(b"five words from a dice")
OTHER = Secret(b"five words from a coin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trust" / "house" / "root.custodian"


@pytest.fixture
def made(path: Path) -> FileCustodian:
    return FileCustodian.create(path, PASSPHRASE, SystemRandomness(), cost=4)


def resigned(path: Path, **change: object) -> None:
    body = json.loads(path.read_bytes()) | change
    del body["digest"]
    path.write_bytes(canonical_json(body | {"digest": sha256_hex(canonical_json(body))}))


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The greatest cost takes a gibibyte: here every cost is counted as the smallest."""
    real = file_custodian._passphrase_key

    def key(passphrase: Secret, salt: bytes, _: int) -> AESGCM:
        return real(passphrase, salt, 1)

    monkeypatch.setattr(file_custodian, "_passphrase_key", key)


@pytest.mark.parametrize("cost", [1, 2, 19, 20])
def test_costs_from_1_to_20_are_written_and_read(path: Path, cheap: None, cost: int) -> None:
    made = FileCustodian.create(path, PASSPHRASE, SystemRandomness(), cost=cost)
    assert json.loads(path.read_bytes())["scrypt_cost"] == cost
    assert FileCustodian.open(path, PASSPHRASE).root == made.root


@pytest.mark.parametrize("cost", [-1, 0, 21, 22])
def test_other_costs_are_neither_written_nor_read(
    made: FileCustodian, path: Path, cheap: None, cost: int
) -> None:
    with pytest.raises(Invalid, match=rf"cost of `{cost}` is outside 1 to 20"):
        FileCustodian.create(path.with_name("b"), PASSPHRASE, SystemRandomness(), cost=cost)
    resigned(path, scrypt_cost=cost)
    with pytest.raises(Unproven) as caught:
        FileCustodian.open(path, PASSPHRASE)
    assert caught.value.rule == "custodian-file"
    assert str(path) in caught.value.message


@pytest.mark.parametrize("name", ["salt", "nonce", "roots"])
def test_base_64_with_other_characters_in_it_is_unproven(
    made: FileCustodian, path: Path, name: str
) -> None:
    value = json.loads(path.read_bytes())[name]
    resigned(path, **{name: f"{value[:4]}!{value[4:]}"})
    with pytest.raises(Unproven) as caught:
        FileCustodian.open(path, PASSPHRASE)
    assert caught.value.rule == "custodian-file"


def test_a_passphrase_of_eight_bytes_is_long_enough(path: Path) -> None:
    FileCustodian.create(path, Secret(b"8 bytes!"), SystemRandomness(), cost=4)
    with pytest.raises(Invalid, match="has 7 bytes, fewer than 8"):
        FileCustodian.create(path.with_name("b"), Secret(b"7 bytes"), SystemRandomness(), cost=4)


def test_what_a_change_returns_is_the_custodian_after_it(made: FileCustodian, path: Path) -> None:
    wrapped = made.wrap(Secret(b"secret"), b"here")
    for changed in (made.with_passphrase(OTHER), made.with_new_root()):
        assert changed.unwrap(wrapped, b"here") == Secret(b"secret")
        assert (changed.name, changed.path) == ("root", path)


def test_random_bytes_come_from_whom_is_named(made: FileCustodian, path: Path) -> None:
    one, two = (FileCustodian.open(path, PASSPHRASE, SeededRandomness(5)) for _ in range(2))
    assert one.wrap(Secret(b"secret"), b"") == two.wrap(Secret(b"secret"), b"")
    drawn = FileCustodian.open(path, PASSPHRASE)
    assert drawn.wrap(Secret(b"secret"), b"") != drawn.wrap(Secret(b"secret"), b"")


def test_a_draft_is_never_left_and_never_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "new" / "folder" / "card.txt"
    flushed: list[tuple[str, int, bool]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").resolve().name
        size = os.fstat(descriptor).st_size if name != "folder" else 0
        flushed.append((name, size, target.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    opened = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # of a process, not a folder
    write_private(target, b"words", replace=False)
    assert len(os.listdir("/proc/self/fd")) == opened  # noqa: PTH208
    assert target.read_bytes() == b"words"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(target.parent.iterdir()) == [target]
    # The bytes are on the disk before the name is, and the name before the call returns.
    assert flushed == [(f"card.txt.{os.getpid()}.draft", 5, False), ("folder", 0, True)]
    with pytest.raises(Refused) as caught:
        write_private(target, b"others", replace=False)
    assert caught.value.rule == "custodian-exists"
    assert list(target.parent.iterdir()) == [target]
    write_private(target, b"others", replace=True)
    assert target.read_bytes() == b"others"


def test_a_draft_left_by_a_killed_process_is_written_over(tmp_path: Path) -> None:
    draft = tmp_path / f"card.txt.{os.getpid()}.draft"
    draft.write_bytes(b"a much longer text of a process that was killed")
    write_private(tmp_path / "card.txt", b"words", replace=False)
    assert (tmp_path / "card.txt").read_bytes() == b"words"
    assert not draft.exists()


def test_the_head_of_a_wrap_is_cut_off() -> None:
    held = {b"root-id-"}
    assert read_head(b"\x02root-id-rest", b"\x02", 8, held, "token") == (b"root-id-", b"rest")
    for wrapped, rule in (
        (b"\x03root-id-rest", "wrapped-version"),
        (b"\x02root-ix-r", "wrapped-root"),
    ):
        with pytest.raises(Unproven) as caught:
            read_head(wrapped, b"\x02", 8, held, "token")
        assert caught.value.rule == rule


def test_a_custodian_in_memory_has_a_name_and_one_root_of_its_own() -> None:
    one, two = MemoryCustodian(SystemRandomness()), MemoryCustodian(SystemRandomness(), "two")
    assert (one.name, two.name) == ("memory", "two")
    assert len(bytes.fromhex(one.root)) == 8
    assert one.root != two.root
