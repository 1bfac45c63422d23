"""Expressions of the cohort language as SQL expressions (sqlglot, DuckDB dialect).

Built as trees, never by pasting text, so a code from a study stays a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from sqlglot import exp

from bercail.cohorts.arithmetic import Listed, Registered
from bercail.cohorts.events import Aggregate
from bercail.cohorts.expressions import (
    Add,
    Band,
    Both,
    Choose,
    Column,
    Compare,
    DaysBetween,
    Either,
    Expression,
    IfUnknown,
    IsIn,
    Known,
    Literal,
    Negation,
    Shift,
    StartsWith,
    YearOf,
)
from bercail.cohorts.memory.rows import FIRST_DAY, LAST_DAY
from bercail.cohorts.plan import Reading
from bercail.cohorts.sql.arithmetic import ARITHMETIC
from bercail.cohorts.sql.trees import cast
from bercail.cohorts.views import RAW, Kind

Term = exp.Expr
SQL_TYPES: Mapping[Kind, str] = {
    Kind.BOOL: "BOOLEAN",
    Kind.INT: "BIGINT",
    Kind.DATE: "DATE",
    Kind.TEXT: "TEXT",
}
# A whole number as a text writes it, with or without spaces around.
_WHOLE = r"^ *(-?[0-9]{1,9}) *\z"
_COMPARE: Mapping[str, type[exp.Binary]] = {
    "==": exp.EQ,
    "!=": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}


class Terms:
    """Turns expressions into SQL, given how columns and aggregates are called there.

    `any_code(column, test)` gives the SQL for "some code of this set passes the test".
    """

    def __init__(
        self,
        column: Callable[[Column], Term],
        aggregate: Callable[[Aggregate], Term] | None = None,
        any_code: Callable[[Column, Callable[[Term], Term]], Term] | None = None,
    ) -> None:
        self._column = column
        self._aggregate = aggregate
        self._any_code = any_code

    def term(self, node: Expression) -> Term:
        """The SQL of one expression."""
        if isinstance(node, Column):
            return self._column(node)
        if isinstance(node, Aggregate):
            if self._aggregate is None:
                raise TypeError("an aggregate inside a condition on events")
            return self._aggregate(node)
        if isinstance(node, Listed):
            return _listed(node)
        if isinstance(node, Registered):
            return exp.column(REGISTERED, "people")
        if type(node) in ARITHMETIC:
            return ARITHMETIC[type(node)](self.term, node)
        return _TERMS[type(node)](self, node)

    def test_code(self, value: Expression, test: Callable[[Term], Term]) -> Term:
        """`test` on a code, or on some code of a set."""
        if isinstance(value, Column) and value.kind is Kind.CODES:
            if self._any_code is None:
                raise TypeError("a set of codes where none can stand")
            return self._any_code(value, test)
        return test(self.term(value))


def day(value: Any) -> Term:
    """A date literal."""
    return cast(exp.Literal.string(value.isoformat()), "DATE")


def number(value: int) -> Term:
    """A whole number, as wide as the columns."""
    return cast(exp.Literal.number(value), "BIGINT")


def all_of(terms: Sequence[Term]) -> Term:
    """The conjunction of `terms`; true for none."""
    return exp.and_(*terms, copy=False) if terms else exp.true()


def known_term(reading: Reading, name: str, table: str) -> Term:
    """A raw column, cleaned of the SNDS's ways of saying `unknown`.

    Same meaning as `memory.rows.known_int`, `known_text` and `known_date`.
    """
    raw = RAW[reading.piece.family][name]
    if name not in reading.columns:
        return exp.Literal.string(str(raw.before))
    here, held = reading.columns[name]
    column = exp.column(here, table, quoted=True)
    if pa.types.is_null(held):
        return cast(exp.null(), SQL_TYPES[raw.kind])
    if raw.kind is Kind.DATE:
        known = exp.Between(this=column, low=day(FIRST_DAY), high=day(LAST_DAY))
        return exp.Case(ifs=[exp.If(this=known, true=column)])
    # Without its second argument DuckDB's trim takes every Unicode space off.
    text = exp.Trim(this=cast(column, "TEXT"), expression=exp.Literal.string(" "))
    if raw.kind is Kind.TEXT:
        return exp.Nullif(this=text, expression=exp.Literal.string(""))
    if pa.types.is_integer(held):
        return cast(column, "BIGINT")
    # One function of the column alone, which no text makes fail: DuckDB then asks it once for each
    # value of a dictionary. No text at all is what it gives for a text that is no such number.
    found = exp.RegexpExtract(
        this=cast(column, "TEXT"),
        expression=exp.Literal.string(_WHOLE),
        group=exp.Literal.number(1),
    )
    whole = exp.Nullif(this=found, expression=exp.Literal.string(""))
    return exp.TryCast(this=whole, to=exp.DataType.build("BIGINT"))


# The column of `people` that says whether the register has a row that the scope asks for.
REGISTERED = "registered"


def listed_name(name: str) -> str:
    """How the relation of the persons on a list is called."""
    return f"{name}_persons"


def stored_term(reading: Reading, name: str, table: str) -> Term:
    """A key or pseudonym column, as the file holds it."""
    return exp.column(reading.columns[name][0], table, quoted=True)


def _listed(node: Listed) -> Term:
    """Whether the person stands in the relation that `views.listed` makes of the list."""
    listed = exp.select("person", copy=False).from_(listed_name(node.name), copy=False)
    inside = exp.In(this=exp.column("person", "people"), query=exp.Subquery(this=listed))
    return exp.paren(inside, copy=False)


def _literal(_: Terms, node: Literal) -> Term:
    if node.of is Kind.BOOL:
        return exp.true() if node.value else exp.false()
    if node.of is Kind.INT:
        return number(int(node.value))
    text = exp.Literal.string(str(node.value))
    return cast(text, "DATE") if node.of is Kind.DATE else text


def _compare(terms: Terms, node: Compare) -> Term:
    left, right = terms.term(node.left), terms.term(node.right)
    return exp.paren(_COMPARE[node.op](this=left, expression=right), copy=False)


def _both(terms: Terms, node: Both) -> Term:
    return exp.paren(
        exp.and_(terms.term(node.left), terms.term(node.right), copy=False), copy=False
    )


def _either(terms: Terms, node: Either) -> Term:
    return exp.paren(exp.or_(terms.term(node.left), terms.term(node.right), copy=False), copy=False)


def _negation(terms: Terms, node: Negation) -> Term:
    return exp.paren(exp.Not(this=exp.paren(terms.term(node.value), copy=False)), copy=False)


def _known(terms: Terms, node: Known) -> Term:
    value = exp.paren(terms.term(node.value), copy=False)
    return exp.paren(
        exp.Not(this=exp.paren(exp.Is(this=value, expression=exp.null()), copy=False)), copy=False
    )


def _if_unknown(terms: Terms, node: IfUnknown) -> Term:
    value, otherwise = terms.term(node.value), terms.term(node.otherwise)
    return exp.Coalesce(this=value, expressions=[otherwise])


def _starts_with(terms: Terms, node: StartsWith) -> Term:
    def test(code: Term) -> Term:
        tests = [
            exp.StartsWith(this=code, expression=exp.Literal.string(prefix))
            for prefix in node.prefixes
        ]
        return exp.paren(exp.or_(*tests, copy=False), copy=False)

    return terms.test_code(node.value, test)


def _is_in(terms: Terms, node: IsIn) -> Term:
    def test(code: Term) -> Term:
        members = [
            number(member) if isinstance(member, int) else exp.Literal.string(member)
            for member in node.codes
        ]
        return exp.paren(exp.In(this=code, expressions=members), copy=False)

    return terms.test_code(node.value, test)


def _add(terms: Terms, node: Add) -> Term:
    how = exp.Sub if node.minus else exp.Add
    return exp.paren(how(this=terms.term(node.left), expression=terms.term(node.right)), copy=False)


def _shift(terms: Terms, node: Shift) -> Term:
    moved = terms.term(node.value)
    if node.years:
        years = exp.Interval(this=exp.Literal.string(str(node.years)), unit=exp.var("YEAR"))
        moved = cast(exp.Add(this=moved, expression=years), "DATE")
    days = cast(exp.Literal.number(node.days), "INT")
    return exp.paren(exp.Add(this=moved, expression=days), copy=False)


def _year_of(terms: Terms, node: YearOf) -> Term:
    return exp.Year(this=terms.term(node.value))


def _days_between(terms: Terms, node: DaysBetween) -> Term:
    return exp.paren(
        exp.Sub(this=terms.term(node.end), expression=terms.term(node.start)), copy=False
    )


def _band(terms: Terms, node: Band) -> Term:
    value = terms.term(node.value)
    pairs = list(zip(node.starts, node.labels, strict=True))
    cases = [
        exp.If(
            this=exp.GTE(this=value, expression=number(start)),
            true=exp.Literal.string(label),
        )
        for start, label in reversed(pairs)
    ]
    return exp.Case(ifs=cases)


def _choose(terms: Terms, node: Choose) -> Term:
    case = exp.If(this=terms.term(node.condition), true=terms.term(node.then))
    return exp.Case(ifs=[case], default=terms.term(node.otherwise))


_TERMS: Mapping[type[Expression], Callable[[Terms, Any], Term]] = {
    Literal: _literal,
    Compare: _compare,
    Both: _both,
    Either: _either,
    Negation: _negation,
    Known: _known,
    IfUnknown: _if_unknown,
    StartsWith: _starts_with,
    IsIn: _is_in,
    Add: _add,
    Shift: _shift,
    YearOf: _year_of,
    DaysBetween: _days_between,
    Band: _band,
    Choose: _choose,
}
