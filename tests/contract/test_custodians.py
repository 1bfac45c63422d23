"""Every custodian keeps the contract of its port."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from bercail.foundation import Secret, SystemClock, SystemRandomness, Unavailable, Unproven
from bercail.testing.custodian_contract import CustodianContract, RenewableContract
from bercail.testing.openbao import RunningOpenBao
from bercail.testing.softhsm import PIN, SoftHsm
from bercail.vault import (
    Binding,
    Custodian,
    FileCustodian,
    Keyring,
    MemoryCustodian,
    open_bytes,
    seal_bytes,
)
from bercail.vault.custody import RenewableCustodian
from bercail.vault.pkcs11_custodian import Pkcs11Custodian
from bercail.vault.service import move_root
from bercail.vault.transit_custodian import TransitCustodian

pytestmark = pytest.mark.xdist_group("custodians")

PASSPHRASE = Secret(b"five words from a dice")
RANDOM = SystemRandomness()
TOKEN = "one"


def new_file(path: Path) -> FileCustodian:
    return FileCustodian.create(path, PASSPHRASE, RANDOM, cost=4)


def new_in_token(softhsm: SoftHsm, token: str = TOKEN) -> Pkcs11Custodian:
    return Pkcs11Custodian.create(
        library=softhsm.library, token=token, key=uuid4().hex, pin=PIN, randomness=RANDOM
    )


def new_on_server(openbao: RunningOpenBao) -> TransitCustodian:
    return TransitCustodian.create(
        address=openbao.address, mount="transit", key=uuid4().hex, token=openbao.root_token
    )


class TestMemoryCustodian(CustodianContract):
    @pytest.fixture
    def custodian(self) -> Custodian:
        return MemoryCustodian(RANDOM)

    @pytest.fixture
    def stranger(self) -> Custodian:
        return MemoryCustodian(RANDOM)


class TestFileCustodian(RenewableContract):
    @pytest.fixture
    def reopen(self, tmp_path: Path) -> Callable[[], RenewableCustodian]:
        path = tmp_path / "one.custodian"
        new_file(path)
        return lambda: FileCustodian.open(path, PASSPHRASE)

    @pytest.fixture
    def stranger(self, tmp_path: Path) -> Custodian:
        return new_file(tmp_path / "two.custodian")


class TestPkcs11Custodian(RenewableContract):
    @pytest.fixture
    def reopen(self, softhsm: SoftHsm) -> Callable[[], RenewableCustodian]:
        made = new_in_token(softhsm)
        key = made.name.rpartition("/")[2]
        return lambda: Pkcs11Custodian.open(
            library=softhsm.library, token=TOKEN, key=key, pin=PIN, randomness=RANDOM
        )

    @pytest.fixture
    def stranger(self, softhsm: SoftHsm) -> Custodian:
        return new_in_token(softhsm, "two")


class TestTransitCustodian(RenewableContract):
    @pytest.fixture
    def reopen(self, openbao: RunningOpenBao) -> Callable[[], RenewableCustodian]:
        key = new_on_server(openbao).name.rpartition("/")[2]
        return lambda: TransitCustodian.open(
            address=openbao.address, mount="transit", key=key, token=openbao.root_token
        )

    @pytest.fixture
    def stranger(self, openbao: RunningOpenBao) -> Custodian:
        return new_on_server(openbao)


def ring(folder: Path, custodian: Custodian) -> Keyring:
    return Keyring(folder / "keys.sqlite", custodian, RANDOM, SystemClock())


def test_the_root_goes_round_every_custodian_and_no_data_is_sealed_again(
    tmp_path: Path, softhsm: SoftHsm, openbao: RunningOpenBao
) -> None:
    custodian: Custodian = new_file(tmp_path / "root.custodian")
    keys = ring(tmp_path, custodian)
    key = keys.data_key("part", "ER_PRS_F")
    secret = keys.secret("name", "lake")
    binding = Binding(kind="part", store="ER_PRS_F", name="part-0", version="1")
    sealed = seal_bytes(b"plain", key, binding, RANDOM)
    for following in (
        new_in_token(softhsm),
        new_on_server(openbao),
        new_in_token(softhsm, "two"),
        new_file(tmp_path / "back.custodian"),
    ):
        change = move_root(keys, following)
        assert (change.custodian, change.keys) == (following.name, 2)
        assert (change.old_root, change.new_root) == (custodian.root, following.root)
        keys.close()
        keys = ring(tmp_path, following)
        assert open_bytes(sealed, keys.by_id, binding) == b"plain"
        assert keys.secret("name", "lake") == secret
        assert {entry.custodian for entry in keys.entries()} == {following.name}
        with pytest.raises(Unproven):
            ring(tmp_path, custodian)
        custodian = following
    keys.close()


def test_a_house_whose_server_is_sealed_loses_nothing(
    tmp_path: Path, openbao: RunningOpenBao
) -> None:
    custodian = new_on_server(openbao)
    keys, other = ring(tmp_path, custodian), ring(tmp_path, custodian)
    key = keys.data_key("part", "a")
    openbao.seal()
    try:
        assert keys.by_id(key.id) == key  # opened before, and still in memory
        for act in (lambda: other.by_id(key.id), lambda: keys.data_key("part", "b")):
            with pytest.raises(Unavailable, match="is sealed"):
                act()
    finally:
        openbao.unseal()
    assert other.by_id(key.id) == key
    assert [entry.scope for entry in keys.entries()] == ["a"]
    assert keys.data_key("part", "b").epoch == 1
    keys.close()
    other.close()


class Dying(MemoryCustodian):
    """Wraps a few keys, then its host is gone."""

    def __init__(self, wraps: int) -> None:
        super().__init__(RANDOM, "dying")
        self.left = wraps

    def wrap(self, secret: Secret, context: bytes) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise Unavailable("The custodian is gone.", remedy="Try again.")
        return super().wrap(secret, context)


@pytest.mark.parametrize("wraps", [0, 1, 2])
def test_a_move_that_stops_half_way_leaves_every_key_where_it_was(
    tmp_path: Path, softhsm: SoftHsm, openbao: RunningOpenBao, wraps: int
) -> None:
    for number, custodian in enumerate((new_in_token(softhsm), new_on_server(openbao))):
        keys = ring(tmp_path / str(number), custodian)
        wanted = [keys.data_key("part", name) for name in "abc"]
        with pytest.raises(Unavailable):
            move_root(keys, Dying(wraps))
        keys.close()
        again = ring(tmp_path / str(number), custodian)
        assert [again.data_key("part", name) for name in "abc"] == wanted
        assert {entry.root for entry in again.entries()} == {custodian.root}
        again.close()


def test_a_custodian_that_does_not_give_back_what_it_wrapped_gets_no_key(tmp_path: Path) -> None:
    class Forgetful(MemoryCustodian):
        def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
            return Secret(b"something else")

    held = MemoryCustodian(RANDOM)
    keys = ring(tmp_path, held)
    key = keys.data_key("part", "a")
    with pytest.raises(Unproven) as caught:
        move_root(keys, Forgetful(RANDOM))
    assert caught.value.rule == "custodian-proof"
    assert ring(tmp_path, held).by_id(key.id) == key


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("kind", ["token", "server"])
def test_a_forked_child_shares_a_custodian_and_no_connection(
    softhsm: SoftHsm, openbao: RunningOpenBao, kind: str
) -> None:
    custodian: Custodian = new_in_token(softhsm) if kind == "token" else new_on_server(openbao)
    wrapped = custodian.wrap(Secret(b"secret"), b"")
    child = os.fork()
    if child == 0:
        same = custodian.unwrap(wrapped, b"") == Secret(b"secret")
        os._exit(0 if same and custodian.wrap(Secret(b"x"), b"") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert custodian.unwrap(wrapped, b"") == Secret(b"secret")
