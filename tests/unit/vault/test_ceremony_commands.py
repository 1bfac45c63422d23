"""The commands for shares, hand-overs and certificates, as a person gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Invalid, Missing, Refused, Secret
from bercail.vault import FileCustodian

PASSPHRASE = "five words from a dice"
CEREMONY = ("vault", "ceremony", "--shares", 3, "--needed", 2)


def test_a_ceremony_into_files_and_the_recovery_from_them(here: Any, tmp_path: Path) -> None:
    made = here.answer("kay", *CEREMONY, "--out", tmp_path / "cards")
    root = here.platform().custodian.root
    assert (made["root"], made["shares"], made["needed"]) == (root, 3, 2)
    assert here.told()[-1] == ("kay", "CeremonyHeld")
    one, _, three = made["files"]
    given = ["--card", one, "--card", three, "--root", root]
    back = here.answer("kay", "vault", "recover", tmp_path / "new.custodian", *given)
    assert back["root"] == root
    opened = FileCustodian.open(tmp_path / "new.custodian", Secret(PASSPHRASE.encode()))
    assert opened.root == root
    with pytest.raises(Invalid, match="1 shares were given, 2 are needed"):
        here.answer("kay", "vault", "recover", tmp_path / "other.custodian", "--card", one)
    # A rehearsal elsewhere is no event of the house.
    assert not any(kind == "RootRecovered" for _, kind in here.told())


def test_the_recovery_of_the_house_itself_is_told_when_it_opens(here: Any, tmp_path: Path) -> None:
    here.platform("odile").keys.data_key("extract", "p1")
    cards = here.answer("kay", *CEREMONY, "--out", tmp_path / "cards")["files"]
    own = here.folder / "trust" / "custodian.json"
    given = ["--card", cards[0], "--card", cards[1]]
    with pytest.raises(Refused, match="already"):
        here.answer("odile", "vault", "recover", own, *given)
    own.unlink()
    with pytest.raises(Invalid):
        here.answer("odile", "vault", "recover", own, "--card", cards[0])
    here.answer("odile", "vault", "recover", own, *given)
    assert here.told()[-1] == ("odile", "RootRecovered")
    assert here.told().count(("odile", "RootRecovered")) == 1


def test_a_recovery_needs_no_configuration(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = here.answer("kay", *CEREMONY, "--out", tmp_path / "cards")["files"]
    (here.folder / "bercail.toml").unlink()
    path = tmp_path / "elsewhere.json"
    here.answer("kay", "vault", "recover", path, "--card", cards[0], "--card", cards[2])
    assert path.exists()


def numbered(card: str) -> str:
    lines = [line for line in card.splitlines() if line.startswith(" ") and ". " in line]
    return " ".join(word for line in lines for word in line.split() if word.isalpha())


def test_a_ceremony_on_the_screen_and_the_recovery_by_typing(here: Any, tmp_path: Path) -> None:
    shown = here.run("kay", *CEREMONY, typed="\n" * 3)
    assert shown.exit_code == 0
    cards = shown.stdout.split("Part / Share")[1:]
    assert len(cards) == 3
    assert shown.stdout.count("\033[2J") == 3
    words = [numbered(card.split("FR  ")[0]) for card in cards]
    typed = f"2\n{words[1]} acid\n2\n{words[1]}\n1\n{words[0]}\n"
    path = str(tmp_path / "typed.custodian")
    back = here.run("kay", "vault", "recover", path, typed=typed)
    assert back.exit_code == 0
    assert "Share 2: it has 34 words" in back.stderr
    for word in set(words[0].split()):
        assert f" {word} " not in back.output
    opened = FileCustodian.open(Path(path), Secret(PASSPHRASE.encode()))
    assert opened.root == here.platform().custodian.root


def test_a_key_goes_from_one_house_to_another(here: Any, there: Any, tmp_path: Path) -> None:
    key = here.platform("odile").keys.data_key("extract", "p1")
    alice, bob, file = tmp_path / "alice.json", tmp_path / "bob.json", tmp_path / "handed.json"
    here.answer("kay", "vault", "recipient", "alice", "--out", alice)
    shown = there.answer("kay", "vault", "recipient", "bob", "--out", bob)
    given = ["hand-over", "extract", "p1", "--giver", "alice", "--to", bob, "--out", file]
    made = here.answer("kay", "vault", *given, "--epoch", 1)
    assert (made["receiver"], made["keys"][0]["id"]) == (shown["fingerprint"], key.id.hex())
    (line,) = [one for one in here.answer("anne", "vault", "keys") if one["purpose"] == "data"]
    assert line["handed_to"] == [f"bob ({shown['fingerprint']})"]
    take = ["vault", "receive", file, "--giver", alice, "--recipient", "bob"]
    taken = there.answer("kay", *take)
    assert taken["fresh"] == 1
    assert there.platform("odile").keys.by_id(key.id) == key
    with pytest.raises(Refused):
        there.answer("kay", *take)
    take[4] = tmp_path / "nobody.json"
    with pytest.raises(Missing, match="no public file"):
        there.answer("kay", *take)
    assert here.told()[-1] == ("kay", "KeyHandedOver")
    assert there.told()[-1] == ("kay", "KeyReceived")
    there.answer("anne", "vault", "account")


def test_destroying_writes_a_certificate_that_the_house_checks(here: Any, tmp_path: Path) -> None:
    key = here.platform("odile").keys.data_key("extract", "p1")
    made = here.answer("kay", "vault", "destroy", "extract", "p1", 1)
    path = Path(made["file"])
    assert path == here.folder / "trust" / "certificates" / f"destroyed-{key.id.hex()}.json"
    found = here.answer("axel", "vault", "check-certificate", path)
    assert found["destroyed"]["keys"][0]["id"] == key.id.hex()
    again = ["vault", "destroy", "extract", "p1", 1, "--certificates", tmp_path / "kept"]
    elsewhere = here.answer("kay", *again)
    assert Path(elsewhere["file"]).parent == tmp_path / "kept"
    assert here.told().count(("kay", "KeyDestroyed")) == 1
