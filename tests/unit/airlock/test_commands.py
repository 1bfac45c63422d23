"""Commands that need no house: checking a file, verifying a package with public keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from typer.testing import CliRunner

import bercail.cli.airlock as commands
from bercail.airlock.disclosure.guard.uncompared import NOT_COMPARED
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE
from bercail.airlock.policies import PolicyDesk
from bercail.cli.airlock import app
from bercail.cli.airlock_request import guard_lines
from bercail.foundation import Actor, Invalid, Missing, Role, Unproven, canonical_json
from bercail.testing.airlock_desk import AUDITOR, AUTHOR, CHECKERS, PERMIT, AirlockDesk


@pytest.fixture(autouse=True)
def no_house(monkeypatch: pytest.MonkeyPatch) -> None:
    """No platform of who runs the tests is found."""
    monkeypatch.setattr(commands, "find_house", lambda: None)


def test_check_prints_the_checkers_view(desk: AirlockDesk) -> None:
    path = str(desk.table_file())
    told = CliRunner().invoke(app, ["check", path], catch_exceptions=False)
    assert told.output.startswith("protected: 4 of 15 cells hidden")
    as_json = CliRunner().invoke(app, ["check", path, "--json"], catch_exceptions=False)
    report = json.loads(as_json.output)
    assert {cell["status"] for cell in report["cells"]} == {"shown", "small", "protecting"}


def test_check_leaves_with_3_when_something_blocks(desk: AirlockDesk) -> None:
    fine, few = desk.folder / "fine.csv", desk.folder / "few.csv"
    rows = "3,240,30,0.875\n6,200,6,0.849\n9,190,9,0.809\n12,180,40,0.629\n"
    few.write_text("month,at_risk,events,survival\n" + rows)
    columns = {"time": "month", "at_risk": "at_risk", "events": "events", "survival": "survival"}
    schema = {"format": "bercail-table-schema/1", "result": "survival", "columns": columns}
    few.with_name("few.csv.schema.json").write_text(json.dumps(schema))
    fine.write_text("group,mean\na,12.5\nb,14.1\n")
    named = desk.folder / "named.csv"
    named.write_text("num_enq,persons\na,40\nb,50\n")
    for files, code in (([few], 3), ([fine], 0), ([fine, few], 3), ([named], 3)):
        told = CliRunner().invoke(app, ["check", *map(str, files), "--json"])
        assert told.exit_code == code, files
        assert (json.loads(told.output)["verdict"] == "blocked") is (code == 3)


def test_reasons_that_repeat_for_each_release_are_one_line() -> None:
    earlier = [NOT_COMPARED.format(f"request-{n}/ages.csv") for n in range(12)]
    verdict = {"releases": 12, "breaches": [], "people": [*earlier, "Look here. / Regardez ici."]}
    lines = guard_lines("sexes.csv", verdict)
    assert len(lines) == 3
    assert "The cohorts of 12 earlier releases" in lines[1]
    assert "Les cohortes de 12 sorties" in lines[1]
    named = [n for n in range(12) if f"`request-{n}/ages.csv`" in lines[1]]
    assert named == [9, 10, 11]
    lone = guard_lines("sexes.csv", verdict | {"people": earlier[:1]})
    assert lone[1] == f"  for people / à examiner: {earlier[0]}"


def test_verify_needs_the_package_and_public_keys_only(desk: AirlockDesk) -> None:
    package, keys = desk.released(), desk.folder / "keys.json"
    keys.write_bytes(canonical_json(desk.airlock.public_keys()))
    arguments = ["verify", str(package), "--keys", str(keys), "--json"]
    told = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert json.loads(told.output)["verified"] is True
    (package / "data/outputs/table.csv").write_text("age,sex\n")
    with pytest.raises(Unproven):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    with pytest.raises(Missing):
        CliRunner().invoke(
            app, ["verify", str(Path("nowhere")), "--keys", str(keys)], catch_exceptions=False
        )


class House:
    """What the commands ask of a platform."""

    def __init__(self, desk: AirlockDesk) -> None:
        self.airlock = desk.airlock
        self.ledger = desk.ledger
        self.keys = desk.keys


def told(desk: AirlockDesk, monkeypatch: pytest.MonkeyPatch, who: Actor, *words: str) -> Any:
    monkeypatch.setattr(commands, "house", lambda: House(desk))
    monkeypatch.setattr(commands, "actor", lambda: who)
    return json.loads(CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False).output)


def test_check_says_of_any_file_what_is_wrong_in_both_languages(desk: AirlockDesk) -> None:
    path = desk.folder / "means.csv"
    path.write_text("group,mean\na,12.5\nb,14.1\n")
    shown = CliRunner().invoke(app, ["check", str(path)], catch_exceptions=False).output
    assert shown.startswith("people: delimited text")
    assert "Add the table of the persons" in shown
    assert "Ajoutez avec" in shown
    as_json = CliRunner().invoke(app, ["check", str(path), "--json"], catch_exceptions=False)
    assert json.loads(as_json.output)["verdict"] == "people"


def test_a_schema_is_suggested_checked_and_handed_in(
    desk: AirlockDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ages, meaning = desk.folder / "ages.csv", desk.folder / "meaning.json"
    ages.write_text("age,persons\n0-39,240\n40-59,6\n60-79,158\n80+,90\nTotal,494\n")
    shown = CliRunner().invoke(app, ["suggest", str(ages)], catch_exceptions=False).output
    meaning.write_text(shown)
    assert told(desk, monkeypatch, AUTHOR, "suggest", str(ages)) == json.loads(shown)
    checked = told(desk, monkeypatch, AUTHOR, "check", str(ages), "--schema", str(meaning))
    assert (checked["verdict"], checked["tables"]["replaced"]) == ("protected", True)
    model = desk.folder / "other.json"
    model.write_text("{}")
    words = ["submit", str(ages), "--permit", PERMIT, "--context", "Persons treated in 2025"]
    words += ["--schema", f"ages.csv={meaning}", "--model", str(model)]
    handed = told(desk, monkeypatch, AUTHOR, *words)
    assert (handed["verdict"], handed["hidden_cells"]) == ("protected", 2)
    with pytest.raises(Invalid, match="names no schema of a file"):
        told(desk, monkeypatch, AUTHOR, *words, "--schema", str(meaning))


def test_what_cannot_be_suggested_is_told(
    desk: AirlockDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, empty = desk.folder / "words.csv", desk.folder / "empty.csv"
    path.write_text("group,word\na,one\nb,two\n")
    found = told(desk, monkeypatch, AUTHOR, "suggest", str(path))
    assert found["tables"] == []
    assert "no column is named as a count of persons" in found["unread"][0]
    empty.write_text("")
    with pytest.raises(Invalid, match="no table"):
        told(desk, monkeypatch, AUTHOR, "suggest", str(empty))


def test_check_looks_with_the_signed_policy_of_a_house_and_says_so(
    desk: AirlockDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ages = desk.folder / "ages.csv"
    ages.write_text("age,persons\n0-39,240\n40-59,15\n60-79,158\n80+,90\nTotal,503\n")
    schema = CliRunner().invoke(app, ["suggest", str(ages)], catch_exceptions=False).output
    ages.with_name("ages.csv.schema.json").write_text(schema)

    def checked() -> str:
        return CliRunner().invoke(app, ["check", str(ages)], catch_exceptions=False).output

    alone = checked()
    assert "clear: 0 of 5 cells hidden" in alone
    assert "policy: `snds` version 1, built in." in alone
    found = House(desk)
    monkeypatch.setattr(commands, "find_house", lambda: found)
    assert "policy: `snds` version 1, of this house." in checked()
    counts = evolve(SNDS_SOURCE.counts, version=2, threshold=20, high=20)
    stricter = evolve(SNDS_SOURCE, version=2, counts=counts)
    operator = Actor(id="operator-1", roles={Role.OPERATOR})
    PolicyDesk(ledger=desk.ledger, keys=desk.keys).sign(stricter, operator)
    signed = checked()
    assert "protected: 2 of 5 cells hidden" in signed
    assert "policy: `snds` version 2, of this house." in signed

    def closed() -> None:
        raise Missing("There is no passphrase.", remedy="Give it.")

    monkeypatch.setattr(commands, "find_house", closed)
    assert "that of this house cannot be read (There is no passphrase.)" in checked()


def test_checkers_read_a_request_file_by_file(
    desk: AirlockDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "house", lambda: House(desk))
    ages = desk.folder / "ages.csv"
    ages.write_text("age,persons\n0-39,240\n40-59,6\n60-79,158\n80+,90\nTotal,494\n")
    schema = CliRunner().invoke(app, ["suggest", str(ages)], catch_exceptions=False).output
    ages.with_name("ages.csv.schema.json").write_text(schema)
    words = ["submit", str(ages), "--permit", PERMIT, "--context", "Persons treated in 2025"]
    request = told(desk, monkeypatch, AUTHOR, *words)["request"]

    def shown(who: Actor, name: str) -> str:
        monkeypatch.setattr(commands, "actor", lambda: who)
        return CliRunner().invoke(app, ["show", name], catch_exceptions=False).output

    seen = shown(CHECKERS[0], request)
    assert "ages.csv: what an attacker could still learn" in seen
    assert "ages.csv: delimited text, leaves, protected / texte délimité, sort, protégé" in seen
    declares = "ages.csv.schema.json: JSON document, declares / document JSON, déclare"
    assert f"{declares}\nages.csv: compared with 0" in seen
    own = shown(AUTHOR, request)
    assert "attacker could still learn" not in own
    assert "checked / contrôlée" in own
    assert "kind / nature: delimited text" in own
    assert "next: checkers outside the project vote" in own
    lone = told(desk, monkeypatch, AUTHOR, "submit", str(desk.table_file()), "--permit", PERMIT)
    assert "What an attacker could still learn" in shown(CHECKERS[0], lone["request"])


def test_verify_without_keys_asks_for_them(
    desk: AirlockDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "find_house", lambda: None)
    with pytest.raises(Missing, match="No public keys") as problem:
        CliRunner().invoke(app, ["verify", str(desk.folder)], catch_exceptions=False)
    assert "--keys" in problem.value.remedy


def test_from_submission_to_revocation_by_commands(
    desk: AirlockDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = desk.folder / "note.txt"
    note.write_text("What we saw \x1b[2J of the persons treated in 2025.\n")
    words = ["submit", str(note), "--permit", PERMIT, "--context", "A note on the study of 2025"]
    request = told(desk, monkeypatch, AUTHOR, *words)["request"]
    seen = told(desk, monkeypatch, CHECKERS[0], "look", request, "note.txt")
    assert "\x1b" not in seen["text"]
    for who in CHECKERS[:2]:
        told(desk, monkeypatch, who, "review", request, "--approve")
    told(desk, monkeypatch, CHECKERS[0], "release", request, "--out", str(desk.folder / "out"))
    figures = told(desk, monkeypatch, AUDITOR, "figures")
    assert figures["decisions"]["approved"]["number"] == 1
    place = str(desk.folder / "out" / request)
    gone = told(
        desk, monkeypatch, CHECKERS[1], "revoke", request, "--reason", "wrong", "--package", place
    )
    assert gone["marked"] == place
    keys = desk.folder / "keys.json"
    keys.write_bytes(canonical_json(desk.airlock.public_keys()))
    with pytest.raises(Unproven, match="révoqué") as refusal:
        told(desk, monkeypatch, AUDITOR, "verify", place, "--keys", str(keys))
    assert "fetch it again" not in refusal.value.remedy
    assert told(desk, monkeypatch, AUTHOR, "list")[0]["state"] == "revoked"
