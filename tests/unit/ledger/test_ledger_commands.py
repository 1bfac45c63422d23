"""The commands `ledger` and `rulebook` do one service call and show its answer."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import bercail.cli.ledger as ledger_commands
import bercail.cli.rulebook as rulebook_commands
from bercail.foundation import Missing, Unproven
from bercail.ledger.verify_proof import verify_proof
from bercail.rulebook import RulebookService
from bercail.testing.ledger_desk import Desk

RUN = CliRunner()


@pytest.fixture
def house(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk.record(5, "permit/a")
    desk.record(1, "lake/t")
    desk.publish()
    built = SimpleNamespace(ledger=desk.ledger, rulebook=RulebookService(None))
    monkeypatch.setattr(ledger_commands, "house", lambda: built)
    monkeypatch.setattr(rulebook_commands, "house", lambda: built)
    return desk


def test_history(house: Desk) -> None:
    result = RUN.invoke(ledger_commands.app, ["history", "permit/", "--limit", "2", "--json"])
    assert [event["position"] for event in json.loads(result.stdout)] == [4, 5]
    assert "permit/a" in RUN.invoke(ledger_commands.app, ["history"]).stdout


def test_publish_writes_the_keys(house: Desk, tmp_path: Path) -> None:
    keys = tmp_path / "new-keys.json"
    result = RUN.invoke(ledger_commands.app, ["publish", "--keys", str(keys), "--json"])
    assert json.loads(result.stdout)["size"] == 6
    assert json.loads(keys.read_bytes()) == house.ledger.public_keys()


def test_export_then_verify(house: Desk, tmp_path: Path) -> None:
    target = str(tmp_path / "events.jsonl")
    result = RUN.invoke(ledger_commands.app, ["export", target, "--json"])
    assert json.loads(result.stdout) == {"events": 6, "file": target}
    options = ["--keys", str(house.keys), "--log", str(house.log)]
    earlier = ["--earlier", str(house.log / "checkpoint")]
    command = ["verify", "--export", target, *options, *earlier, "--json"]
    assert json.loads(RUN.invoke(ledger_commands.app, command).stdout)["events"] == 6


def test_verify_refuses_with_the_place(house: Desk) -> None:
    (house.log / "tile/0/000.p/6").unlink()
    result = RUN.invoke(ledger_commands.app, ["verify"])
    assert isinstance(result.exception, Unproven)
    assert "tile/0/000.p/6" in str(result.exception)


def test_prove(house: Desk, tmp_path: Path) -> None:
    proof = tmp_path / "p.tlog-proof"
    result = RUN.invoke(ledger_commands.app, ["prove", "3", "--out", str(proof)])
    assert result.stdout.startswith("c2sp.org/tlog-proof@v1")
    assert verify_proof(proof, house.keys)["position"] == 3


def test_rulebook(house: Desk, tmp_path: Path) -> None:
    rows = json.loads(RUN.invoke(rulebook_commands.app, ["list", "--json"]).stdout)
    assert {row["standing"] for row in rows} == {"no evidence yet"}
    shown = json.loads(RUN.invoke(rulebook_commands.app, ["show", "LOG-03", "--json"]).stdout)
    assert shown["id"] == "LOG-03"
    result = RUN.invoke(rulebook_commands.app, ["show", "LOG-99"])
    assert isinstance(result.exception, Missing)
    page = tmp_path / "page.html"
    RUN.invoke(rulebook_commands.app, ["page", "--out", str(page)])
    assert page.read_text("utf-8").startswith("<!doctype html>")
