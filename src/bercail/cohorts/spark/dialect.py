"""The compiled query in the words of Spark SQL, such that Spark and Sail both mean the same.

`compile_cohort` speaks DuckDB. Whatever Spark lacks is an error (`unsupported_level=RAISE`);
what it would read otherwise is rewritten here first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlglot import ErrorLevel, exp
from sqlglot.optimizer.annotate_types import TypeAnnotator
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

KEPT = "kept"
# Names stay as they are written: Sail tells `ER_PRS_F` from `er_prs_f`.
_READ_AS = "duckdb, normalization_strategy=case_sensitive"
Columns = Mapping[str, str]
# Days less days are a number; the annotator itself takes them for a day.
_COERCIONS = {
    **TypeAnnotator.BINARY_COERCIONS,
    (exp.DType.DATE, exp.DType.DATE): lambda left, right: exp.DType.BIGINT,  # noqa: ARG005
}


def to_spark(query: exp.Query, tables: Mapping[str, Columns]) -> str:
    """The text of `query` for Spark Connect; `tables` gives the SQL type of every column.

    1. A condition on groups becomes a column and a condition around: Sail takes a name in
       HAVING for the column made under it, DuckDB for the one that was read.
    2. Every column is named with its table, and every expression gets its type.
    3. Days less days: an interval in Spark, a number in DuckDB.
    4. Functions that have another name or shape.

    Raises:
        UnsupportedError: Spark has no word for something (of sqlglot).
        TypeError: it cannot be known whether a difference is one of days.
    """
    whole = query.copy()
    for table in whole.find_all(exp.Table):
        # `exp.to_table` keeps an alias as text, which the rules of step 2 do not read.
        if isinstance(table.args.get("alias"), str):
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.args["alias"])))
    for select in reversed(list(whole.find_all(exp.Select))):  # 1
        if select.args.get("having") is not None:
            around = _without_having(select)
            whole = around if select is whole else whole
            select.replace(around)
    typed = _typed(whole, tables)  # 2
    for node in list(typed.find_all(exp.Sub)):  # 3
        if _difference_of_days(node):
            node.replace(exp.DateDiff(this=node.this.copy(), expression=node.expression.copy()))
    found = typed.transform(_said_otherwise, copy=False)  # 4
    return found.sql(dialect="spark", unsupported_level=ErrorLevel.RAISE, identify=True)


def _typed(query: exp.Expr, tables: Mapping[str, Columns]) -> exp.Expr:
    schema = MappingSchema({name: dict(held) for name, held in tables.items()}, dialect=_READ_AS)
    named = qualify(
        query,
        schema=schema,
        dialect=_READ_AS,
        expand_alias_refs=False,
        validate_qualify_columns=False,
        quote_identifiers=False,
        identify=False,
    )
    annotator = TypeAnnotator(schema, binary_coercions=_COERCIONS)
    typed: exp.Expr = annotator.annotate(named)
    return typed


def _difference_of_days(node: exp.Sub) -> bool:
    left, right = (side.type for side in (node.this, node.expression))
    unknown = (None, exp.DType.UNKNOWN)
    if any(side is None or side.this in unknown for side in (left, right)):
        raise TypeError(f"the types of `{node.sql()}` are not known")
    return bool(left.this == right.this == exp.DType.DATE)


def _without_having(select: exp.Select) -> exp.Select:
    names = [one.alias_or_name for one in select.expressions]
    inner = select.copy()
    having = inner.args["having"]
    inner.set("having", None)
    inner = inner.select(exp.alias_(having.this, KEPT))
    ctes = inner.args.pop("with_", None)
    outer = exp.select(*(exp.column(name) for name in names))
    outer = outer.from_(inner.subquery("grouped")).where(exp.column(KEPT))
    if ctes is not None:
        outer.set("with_", ctes)
    return outer


def _said_otherwise(node: exp.Expr) -> exp.Expr:
    change = _CHANGES.get(type(node))
    return change(node) if change is not None else node


def _function(node: exp.Expr) -> exp.Expr:
    if node.name.upper() == "REGEXP_FULL_MATCH":
        return _whole_match(*node.expressions)
    if node.name.upper() == "ROW":
        return exp.Struct(expressions=[one.copy() for one in node.expressions])
    return node


def _full_match(node: exp.Expr) -> exp.Expr:
    return _whole_match(node.this, node.expression)


def _whole_match(text: exp.Expr, pattern: exp.Expr) -> exp.Expr:
    # Java's `$` also stands before a last line feed; `\z` stands at the end and nowhere else.
    whole = exp.Literal.string(f"^(?:{pattern.name})\\z")
    return exp.RegexpLike(this=text.copy(), expression=whole)


def _weekday(node: exp.Expr) -> exp.Expr:
    # sqlglot's words for it begin the week on another day, and Sail's `weekday` has Sunday at -1.
    # `dayofweek` counts from Sunday, 1, on both.
    sunday = exp.Anonymous(this="DAYOFWEEK", expressions=[node.this.copy()])
    later = exp.paren(exp.Add(this=sunday, expression=exp.Literal.number(5)))
    monday = exp.paren(exp.Mod(this=later, expression=exp.Literal.number(7)))
    return exp.paren(exp.Add(this=monday, expression=exp.Literal.number(1)))


_CHANGES: Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Anonymous: _function,
    exp.DayOfWeekIso: _weekday,
    exp.RegexpFullMatch: _full_match,
}
