"""Matching as SQL, for engines with many persons; the same pairs as `outcomes.matched`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from bercail.cohorts.outputs import Matching
from bercail.cohorts.sql_terms import Term, number

CASES, POOL = "matched_cases", "matched_pool"


def compile_matching(matching: Matching) -> exp.Query:
    """Pairs of case and control, sorted, from the relations `matched_cases` and `matched_pool`.

    Both have `person` and the attributes on which controls are matched.
    """
    on = [exp.column(name, "k", quoted=True) for name in matching.on]
    ranked = _ranked(CASES, on).select(
        exp.alias_(
            exp.Window(this=exp.Count(this=exp.Star()), partition_by=[one.copy() for one in on]),
            "members",
        )
    )
    same: list[Term] = [
        exp.EQ(
            this=exp.column(name, "c", quoted=True), expression=exp.column(name, "p", quoted=True)
        )
        for name in matching.on
    ]
    turn = exp.Mod(this=exp.column("place", "p"), expression=exp.column("members", "c"))
    same.append(exp.EQ(this=exp.paren(turn), expression=exp.column("place", "c")))
    round_of = exp.IntDiv(this=exp.column("place", "p"), expression=exp.column("members", "c"))
    same.append(exp.LT(this=exp.paren(round_of), expression=number(matching.ratio)))
    return (
        exp.select(
            exp.alias_(exp.column("person", "c"), "case_person"),
            exp.alias_(exp.column("person", "p"), "control"),
        )
        .from_(_ranked(POOL, on).subquery("p"))
        .join(ranked.subquery("c"), on=exp.and_(*same))
        .order_by("case_person", "control")
    )


def _ranked(relation: str, on: Sequence[Term]) -> exp.Select:
    """The persons whose attributes are known, numbered from 0 within equal values."""
    order = exp.Order(expressions=[exp.Ordered(this=exp.column("person", "k"))])
    row = exp.Window(this=exp.RowNumber(), partition_by=[one.copy() for one in on], order=order)
    place = exp.alias_(exp.paren(exp.Sub(this=row, expression=number(1))), "place")
    known = [exp.Not(this=exp.Is(this=one.copy(), expression=exp.null())) for one in on]
    return (
        exp.select(exp.column("person", "k"), *(one.copy() for one in on), place)
        .from_(exp.to_table(relation, alias="k"))
        .where(*known)
    )
