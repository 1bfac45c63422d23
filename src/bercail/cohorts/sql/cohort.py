"""A run plan as SQL with common table expressions. Nothing here runs anything.

`compile_decided` gives one row per person: the step at which the person stopped, the index date,
the attributes, the values of the measures. `compile_cohort` is all of it in one query: one row per
step at which persons stopped (`step`, `persons`), and one row per person who passed all steps;
where controls are matched, the persons of the pool follow, one step further.
`compile_event_rows` gives rows of events, for the persons in the relation `cohort_persons`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, field, frozen
from sqlglot import exp

from bercail.cohorts.arithmetic import OBJECTIONS
from bercail.cohorts.cleaning import find_rules
from bercail.cohorts.events import Aggregate, Exists
from bercail.cohorts.expressions import Both, Expression
from bercail.cohorts.outcomes import measure_column
from bercail.cohorts.outputs import EventRows
from bercail.cohorts.plan import RunPlan
from bercail.cohorts.rules import walk
from bercail.cohorts.sql.people import Inputs, People, own_nodes
from bercail.cohorts.sql.register import ROWS, called_persons, persons, register_rows
from bercail.cohorts.sql.sets import Sets
from bercail.cohorts.sql.summaries import Summaries
from bercail.cohorts.sql.terms import SQL_TYPES, Term, Terms, listed_name, number
from bercail.cohorts.sql.trees import aliased, cast, named_as
from bercail.cohorts.sql.views import (
    RENAMED,
    TOLD,
    identities,
    listed,
    numbers,
    renamed,
    renames,
)
from bercail.cohorts.views import PERSONS

COHORT_PERSONS, DECIDED = "cohort_persons", "decided"


@frozen(kw_only=True)
class Decided:
    """What is decided of each person.

    `query` has the columns `person`, `step` (one more than the last step for who passed all),
    `c0`, `c1`... for index date and attributes, `i0`, `i1`... for what the values of measures are
    made of, and `offered` where controls are matched. `measured` are those values, made of these
    columns, by their names in the wide table. Where `everyone` is given, `query` leaves out
    persons who stopped at the first step, and `everyone` counts all.
    """

    query: exp.Query
    everyone: exp.Query | None
    measured: Mapping[str, Term]


def compile_cohort(plan: RunPlan) -> exp.Query:
    """The query of one run."""
    return _Compiler.of(plan).cohort()


def compile_decided(plan: RunPlan) -> Decided:
    """What is decided of each person, for an engine that keeps it and asks on."""
    return _Compiler.of(plan).decided()


def compile_event_rows(plan: RunPlan, rows: EventRows) -> exp.Query:
    """The rows of events that `rows` asks for (an output of the scoped model), sorted."""
    return _Compiler.of(plan).event_rows(rows)


@define(kw_only=True)
class _Compiler:
    plan: RunPlan
    ctes: dict[str, exp.Query] = field(factory=dict)
    sets: Sets = field(init=False)
    people: People = field(init=False)

    @classmethod
    def of(cls, plan: RunPlan) -> _Compiler:
        """A compiler that knows the persons."""
        made = cls(plan=plan)
        made.sets = Sets(plan=plan, ctes=made.ctes, windows=lambda *one: made.people.window(*one))
        summaries = Summaries(sets=made.sets)
        made.people = People(plan=plan, ctes=made.ctes, sets=made.sets, summaries=summaries)
        if plan.numbers:
            made.ctes["numbers"] = numbers(plan)
        if renames(plan):
            made.ctes[RENAMED] = renamed(plan)
        if plan.register:
            made.ctes[ROWS] = register_rows(plan)
            made.ctes["people"] = called_persons(plan, {})
        else:
            made.ctes["identities"] = identities(plan)
            made.ctes["people"] = persons(plan)
        if plan.scoped.scope.objections:
            made.ctes[listed_name(OBJECTIONS)] = listed(plan, OBJECTIONS)
        return made

    def cohort(self) -> exp.Query:
        """The whole query.

        1. Find the sets of events that are used, and what is asked of them.
        2. Each person's step, values, and whether the pool of controls holds them.
        3. Numbers of those who stopped, the persons who did not, and the pool.
        """
        self._ask(self._used())
        values, steps = self.plan.values(), last_step(self.plan)
        self.ctes[DECIDED] = self._decided((), self.people.terms(), values, [])
        parts = self._finished(steps, values)
        if self.plan.scoped.model.matching is not None:
            parts.append(self._offered(steps, values))
        return self._with_ctes(
            exp.union(*parts, distinct=False, copy=False).order_by("step", "person", copy=False)
        )

    def decided(self) -> Decided:
        """Each person's step, values, and whether the pool of controls holds them.

        Where nobody without certain events can pass the first step, and nobody is asked what
        they had else, only persons with such events are looked at; the others are counted.
        """
        self._ask(self._used())
        needed, inputs = self._needed(), Inputs()
        told = "people" if needed else TOLD
        measured = self._measured(self.people.terms(told, inputs.kept))
        own = self.plan.values()[: -len(measured) or None]
        query = self._decided(needed, self.people.terms(told), own, inputs.named())
        everyone = _Compiler.of(self.plan).everyone() if needed else None
        return Decided(query=self._with_ctes(query), everyone=everyone, measured=measured)

    def everyone(self) -> exp.Query:
        """How many persons there are, as far as the scope goes."""
        terms = self.people.terms()
        count = named_as(cast(exp.Count(this=exp.Star()), "BIGINT"), "persons")
        tested = [_certain(terms.term(one)) for one in self.plan.scoped.guards]
        return self._with_ctes(
            exp.select(count, copy=False).from_("people", copy=False).where(*tested, copy=False)
        )

    def event_rows(self, rows: EventRows) -> exp.Query:
        """The rows of one output."""
        self._ask([node for node in walk(rows.events) if isinstance(node, Expression)])
        self.sets.use(rows.events)
        source, conditions = self.sets.relation(rows.events)
        person, name = exp.column("person", "k"), exp.column("person", "e")
        query = exp.select(person, *(exp.column(name, "e") for name in rows.columns), copy=False)
        query = query.from_(aliased(source, alias="e"), copy=False)
        if self.sets.key(rows.events) == "number":
            same = exp.EQ(this=exp.column("number", "numbers"), expression=name)
            query, name = (
                query.join("numbers", on=same, copy=False),
                exp.column("called", "numbers"),
            )
        of_cohort = exp.EQ(this=person, expression=name)
        query = query.join(aliased(COHORT_PERSONS, alias="k"), on=of_cohort, copy=False)
        names = ("person", *rows.columns)
        order = [exp.Ordered(this=exp.column(name), nulls_first=False) for name in names]
        whole = exp.select(*names, copy=False).from_(
            query.where(*conditions, copy=False).subquery("w", copy=False), copy=False
        )
        return self._with_ctes(whole.order_by(*order, copy=False))

    def _keep(self) -> list[Expression]:
        """What must be true, step by step."""
        model = self.plan.scoped.model
        rules = [rule.keep for rule in find_rules(PERSONS, model.person_rules)]
        return [*(rule for rule in rules if rule is not None), model.population]

    def _drop(self) -> list[Expression]:
        """What must not be true, in the steps after those."""
        return [exclusion.condition for exclusion in self.plan.scoped.model.exclusions]

    def _used(self) -> list[Expression]:
        """All that is asked of each person."""
        matching = self.plan.scoped.model.matching
        offered = [] if matching is None else [matching.controls]
        guards = self.plan.scoped.guards
        return [*self._keep(), *self._drop(), *self.plan.values(), *guards, *offered]

    def _needed(self) -> list[Exists]:
        """Events without which a person stops at the first step, where the rest is not asked."""
        model = self.plan.scoped.model
        guarded = [node for one in self.plan.scoped.guards for node in own_nodes(one)]
        if len(self._keep()) > 1 or model.matching is not None:
            return []
        if any(isinstance(node, Aggregate) for node in guarded):
            return []
        return [
            one
            for one in _conjuncts(model.population)
            if isinstance(one, Exists) and self.sets.key(one.events) == "number"
        ]

    def _measured(self, terms: Terms) -> dict[str, Term]:
        """The values of the measures, by their names in the wide table."""
        measures = self.plan.scoped.model.measures
        return {
            measure_column(place, interval, side): cast(terms.term(value), SQL_TYPES[value.kind])
            for place, measure in enumerate(measures)
            for interval, pair in enumerate(measure.unrolled())
            for side, value in zip("nd", pair, strict=True)
        }

    def _decided(
        self,
        needed: Sequence[Exists],
        terms: Terms,
        values: Sequence[Expression],
        further: Sequence[Term],
    ) -> exp.Select:
        """The relation of persons, with `values` by their place, and `further` columns."""
        keep, drop = self._keep(), self._drop()
        matching = self.plan.scoped.model.matching
        columns = [named_as(_step(keep, drop, terms), "step")]
        columns += [
            named_as(cast(terms.term(value), SQL_TYPES[value.kind]), f"c{place}")
            for place, value in enumerate(values)
        ]
        columns += further
        if matching is not None:
            columns.append(named_as(_certain(terms.term(matching.controls)), "offered"))
        used = self._used()
        if needed:
            query = self.people.some(columns, used, needed)
        else:
            query = self.people.every(columns, used)
        tested = [_certain(terms.term(one)) for one in self.plan.scoped.guards]
        return query.where(*tested, copy=False)

    def _ask(self, expressions: Sequence[Expression]) -> None:
        for expression in expressions:
            for node in walk(expression):
                if isinstance(node, Aggregate):
                    self.people.summaries.ask(node)

    def _finished(self, steps: int, values: Sequence[Expression]) -> list[exp.Select]:
        nothing = [
            named_as(cast(exp.null(), SQL_TYPES[value.kind]), f"c{place}")
            for place, value in enumerate(values)
        ]
        stopped = (
            exp.select(
                "step",
                named_as(cast(exp.Count(this=exp.Star()), "BIGINT"), "persons"),
                named_as(cast(exp.null(), "TEXT"), "person"),
                *nothing,
                copy=False,
            )
            .from_(DECIDED, copy=False)
            .where(exp.LT(this=exp.column("step"), expression=number(steps)), copy=False)
            .group_by("step", copy=False)
        )
        names = [f"c{place}" for place in range(len(values))]
        kept = (
            exp.select("step", named_as(number(1), "persons"), "person", *names, copy=False)
            .from_(DECIDED, copy=False)
            .where(exp.EQ(this=exp.column("step"), expression=number(steps)), copy=False)
        )
        return [stopped, kept]

    def _offered(self, steps: int, values: Sequence[Expression]) -> exp.Select:
        """Who passed the person rules, is not in the cohort, and may be a control."""
        names = [f"c{place}" for place in range(len(values))]
        return (
            exp.select(
                named_as(number(steps + 1), "step"),
                named_as(number(1), "persons"),
                "person",
                *names,
                copy=False,
            )
            .from_(DECIDED, copy=False)
            .where(*may_be_control(self.plan), copy=False)
        )

    def _with_ctes(self, query: exp.Query) -> exp.Query:
        for name, inner in self.ctes.items():
            query = query.with_(name, as_=inner, copy=False)
        return query


def may_be_control(plan: RunPlan) -> list[Term]:
    """The conditions on `decided` under which a person may be a control.

    Passed the person rules, is not in the cohort, and is offered.
    """
    model = plan.scoped.model
    rules, steps = len(model.person_rules), last_step(plan)
    step = exp.column("step")
    return [
        exp.GTE(this=step, expression=number(rules)),
        exp.LT(this=step, expression=number(steps)),
        exp.column("offered"),
    ]


def last_step(plan: RunPlan) -> int:
    """The step of those who passed all."""
    model = plan.scoped.model
    return len(model.person_rules) + 1 + len(model.exclusions)


def _step(keep: Sequence[Expression], drop: Sequence[Expression], terms: Terms) -> Term:
    """The place of the first step that a person does not pass."""
    stops: list[Term] = [exp.Not(this=_certain(terms.term(condition))) for condition in keep]
    stops += [_certain(terms.term(condition)) for condition in drop]
    ifs = [exp.If(this=stop, true=number(place)) for place, stop in enumerate(stops)]
    return exp.Case(ifs=ifs, default=number(len(stops)))


def _conjuncts(condition: Expression) -> list[Expression]:
    """Conditions all of which must be true for `condition` to be."""
    if isinstance(condition, Both):
        return [*_conjuncts(condition.left), *_conjuncts(condition.right)]
    return [condition]


def _certain(condition: Term) -> Term:
    """True or false; unknown is false."""
    return exp.Coalesce(this=condition, expressions=[exp.false()])
