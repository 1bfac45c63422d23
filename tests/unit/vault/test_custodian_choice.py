"""Each setting reaches the custodian that it is for; no token and no server is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Invalid, Secret, SystemRandomness
from bercail.vault.custodian_settings import (
    CustodianSettings,
    create_custodian,
    open_custodian,
    read_settings,
)
from bercail.vault.file_custodian import FileCustodian
from bercail.vault.pkcs11_custodian import Pkcs11Custodian
from bercail.vault.transit_custodian import TransitCustodian

RANDOM = SystemRandomness()
TABLES = {
    "pkcs11": {"kind": "pkcs11", "library": "a library", "token": "a token", "key": "a key"},
    "transit": {
        "kind": "transit",
        "address": "https://bao:8200",
        "mount": "a mount",
        "key": "a key",
        "namespace": "a namespace",
        "ca_file": "ca.pem",
    },
}
KINDS: dict[str, type] = {"pkcs11": Pkcs11Custodian, "transit": TransitCustodian}
VARIABLES = {"pkcs11": "BERCAIL_PIN", "transit": "BERCAIL_TRANSIT_TOKEN"}


@pytest.mark.parametrize("kind", list(TABLES))
@pytest.mark.parametrize(("name", "act"), [("open", open_custodian), ("create", create_custodian)])
def test_every_setting_is_handed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, name: str, act: Callable[..., Any]
) -> None:
    given: list[dict[str, Any]] = []

    def noted(**settings: Any) -> str:
        given.append(settings)
        return "the custodian"

    monkeypatch.setattr(KINDS[kind], name, noted)
    secret = Secret(b"opens it")
    settings = CustodianSettings.from_table(TABLES[kind])
    made = act(settings, tmp_path, {VARIABLES[kind]: secret}.__getitem__, RANDOM)
    assert made == "the custodian"
    expected: dict[str, Any] = {k: v for k, v in TABLES[kind].items() if k != "kind"}
    if kind == "pkcs11":
        expected |= {"pin": secret, "randomness": RANDOM}
    else:
        expected |= {"token": secret}
    assert given == [expected]


@pytest.mark.parametrize("name", ["open", "create"])
def test_a_file_is_looked_for_on_the_trust_side(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    given: list[tuple[Any, ...]] = []
    monkeypatch.setattr(FileCustodian, name, lambda *found: given.append(found))
    secret = Secret(b"opens it")
    act: Callable[..., Any] = open_custodian if name == "open" else create_custodian
    settings = CustodianSettings.from_table({"file": "second.json"})
    act(settings, tmp_path, {"BERCAIL_PASSPHRASE": secret}.__getitem__, RANDOM)
    assert given == [(tmp_path / "second.json", secret, RANDOM)]


def test_the_kinds_are_named_where_one_is_not_known() -> None:
    with pytest.raises(Invalid) as caught:
        CustodianSettings.from_table({"kind": "paper"})
    assert caught.value.remedy == "Write one of: file, pkcs11, transit."


def test_settings_are_utf_8_on_every_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "new.toml"
    path.write_bytes("[custodian]\nfile = 'clé.json'\n".encode())
    asked: list[str | None] = []
    real = Path.read_text

    def read(self: Path, encoding: str | None = None) -> str:
        asked.append(encoding)
        return real(self, encoding=encoding)

    monkeypatch.setattr(Path, "read_text", read)
    assert read_settings(path).file == "clé.json"
    assert asked == ["utf-8"]
