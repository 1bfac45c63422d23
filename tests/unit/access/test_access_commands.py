"""The commands `access` do one call of the desk each, and show its answer."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import bercail.cli.access as commands
from bercail.foundation import Actor, Refused, Role
from bercail.testing.access_desk import AXEL, CAMILLE, CESREES, CNIL, ODILE, level_one

RUN = CliRunner()
DOCUMENT = """\
project = "diabetes"
title = "Treated diabetes"
applicant = "camille"
public_body = false
members = ["camille"]
purpose = "e"
first_year = 2023
last_year = 2024
starts = 2026-11-01
ends = 2026-11-30
[tables.IR_BEN_R]
columns = ["BEN_NIR_PSA"]
[items]
identity = "i"
purpose_explained = "p"
benefit = "b"
why_pseudonymised = "w"
own_datasets = "o"
safeguards = "s"
tools = "t"
opt_out_exception = "n"
"""


@pytest.fixture
def desk(registered, monkeypatch):
    monkeypatch.setattr(commands, "house", lambda: SimpleNamespace(access=registered.access))
    return registered


@pytest.fixture
def give(desk, monkeypatch):
    """Gives a command as somebody and returns its JSON; raises what the desk raises."""

    def command(actor: Actor, *words: str, told: str = "") -> dict:
        monkeypatch.setattr(commands, "actor", lambda: actor)
        result = RUN.invoke(commands.app, [*words, "--json"], input=told, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return command


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "application.toml"
    path.write_text(DOCUMENT, encoding="utf-8")
    return path


def test_the_way_of_an_application_by_command(give, document):
    filed = give(CAMILLE, "file", str(document))
    identifier = filed["application"]
    assert (filed["state"], filed["due"]) == ("awaiting_additional_information", "2026-12-19")
    document.write_text(DOCUMENT + 'ethics = "e"\n', encoding="utf-8")
    assert give(CAMILLE, "complete", identifier, str(document))["state"] == "processing"
    opinion = ("opinion", identifier, "--favourable", "--reasons", "Sound.")
    assert give(CESREES, *opinion)["state"] == "opinion_given"
    authorise = ("authorise", identifier, "--authorised", "--reference", "DR-1")
    assert give(CNIL, *authorise)["state"] == "authorised"
    granted = give(AXEL, "grant", identifier)
    assert granted["live"] is True
    made = give(ODILE, "extract", granted["permit"])
    assert made == {"extract": made["extract"], "persons": 2, "rows": {"IR_BEN_R": 3}}
    assert give(AXEL, "revoke", identifier, "--reasons", "Misuse.")["state"] == "revoked"
    assert give(AXEL, "show", identifier)["extract"] == made["extract"]


def test_no_as_an_answer_by_command(give, document):
    document.write_text(DOCUMENT + 'ethics = "e"\n', encoding="utf-8")
    first, second, third = (give(CAMILLE, "file", str(document))["application"] for _ in range(3))
    against = ("opinion", first, "--unfavourable", "--reasons", "Unsound.")
    assert give(CESREES, *against)["state"] == "refused"
    assert give(AXEL, "refuse", second, "--reasons", "No.")["state"] == "refused"
    give(CESREES, "opinion", third, "--favourable", "--reasons", "Sound.")
    not_authorised = ("authorise", third, "--not-authorised", "--reference", "DR-2")
    assert give(CNIL, *not_authorised)["state"] == "refused"


@pytest.mark.parametrize(
    "words", [["opinion", "a", "--reasons", "r"], ["authorise", "a", "--reference", "n"]]
)
def test_a_decision_has_no_default(desk, words):
    result = RUN.invoke(commands.app, words)
    assert result.exit_code == 2
    assert "Missing option" in result.output


def test_an_objection_is_read_from_standard_input(desk, give):
    person = level_one("ana-own")
    told = give(AXEL, "object", told=f"{person}\n")
    assert (told["version"], told["changed"]) == (1, True)
    assert desk.access.objections.current()[1] == (desk.stored("ana-own"),)
    assert give(AXEL, "object", "--withdraw", told=person)["version"] == 2
    with pytest.raises(Refused):
        give(Actor(id="somebody", roles={Role.OPERATOR}), "object", told=person)
