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
    assert lines[0] == "ASS_DGN               char(6)   2005-2019  MS_CIM_V, medical"
    assert len(lines) == 5


def test_column_shows_every_table_that_has_it() -> None:
    tables = {row["table"] for row in answer("column", "BEN_NIR_PSA")}
    assert {"ER_PRS_F", "IR_BEN_R", "IR_IMB_R"} <= tables


def test_years_shows_when_a_column_came() -> None:
    rows = {row["column"]: row for row in answer("years", "T_MCOaaC")}
    assert rows["EXE_SOI_DTD"]["first_year"] == 2009


def test_an_unknown_table_is_an_error_with_a_remedy() -> None:
    with pytest.raises(Missing, match="`NOPE`"):
        runner.invoke(app, ["table", "NOPE"], catch_exceptions=False)
