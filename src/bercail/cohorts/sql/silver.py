"""The events of a view from its silver table, as SQL; a person is a number there."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from bercail.cohorts.events import Events
from bercail.cohorts.expressions import Column
from bercail.cohorts.memory.views import LARGE_PACK_UNITS
from bercail.cohorts.plan import DIAGNOSES, Reading, RunPlan
from bercail.cohorts.sql.terms import Term, Terms, day, number
from bercail.cohorts.sql.trees import aliased, cast, named_as
from bercail.cohorts.sql.views import DRUGS, EventQuery, cip7_term
from bercail.cohorts.view_types import SilverTable
from bercail.cohorts.views import VIEWS


def silver_query(plan: RunPlan, base: Events, asked: EventQuery) -> exp.Select:
    """The events of a view that went through the rules of its silver table.

    Rules beyond those are applied to the silver columns that stand for their SNDS columns.
    """
    silver = VIEWS[base.of].silver
    if silver is None:
        raise TypeError(base.of)
    reading = plan.readings[silver.name][0]
    query = exp.select(named_as(_stored(reading, "person"), "person"), copy=False)
    query = query.from_(aliased(reading.piece.name, alias="s"), copy=False)
    if set(asked.columns) & set(silver.codes):
        query = query.select(named_as(_stored(reading, "stay"), "stay"), copy=False)
    for name in sorted(set(asked.columns) - set(silver.codes)):
        query = query.select(named_as(_column(silver, reading, name), name), copy=False)
    if set(asked.columns) & {"atc", "large_pack"}:
        query = _with_drugs(query, reading)
    rules = [rule for rule in asked.rules if rule.id not in silver.rules]
    terms = Terms(lambda node: _raw(silver, reading, node))
    query = query.where(
        *(terms.term(rule.keep) for rule in rules if rule.keep is not None), copy=False
    )
    for name, (first, last) in asked.windows.items():
        stored = _stored(reading, silver.columns[name])
        query = query.where(exp.Between(this=stored, low=day(first), high=day(last)), copy=False)
    return (
        exp.select("*", copy=False)
        .from_(query.subquery("e", copy=False), copy=False)
        .where(*asked.before, copy=False)
    )


def code_of_stay(plan: RunPlan, column: Column, test: Callable[[Term], Term]) -> Term:
    """Whether some diagnosis of the stay `e`, in one of the column's positions, passes."""
    silver = VIEWS[column.of].silver
    if silver is None:
        raise TypeError(column.of)
    reading = plan.readings[DIAGNOSES][0]
    stay, code, position = (
        exp.column(reading.columns[name][0], "x", quoted=True)
        for name in ("stay", "code", "position")
    )
    inside = exp.select("1", copy=False).from_(aliased(reading.piece.name, alias="x"), copy=False)
    positions = [exp.Literal.string(one) for one in silver.codes[column.name]]
    return exp.Exists(
        this=inside.where(
            exp.EQ(this=stay, expression=exp.column("stay", "e")),
            exp.In(this=position, expressions=positions),
            test(code),
            copy=False,
        )
    )


def _with_drugs(query: exp.Select, reading: Reading) -> exp.Select:
    code = cast(exp.column("cip13", "d"), "TEXT")
    same = exp.EQ(this=code, expression=_stored(reading, "cip13"))
    return query.join(aliased(DRUGS, alias="d"), on=same, join_type="left", copy=False)


def _stored(reading: Reading, name: str) -> Term:
    return exp.column(reading.columns[name][0], "s", quoted=True)


def _column(silver: SilverTable, reading: Reading, name: str) -> Term:
    if name == "atc":
        return exp.column("atc", "d")
    if name == "large_pack":
        units = exp.column("units_per_pack", "d")
        return exp.GTE(this=units, expression=number(LARGE_PACK_UNITS))
    stored = _stored(reading, silver.columns[name])
    return cip7_term(stored) if name == "cip7" else stored


def _raw(silver: SilverTable, reading: Reading, node: Column) -> Term:
    return _stored(reading, silver.raw[node.of, node.name])
