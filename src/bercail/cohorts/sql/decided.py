"""Questions to the relation `decided`, for an engine that keeps it: each reads it once.

`decided` has what `compile_decided` gives. Its values are called by their place here (`c0`); the
answers have the names that the study gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from bercail.cohorts.outcomes import measure_column, wide_schema
from bercail.cohorts.outputs import Matching, Measure
from bercail.cohorts.plan import RunPlan
from bercail.cohorts.sql.cohort import DECIDED, last_step, may_be_control
from bercail.cohorts.sql.matching import (
    STRATUM,
    compile_in_strata,
    compile_strata,
    key_column,
)
from bercail.cohorts.sql.terms import Term, number
from bercail.cohorts.sql.trees import cast, named_as
from bercail.cohorts.views import Kind

ALIKE = "alike"


def count_steps() -> exp.Select:
    """How many persons have each `step`."""
    persons = named_as(cast(exp.Count(this=exp.Star()), "BIGINT"), "persons")
    return (
        exp.select("step", persons, copy=False)
        .from_(DECIDED, copy=False)
        .group_by("step", copy=False)
    )


def cohort_persons(plan: RunPlan) -> exp.Select:
    """The column `person` of those who passed every step."""
    return (
        exp.select("person", copy=False).from_(DECIDED, copy=False).where(_passed(plan), copy=False)
    )


def persons_table(plan: RunPlan) -> exp.Select:
    """Those who passed every step with index date and attributes, sorted by person."""
    names = [name for name in _columns(plan) if not name.startswith("measure ")]
    query = exp.select(*(_named(plan, name) for name in names), copy=False).from_(
        DECIDED, copy=False
    )
    return query.where(_passed(plan), copy=False).order_by("person", copy=False)


def measure_sums(plan: RunPlan, place: int, measured: Mapping[str, Term]) -> exp.Select:
    """The sums of one measure by its groups, over those who passed every step.

    Columns: the groups, then for each interval the numerator and the denominator, which
    `measured` gives for one person. A person counts above where the person counts below.
    """
    measure: Measure = plan.model.measures[place]
    conditions = measure.numerator.kind is measure.denominator.kind is Kind.BOOL
    sums: list[Term] = []
    for interval in range(measure.count):
        above, below = (measure_column(place, interval, side) for side in "nd")
        over, under = measured[above], measured[below]
        if measure.denominator.kind is Kind.BOOL:
            counts, least = under, _how_many(under, alike=conditions)
        else:
            counts, least = exp.GT(this=under, expression=number(0)), _total(under)
        if measure.numerator.kind is Kind.BOOL:
            most = _how_many(exp.and_(counts, over, copy=False), alike=conditions)
        else:
            most = _total(exp.Case(ifs=[exp.If(this=counts, true=over)]))
        sums += [
            exp.alias_(most, above, quoted=True, copy=False),
            exp.alias_(least, below, quoted=True, copy=False),
        ]
    groups = [_value(plan, name) for name in measure.by]
    named = [_named(plan, name) for name in measure.by]
    query = exp.select(*named, *sums, copy=False).group_by(*groups, copy=False)
    if not conditions:
        return query.from_(DECIDED, copy=False).where(_passed(plan), copy=False)
    values = [measured[one.alias] for one in sums]
    return query.from_(_alike(plan, groups, values).subquery("a", copy=False), copy=False)


def _alike(plan: RunPlan, groups: Sequence[Term], values: Sequence[Term]) -> exp.Select:
    """How many persons are `alike` in their groups and in all that `values` are made of.

    Most had no event, and live: a condition is then asked of a few kinds of persons.
    """
    made_of = {one.name: one for value in values for one in value.find_all(exp.Column)}
    kinds = list({**{one.name: one for one in groups}, **made_of}.values())
    persons = named_as(cast(exp.Count(this=exp.Star()), "BIGINT"), ALIKE)
    query = exp.select(*kinds, persons, copy=False).from_(DECIDED, copy=False)
    return query.where(_passed(plan), copy=False).group_by(*kinds, copy=False)


def matched_strata(plan: RunPlan) -> exp.Select:
    """The groups of equal attributes in which cases are, to be kept as `matched_strata`."""
    return compile_strata(_cases(plan), len(_keys(plan)))


def matched_cases(plan: RunPlan) -> exp.Select:
    """Cases with `stratum`, `person`, and `index_date` where there is one, by person."""
    columns = ("person", *(one.alias for one in _dates(plan)))
    return compile_in_strata(_cases(plan), len(_keys(plan)), columns, ("person",))


def matched_pool(plan: RunPlan) -> exp.Select:
    """Who may be a control, with `stratum` and `person`, sorted by these."""
    keys = _keys(plan)
    pool = exp.select("person", *keys, copy=False).from_(DECIDED, copy=False)
    pool = pool.where(*may_be_control(plan), copy=False)
    return compile_in_strata(pool, len(keys), ("person",), (STRATUM, "person"))


def compared_cases(plan: RunPlan) -> exp.Select:
    """Cases by person, with `index_date` where there is one, and what is compared."""
    cases = exp.select("person", *_dates(plan), *_compared(plan), copy=False)
    cases = cases.from_(DECIDED, copy=False).where(_passed(plan), copy=False)
    return cases.order_by("person", copy=False)


def compared_pool(plan: RunPlan) -> exp.Select:
    """Who may be a control, by person, and what is compared."""
    pool = exp.select("person", *_compared(plan), copy=False).from_(DECIDED, copy=False)
    return pool.where(*may_be_control(plan), copy=False).order_by("person", copy=False)


def _compared(plan: RunPlan) -> list[Term]:
    return [_named(plan, name) for name in _matching(plan).names]


def _matching(plan: RunPlan) -> Matching:
    if plan.model.matching is None:
        raise TypeError("a run that matches nobody")
    return plan.model.matching


def _dates(plan: RunPlan) -> list[Term]:
    dated = plan.model.index_date is not None
    return [named_as(_value(plan, "index_date"), "index_date")] if dated else []


def _keys(plan: RunPlan) -> list[Term]:
    """The attributes matched on, called by `key_column`."""
    on = _matching(plan).on
    return [named_as(_value(plan, name), key_column(place)) for place, name in enumerate(on)]


def _cases(plan: RunPlan) -> exp.Select:
    cases = exp.select("person", *_dates(plan), *_keys(plan), copy=False)
    return cases.from_(DECIDED, copy=False).where(_passed(plan), copy=False)


def _passed(plan: RunPlan) -> Term:
    return exp.EQ(this=exp.column("step"), expression=number(last_step(plan)))


def _columns(plan: RunPlan) -> Sequence[str]:
    names: Sequence[str] = wide_schema(plan.model).names
    return names


def _value(plan: RunPlan, name: str) -> Term:
    place = _columns(plan).index(name)
    return exp.column("person" if place == 0 else f"c{place - 1}")


def _named(plan: RunPlan, name: str) -> Term:
    return exp.alias_(_value(plan, name), name, quoted=True, copy=False)


def _how_many(condition: Term, *, alike: bool) -> Term:
    """For how many persons it is true; with `alike`, each row stands for as many."""
    persons: Term = exp.column(ALIKE) if alike else number(1)
    return _total(exp.Case(ifs=[exp.If(this=condition, true=persons)]))


def _total(value: Term) -> Term:
    return cast(exp.Sum(this=value), "BIGINT")
