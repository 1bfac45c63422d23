"""The table [custodian]: what it may say, and the custodian that it opens; the commands on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from bercail.cli import vault
from bercail.foundation import (
    Actor,
    FixedClock,
    Invalid,
    Missing,
    Refused,
    Role,
    Secret,
    SystemRandomness,
)
from bercail.testing.openbao import RunningOpenBao
from bercail.testing.softhsm import PIN, SoftHsm
from bercail.vault import FileCustodian, Keyring
from bercail.vault.custodian_settings import (
    CustodianKind,
    CustodianSettings,
    create_custodian,
    open_custodian,
    read_settings,
)
from bercail.vault.desk import KeyBook, VaultDesk

pytestmark = pytest.mark.xdist_group("custodians")

RANDOM = SystemRandomness()
PASSPHRASE = "five words from a dice"


def test_the_defaults_of_each_kind() -> None:
    from_table = CustodianSettings.from_table
    assert from_table({}) == CustodianSettings(kind=CustodianKind.FILE, file="custodian.json")
    token = from_table({"kind": "pkcs11", "library": "l", "token": "t"})
    assert (token.key, token.secret_name) == ("bercail", "BERCAIL_PIN")
    server = from_table({"kind": "transit", "address": "https://bao:8200", "ca_file": "ca.pem"})
    assert (server.mount, server.key) == ("transit", "bercail")
    assert server.secret_name == "BERCAIL_TRANSIT_TOKEN"


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"kind": "paper"}, "paper"),
        ({"kind": "file", "colour": "red"}, "colour"),
        ({"kind": "file", "file": 3}, "file"),
        ({"kind": "file", "file": ""}, "file"),
        ({"kind": "file", "token": "t"}, "token"),
        ({"kind": "pkcs11", "library": "l"}, "token"),
        ({"kind": "pkcs11", "library": "l", "token": "t", "address": "a"}, "address"),
        ({"kind": "transit"}, "address"),
    ],
)
def test_what_is_not_understood_is_invalid(table: dict[str, object], named: str) -> None:
    with pytest.raises(Invalid, match=f"`{named}`"):
        CustodianSettings.from_table(table)


def test_a_file_without_the_table_is_invalid(tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    with pytest.raises(Missing):
        read_settings(path)
    for text in ("custodian = 3", "name = 'x'", "[[["):
        path.write_text(text)
        with pytest.raises(Invalid):
            read_settings(path)
    path.write_bytes(b"\xff")
    with pytest.raises(Invalid):
        read_settings(path)
    path.write_text("name = 'x'\n[custodian]\nkind = 'file'\n")
    assert read_settings(path).kind is CustodianKind.FILE


@pytest.fixture
def tables(softhsm: SoftHsm, openbao: RunningOpenBao) -> dict[str, dict[str, str]]:
    key = uuid4().hex
    return {
        "file": {"kind": "file", "file": "second.custodian"},
        "pkcs11": {"kind": "pkcs11", "library": softhsm.library, "token": "one", "key": key},
        "transit": {"kind": "transit", "address": openbao.address, "key": key},
    }


@pytest.fixture
def secrets(openbao: RunningOpenBao) -> dict[str, Secret]:
    return {
        "BERCAIL_PASSPHRASE": Secret(PASSPHRASE.encode()),
        "BERCAIL_PIN": PIN,
        "BERCAIL_TRANSIT_TOKEN": openbao.root_token,
    }


@pytest.mark.parametrize("kind", ["file", "pkcs11", "transit"])
def test_each_kind_is_created_once_and_opened(
    tmp_path: Path,
    tables: dict[str, dict[str, str]],
    secrets: dict[str, Secret],
    kind: str,
) -> None:
    settings = CustodianSettings.from_table(tables[kind])
    with pytest.raises(Missing):
        open_custodian(settings, tmp_path, secrets.__getitem__, RANDOM)
    made = create_custodian(settings, tmp_path, secrets.__getitem__, RANDOM)
    with pytest.raises(Refused) as caught:
        create_custodian(settings, tmp_path, secrets.__getitem__, RANDOM)
    assert caught.value.rule == "custodian-exists"
    again = open_custodian(settings, tmp_path, secrets.__getitem__, RANDOM)
    assert (again.name, again.root) == (made.name, made.root)


def answer(*arguments: object) -> Any:
    given = [*map(str, arguments), "--json"]
    result = CliRunner().invoke(vault.app, given, catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_the_commands_make_a_root_and_move_the_keys_to_it(
    tmp_path: Path,
    clock: FixedClock,
    tables: dict[str, dict[str, str]],
    secrets: dict[str, Secret],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    custodian = FileCustodian.create(
        tmp_path / "first.custodian", secrets["BERCAIL_PASSPHRASE"], RANDOM, cost=4
    )
    keys = Keyring(tmp_path / "keys.sqlite", custodian, RANDOM, clock)
    book = cast("KeyBook", SimpleNamespace(record_once=lambda _event, _actor: True))
    here = SimpleNamespace(
        config=SimpleNamespace(trust=tmp_path),
        randomness=RANDOM,
        key_table=tmp_path / "keys.sqlite",
        vault=VaultDesk(keys=keys, book=book, clock=clock, platform="house"),
    )
    monkeypatch.setattr(vault, "house", lambda: here)
    kay = Actor(id="kay", roles={Role.KEY_CUSTODIAN})
    monkeypatch.setattr(vault, "actor", lambda: kay)
    for name, secret in secrets.items():
        monkeypatch.setenv(name, secret.reveal().decode())
    key = keys.data_key("part", "a")
    for kind in ("pkcs11", "transit", "file"):
        path = tmp_path / f"{kind}.toml"
        lines = [f"{name} = {json.dumps(value)}" for name, value in tables[kind].items()]
        path.write_text("\n".join(["[custodian]", *lines]))
        made = answer("create-root", path)
        moved = answer("move-root", path)
        assert (moved["custodian"], moved["new_root"], moved["keys"]) == (
            made["custodian"],
            made["root"],
            1,
        )
        assert keys.by_id(key.id) == key
    keys.close()


def test_a_house_with_a_sealed_file_loads_neither_library() -> None:
    program = (
        "import sys, bercail.vault.custodian_settings, bercail.cli.vault\n"
        "print([name for name in ('pkcs11', 'hvac', 'requests') if name in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
