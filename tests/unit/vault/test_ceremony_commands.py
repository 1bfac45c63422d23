"""The commands for shares, hand-overs and certificates, as a person gives them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from bercail.cli import vault
from bercail.foundation import FixedClock, Invalid, Missing, Refused, Secret, SystemRandomness
from bercail.vault import FileCustodian, Keyring

PASSPHRASE = "five words from a dice"
RANDOM = SystemRandomness()


def house_in(folder: Path, clock: FixedClock) -> SimpleNamespace:
    custodian = FileCustodian.create(
        folder / "root.custodian", Secret(PASSPHRASE.encode()), RANDOM, cost=4
    )
    return SimpleNamespace(
        keys=Keyring(folder / "keys.sqlite", custodian, RANDOM, clock),
        config=SimpleNamespace(name="demo", trust=folder),
        clock=clock,
        randomness=RANDOM,
    )


@pytest.fixture
def here(tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = house_in(tmp_path / "here", clock)
    monkeypatch.setattr(vault, "house", lambda: made)
    monkeypatch.setenv("BERCAIL_PASSPHRASE", PASSPHRASE)
    return made


@pytest.fixture
def there(tmp_path: Path, clock: FixedClock) -> SimpleNamespace:
    return house_in(tmp_path / "there", clock)


def answer(*arguments: object) -> Any:
    given = [*map(str, arguments), "--json"]
    result = CliRunner().invoke(vault.app, given, catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_a_ceremony_into_files_and_the_recovery_from_them(
    here: SimpleNamespace, tmp_path: Path
) -> None:
    made = answer("ceremony", "--shares", 3, "--needed", 2, "--out", tmp_path / "cards")
    root = here.keys.custodian.root
    assert (made["root"], made["shares"], made["needed"]) == (root, 3, 2)
    one, _, three = made["files"]
    back = answer(
        "recover", tmp_path / "new.custodian", "--card", one, "--card", three, "--root", root
    )
    assert back["root"] == root
    opened = FileCustodian.open(tmp_path / "new.custodian", Secret(PASSPHRASE.encode()))
    assert opened.root == root
    with pytest.raises(Invalid, match="1 shares were given, 2 are needed"):
        answer("recover", tmp_path / "other.custodian", "--card", one)


def numbered(card: str) -> str:
    lines = [line for line in card.splitlines() if line.startswith(" ") and ". " in line]
    return " ".join(word for line in lines for word in line.split() if word.isalpha())


def test_a_ceremony_on_the_screen_and_the_recovery_by_typing(
    here: SimpleNamespace, tmp_path: Path
) -> None:
    runner = CliRunner()
    shown = runner.invoke(
        vault.app, ["ceremony", "--shares", "3", "--needed", "2"], input="\n" * 3, color=True
    )
    assert shown.exit_code == 0
    cards = shown.stdout.split("Part / Share")[1:]
    assert len(cards) == 3
    assert shown.stdout.count("\033[2J") == 3
    words = [numbered(card.split("FR  ")[0]) for card in cards]
    typed = f"2\n{words[1]} acid\n2\n{words[1]}\n1\n{words[0]}\n"
    path = str(tmp_path / "typed.custodian")
    back = runner.invoke(vault.app, ["recover", path], input=typed, catch_exceptions=False)
    assert back.exit_code == 0
    assert "Share 2: it has 34 words" in back.stderr
    for word in set(words[0].split()):
        assert f" {word} " not in back.output
    opened = FileCustodian.open(Path(path), Secret(PASSPHRASE.encode()))
    assert opened.root == here.keys.custodian.root


def test_a_key_goes_from_one_house_to_another(
    here: SimpleNamespace,
    there: SimpleNamespace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = here.keys.data_key("extract", "p1")
    alice, bob, file = tmp_path / "alice.json", tmp_path / "bob.json", tmp_path / "handed.json"
    answer("recipient", "alice", "--out", alice)
    monkeypatch.setattr(vault, "house", lambda: there)
    shown = answer("recipient", "bob", "--out", bob)
    monkeypatch.setattr(vault, "house", lambda: here)
    given = ["hand-over", "extract", "p1", "--giver", "alice", "--to", bob, "--out", file]
    made = answer(*given, "--epoch", 1)
    assert (made["receiver"], made["keys"][0]["id"]) == (shown["fingerprint"], key.id.hex())
    (line,) = [line for line in answer("keys") if line["purpose"] == "data"]
    assert line["handed_to"] == [f"bob ({shown['fingerprint']})"]
    monkeypatch.setattr(vault, "house", lambda: there)
    taken = answer("receive", file, "--giver", alice, "--recipient", "bob")
    assert taken["fresh"] == 1
    assert there.keys.by_id(key.id) == key
    with pytest.raises(Refused):
        answer("receive", file, "--giver", alice, "--recipient", "bob")
    with pytest.raises(Missing, match="no public file"):
        answer("receive", file, "--giver", tmp_path / "nobody.json", "--recipient", "bob")


def test_destroying_writes_a_certificate_that_the_house_checks(
    here: SimpleNamespace, tmp_path: Path
) -> None:
    key = here.keys.data_key("extract", "p1")
    made = answer("destroy", "extract", "p1", 1)
    path = Path(made["file"])
    assert path == tmp_path / "here" / "certificates" / f"destroyed-{key.id.hex()}.json"
    found = answer("check-certificate", path)
    assert found["destroyed"]["keys"][0]["id"] == key.id.hex()
    elsewhere = answer("destroy", "extract", "p1", 1, "--certificates", tmp_path / "kept")
    assert Path(elsewhere["file"]).parent == tmp_path / "kept"
