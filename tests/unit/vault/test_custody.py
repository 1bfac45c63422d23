"""Custodians in memory and in a file: what they open, and every way they refuse."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from bercail.foundation import (
    Invalid,
    Missing,
    Refused,
    Secret,
    SeededRandomness,
    SystemRandomness,
    Unavailable,
    Unproven,
    canonical_json,
    sha256_hex,
)
from bercail.vault import FileCustodian, MemoryCustodian
from bercail.vault.custody import RootKey
from bercail.vault.keys import DataKey

PASSPHRASE = Secret(b"five words from a dice")
OTHER = Secret(b"five words from a coin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trust" / "root.custodian"


@pytest.fixture
def made(path: Path) -> FileCustodian:
    return FileCustodian.create(path, PASSPHRASE, SystemRandomness(), cost=4)


def test_what_is_wrapped_unwraps_with_its_context_only() -> None:
    custodian = MemoryCustodian(SystemRandomness())
    secret = Secret(bytes(range(32)))
    wrapped = custodian.wrap(secret, b"context")
    assert custodian.unwrap(wrapped, b"context") == secret
    assert custodian.wrap(secret, b"context") != wrapped
    with pytest.raises(Unproven) as caught:
        custodian.unwrap(wrapped, b"another")
    assert caught.value.rule == "wrapped-key"


@pytest.mark.parametrize(
    ("at", "rule"),
    [(0, "wrapped-version"), (1, "wrapped-root"), (9, "wrapped-key"), (-1, "wrapped-key")],
)
def test_a_wrap_altered_at_any_place_is_refused(at: int, rule: str) -> None:
    custodian = MemoryCustodian(SystemRandomness())
    wrapped = bytearray(custodian.wrap(Secret(b"secret"), b""))
    wrapped[at] ^= 1
    with pytest.raises(Unproven) as caught:
        custodian.unwrap(bytes(wrapped), b"")
    assert caught.value.rule == rule


def test_a_wrap_cut_short_is_refused() -> None:
    custodian = MemoryCustodian(SystemRandomness())
    wrapped = custodian.wrap(Secret(b"secret"), b"")
    for keep in range(len(wrapped)):
        with pytest.raises(Unproven):
            custodian.unwrap(wrapped[:keep], b"")


def test_another_custodian_does_not_hold_the_root() -> None:
    one, two = MemoryCustodian(SeededRandomness(1)), MemoryCustodian(SeededRandomness(2), "two")
    with pytest.raises(Unproven, match="`two` does not hold the root"):
        two.unwrap(one.wrap(Secret(b"secret"), b""), b"")


def test_keys_of_another_size_are_invalid() -> None:
    with pytest.raises(Invalid, match="root key has 16 bytes"):
        RootKey(Secret(bytes(16)))
    with pytest.raises(Invalid, match="id of a data key has 3 bytes"):
        DataKey(id=b"abc", kind="k", scope="s", epoch=1, secret=Secret(bytes(32)))


def test_a_file_opens_again_with_its_passphrase(made: FileCustodian, path: Path) -> None:
    wrapped = made.wrap(Secret(b"secret"), b"")
    again = FileCustodian.open(path, PASSPHRASE)
    assert (again.name, again.root) == ("root", made.root)
    assert again.unwrap(wrapped, b"") == Secret(b"secret")


def test_the_file_is_for_its_owner_alone_and_leaves_no_draft(
    made: FileCustodian, path: Path
) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert PASSPHRASE.reveal() not in path.read_bytes()


def test_the_default_cost_is_128_mebibytes(path: Path) -> None:
    FileCustodian.create(path, PASSPHRASE, SystemRandomness())
    assert json.loads(path.read_bytes())["scrypt_cost"] == 17


def test_a_wrong_passphrase_does_not_open_it(made: FileCustodian, path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        FileCustodian.open(path, OTHER)
    assert caught.value.message == f"The passphrase does not open `{path}`."
    assert OTHER.reveal().decode() not in str(caught.value)


def test_a_missing_file_is_missing(path: Path) -> None:
    with pytest.raises(Missing, match="no custodian file"):
        FileCustodian.open(path, PASSPHRASE)


def test_a_file_that_cannot_be_read_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        FileCustodian.open(tmp_path, PASSPHRASE)


def test_a_custodian_is_never_written_over(made: FileCustodian, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(Refused) as caught:
        FileCustodian.create(path, OTHER, SystemRandomness(), cost=4)
    assert caught.value.rule == "custodian-exists"
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_full_or_forbidden_disk_is_unavailable(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(Unavailable, match="cannot be written"):
        FileCustodian.create(blocked / "root", PASSPHRASE, SystemRandomness(), cost=4)


@pytest.mark.parametrize(
    ("passphrase", "cost"), [(b"short", 4), (b"long enough", 0), (b"x" * 9, 21)]
)
def test_weak_choices_are_invalid(path: Path, passphrase: bytes, cost: int) -> None:
    with pytest.raises(Invalid):
        FileCustodian.create(path, Secret(passphrase), SystemRandomness(), cost=cost)
    assert not path.exists()


def resigned(body: dict[str, object]) -> bytes:
    body.pop("digest", None)
    return canonical_json(body | {"digest": sha256_hex(canonical_json(body))})


@pytest.mark.parametrize(
    "change",
    [
        lambda body: b"",
        lambda body: b"\xff\xfe",
        lambda body: b"[]",
        lambda body: b"{}",
        lambda body: canonical_json(body | {"name": "other"}),
        lambda body: resigned(body | {"version": 2}),
        lambda body: resigned(body | {"format": "other"}),
        lambda body: resigned(body | {"scrypt_cost": 40}),
        lambda body: resigned(body | {"scrypt_cost": "many"}),
        lambda body: resigned(body | {"salt": "not base 64!"}),
        lambda body: resigned({k: v for k, v in body.items() if k != "roots"}),
    ],
)
def test_an_altered_file_is_unproven(made: FileCustodian, path: Path, change: object) -> None:
    assert callable(change)
    path.write_bytes(change(json.loads(path.read_bytes())))
    with pytest.raises(Unproven) as caught:
        FileCustodian.open(path, PASSPHRASE)
    assert caught.value.rule == "custodian-file"


@pytest.mark.parametrize("field", [{"name": "other"}, {"scrypt_cost": 5}])
def test_what_is_written_beside_the_roots_is_authenticated(
    made: FileCustodian, path: Path, field: dict[str, object]
) -> None:
    path.write_bytes(resigned(json.loads(path.read_bytes()) | field))
    with pytest.raises(Invalid, match="does not open"):
        FileCustodian.open(path, PASSPHRASE)


def test_a_new_root_stands_beside_the_old_until_it_is_forgotten(
    made: FileCustodian, path: Path
) -> None:
    old = made.wrap(Secret(b"secret"), b"")
    both = FileCustodian.open(path, PASSPHRASE) if made.with_new_root() else made
    assert both.root != made.root
    assert both.unwrap(old, b"") == Secret(b"secret")
    both.forget_old_roots()
    alone = FileCustodian.open(path, PASSPHRASE)
    assert alone.root == both.root
    with pytest.raises(Unproven, match="does not hold the root"):
        alone.unwrap(old, b"")


def test_a_new_passphrase_opens_the_same_roots(made: FileCustodian, path: Path) -> None:
    made.with_passphrase(OTHER)
    assert FileCustodian.open(path, OTHER).root == made.root
    with pytest.raises(Invalid, match="does not open"):
        FileCustodian.open(path, PASSPHRASE)
    with pytest.raises(Invalid, match="fewer than 8"):
        made.with_passphrase(Secret(b"short"))
