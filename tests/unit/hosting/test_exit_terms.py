"""What a hosting contract promises about leaving, rule by rule, at its worst and by date."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bercail.cli.main import app
from bercail.foundation import Invalid, Missing, Refused
from bercail.hosting.exit import check_terms, load_term_rules
from bercail.hosting.exit.terms import Answer, Duration, Kind, TermsChecked, judge_terms

ON = date(2026, 11, 21)
RULES = load_term_rules()
GOOD: dict[str, Any] = {
    "notice": "2 months",
    "transition": "30 days",
    "retrieval": "30 days",
    "erasure_after_retrieval": True,
    "erasure_notice": "21 days",
    "exportable": ["objects", "logs", "configuration"],
    "storable_before_signing": True,
    "switching_charges": "none",
}
FILE = """format = "bercail-exit-terms/1"
contract = "Framework 2026-17"

[terms]
notice = "1 month"
transition = "30 days"
retrieval = "30 days"
erasure_after_retrieval = true
erasure_notice = "21 days"
exportable = ["objects"]
storable_before_signing = true
switching_charges = "cost"
"""


def judged(on: date = ON, **changed: Any) -> TermsChecked:
    terms = {key: value for key, value in (GOOD | changed).items() if value is not None}
    return judge_terms("contract", terms, RULES, on)


def answers(found: TermsChecked) -> dict[str, Answer]:
    return {finding.rule.id: finding.answer for finding in found.findings}


def test_a_contract_at_every_limit_passes() -> None:
    found = judged()
    assert found.met
    found.require_met()
    assert answers(found) == {
        rule.id: Answer.NOT_NEEDED if rule.id.startswith("alternative") else Answer.MET
        for rule in RULES
    }


@pytest.mark.parametrize(
    ("term", "said", "rule"),
    [
        ("notice", "3 months", "notice"),
        ("notice", "60 days", "notice"),
        ("transition", "31 days", "transition"),
        ("transition", "1 month", "transition"),
        ("transition", "5 working days", "transition"),
        ("retrieval", "29 days", "retrieval"),
        ("retrieval", "1 month", "retrieval"),
        ("erasure_notice", "14 working days", "erasure-notice"),
        ("erasure_after_retrieval", False, "erasure"),
        ("storable_before_signing", False, "written-before"),
        ("exportable", [], "exportable"),
        ("exportable", ["objects", " "], "exportable"),
        ("switching_charges", "other", "charges"),
    ],
)
def test_one_term_that_falls_short_is_named(term: str, said: Any, rule: str) -> None:
    found = judged(**{term: said})
    assert {key for key, answer in answers(found).items() if answer is Answer.NOT_MET} == {rule}
    with pytest.raises(Refused, match=rf"fall short in: {rule}\.") as told:
        found.require_met()
    assert told.value.rule == "exit-terms"


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("notice", "59 days"),
        ("notice", "8 weeks"),
        ("transition", "4 weeks"),
        ("retrieval", "2 months"),
        ("erasure_notice", "3 weeks"),
        ("erasure_notice", "21 working days"),
    ],
)
def test_another_unit_passes_where_its_worst_month_does(term: str, said: str) -> None:
    assert judged(**{term: said}).met


def test_what_a_contract_does_not_say_is_not_met() -> None:
    for rule in RULES:
        if rule.optional or rule.given:
            continue
        found = judged(**{rule.term: None})
        assert answers(found)[rule.id] is Answer.NOT_SAID
        assert not found.met


def test_another_period_must_be_short_enough_and_told_in_time() -> None:
    silent = answers(judged(alternative_transition="7 months"))
    assert silent["alternative-transition"] is Answer.MET
    assert silent["alternative-told"] is Answer.NOT_SAID
    told = {"alternative_told_within": "14 working days"}
    assert judged(alternative_transition="7 months", **told).met
    assert judged(alternative_transition="200 days", alternative_told_within="14 days").met
    assert not judged(alternative_transition="8 months", **told).met
    late = {"alternative_told_within": "15 working days"}
    assert not judged(alternative_transition="7 months", **late).met
    assert not judged(alternative_transition="7 months", alternative_told_within="15 days").met


def test_a_charge_of_what_it_costs_the_host_ends_on_12_january_2027() -> None:
    assert judged(on=date(2027, 1, 11), switching_charges="cost").met
    assert not judged(on=date(2027, 1, 12), switching_charges="cost").met
    assert judged(on=date(2027, 1, 12), switching_charges="none").met


def test_months_are_as_short_and_as_long_as_the_calendar_makes_them() -> None:
    spans = {n: Duration.parse(f"{n} month{'s' * (n > 1)}") for n in (1, 2, 7, 12)}
    assert {n: (found.least, found.most) for n, found in spans.items()} == {
        1: (28, 31),
        2: (59, 62),
        7: (212, 215),
        12: (365, 366),
    }


@pytest.mark.parametrize("said", ["two months", "30", 30, "30 days ", "1.5 months", True, None])
def test_what_is_no_duration_is_invalid(said: Any) -> None:
    with pytest.raises(Invalid, match="is not a duration"):
        Duration.parse(said)


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("switching_charges", "free"),
        ("erasure_after_retrieval", "yes"),
        ("exportable", "everything"),
    ],
)
def test_a_term_of_another_kind_is_invalid(term: str, said: Any) -> None:
    with pytest.raises(Invalid, match=f"`{term}`"):
        judged(**{term: said})


def test_a_term_that_no_rule_knows_is_invalid() -> None:
    with pytest.raises(Invalid, match="`retrival`"):
        judged(retrival="30 days")


def test_every_rule_names_its_source_and_has_what_its_kind_needs() -> None:
    for rule in RULES:
        assert rule.source.startswith(("Data Act art.", "SecNumCloud 3.2, "))
        assert (rule.limit is not None) == (rule.kind in (Kind.AT_MOST, Kind.AT_LEAST))
        assert (rule.none_from is not None) == (rule.kind is Kind.CHARGES)
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("not toml", "cannot be read"),
        ('format = "other"\n', "does not tell"),
        (FILE.replace("[terms]", "[term]"), "does not tell"),
        (FILE.partition("[terms]")[0], "no table"),
    ],
)
def test_a_file_that_is_not_one_is_invalid(tmp_path: Path, content: str, match: str) -> None:
    (tmp_path / "terms.toml").write_text(content)
    with pytest.raises(Invalid, match=match):
        check_terms(tmp_path / "terms.toml", ON)


def test_the_command_shows_every_rule_and_refuses_what_falls_short(tmp_path: Path) -> None:
    file = tmp_path / "terms.toml"
    file.write_text(FILE)
    run = CliRunner()
    words = ["exit", "terms", str(file), "--json", "--on"]
    good = run.invoke(app, [*words, "2026-11-21"])
    assert good.exit_code == 0
    assert [row["rule"] for row in json.loads(good.stdout)] == [rule.id for rule in RULES]
    late = run.invoke(app, [*words, "2027-01-12"])
    assert isinstance(late.exception, Refused)
    assert {row["rule"]: row["answer"] for row in json.loads(late.stdout)}["charges"] == "not-met"


def test_terms_that_are_not_there_are_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"nowhere\.toml"):
        check_terms(tmp_path / "nowhere.toml", ON)
