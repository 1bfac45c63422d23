"""What the register says of a person: from its rows (IR_BEN_R), or from `silver_register`.

Silver is made by `person_value`, too, so the two cannot come to differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from sqlglot import exp

from bercail.cohorts.arithmetic import Registered
from bercail.cohorts.cleaning import REAL_IDENTIFIERS
from bercail.cohorts.plan import RunPlan
from bercail.cohorts.silver_views import SILVER_REGISTER
from bercail.cohorts.sql.terms import REGISTERED, Term, day, number, stored_term
from bercail.cohorts.sql.trees import aliased, cast, named_as
from bercail.cohorts.views import PERSONS, VIEWS

SEXES: Mapping[int, str] = {1: "male", 2: "female"}
# The relation of the rows of silver: each person by number, or by identity where there is none.
ROWS = "register_rows"


def persons(plan: RunPlan, source: str = "identities") -> exp.Select:
    """One row per person with the columns of the person view that the run needs."""
    chosen = [named_as(person_value(name), name) for name in _wanted(plan)]
    if (asked := plan.scoped.registered) is not None:
        chosen.append(named_as(_some_row(asked), REGISTERED))
    return (
        exp.select("person", *chosen, copy=False)
        .from_(source, copy=False)
        .group_by("person", copy=False)
    )


def person_value(name: str) -> Term:
    """A column of the person view, over all rows of one person.

    The rows have the columns of IR_BEN_R under their names, cleaned of the ways to say `unknown`.
    """
    return _VALUES[name]()


def register_rows(plan: RunPlan) -> exp.Select:
    """The persons of `silver_register` by `number`, with the columns that the run needs."""
    reading = plan.readings[plan.register][0]
    columns = [
        named_as(stored_term(reading, SILVER_REGISTER.columns[name], "r"), name)
        for name in _wanted(plan)
    ]
    return exp.select(
        named_as(stored_term(reading, "person", "r"), "number"),
        named_as(stored_term(reading, "identity", "r"), "identity"),
        *columns,
        copy=False,
    ).from_(aliased(reading.piece.name, alias="r"), copy=False)


def called_persons(
    plan: RunPlan, told: Mapping[str, Sequence[str]], needed: Sequence[str] = ()
) -> exp.Query:
    """One row per person of `register_rows`, by name, with what relations by number tell.

    `told` gives the columns of each relation; a column stands under both names. Whoever is not in
    all of `needed` has no row. A number that nobody has any more names no person.
    """
    number, identity = exp.column("number", "r"), exp.column("identity", "r")
    of_row = _with_told(plan, identity, told, needed)
    if plan.named:
        return of_row
    unnumbered = exp.EQ(this=number, expression=exp.Literal.number(0))
    looked_up = _with_told(plan, exp.column("called", "numbers"), told, needed)
    # Joined from the inside: an engine may begin with the few, and look up names at the end.
    same = exp.EQ(this=exp.column("number", "numbers"), expression=number)
    looked_up = looked_up.join("numbers", on=same, copy=False).where(
        exp.Not(this=unnumbered), copy=False
    )
    return exp.union(of_row.where(unnumbered, copy=False), looked_up, distinct=False, copy=False)


def _with_told(
    plan: RunPlan, name: Term, told: Mapping[str, Sequence[str]], needed: Sequence[str]
) -> exp.Select:
    columns: list[Term] = [exp.column(one, "r") for one in _wanted(plan)]
    columns += [
        named_as(exp.column(column, relation), f"{relation}_{column}")
        for relation, names in told.items()
        for column in names
    ]
    query = exp.select(named_as(name, "person"), *columns, copy=False)
    query = query.from_(aliased(ROWS, alias="r"), copy=False)
    for relation in sorted(told, key=lambda one: one not in needed):
        same = exp.EQ(this=exp.column("person", relation), expression=exp.column("number", "r"))
        how = "inner" if relation in needed else "left"
        query = query.join(relation, on=same, join_type=how, copy=False)
    return query


def _wanted(plan: RunPlan) -> list[str]:
    return [name for name in VIEWS[PERSONS].columns if name in plan.used[PERSONS]]


def _agreed(value: Term) -> Term:
    lowest, highest = exp.Min(this=value), exp.Max(this=value)
    same = exp.EQ(this=lowest, expression=highest)
    return exp.Case(ifs=[exp.If(this=same, true=lowest)])


def _some_row(asked: Registered) -> Term:
    """Whether one of the person's rows fits; same meaning as `Registered.fits`."""
    tests: list[Term] = []
    year, home = exp.column("BEN_NAI_ANN"), exp.column("BEN_RES_DPT")
    if asked.born_from is not None:
        tests.append(exp.GTE(this=year, expression=number(asked.born_from)))
    if asked.born_until is not None:
        tests.append(exp.LTE(this=year, expression=number(asked.born_until)))
    if asked.departments:
        codes = [exp.Literal.string(code) for code in asked.departments]
        tests.append(exp.In(this=home, expressions=codes))
    some = exp.LogicalOr(this=exp.and_(*tests, copy=False))
    return exp.Coalesce(this=some, expressions=[exp.false()])


def _plausible_year() -> Term:
    """As narrow as it goes: what is kept of each person while rows are put together adds up."""
    year = exp.column("BEN_NAI_ANN")
    plausible = exp.Between(this=year, low=number(1601), high=number(2199))
    return exp.Case(ifs=[exp.If(this=plausible, true=cast(year, "SMALLINT"))])


def _sex() -> Term:
    """The word for the sex on which all rows agree.

    The codes are 1 and 2: all of them together as bits are one of these, or 3 where rows disagree.
    """
    code = exp.column("BEN_SEX_COD")
    told = exp.In(this=code, expressions=[number(value) for value in SEXES])
    known = exp.Case(ifs=[exp.If(this=told, true=cast(code, "TINYINT"))])
    cases = [
        exp.If(this=cast(exp.Literal.number(value), "TINYINT"), true=exp.Literal.string(word))
        for value, word in SEXES.items()
    ]
    return exp.Case(this=exp.BitwiseOrAgg(this=known), ifs=cases)


def _latest_home() -> Term:
    # The earliest day stands for an unknown date of update, which comes last.
    updated = exp.Coalesce(this=exp.column("BEN_DTE_MAJ"), expressions=[day(date.min)])
    home = exp.column("BEN_RES_DPT")
    place = exp.func("ROW", updated, home, copy=False)
    known = exp.Not(this=exp.Is(this=home, expression=exp.null()))
    return exp.Filter(
        this=exp.ArgMax(this=home, expression=place), expression=exp.Where(this=known)
    )


def _real_identifier() -> Term:
    codes = [exp.Literal.string(code) for code in REAL_IDENTIFIERS]
    real = exp.In(this=exp.column("BEN_CDI_NIR"), expressions=codes)
    return exp.Coalesce(this=exp.LogicalOr(this=real), expressions=[exp.false()])


def _birth_year() -> Term:
    return cast(_agreed(_plausible_year()), "BIGINT")


def _death_date() -> Term:
    return exp.Max(this=exp.column("BEN_DCD_DTE"))


_VALUES: Mapping[str, Callable[[], Term]] = {
    "birth_year": _birth_year,
    "sex": _sex,
    "death_date": _death_date,
    "department": _latest_home,
    "real_identifier": _real_identifier,
}
