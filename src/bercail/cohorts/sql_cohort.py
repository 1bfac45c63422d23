"""A run plan as one SQL query with common table expressions.

The result has one row per step at which persons stopped (`step`, `persons`), and one row
per person who passed all steps (`person`, the index date and the attributes).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from attrs import define, field
from sqlglot import exp

from bercail.cohorts.cleaning import find_rules
from bercail.cohorts.codec import children
from bercail.cohorts.events import (
    Aggregate,
    Count,
    CountDistinct,
    Events,
    EventSet,
    Exists,
    Maximum,
    Minimum,
    Pick,
    Total,
    Where,
    Within,
)
from bercail.cohorts.expressions import Column, Expression, Literal, Node
from bercail.cohorts.plan import RunPlan
from bercail.cohorts.rules import base_of, walk
from bercail.cohorts.sql_terms import SQL_TYPES, Term, Terms, all_of, number
from bercail.cohorts.sql_views import (
    BY_PSEUDONYM,
    BY_RANK,
    CODE_SETS,
    NET_KEY,
    STAY_ID,
    EventQuery,
    event_query,
    identities,
    nets,
    one_person,
    persons,
    stay_codes,
)
from bercail.cohorts.views import PERSONS, STAYS, VIEWS


def compile_cohort(plan: RunPlan) -> exp.Query:
    """The query of one run."""
    return _Compiler(plan=plan).query()


@define(kw_only=True)
class _Compiler:
    plan: RunPlan
    ctes: dict[str, exp.Query] = field(factory=dict)
    sets: dict[EventSet, str] = field(factory=dict)
    groups: dict[EventSet, list[Aggregate]] = field(factory=dict)
    shared: set[EventSet] = field(factory=set)
    summaries: dict[EventSet, str] = field(factory=dict)
    picks: dict[tuple[EventSet, str], str] = field(factory=dict)

    def query(self) -> exp.Query:
        """The whole query.

        1. Find the sets of events that are used, and which are shared.
        2. Persons and their identities.
        3. Each person's step and attributes.
        4. Numbers of those who stopped, and the persons who did not.
        """
        model = self.plan.model
        self._survey(list(model.expressions()))
        self.ctes["identities"] = identities(self.plan)
        self.ctes["people"] = persons(self.plan)
        rules = [rule.keep for rule in find_rules(PERSONS, model.person_rules)]
        keep = [*(rule for rule in rules if rule is not None), model.population]
        drop = [exclusion.condition for exclusion in model.exclusions]
        values = [model.index_date] if model.index_date is not None else []
        values += [attribute.value for attribute in model.attributes]
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
        decided = self._from_people([exp.alias_(step, "step"), *columns], [*keep, *drop, *values])
        self.ctes["decided"] = decided
        return self._finished(len(stops), values)

    def _finished(self, steps: int, values: Sequence[Expression]) -> exp.Query:
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
        both = exp.union(stopped, kept, distinct=False).order_by("step", "person")
        for name, query in self.ctes.items():
            both = both.with_(name, as_=query, copy=False)
        return both

    def _survey(self, expressions: Sequence[Expression]) -> None:
        parents: dict[EventSet, set[Node]] = defaultdict(set)
        for expression in expressions:
            for node in walk(expression):
                if isinstance(node, Aggregate):
                    together = self.groups.setdefault(node.events, [])
                    if node not in together:
                        together.append(node)
                parents_here = (child for child in children(node) if isinstance(child, EventSet))
                for child in parents_here:
                    parents[child].add(node)
        for events, above in parents.items():
            narrowed = sum(isinstance(node, EventSet) for node in above)
            if events in self.groups or narrowed > 1:
                self.shared.add(events)

    def _person_terms(self) -> Terms:
        return Terms(lambda node: exp.column(node.name, "people"), self._aggregate)

    def _from_people(self, columns: Sequence[Term], used: Sequence[Expression]) -> exp.Select:
        """A query over persons, joined with every summary that `used` speaks of."""
        query = exp.select(exp.column("person", "people"), *columns).from_("people")
        joined: set[str] = set()
        for expression in used:
            for aggregate in _own_aggregates(expression):
                name = self._relation(aggregate)
                if name in joined:
                    continue
                joined.add(name)
                on = exp.EQ(
                    this=exp.column("person", name), expression=exp.column("person", "people")
                )
                query = query.join(name, on=on, join_type="left")
        return query

    def _aggregate(self, node: Aggregate) -> Term:
        name = self._relation(node)
        if isinstance(node, Exists):
            there = exp.Is(this=exp.column("person", name), expression=exp.null())
            return exp.paren(exp.Not(this=exp.paren(there)))
        if isinstance(node, Pick) and not _is_date(node):
            return exp.column(node.column, name)
        value = exp.column(f"a{self.groups[node.events].index(node)}", name)
        if isinstance(node, Count | CountDistinct | Total):
            return exp.Coalesce(this=value, expressions=[number(0)])
        return value

    def _relation(self, node: Aggregate) -> str:
        if isinstance(node, Pick) and not _is_date(node):
            return self._picked(node)
        if node.events not in self.summaries:
            source = self._set(node.events)
            terms = self._event_terms()
            columns = [
                exp.alias_(_summary(one, terms), f"a{place}")
                for place, one in enumerate(self.groups[node.events])
                if not isinstance(one, Exists | Pick) or _is_date(one)
            ]
            query = exp.select(exp.column("person", "e"), *columns)
            query = query.from_(exp.to_table(source, alias="e")).group_by(exp.column("person", "e"))
            name = f"summary_{len(self.summaries)}"
            self.ctes[name] = query
            self.summaries[node.events] = name
        return self.summaries[node.events]

    def _picked(self, node: Pick) -> str:
        key = (node.events, node.which)
        if key not in self.picks:
            source = self._set(node.events)
            view = VIEWS[node.events.view]
            wanted = sorted(
                {
                    one.column
                    for one in self.groups[node.events]
                    if isinstance(one, Pick) and one.which == node.which and not _is_date(one)
                }
            )
            last = node.which == "last"
            order = [
                exp.Ordered(this=exp.column(name, "e"), desc=last, nulls_first=last)
                for name in (view.date, *view.order)
            ]
            rank = exp.Window(
                this=exp.RowNumber(),
                partition_by=[exp.column("person", "e")],
                order=exp.Order(expressions=order),
            )
            dated = exp.Not(this=exp.Is(this=exp.column(view.date, "e"), expression=exp.null()))
            ranked = (
                exp.select(
                    *(exp.column(name, "e") for name in ("person", *wanted)),
                    exp.alias_(rank, "place"),
                )
                .from_(exp.to_table(source, alias="e"))
                .where(dated)
            )
            first = exp.EQ(this=exp.column("place"), expression=number(1))
            name = f"picked_{len(self.picks)}"
            self.ctes[name] = exp.select("person", *wanted).from_(ranked.subquery("r")).where(first)
            self.picks[key] = name
        return self.picks[key]

    def _set(self, events: EventSet) -> str:
        """The relation that holds a set of events, made when first asked for."""
        if events in self.sets:
            return self.sets[events]
        # 1. Down to the nearest set that has a relation of its own.
        steps: list[EventSet] = []
        below = events
        while not isinstance(below, Events) and (below is events or below not in self.shared):
            steps.append(below)
            below = below.events  # type: ignore[attr-defined]  # Where and Within have one
        steps.reverse()
        # 2. From that relation, or from the view itself, narrow step by step.
        whole_view = isinstance(below, Events) and (below is events or below not in self.shared)
        if whole_view:
            query = self._from_view(base_of(below), steps)
        else:
            query = exp.select("e.*").from_(exp.to_table(self._set(below), alias="e"))
            query = self._narrowed(query, steps)
        name = f"events_{len(self.sets)}"
        self.ctes[name] = query
        self.sets[events] = name
        return name

    def _from_view(self, base: Events, steps: Sequence[EventSet]) -> exp.Select:
        self._require_links(base.of)
        rules = find_rules(base.of, base.rules)
        early = [step for step in steps if self._fits_before_net(step, nets(rules))]
        late = [step for step in steps if step not in early]
        asked = EventQuery(
            rules=rules,
            columns=self.plan.used[base.of],
            before=[self._condition(step) for step in early],
            windows=_literal_windows(early),
        )
        query = event_query(self.plan, base.of, asked)
        if not late:
            return query
        return self._narrowed(exp.select("e.*").from_(query.subquery("e")), late)

    def _narrowed(self, query: exp.Select, steps: Sequence[EventSet]) -> exp.Select:
        for step in steps:
            if isinstance(step, Within) and not _is_literal(step):
                query = self._join_window(query, step)
            else:
                query = query.where(self._condition(step))
        return query

    def _fits_before_net(self, step: EventSet, netted: bool) -> bool:
        if isinstance(step, Within):
            return _is_literal(step)
        if not isinstance(step, Where):
            return False
        names = {node.name for node in walk(step.condition) if isinstance(node, Column)}
        return not netted or names <= set(NET_KEY)

    def _condition(self, step: EventSet) -> Term:
        terms = self._event_terms()
        if isinstance(step, Where):
            return terms.term(step.condition)
        if not isinstance(step, Within):
            raise TypeError(type(step).__name__)
        column = exp.column(step.column, "e")
        bounds: list[Term] = []
        if step.start is not None:
            bounds.append(exp.GTE(this=column, expression=terms.term(step.start)))
        if step.end is not None:
            bounds.append(exp.LTE(this=column.copy(), expression=terms.term(step.end)))
        return all_of(bounds)

    def _join_window(self, query: exp.Select, step: Within) -> exp.Select:
        """Join each person's own bounds; an unknown bound keeps nothing."""
        terms = self._person_terms()
        named = {"start": step.start, "end": step.end}
        bounds = {name: bound for name, bound in named.items() if bound is not None}
        columns = [
            exp.alias_(exp.cast(terms.term(bound), "DATE"), f"window_{name}")
            for name, bound in bounds.items()
        ]
        name = f"window_{len(self.ctes)}"
        self.ctes[name] = self._from_people(columns, list(bounds.values()))
        column = exp.column(step.column, "e")
        on: list[Term] = [
            exp.EQ(this=exp.column("person", name), expression=exp.column("person", "e"))
        ]
        if "start" in bounds:
            on.append(exp.GTE(this=column, expression=exp.column("window_start", name)))
        if "end" in bounds:
            on.append(exp.LTE(this=column.copy(), expression=exp.column("window_end", name)))
        return query.join(name, on=exp.and_(*on))

    def _event_terms(self) -> Terms:
        return Terms(lambda node: exp.column(node.name, "e"), any_code=self._any_code)

    def _any_code(self, column: Column, test: object) -> Term:
        relation = CODE_SETS[column.name]
        if relation not in self.ctes:
            self.ctes[relation] = stay_codes(self.plan, column.name)
        same = [
            exp.EQ(this=exp.column(name, "x"), expression=exp.column(name, "e")) for name in STAY_ID
        ]
        if not callable(test):
            raise TypeError("a test of codes is a function")
        inside = exp.select("1").from_(exp.to_table(relation, alias="x"))
        return exp.Exists(this=inside.where(*same, test(exp.column("code", "x"))))

    def _require_links(self, view: str) -> None:
        name = BY_PSEUDONYM if view == STAYS else BY_RANK
        if name not in self.ctes:
            self.ctes[name] = one_person(rank=view != STAYS)


def _certain(condition: Term) -> Term:
    """True or false; unknown is false."""
    return exp.Coalesce(this=condition, expressions=[exp.false()])


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


def _summary(node: Aggregate, terms: Terms) -> Term:
    if isinstance(node, Count):
        return exp.cast(exp.Count(this=exp.Star()), "BIGINT")
    if isinstance(node, Pick):
        dated = exp.column(node.column, "e")
        return exp.Min(this=dated) if node.which == "first" else exp.Max(this=dated)
    if not isinstance(node, CountDistinct | Total | Minimum | Maximum):
        raise TypeError(type(node).__name__)
    value = terms.term(node.value)
    if isinstance(node, CountDistinct):
        return exp.cast(exp.Count(this=exp.Distinct(expressions=[value])), "BIGINT")
    if isinstance(node, Total):
        return exp.cast(exp.Sum(this=value), "BIGINT")
    return exp.Min(this=value) if isinstance(node, Minimum) else exp.Max(this=value)


def _is_date(node: Aggregate) -> bool:
    """Whether a pick asks for the very date by which events are ordered."""
    return isinstance(node, Pick) and node.column == VIEWS[node.events.view].date


def _is_literal(step: Within) -> bool:
    return all(bound is None or isinstance(bound, Literal) for bound in (step.start, step.end))


def _literal_windows(steps: Sequence[EventSet]) -> dict[str, tuple[date, date]]:
    found: dict[str, tuple[date, date]] = {}
    for step in steps:
        if not isinstance(step, Within):
            continue
        if isinstance(step.start, Literal) and isinstance(step.end, Literal):
            start, end = step.start.content, step.end.content
            if isinstance(start, date) and isinstance(end, date):
                found[step.column] = (start, end)
    return found
