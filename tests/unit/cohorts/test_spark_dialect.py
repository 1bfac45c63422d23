"""What DuckDB says, in the words of Spark."""

from __future__ import annotations

import pytest
from sqlglot import exp, parse_one
from sqlglot.errors import UnsupportedError

from bercail.cohorts.spark.dialect import to_spark

TABLES = {"t": {"person": "TEXT", "since": "DATE", "until": "DATE", "code": "TEXT"}}


def said(text: str) -> str:
    query = parse_one(text, dialect="duckdb")
    assert isinstance(query, exp.Query)
    return to_spark(query, TABLES).replace("`", "")


def test_days_less_days_are_a_number() -> None:
    assert "DATEDIFF(x.until, x.since) AS days" in said(
        "SELECT x.until - x.since AS days FROM t AS x"
    )


def test_a_day_less_a_number_stays_a_day() -> None:
    assert "x.until - 3" in said("SELECT x.until - 3 AS before FROM t AS x")


def test_days_less_days_stay_a_number_in_the_query_above() -> None:
    found = said(
        "WITH a AS (SELECT x.until - x.since AS d FROM t AS x) SELECT a.d - 1 AS n, a.d - a.d AS z "
        "FROM a"
    )
    assert found.count("DATEDIFF") == 1


def test_a_difference_of_what_nobody_knows_is_refused() -> None:
    with pytest.raises(TypeError, match="not known"):
        said("SELECT whatever(x.since) - x.since AS days FROM t AS x")


def test_a_condition_on_groups_stands_around_them() -> None:
    found = said(
        "SELECT x.code, MIN(x.person) AS person FROM t AS x GROUP BY x.code "
        "HAVING MIN(x.person) = MAX(x.person)"
    )
    assert "HAVING" not in found
    assert "MIN(x.person) = MAX(x.person) AS kept" in found
    assert found.endswith("AS grouped WHERE grouped.kept")


def test_a_pattern_holds_for_the_whole_text() -> None:
    found = said("SELECT regexp_full_match(x.code, '-?[0-9]{1,9}') AS whole FROM t AS x")
    assert r"x.code RLIKE '^(?:-?[0-9]{1,9})\\z'" in found


def test_a_row_is_a_struct() -> None:
    query = exp.select(exp.func("ROW", exp.column("since", "t"), exp.column("code", "t"))).from_(
        "t"
    )
    assert "STRUCT(" in to_spark(query, TABLES)


def test_the_week_begins_on_monday() -> None:
    assert "(((DAYOFWEEK(x.since) + 5) % 7) + 1)" in said(
        "SELECT isodow(x.since) AS weekday FROM t AS x"
    )


def test_names_keep_their_letters() -> None:
    query = exp.select(exp.column("A_B", "x")).from_(exp.to_table("ER_PRS_F", alias="x"))
    found = to_spark(query, {"ER_PRS_F": {"A_B": "BIGINT"}})
    assert found == "SELECT `x`.`A_B` AS `A_B` FROM `ER_PRS_F` AS `x`"


def test_what_spark_lacks_is_an_error() -> None:
    with pytest.raises(UnsupportedError):
        said("SELECT y.code FROM read_parquet('a', 'b') AS y")
