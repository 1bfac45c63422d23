"""`bercail cohort rules` lists the cleaning rules, and shows one with its wrong wordings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from bercail.cli.cohort import app
from bercail.foundation import BercailError


def text(*words: str) -> str:
    result = CliRunner().invoke(app, ["rules", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def answer(*words: str) -> Any:
    return json.loads(text(*words, "--json"))


def test_every_rule_has_a_version_a_source_and_two_languages() -> None:
    rules = answer()
    assert len({one["rule"] for one in rules}) == len(rules) > 10
    for one in rules:
        assert "@" in one["rule"]
        assert one["source"]
        assert one["fr"] != one["en"]
    assert [line.split()[0] for line in text().splitlines()] == [one["rule"] for one in rules]


def test_one_rule_is_shown_with_the_wordings_that_are_wrong() -> None:
    (rule,) = answer("mco-pie")
    assert {bad["wording"] for bad in rule["wrong"]}
    shown = text("mco-pie", "--language", "fr").splitlines()
    assert shown[0].endswith(rule["fr"])
    assert f"  source: {rule['source']}" in shown
    assert sum(line.startswith("  wrong: ") for line in shown) == len(rule["wrong"])
    assert answer(rule["rule"]) == [rule]


def test_a_rule_that_is_not_there_is_said() -> None:
    with pytest.raises(BercailError, match="`no-such-rule`"):
        text("no-such-rule")
