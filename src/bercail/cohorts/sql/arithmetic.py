"""The further expressions as SQL (sqlglot, DuckDB dialect)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from bercail.cohorts.arithmetic import (
    Case,
    Divide,
    FirstDayOf,
    Greatest,
    Least,
    Multiply,
    PartOf,
    ShiftMonths,
)
from bercail.cohorts.expressions import Expression
from bercail.cohorts.sql.trees import cast

Term = exp.Expr
# Gives the SQL of an inner expression.
Inner = Callable[[Expression], Term]


def big(value: int) -> Term:
    """A whole number, as wide as the columns."""
    return cast(exp.Literal.number(value), "BIGINT")


def floor_quotient(left: Term, right: Term) -> Term:
    """`left` divided by `right` rounded down; null by 0. SQL itself rounds towards zero."""
    whole = exp.paren(exp.Nullif(this=exp.paren(right, copy=False), expression=big(0)), copy=False)
    top = exp.paren(left, copy=False)
    rest = exp.paren(exp.Mod(this=top, expression=whole), copy=False)
    up = exp.paren(exp.Add(this=rest, expression=whole), copy=False)
    positive = exp.paren(exp.Mod(this=up, expression=whole), copy=False)
    exact = exp.paren(exp.Sub(this=top, expression=positive), copy=False)
    return exp.paren(exp.IntDiv(this=exact, expression=whole), copy=False)


def _multiply(inner: Inner, node: Multiply) -> Term:
    return exp.paren(
        exp.Mul(this=exp.paren(inner(node.value), copy=False), expression=big(node.by)), copy=False
    )


def _divide(inner: Inner, node: Divide) -> Term:
    return floor_quotient(inner(node.left), inner(node.right))


def _shift_months(inner: Inner, node: ShiftMonths) -> Term:
    months = exp.Interval(this=exp.Literal.string(str(node.months)), unit=exp.var("MONTH"))
    return cast(exp.paren(exp.Add(this=inner(node.value), expression=months), copy=False), "DATE")


def _part_of(inner: Inner, node: PartOf) -> Term:
    parts: Mapping[str, type[exp.Func]] = {
        "month": exp.Month,
        "day": exp.Day,
        "quarter": exp.Quarter,
        "weekday": exp.DayOfWeekIso,
    }
    return cast(parts[node.part](this=inner(node.value)), "BIGINT")


def _first_day_of(inner: Inner, node: FirstDayOf) -> Term:
    unit = exp.Literal.string(node.unit.upper())
    return cast(
        exp.func("DATE_TRUNC", unit, inner(node.value), dialect="duckdb", copy=False), "DATE"
    )


def _extreme(inner: Inner, node: Least | Greatest) -> Term:
    how: type[exp.Func] = exp.Least if isinstance(node, Least) else exp.Greatest
    first, *rest = (inner(value) for value in node.values)
    return (
        how(this=first, expressions=rest, ignore_nulls=True)
        if rest
        else exp.paren(first, copy=False)
    )


def _case(inner: Inner, node: Case) -> Term:
    pairs = zip(node.conditions, node.values, strict=True)
    cases = [exp.If(this=inner(condition), true=inner(value)) for condition, value in pairs]
    otherwise = exp.null() if node.otherwise is None else inner(node.otherwise)
    return exp.Case(ifs=cases, default=otherwise)


ARITHMETIC: Mapping[type[Expression], Callable[[Inner, Any], Term]] = {
    Multiply: _multiply,
    Divide: _divide,
    ShiftMonths: _shift_months,
    PartOf: _part_of,
    FirstDayOf: _first_day_of,
    Least: _extreme,
    Greatest: _extreme,
    Case: _case,
}
