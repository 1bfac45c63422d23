"""What a permit and the persons' objections take away, added to the model itself.

`add_scope` is the one function that does it. Engines run a `RunPlan`, which holds a
`ScopedModel`, and no other function makes one: so no engine can be reached without it.
Sources: EHDS art. 68 (data permit) and art. 71 (right to object).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from bercail.cohorts.arithmetic import OBJECTIONS, Given, Listed, Registered
from bercail.cohorts.codec import rebuilt
from bercail.cohorts.events import Events, EventSet, Where
from bercail.cohorts.expressions import (
    Both,
    Column,
    Compare,
    Either,
    Expression,
    Known,
    Literal,
    Negation,
    Node,
)
from bercail.cohorts.model import Model
from bercail.cohorts.outputs import EventRows, per_person
from bercail.cohorts.rules import walk
from bercail.cohorts.views import VIEWS, Kind
from bercail.foundation import Invalid

_SEAL = object()


@frozen(kw_only=True)
class Scope:
    """The limits under which a model runs; a value left out limits nothing.

    `tables` gives the columns that may be read of each table (lake names). Events must touch
    the years from `first_year` to `last_year`. Persons of whom the register has no row that
    `registered` asks for, persons for whom `population` is not true, and those in `objections`
    (as the data name persons, by any identity of theirs), are as if they did not exist.
    `permit` is named in messages.
    """

    permit: str = ""
    tables: Mapping[str, frozenset[str]] | None = None
    first_year: int | None = None
    last_year: int | None = None
    registered: Registered | None = None
    population: Expression | None = None
    objections: frozenset[str] = field(default=frozenset(), repr=False)

    def __attrs_post_init__(self) -> None:
        if self.population is not None:
            per_person(self.population, "population of the permit", Kind.BOOL)
            if any(isinstance(node, Given) for node in walk(self.population)):
                raise Invalid(
                    "The population of a permit names no list of persons.",
                    remedy="Give lists as `objections`, and rows of the register as `registered`.",
                )
        for year in (self.first_year, self.last_year):
            if year is not None and (type(year) is not int or not 1601 <= year <= 2199):
                raise Invalid(f"`{year}` is no year of a permit.")


@frozen(kw_only=True)
class ScopedModel:
    """A model with its scope in it; made by `add_scope` alone.

    `written` is the model as its author wrote it: its labels and its digest. `model` is what is
    run, on the persons for whom all `guards` are true.
    """

    written: Model
    model: Model
    guards: tuple[Expression, ...]
    scope: Scope
    seal: Any = field(repr=False, eq=False)

    @property
    def registered(self) -> Registered | None:
        """What a row of the register must tell of a person, among the guards."""
        return next((one for one in self.guards if isinstance(one, Registered)), None)

    def __attrs_post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise Invalid(
                "A model is scoped by `add_scope` and in no other way.",
                remedy="Call `plan_run`, which does.",
            )


def add_scope(model: Model, scope: Scope) -> ScopedModel:
    """Put the limits of `scope` into `model`.

    1. Events outside the years are taken out of every set.
    2. Persons outside the population, and those who object, are guarded against.

    Tables and columns are held against `Scope.tables` by `require_reach`, when it is known
    from which layer they are read.
    """
    if not isinstance(model, Model):
        raise Invalid("This is no cohort model.")
    changed = model
    if scope.first_year is not None or scope.last_year is not None:
        changed = _within_years(model, scope)
    guards: list[Expression] = []
    if scope.objections:
        guards.append(Negation(value=Listed(name=OBJECTIONS)))
    if scope.registered is not None:
        guards.append(scope.registered)
    if scope.population is not None:
        guards.append(_years_in(scope.population, scope))
    return ScopedModel(written=model, model=changed, guards=tuple(guards), scope=scope, seal=_SEAL)


def may_reach(table: str, scope: Scope) -> bool:
    """Whether the scope has the table, whatever its columns."""
    return scope.tables is None or table in scope.tables


def require_reach(needed: Mapping[str, frozenset[str]], scope: Scope) -> None:
    """Raise `Invalid` where a run would read a table or column outside the scope.

    `needed` gives columns by table, under the names of the lake. The message names one of them.
    """
    if scope.tables is None:
        return
    for table, columns in needed.items():
        beyond = sorted(columns - scope.tables.get(table, frozenset()))
        if table not in scope.tables or beyond:
            what = f"`{table}.{beyond[0]}`" if table in scope.tables else f"`{table}`"
            raise Invalid(
                f"The study reads {what}, which is outside the scope of permit `{scope.permit}`.",
                remedy="Ask for it in the permit, or take it out of the study.",
            )


def _within_years(model: Model, scope: Scope) -> Model:
    def one(node: Expression) -> Expression:
        return _years_in(node, scope)

    matching, index = model.matching, model.index_date
    return evolve(
        model,
        population=one(model.population),
        exclusions=tuple(evolve(e, condition=one(e.condition)) for e in model.exclusions),
        index_date=None if index is None else one(index),
        attributes=tuple(evolve(a, value=one(a.value)) for a in model.attributes),
        event_rows=tuple(_rows_in(rows, scope) for rows in model.event_rows),
        measures=tuple(
            evolve(m, numerator=one(m.numerator), denominator=one(m.denominator))
            for m in model.measures
        ),
        matching=None if matching is None else evolve(matching, controls=one(matching.controls)),
    )


def _rows_in(rows: EventRows, scope: Scope) -> EventRows:
    events = rebuilt(rows.events, lambda node: _narrowed(node, scope))
    if not isinstance(events, EventSet):
        raise TypeError(type(events).__name__)
    return evolve(rows, events=events)


def _years_in(node: Expression, scope: Scope) -> Expression:
    found = rebuilt(node, lambda inner: _narrowed(inner, scope))
    if not isinstance(found, Expression):
        raise TypeError(type(found).__name__)
    return found


def _narrowed(node: Node, scope: Scope) -> Node:
    """A whole view narrowed to events that touch the years; others unchanged.

    As an extract is cut: an event begins by the last day, and does not end before the first
    one; an end that is unknown, or before its start, ends nothing.
    """
    if not isinstance(node, Events) or (scope.first_year is None and scope.last_year is None):
        return node
    view = VIEWS[node.of]
    start = Column(of=node.of, name=view.date)
    condition: Expression = Known(value=start)
    if scope.last_year is not None:
        last = Literal(of=Kind.DATE, value=f"{scope.last_year}-12-31")
        condition = Both(left=condition, right=Compare(op="<=", left=start, right=last))
    if scope.first_year is not None:
        first = Literal(of=Kind.DATE, value=f"{scope.first_year}-01-01")
        begun: Expression = Compare(op=">=", left=start, right=first)
        if view.end:
            begun = Either(left=begun, right=_open(node.of, start, first))
        condition = Both(left=condition, right=begun)
    return Where(events=node, condition=condition)


def _open(view: str, start: Column, first: Literal) -> Expression:
    end = Column(of=view, name=VIEWS[view].end)
    known = Known(value=end)
    lasting = Either(
        left=Compare(op="<", left=end, right=start), right=Compare(op=">=", left=end, right=first)
    )
    return Either(left=Negation(value=known), right=lasting)
