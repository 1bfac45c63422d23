"""An application as a TOML file: what it becomes, and how a wrong one is told."""

from __future__ import annotations

from datetime import date

import pytest

from bercail.access import document
from bercail.access.permit import Justification, Population, Purpose, TableScope
from bercail.foundation import Invalid

WHOLE = """\
project = "p1"
title = "T"
applicant = "camille"
public_body = true
members = ["camille", "n.oor@example.org"]
purpose = "e"
first_year = 2023
last_year = 2024
starts = 2026-11-01
ends = 2028-10-31

[population]
born_from = 1950
departments = ["075", "02A"]

[tables.IR_BEN_R]
columns = ["BEN_NIR_PSA", "BEN_DCD_DTE"]
potential_identifiers = ["BEN_DCD_DTE"]

[tables.ER_PRS_F]
columns = ["BEN_NIR_PSA"]

[items]
ethics = "Favourable."
"""


def read(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "application.toml"
    path.write_text(text, encoding=encoding)
    return document.read_application(path)


def test_every_key_finds_its_place(tmp_path):
    found = read(tmp_path, WHOLE)
    assert (found.project, found.applicant, found.public_body) == ("p1", "camille", True)
    assert found.members == ("camille", "n.oor@example.org")
    assert found.purpose is Purpose.RESEARCH
    assert (found.starts, found.ends) == (date(2026, 11, 1), date(2028, 10, 31))
    assert (found.scope.first_year, found.scope.last_year) == (2023, 2024)
    assert found.scope.population == Population(born_from=1950, departments=("075", "02A"))
    assert found.scope.tables == (
        TableScope(table="ER_PRS_F", columns=("BEN_NIR_PSA",)),
        TableScope(
            table="IR_BEN_R",
            columns=("BEN_NIR_PSA", "BEN_DCD_DTE"),
            potential_identifiers=("BEN_DCD_DTE",),
        ),
    )
    assert "ethics" not in found.missing_items()
    assert len(found.missing_items()) == 8


def test_a_justification_is_read_by_kind(tmp_path):
    text = WHOLE + '\n[justifications]\ndeath_date = "The end of follow-up."\n'
    told = Justification(category="death_date", reason="The end of follow-up.")
    assert read(tmp_path, text).scope.justifications == (told,)
    assert read(tmp_path, WHOLE).scope.justifications == ()


def test_population_and_items_may_be_left_out(tmp_path):
    text = WHOLE[: WHOLE.index("[population]")] + '[tables.IR_BEN_R]\ncolumns = ["BEN_NIR_PSA"]\n'
    found = read(tmp_path, text)
    assert found.scope.population == Population()
    assert len(found.missing_items()) == 9


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"e"', '"z"', "`purpose`"),
        ("= true", '= "yes"', "`public_body`"),
        ('"075"', '"75"', "`population.departments.0`"),
        ('"n.oor@example.org"', '"N. Oor"', "`members.1`"),
        ('"p1"', '"P 1"', "`project`"),
        ('columns = ["BEN_NIR_PSA"]', "columns = []", "`tables.ER_PRS_F.columns`"),
        ("columns =", "colums =", "`tables.IR_BEN_R.columns`"),
        ("= 2023", '= "2023"', "`first_year`"),
        ("2026-11-01", '"2026-11-01"', "`starts`"),
        ('title = "T"', 'title = "T"\nsubtitle = "S"', "`subtitle`"),
        ('title = "T"\n', "", "`title`"),
        ("2028-10-31", "2025-01-01", "the period ends before it starts"),
        ("= 2023", "= 2025", "the first year comes after the last"),
        ('["BEN_NIR_PSA"]', '["A", "A"]', "named twice"),
        (
            'identifiers = ["BEN_DCD_DTE"]',
            'identifiers = ["BEN_RES_COM"]',
            "no column of the scope",
        ),
        ("project =", "project", "at line 1"),
    ],
)
def test_a_wrong_application_is_told_by_its_place(tmp_path, before, after, told):
    with pytest.raises(Invalid) as refused:
        read(tmp_path, WHOLE.replace(before, after, 1))
    assert told in refused.value.message
    assert "docs/reference/application.md" in refused.value.remedy


def test_a_file_that_cannot_be_read_is_invalid(tmp_path):
    with pytest.raises(Invalid, match="cannot be read"):
        document.read_application(tmp_path / "none.toml")
    with pytest.raises(Invalid, match="is wrong"):
        read(tmp_path, WHOLE.replace('"T"', '"é"'), encoding="latin-1")
