"""The commands of the vault: one service call each, answers as tables or JSON."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from bercail.cli import vault
from bercail.foundation import FixedClock, Missing, Secret, SystemRandomness
from bercail.vault import FileCustodian, Keyring

PASSPHRASE = "five words from a dice"


@pytest.fixture
def keys(tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Keyring:
    custodian = FileCustodian.create(
        tmp_path / "root.custodian", Secret(PASSPHRASE.encode()), SystemRandomness(), cost=4
    )
    made = Keyring(tmp_path / "keys.sqlite", custodian, SystemRandomness(), clock)
    config = SimpleNamespace(name="demo", trust=tmp_path)
    here = SimpleNamespace(keys=made, config=config, clock=clock)
    monkeypatch.setattr(vault, "house", lambda: here)
    return made


def answer(*arguments: str) -> object:
    result = CliRunner().invoke(vault.app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_keys_lists_who_can_open_what(keys: Keyring) -> None:
    key = keys.data_key("part", "ER_PRS_F")
    (line,) = answer("keys")  # type: ignore[misc]
    assert (line["id"], line["custodian"]) == (key.id.hex(), "root")
    shown = CliRunner().invoke(vault.app, ["keys"]).stdout
    assert "data part/ER_PRS_F epoch 1: opened by root" in " ".join(shown.split())
    assert key.secret.reveal().hex() not in shown
    keys.destroy("part", "ER_PRS_F")
    assert "epoch 1: destroyed 2026-11-21" in CliRunner().invoke(vault.app, ["keys"]).stdout


def test_rotate_root_and_destroy(keys: Keyring) -> None:
    keys.data_key("extract", "p1")
    assert answer("rotate-root")["keys"] == 1  # type: ignore[index]
    destroyed = answer("destroy", "extract", "p1", "1")["destroyed"]  # type: ignore[index]
    assert destroyed["keys"][0]["epoch"] == 1
    with pytest.raises(Missing):
        answer("destroy", "extract", "p1", "2")


def test_create_takes_the_passphrase_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BERCAIL_PASSPHRASE", raising=False)
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    monkeypatch.setenv("BERCAIL_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    made = answer("create", str(tmp_path / "new.custodian"))
    opened = FileCustodian.open(tmp_path / "new.custodian", Secret(PASSPHRASE.encode()))
    assert made["root"] == opened.root  # type: ignore[index]
