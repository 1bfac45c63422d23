"""Washouts and periods as SQL: windows over the days of each person."""

from __future__ import annotations

from collections.abc import Sequence

import sqlglot
from sqlglot import exp

from bercail.cohorts.derived import MAX_DAYS, Periods, Washout
from bercail.cohorts.sql.terms import Term, number
from bercail.cohorts.sql.trees import aliased, cast, named_as
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
    since = exp.select(exp.column("person", "e"), named_as(column, "since"), copy=False)
    since = since.from_(aliased(below, alias="e"), copy=False)
    told = exp.select("x.person", "x.since", named_as(before, "day_before"), copy=False)
    told = told.from_(
        since.where(*conditions, _known(column), copy=False).subquery("x", copy=False),
        copy=False,
    )
    apart = exp.GT(
        this=exp.paren(_sql("f.since - f.day_before"), copy=False), expression=number(node.days)
    )
    alone = exp.Is(this=exp.column("day_before", "f"), expression=exp.null())
    query = exp.select("f.person", named_as(exp.column("since", "f"), name), copy=False)
    return query.from_(told.subquery("f", copy=False), copy=False).where(
        exp.paren(exp.or_(alone, apart, copy=False), copy=False), copy=False
    )


def washout_query(node: Washout, below: str, conditions: Sequence[Term]) -> exp.Select:
    """The events of `below` that pass, on days before which nothing was for so long.

    1. The days with an event, each once.
    2. The day before each of them.
    3. The events of days that are far enough from it.
    """
    name = VIEWS[node.view].date
    column = exp.column(name, "e")
    days = (
        exp.select(exp.column("person", "e"), named_as(column, "fresh_day"), copy=False)
        .from_(aliased(below, alias="e"), copy=False)
        .where(*(one for one in conditions), _known(column), copy=False)
        .distinct(copy=False)
    )
    before = _sql("LAG(d.fresh_day) OVER (PARTITION BY d.person ORDER BY d.fresh_day)")
    told = exp.select("d.person", "d.fresh_day", named_as(before, "day_before"), copy=False)
    told = told.from_(days.subquery("d", copy=False), copy=False)
    apart = exp.GT(
        this=exp.paren(_sql("f.fresh_day - f.day_before"), copy=False), expression=number(node.days)
    )
    alone = exp.Is(this=exp.column("day_before", "f"), expression=exp.null())
    on = exp.and_(
        exp.EQ(this=exp.column("person", "f"), expression=exp.column("person", "e")),
        exp.EQ(this=exp.column("fresh_day", "f"), expression=column),
        exp.paren(exp.or_(alone, apart, copy=False), copy=False),
        copy=False,
    )
    query = exp.select("e.*", copy=False).from_(aliased(below, alias="e"), copy=False)
    return query.join(told.subquery("f", copy=False), on=on, copy=False).where(
        *conditions, copy=False
    )


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
    events = aliased(below, alias="e")
    if days is None:
        return _open_periods(column, events, conditions)
    spans = _spans(column, events, conditions, days)
    order = "OVER (PARTITION BY person ORDER BY since, until ROWS BETWEEN UNBOUNDED PRECEDING AND"
    before = named_as(_sql(f"MAX(until) {order} 1 PRECEDING)"), "reached")
    reached = exp.select("person", "since", "until", before, copy=False)
    reached = reached.from_(spans.subquery("s", copy=False), copy=False)
    turn = f"CASE WHEN reached IS NULL OR since - reached - 1 > {node.gap} THEN 1 ELSE 0 END"
    place = named_as(_sql(f"SUM({turn}) {order} CURRENT ROW)"), "place")
    told = exp.select("person", "since", "until", "reached", place, copy=False).from_(
        reached.subquery("r", copy=False), copy=False
    )
    covered = "SUM(GREATEST(0, until - GREATEST(COALESCE(reached, since - 1), since - 1)))"
    values = {
        "start": "MIN(since)",
        "end": "MAX(until)",
        "events": "CAST(COUNT(*) AS BIGINT)",
        "days": "CAST(MAX(until) - MIN(since) + 1 AS BIGINT)",
        "covered": f"CAST({covered} AS BIGINT)",
    }
    columns = [named_as(_sql(text), name) for name, text in values.items()]
    return (
        exp.select("person", *columns, copy=False)
        .from_(told.subquery("t", copy=False), copy=False)
        .group_by("person", "place", copy=False)
    )


def _spans(column: Term, events: exp.Table, conditions: Sequence[Term], days: Term) -> exp.Select:
    """What each event covers: `person`, `since`, `until`."""
    least = exp.Least(this=exp.paren(days, copy=False), expressions=[number(MAX_DAYS)])
    length = cast(exp.Greatest(this=least, expressions=[number(1)]), "INT")
    until = exp.Add(this=column, expression=_less_one(length))
    enough = exp.GTE(this=exp.paren(days, copy=False), expression=number(1))
    return (
        exp.select(
            exp.column("person", "e"),
            named_as(column, "since"),
            named_as(until, "until"),
            copy=False,
        )
        .from_(events, copy=False)
        .where(*conditions, _known(column), enough, copy=False)
    )


def _less_one(days: Term) -> Term:
    one = cast(exp.Literal.number(1), "INT")
    return exp.paren(exp.Sub(this=days, expression=one), copy=False)


def _open_periods(column: Term, events: exp.Table, conditions: Sequence[Term]) -> exp.Select:
    return (
        exp.select(
            exp.column("person", "e"),
            named_as(exp.Min(this=column), "start"),
            named_as(cast(exp.null(), "DATE"), "end"),
            named_as(_sql("CAST(COUNT(*) AS BIGINT)"), "events"),
            named_as(cast(exp.null(), "BIGINT"), "days"),
            named_as(cast(exp.null(), "BIGINT"), "covered"),
            copy=False,
        )
        .from_(events, copy=False)
        .where(*conditions, _known(column), copy=False)
        .group_by(exp.column("person", "e"), copy=False)
    )
