"""The commands of the vault: one service call each, answers as tables or JSON, and their events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bercail.cli import vault
from bercail.foundation import Missing, Refused, Secret, Unproven
from bercail.vault import FileCustodian

PASSPHRASE = "five words from a dice"


def test_keys_lists_who_can_open_what(here: Any) -> None:
    key = here.platform("odile").keys.data_key("part", "ER_PRS_F")
    (line,) = [one for one in here.answer("anne", "vault", "keys") if one["purpose"] == "data"]
    assert (line["id"], line["custodian"]) == (key.id.hex(), "custodian")
    shown = here.run("anne", "vault", "keys").stdout
    assert "data part/ER_PRS_F epoch 1: opened by custodian" in " ".join(shown.split())
    assert key.secret.reveal().hex() not in shown
    here.answer("kay", "vault", "destroy", "part", "ER_PRS_F", 1)
    assert "part/ER_PRS_F epoch 1: destroyed" in here.run("anne", "vault", "keys").stdout


def test_rotate_root_and_destroy_are_told_with_who_did_them(here: Any) -> None:
    here.platform("odile").keys.data_key("extract", "p1")
    changed = here.answer("kay", "vault", "rotate-root")
    assert changed["old_root"] != changed["new_root"]
    destroyed = here.answer("kay", "vault", "destroy", "extract", "p1", 1)["destroyed"]
    assert destroyed["keys"][0]["epoch"] == 1
    with pytest.raises(Missing):
        here.answer("kay", "vault", "destroy", "extract", "p1", 2)
    told = here.told()
    assert told[:2] == [("odile", "RootChanged"), ("odile", "KeyCreated")]
    own = [kind for actor, kind in told if actor == "kay" and kind != "KeyCreated"]
    assert own == ["RootChanged", "KeyDestroyed", "DestructionCertified"]


def test_the_history_says_it_in_words(here: Any) -> None:
    here.platform("odile").keys.secret("names", "lake")
    shown = here.run("anne", "vault", "history").stdout
    assert "SecretOpened" in shown
    assert "names/lake, epoch 1" in shown
    (used,) = [
        one for one in here.answer("anne", "vault", "history") if one["kind"] == "SecretOpened"
    ]
    assert (used["actor"], used["body"]) == (
        "odile",
        {"kind": "names", "scope": "lake", "epoch": 1},
    )


def test_every_key_is_accounted_for_until_an_old_table_is_put_back(here: Any) -> None:
    platform = here.platform("odile")
    platform.keys.data_key("extract", "p1")
    platform.keys.close()
    table = here.folder / "trust" / "keys.db"
    here.answer("anne", "vault", "account")
    copy = table.read_bytes()
    here.answer("kay", "vault", "destroy", "extract", "p1", 1)
    found = here.answer("anne", "vault", "account")
    assert found["destroyed"] == 1
    here.platform().keys.close()
    for path in table.parent.glob("keys.db*"):
        path.unlink()
    table.write_bytes(copy)
    with pytest.raises(Unproven, match=r"revived: .*|vanished: .*") as caught:
        here.answer("anne", "vault", "account")
    assert caught.value.rule == "key-account"


@pytest.mark.parametrize(
    ("person", "words"),
    [
        ("axel", ["keys"]),
        ("camille", ["history"]),
        ("axel", ["account"]),
        ("odile", ["rotate-root"]),
        ("anne", ["destroy", "extract", "p1", "1"]),
        ("odile", ["ceremony", "--shares", "3", "--needed", "2"]),
        ("camille", ["check-certificate", "nowhere.json"]),
        ("anne", ["recipient", "anne", "--out", "nowhere.json"]),
        ("kay", ["reseal", "landing", "home"]),
        ("kay", ["renew-project", "diabetes"]),
    ],
)
def test_who_may_not_is_refused_and_nothing_is_told(
    here: Any, person: str, words: list[str]
) -> None:
    here.platform("odile").keys.data_key("extract", "p1")
    before = here.told()
    with pytest.raises(Refused) as caught:
        here.answer(person, "vault", *words)
    assert caught.value.rule in {"IAM-05", "PSE-04", "migration-one-canonical"}
    assert here.told() == before


def test_create_takes_the_passphrase_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BERCAIL_PASSPHRASE", raising=False)
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    monkeypatch.setenv("BERCAIL_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    result = CliRunner().invoke(
        vault.app, ["create", str(tmp_path / "new.custodian"), "--json"], catch_exceptions=False
    )
    opened = FileCustodian.open(tmp_path / "new.custodian", Secret(PASSPHRASE.encode()))
    assert opened.root in result.stdout


def test_a_root_is_created_before_and_after_the_house_has_keys(here: Any) -> None:
    settings = here.folder / "second.toml"
    settings.write_text('[custodian]\nkind = "file"\nfile = "second.json"\n')
    with pytest.raises(Refused):
        here.answer("odile", "vault", "create-root", settings)
    made = here.answer("kay", "vault", "create-root", settings)
    # There is no key yet, so no house that could record it.
    assert not (here.folder / "trust" / "keys.db").exists()
    here.platform("odile").keys.data_key("extract", "p1")
    moved = here.answer("kay", "vault", "move-root", settings)
    assert moved["new_root"] == made["root"]
    assert here.folder.joinpath("trust", "second.json").exists()


def test_a_created_root_is_told_where_there_is_a_house(here: Any) -> None:
    here.platform("odile").keys.data_key("extract", "p1")
    settings = here.folder / "second.toml"
    settings.write_text('[custodian]\nkind = "file"\nfile = "second.json"\n')
    here.answer("kay", "vault", "create-root", settings)
    assert ("kay", "RootCreated") in here.told()
    with pytest.raises(Refused, match="second"):
        here.answer("kay", "vault", "create-root", settings)
    assert here.told().count(("kay", "RootCreated")) == 1
