"""A run plan as SQL with common table expressions. Nothing here runs anything.

`compile_cohort` gives one row per step at which persons stopped (`step`, `persons`), and one row
per person who passed all steps (`person`, the index date, the attributes, the values of the
measures). Where controls are matched, the persons of the pool follow, one step further.
`compile_event_rows` gives rows of events, for the persons in the relation `cohort_persons`.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field
from sqlglot import exp

from bercail.cohorts.arithmetic import OBJECTIONS
from bercail.cohorts.cleaning import find_rules
from bercail.cohorts.codec import children
from bercail.cohorts.events import Aggregate
from bercail.cohorts.expressions import Expression, Node
from bercail.cohorts.outputs import EventRows
from bercail.cohorts.plan import RunPlan
from bercail.cohorts.rules import walk
from bercail.cohorts.sql_sets import Sets
from bercail.cohorts.sql_summaries import Summaries
from bercail.cohorts.sql_terms import SQL_TYPES, Term, Terms, listed_name, number
from bercail.cohorts.sql_views import identities, listed, numbers, persons
from bercail.cohorts.views import PERSONS

COHORT_PERSONS = "cohort_persons"


def compile_cohort(plan: RunPlan) -> exp.Query:
    """The query of one run."""
    return _Compiler.of(plan).cohort()


def compile_event_rows(plan: RunPlan, rows: EventRows) -> exp.Query:
    """The rows of events that `rows` asks for (an output of the scoped model), sorted."""
    return _Compiler.of(plan).event_rows(rows)


@define(kw_only=True)
class _Compiler:
    plan: RunPlan
    ctes: dict[str, exp.Query] = field(factory=dict)
    sets: Sets = field(init=False)
    summaries: Summaries = field(init=False)

    @classmethod
    def of(cls, plan: RunPlan) -> _Compiler:
        """A compiler that knows the persons."""
        made = cls(plan=plan)
        made.sets = Sets(plan=plan, ctes=made.ctes, windows=made.window)
        made.summaries = Summaries(sets=made.sets)
        if plan.numbers:
            made.ctes["numbers"] = numbers(plan)
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
        model = self.plan.scoped.model
        rules = [rule.keep for rule in find_rules(PERSONS, model.person_rules)]
        keep = [*(rule for rule in rules if rule is not None), model.population]
        drop = [exclusion.condition for exclusion in model.exclusions]
        values = self.plan.values()
        guards = self.plan.scoped.guards
        offered = [] if model.matching is None else [model.matching.controls]
        used = [*keep, *drop, *values, *guards, *offered]
        self._ask(used)
        terms = self._person_terms()
        stops: list[Term] = [exp.Not(this=_certain(terms.term(condition))) for condition in keep]
        stops += [_certain(terms.term(condition)) for condition in drop]
        step = exp.Case(
            ifs=[exp.If(this=stop, true=number(place)) for place, stop in enumerate(stops)],
            default=number(len(stops)),
        )
        columns = [
            exp.alias_(exp.cast(terms.term(value), SQL_TYPES[value.kind]), f"c{place}")
            for place, value in enumerate(values)
        ]
        columns += [exp.alias_(_certain(terms.term(one)), "offered") for one in offered]
        decided = self._from_people([exp.alias_(step, "step"), *columns], used)
        tested = [_certain(terms.term(one)) for one in guards]
        self.ctes["decided"] = decided.where(*tested, copy=False)
        parts = self._finished(len(stops), values)
        if offered:
            parts.append(self._offered(len(stops), values))
        return self._with_ctes(
            exp.union(*parts, distinct=False, copy=False).order_by("step", "person", copy=False)
        )

    def event_rows(self, rows: EventRows) -> exp.Query:
        """The rows of one output."""
        expressions = [node for node in walk(rows.events) if isinstance(node, Expression)]
        self._ask(expressions)
        self.sets.use(rows.events)
        source, conditions = self.sets.relation(rows.events)
        same = exp.EQ(
            this=exp.column(self.sets.key(rows.events), "people"),
            expression=exp.column("person", "e"),
        )
        query = exp.select(
            exp.column("person", "people"), *(exp.column(name, "e") for name in rows.columns)
        )
        query = query.from_(exp.to_table(source, alias="e")).join("people", on=same)
        of_cohort = exp.EQ(
            this=exp.column("person", "k"), expression=exp.column("person", "people")
        )
        query = query.join(exp.to_table(COHORT_PERSONS, alias="k"), on=of_cohort)
        names = ("person", *rows.columns)
        order = [exp.Ordered(this=exp.column(name), nulls_first=False) for name in names]
        whole = exp.select(*names).from_(query.where(*conditions).subquery("w"))
        return self._with_ctes(whole.order_by(*order))

    def window(self, named: dict[str, Expression], key: str) -> str:
        """A relation of dates of each person, who is named by the column `key` of `people`."""
        terms = self._person_terms()
        columns = [
            exp.alias_(exp.cast(terms.term(bound), SQL_TYPES[bound.kind]), name)
            for name, bound in named.items()
        ]
        query = self._from_people(columns, list(named.values()), key)
        # An unknown date keeps no event, so those persons need not stand here.
        query = query.where(*(_is_known(terms.term(bound)) for bound in named.values()))
        name = f"window_{len(self.ctes)}"
        self.ctes[name] = query
        return name

    def _ask(self, expressions: Sequence[Expression]) -> None:
        for expression in expressions:
            for node in walk(expression):
                if isinstance(node, Aggregate):
                    self.summaries.ask(node)

    def _finished(self, steps: int, values: Sequence[Expression]) -> list[exp.Select]:
        nothing = [
            exp.alias_(exp.cast(exp.null(), SQL_TYPES[value.kind]), f"c{place}")
            for place, value in enumerate(values)
        ]
        stopped = (
            exp.select(
                "step",
                exp.alias_(exp.cast(exp.Count(this=exp.Star()), "BIGINT"), "persons"),
                exp.alias_(exp.cast(exp.null(), "TEXT"), "person"),
                *nothing,
            )
            .from_("decided")
            .where(exp.LT(this=exp.column("step"), expression=number(steps)))
            .group_by("step")
        )
        names = [f"c{place}" for place in range(len(values))]
        kept = (
            exp.select("step", exp.alias_(number(1), "persons"), "person", *names)
            .from_("decided")
            .where(exp.EQ(this=exp.column("step"), expression=number(steps)))
        )
        return [stopped, kept]

    def _offered(self, steps: int, values: Sequence[Expression]) -> exp.Select:
        """Who passed the person rules, is not in the cohort, and may be a control."""
        names = [f"c{place}" for place in range(len(values))]
        rules = len(self.plan.scoped.model.person_rules)
        return (
            exp.select(
                exp.alias_(number(steps + 1), "step"),
                exp.alias_(number(1), "persons"),
                "person",
                *names,
            )
            .from_("decided")
            .where(
                exp.GTE(this=exp.column("step"), expression=number(rules)),
                exp.LT(this=exp.column("step"), expression=number(steps)),
                exp.column("offered"),
            )
        )

    def _with_ctes(self, query: exp.Query) -> exp.Query:
        for name, inner in self.ctes.items():
            query = query.with_(name, as_=inner, copy=False)
        return query

    def _person_terms(self) -> Terms:
        return Terms(lambda node: exp.column(node.name, "people"), self.summaries.value)

    def _from_people(
        self, columns: Sequence[Term], used: Sequence[Expression], key: str = "person"
    ) -> exp.Select:
        """A query over persons, joined with every summary that `used` speaks of."""
        named = exp.alias_(exp.column(key, "people"), "person")
        query = exp.select(named, *columns).from_("people")
        joined: set[str] = set()
        for expression in used:
            for aggregate in _own_aggregates(expression):
                name = self.summaries.relation(aggregate)
                if name in joined:
                    continue
                joined.add(name)
                on = exp.EQ(
                    this=exp.column("person", name),
                    expression=exp.column(self.sets.key(aggregate.events), "people"),
                )
                query = query.join(name, on=on, join_type="left", copy=False)
        return query


def _certain(condition: Term) -> Term:
    """True or false; unknown is false."""
    return exp.Coalesce(this=condition, expressions=[exp.false()])


def _is_known(term: Term) -> Term:
    return exp.Not(this=exp.Is(this=exp.paren(term), expression=exp.null()))


def _own_aggregates(expression: Expression) -> list[Aggregate]:
    """The aggregates of an expression, not those inside the sets of events they count."""
    found: list[Aggregate] = []
    waiting: list[Node] = [expression]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Aggregate):
            found.append(node)
        else:
            waiting.extend(children(node))
    return found
