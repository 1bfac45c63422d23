"""Washouts and periods as SQL: windows over the days of each person."""

from __future__ import annotations

from collections.abc import Sequence

import sqlglot
from sqlglot import exp

from bercail.cohorts.derived import MAX_DAYS, Periods, Washout
from bercail.cohorts.sql_terms import Term, number
from bercail.cohorts.views import VIEWS


def _sql(text: str) -> Term:
    """A constant piece of SQL as a tree."""
    return sqlglot.parse_one(text, dialect="duckdb")


def _known(term: Term) -> Term:
    return exp.Not(this=exp.Is(this=term, expression=exp.null()))


def washout_days(node: Washout, below: str, conditions: Sequence[Term]) -> exp.Select:
    """The days of `washout_query`, each once: `person` and the date of the view.

    Of the events of one day all but one follow another after no time, so they need not be put
    together before their order is asked.
    """
    name = VIEWS[node.view].date
    column = exp.column(name, "e")
    before = _sql("LAG(x.since) OVER (PARTITION BY x.person ORDER BY x.since)")
    since = exp.select(exp.column("person", "e"), exp.alias_(column, "since"))
    since = since.from_(exp.to_table(below, alias="e"))
    told = exp.select("x.person", "x.since", exp.alias_(before, "day_before"))
    told = told.from_(since.where(*conditions, _known(column.copy())).subquery("x"))
    apart = exp.GT(this=exp.paren(_sql("f.since - f.day_before")), expression=number(node.days))
    alone = exp.Is(this=exp.column("day_before", "f"), expression=exp.null())
    query = exp.select("f.person", exp.alias_(exp.column("since", "f"), name))
    return query.from_(told.subquery("f")).where(exp.paren(exp.or_(alone, apart)))


def washout_query(node: Washout, below: str, conditions: Sequence[Term]) -> exp.Select:
    """The events of `below` that pass, on days before which nothing was for so long.

    1. The days with an event, each once.
    2. The day before each of them.
    3. The events of days that are far enough from it.
    """
    name = VIEWS[node.view].date
    column = exp.column(name, "e")
    days = (
        exp.select(exp.column("person", "e"), exp.alias_(column, "fresh_day"))
        .from_(exp.to_table(below, alias="e"))
        .where(*(one.copy() for one in conditions), _known(column.copy()))
        .distinct()
    )
    before = _sql("LAG(d.fresh_day) OVER (PARTITION BY d.person ORDER BY d.fresh_day)")
    told = exp.select("d.person", "d.fresh_day", exp.alias_(before, "day_before"))
    told = told.from_(days.subquery("d"))
    apart = exp.GT(this=exp.paren(_sql("f.fresh_day - f.day_before")), expression=number(node.days))
    alone = exp.Is(this=exp.column("day_before", "f"), expression=exp.null())
    on = exp.and_(
        exp.EQ(this=exp.column("person", "f"), expression=exp.column("person", "e")),
        exp.EQ(this=exp.column("fresh_day", "f"), expression=column.copy()),
        exp.paren(exp.or_(alone, apart)),
    )
    query = exp.select("e.*").from_(exp.to_table(below, alias="e"))
    return query.join(told.subquery("f"), on=on).where(*conditions)


def periods_query(
    node: Periods, below: str, conditions: Sequence[Term], days: Term | None
) -> exp.Select:
    """The periods of each person.

    1. What each event covers, from its day on.
    2. How far the events before it reached.
    3. A new period begins where the days between are more than the gap.
    4. Each period with its days, and those of them that are covered.
    """
    column = exp.column(VIEWS[node.events.view].date, "e")
    events = exp.to_table(below, alias="e")
    if days is None:
        return _open_periods(column, events, conditions)
    spans = _spans(column, events, conditions, days)
    order = "OVER (PARTITION BY person ORDER BY since, until ROWS BETWEEN UNBOUNDED PRECEDING AND"
    reached = exp.select(
        "person", "since", "until", exp.alias_(_sql(f"MAX(until) {order} 1 PRECEDING)"), "reached")
    ).from_(spans.subquery("s"))
    turn = f"CASE WHEN reached IS NULL OR since - reached - 1 > {node.gap} THEN 1 ELSE 0 END"
    place = exp.alias_(_sql(f"SUM({turn}) {order} CURRENT ROW)"), "place")
    told = exp.select("person", "since", "until", "reached", place).from_(reached.subquery("r"))
    covered = "SUM(GREATEST(0, until - GREATEST(COALESCE(reached, since - 1), since - 1)))"
    return (
        exp.select(
            "person",
            exp.alias_(_sql("MIN(since)"), "start"),
            exp.alias_(_sql("MAX(until)"), "end"),
            exp.alias_(_sql("CAST(COUNT(*) AS BIGINT)"), "events"),
            exp.alias_(_sql("CAST(MAX(until) - MIN(since) + 1 AS BIGINT)"), "days"),
            exp.alias_(_sql(f"CAST({covered} AS BIGINT)"), "covered"),
        )
        .from_(told.subquery("t"))
        .group_by("person", "place")
    )


def _spans(column: Term, events: exp.Table, conditions: Sequence[Term], days: Term) -> exp.Select:
    """What each event covers: `person`, `since`, `until`."""
    least = exp.Least(this=exp.paren(days), expressions=[number(MAX_DAYS)])
    length = exp.cast(exp.Greatest(this=least, expressions=[number(1)]), "INT")
    until = exp.Add(this=column.copy(), expression=_less_one(length))
    enough = exp.GTE(this=exp.paren(days.copy()), expression=number(1))
    return (
        exp.select(
            exp.column("person", "e"), exp.alias_(column, "since"), exp.alias_(until, "until")
        )
        .from_(events)
        .where(*conditions, _known(column.copy()), enough)
    )


def _less_one(days: Term) -> Term:
    one = exp.cast(exp.Literal.number(1), "INT")
    return exp.paren(exp.Sub(this=days, expression=one))


def _open_periods(column: Term, events: exp.Table, conditions: Sequence[Term]) -> exp.Select:
    return (
        exp.select(
            exp.column("person", "e"),
            exp.alias_(exp.Min(this=column.copy()), "start"),
            exp.alias_(exp.cast(exp.null(), "DATE"), "end"),
            exp.alias_(_sql("CAST(COUNT(*) AS BIGINT)"), "events"),
            exp.alias_(exp.cast(exp.null(), "BIGINT"), "days"),
            exp.alias_(exp.cast(exp.null(), "BIGINT"), "covered"),
        )
        .from_(events)
        .where(*conditions, _known(column))
        .group_by(exp.column("person", "e"))
    )
