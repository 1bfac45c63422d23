"""The commands of the catalogue print what the registry says."""

from __future__ import annotations

import json
from pathlib import Path
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
    assert whole["counts"] == {"type": 433, "key": 5, "name": 35}
    assert len(whole["conflicts"]) == 473
    assert {item["table"] for item in one["conflicts"]} == {"ER_DCT_F"}
    result = runner.invoke(app, ["conflicts", "IR_BEN_R"], catch_exceptions=False)
    assert result.stdout.splitlines()[-1].startswith("Conflicts: ")


def test_sensitivity_of_one_table() -> None:
    rows = {row["column"]: row for row in answer("sensitivity", "T_MCO23C")}
    assert rows["EXE_SOI_DTD"]["category"] == "care_date"
    assert "NIR_RET" not in rows


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tables",), "IR_BEN_R"),
        (("table", "IR_BEN_R"), "BEN_NIR_PSA"),
        (("column", "BEN_NIR_PSA"), "IR_BEN_R"),
        (("years", "T_MCOaaC"), "EXE_SOI_DTD"),
        (("diff", "2008", "2009"), "T_MCOaaC"),
        (("where-is", "E11"), "T_MCOaaB"),
        (("conflicts", "IR_BEN_R"), "Conflicts: "),
        (("sensitivity", "T_MCO23C"), "care_date"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_every_command_answers_as_text_and_as_json(words: tuple[str, ...], said: str) -> None:
    shown = runner.invoke(app, list(words), catch_exceptions=False)
    assert shown.exit_code == 0
    assert said in shown.stdout
    assert answer(*words)


def test_two_years_are_held_against_each_other() -> None:
    changes = {row["table"]: row for row in answer("diff", "2008", "2009")}
    assert "EXE_SOI_DTD" in changes["T_MCOaaC"]["came"]
    back = {row["table"]: row for row in answer("diff", "2009", "2008")}
    assert back["T_MCOaaC"]["went"] == changes["T_MCOaaC"]["came"]
    assert answer("diff", "2009", "2009") == []


def columns_with(code: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for place in answer("where-is", code):
        found |= place["columns"]
    return found


def test_a_code_is_found_in_the_columns_that_may_hold_it() -> None:
    assert "ER_PHA_F" in columns_with("3400930000001")["PHA_PRS_C13"]
    diagnoses = columns_with("E11")
    assert "T_MCOaaB" in diagnoses["DGN_PAL"]
    assert "PHA_PRS_C13" not in diagnoses


def test_a_checkout_of_the_public_schema_is_read_in(tmp_path: Path) -> None:
    folder = tmp_path / "schemas" / "BENEFICIAIRE"
    folder.mkdir(parents=True)
    field = {"name": "BEN_NIR_PSA", "type": "string", "description": "Pseudo-NIR"}
    schema = {"name": "IR_BEN_R", "title": "Bénéficiaires", "fields": [field]}
    (folder / "IR_BEN_R.json").write_text(json.dumps(schema), encoding="utf-8")
    words = ("import-schema", str(tmp_path), "--out", str(tmp_path / "out"))
    report = answer(*words)
    assert (report["tables"], report["columns"]) == (1, 1)
    shown = runner.invoke(app, list(words), catch_exceptions=False)
    assert shown.exit_code == 0
    assert "1" in shown.stdout.splitlines()[0]
    assert list((tmp_path / "out").rglob("*.*"))


def test_another_model_answers_the_same_commands() -> None:
    assert len(answer("tables", "--model", "omop")) == 39
    rows = {row["column"]: row for row in answer("table", "person", "--model", "omop")}
    assert rows["person_id"]["key"] is True
    marked = answer("sensitivity", "death", "--model", "omop")
    assert {row["category"] for row in marked if row["category"]} == {"death_date"}


def test_an_unknown_table_is_an_error_with_a_remedy() -> None:
    with pytest.raises(Missing, match="`NOPE`"):
        runner.invoke(app, ["table", "NOPE"], catch_exceptions=False)
