"""The commands of the catalogue print what the registry says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from bercail.cli.catalogue import app
from bercail.foundation import Missing

runner = CliRunner()


def answer(*words: str) -> Any:
    result = runner.invoke(app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_tables_lists_every_table() -> None:
    rows = {row["table"]: row for row in answer("tables")}
    assert len(rows) == 188
    assert rows["T_MCOaaC"]["last_year"] == 2019


def test_table_shows_the_columns_of_one_year() -> None:
    early = {row["column"] for row in answer("table", "T_MCO08C")}
    late = {row["column"] for row in answer("table", "T_MCO23C")}
    assert "EXE_SOI_DTD" in late - early


def test_a_terminal_shows_one_line_for_a_column() -> None:
    result = runner.invoke(app, ["table", "T_MCO23D"], catch_exceptions=False)
    lines = result.stdout.splitlines()
    first = "ASS_DGN               char(6)   2005-2019  Associated diagnosis (ICD-10)"
    assert lines[0] == f"{first} | MS_CIM_V, medical"
    assert len(lines) == 5


def test_column_shows_every_table_that_has_it() -> None:
    tables = {row["table"] for row in answer("column", "BEN_NIR_PSA")}
    assert {"ER_PRS_F", "IR_BEN_R", "IR_IMB_R"} <= tables


def test_years_shows_when_a_column_came() -> None:
    rows = {row["column"]: row for row in answer("years", "T_MCOaaC")}
    assert rows["EXE_SOI_DTD"]["first_year"] == 2009


def test_labels_come_in_french() -> None:
    result = runner.invoke(app, ["table", "T_MCO23D", "--language", "fr"], catch_exceptions=False)
    assert "Diagnostic associé (CIM-10)" in result.stdout.splitlines()[0]
    rows = {row["table"]: row["label"] for row in answer("tables", "--language", "fr")}
    assert rows["IR_BEN_R"] == "Bénéficiaires"


def test_a_disputed_type_is_told_under_its_column() -> None:
    result = runner.invoke(app, ["column", "SOR_MOI"], catch_exceptions=False)
    lines = result.stdout.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("T_MCOaaB "))
    assert lines[place + 1] == "  type: char(2) (oracle), not date (schema)"
    (row,) = [row for row in answer("table", "T_MCO18B") if row["column"] == "SOR_MOI"]
    assert row["type"] == "char"
    assert row["conflicts"][0]["other"] == "date"


def test_conflicts_are_listed_with_counts_by_kind() -> None:
    whole, one = answer("conflicts"), answer("conflicts", "ER_DCT_F")
    assert whole["counts"] == {"type": 340, "key": 5, "name": 35}
    assert len(whole["conflicts"]) == 380
    assert {item["table"] for item in one["conflicts"]} == {"ER_DCT_F"}
    result = runner.invoke(app, ["conflicts", "IR_BEN_R"], catch_exceptions=False)
    assert result.stdout.splitlines()[-1].startswith("Conflicts: ")


def test_sensitivity_of_one_table() -> None:
    rows = {row["column"]: row for row in answer("sensitivity", "T_MCO23C")}
    assert rows["EXE_SOI_DTD"]["category"] == "care_date"
    assert "NIR_RET" not in rows


def test_another_model_answers_the_same_commands() -> None:
    assert len(answer("tables", "--model", "omop")) == 39
    rows = {row["column"]: row for row in answer("table", "person", "--model", "omop")}
    assert rows["person_id"]["key"] is True
    marked = answer("sensitivity", "death", "--model", "omop")
    assert {row["category"] for row in marked if row["category"]} == {"death_date"}


def test_an_unknown_table_is_an_error_with_a_remedy() -> None:
    with pytest.raises(Missing, match="`NOPE`"):
        runner.invoke(app, ["table", "NOPE"], catch_exceptions=False)
