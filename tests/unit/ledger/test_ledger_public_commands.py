"""The commands that speak with the outside: watch, site, serve, stamp, witness, staff."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import bercail.cli.ledger as ledger_commands
import bercail.cli.ledger_public as public_commands
import bercail.cli.ledger_staff as staff_commands
from bercail.foundation import Actor, Invalid, SeededRandomness, Unavailable, Unproven
from bercail.ledger.http_ask import http_ask
from bercail.ledger.http_door import HttpDoor
from bercail.ledger.watching import Watcher
from bercail.testing.ledger_desk import ORIGIN, Desk
from bercail.testing.stamp_authority import make_authority, running_authority
from bercail.testing.witnesses import policy_text, running_witness

RUN = CliRunner()


@pytest.fixture
def house(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk.record(5)
    desk.publish()
    built = SimpleNamespace(
        ledger=desk.ledger,
        config=SimpleNamespace(trust=desk.folder),
        randomness=SeededRandomness(3),
    )
    monkeypatch.setattr(ledger_commands, "house", lambda: built)
    monkeypatch.setattr(staff_commands, "house", lambda: built)
    monkeypatch.setattr(staff_commands, "actor", lambda: Actor(id="operator-1"))
    return desk


def told(*words: str) -> dict[str, object]:
    result = RUN.invoke(ledger_commands.app, [*words, "--json"], catch_exceptions=False)
    answer: dict[str, object] = json.loads(result.stdout)
    return answer


def test_watch_looks_once(house: Desk) -> None:
    words = ("watch", str(house.log), "--keys", str(house.keys), "--kept", str(house.folder / "k"))
    assert told(*words)["grown"] == 5
    assert told(*words)["grown"] == 0
    shown = RUN.invoke(ledger_commands.app, list(words)).stdout
    assert "continues what was seen" in shown


def test_watch_looks_again_until_something_is_wrong(
    house: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter([None, Unavailable("The log is silent."), Unproven("A split view.")])

    def look(_: Watcher) -> dict[str, object]:
        problem = next(turns)
        if problem is not None:
            raise problem
        return {"size": 5}

    waited: list[int] = []
    monkeypatch.setattr(Watcher, "look", look)
    monkeypatch.setattr(ledger_commands.time, "sleep", waited.append)
    words = ["watch", str(house.log), "--keys", "k", "--kept", "k", "--every", "60"]
    result = RUN.invoke(ledger_commands.app, words)
    assert isinstance(result.exception, Unproven)
    assert "The log is silent." in result.stderr
    assert waited == [60, 60]


def test_site_then_serve(house: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    site = house.folder / "site"
    assert told("site", str(site))["size"] == 5
    seen: list[tuple[int, bytes]] = []

    def stopped(door: HttpDoor) -> None:
        seen.append(door.server_address[1])
        raise KeyboardInterrupt

    monkeypatch.setattr(HttpDoor, "serve_forever", stopped)
    result = RUN.invoke(ledger_commands.app, ["serve", str(site), "--port", "0"])
    assert result.exit_code == 0
    assert f"serving on http://127.0.0.1:{seen[0]}" in result.stdout
    assert "stopped" in result.stdout


def test_stamp_then_verify(house: Desk, tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "authority")
    roots = str(authority.folder / "root.pem")
    with running_authority(authority) as url:
        stamped = told("stamp", url, "--roots", roots)
    assert told("verify", "--stamp-roots", roots)["stamped_at"] == stamped["stamped_at"]
    result = RUN.invoke(ledger_commands.app, ["verify", "--stamp-roots", str(tmp_path / "absent")])
    assert isinstance(result.exception, Invalid)


def test_a_witness_from_its_making_to_its_status(
    house: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path / "w")
    keys = told("witness", "create", folder, "--name", "witness.example/w1")["keys"]
    assert isinstance(keys, list)
    assert [key.split("+")[0] for key in keys] == ["witness.example/w1"] * 2
    assert told("witness", "add-log", folder, str(house.keys)) == {"witnessed": ORIGIN}
    assert told("witness", "status", folder)["seen"] == []
    monkeypatch.setattr(HttpDoor, "serve_forever", lambda _: None)
    served = RUN.invoke(ledger_commands.app, ["witness", "serve", folder, "--port", "0"])
    assert "serving on http://127.0.0.1:" in served.stdout


def test_publish_tells_what_each_witness_answered(house: Desk, tmp_path: Path) -> None:
    with running_witness(tmp_path / "w1", "w1", house.keys) as running:
        assert http_ask("GET", running.url + "/")[0] == 200
        (house.folder / "witness-policy").write_text(policy_text([running.line()]))
        house.record(1)
        assert told("publish")["witnesses"] == [{"witness": "w1", "answer": "cosigned"}]
        house.record(1)
        shown = RUN.invoke(ledger_commands.app, ["publish"]).stdout
        assert "w1: cosigned" in shown
        status = ["witness", "status", str(tmp_path / "w1")]
        assert ORIGIN in RUN.invoke(ledger_commands.app, status).stdout


def test_staff_from_enrolment_to_erasure(house: Desk) -> None:
    token = told("staff", "enrol", "Ada Lovelace")["token"]
    assert isinstance(token, str)
    listed = told("staff", "list")
    assert isinstance(listed, list)
    assert (listed[0]["token"], listed[0]["name"]) == (token, "Ada Lovelace")
    assert told("staff", "erase", token, "--reason", "left") == {"erased": token}
    assert told("staff", "list") == []


def test_run_closes_its_door(monkeypatch: pytest.MonkeyPatch) -> None:
    door = SimpleNamespace(url="u", serve_forever=lambda: None, server_close=lambda: None)
    public_commands.run(door, as_json=False)  # type: ignore[arg-type]
