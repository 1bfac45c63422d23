"""Sets of events as relations: whole views, and what is made of them, each read once.

A set is a *root* (a whole view, a window between dates of the person, a washout, periods, a
test on sets of codes) narrowed by *conditions* that look at one event alone. Only roots become
relations; conditions are tested where events are counted or picked. What all users of a whole
view ask is tested while it is read, and what each of them asks at least as one of several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from attrs import define, field
from sqlglot import exp

from bercail.cohorts.cleaning import find_rules
from bercail.cohorts.derived import Periods, Washout
from bercail.cohorts.events import Events, EventSet, Where, Within
from bercail.cohorts.expressions import Column, Expression, Literal
from bercail.cohorts.plan import RunPlan
from bercail.cohorts.rules import base_of, walk
from bercail.cohorts.sql.derived import periods_query, washout_days, washout_query
from bercail.cohorts.sql.silver import code_of_stay, silver_query
from bercail.cohorts.sql.terms import Term, Terms, all_of
from bercail.cohorts.sql.trees import aliased
from bercail.cohorts.sql.views import (
    BY_PSEUDONYM,
    BY_RANK,
    CODE_SETS,
    NET_KEY,
    STAY_ID,
    EventQuery,
    event_query,
    nets,
    one_person,
    stay_codes,
)
from bercail.cohorts.views import STAYS, VIEWS, Kind

Steps = tuple[EventSet, ...]
# A chain of conditions, and the root that is made of what passes them, if one is.
User = tuple[Steps, EventSet | None]
# From so many users on, their conditions are no longer tested as alternatives.
MOST_ALTERNATIVES = 40


def rooted(events: EventSet) -> tuple[EventSet, Steps]:
    """The root of a set, and the conditions on single events that narrow it, from below."""
    steps: list[EventSet] = []
    while _on_one_event(events):
        steps.append(events)
        events = events.events  # type: ignore[attr-defined]  # Where and Within have one
    return events, tuple(reversed(steps))


def _on_one_event(events: EventSet) -> bool:
    if isinstance(events, Within):
        return all(b is None or isinstance(b, Literal) for b in (events.start, events.end))
    if not isinstance(events, Where):
        return False
    return not any(n.kind is Kind.CODES for n in walk(events.condition) if isinstance(n, Column))


@define(kw_only=True)
class Sets:
    """The relations of one query; `ctes` holds them in the order in which they may stand.

    `windows` makes the relation of a person's own dates: it is given names with expressions,
    and by what it shall name persons.
    """

    plan: RunPlan
    ctes: dict[str, exp.Query]
    windows: Callable[[dict[str, Expression], str], str]
    made: dict[EventSet, str] = field(factory=dict)
    users: dict[EventSet, list[User]] = field(factory=dict)
    with_columns: set[EventSet] = field(factory=set)

    def use(self, events: EventSet, *, only_days: bool = False) -> None:
        """Say beforehand that `events` will be counted or narrowed.

        `only_days` when it matters for that on which days there is an event of the root, and
        nothing else about its events.
        """
        self._use(events, None, only_days=only_days)

    def _use(self, events: EventSet, owner: EventSet | None, *, only_days: bool) -> None:
        root, steps = rooted(events)
        users = self.users.setdefault(root, [])
        if (steps, owner) not in users:
            users.append((steps, owner))
        if not only_days:
            self.with_columns.add(root)
        if not isinstance(root, Events):
            self._use(root.events, root, only_days=False)  # type: ignore[attr-defined]  # every root but a view has one

    def _chains(self, root: EventSet) -> list[Steps]:
        """What each user of a root asks of its events, as far as they look at one alone."""
        found: list[Steps] = []
        for steps, owner in self.users.get(root, [((), None)]):
            chain = steps if owner is None else (*steps, *self._reach(owner))
            if chain not in found:
                found.append(chain)
        return found

    def _reach(self, owner: EventSet) -> Steps:
        """The days of events below `owner` that can matter to its users, where all say which.

        A washout looks back: an event is fresh by the events of the days before it, and those
        of other days change nothing.
        """
        if not isinstance(owner, Washout):
            return ()
        name = VIEWS[owner.view].date
        window = _hull(self._chains(owner)).get(name)
        if window is None:
            return ()
        first = max(window[0].toordinal() - owner.days, 1)
        start, end = date.fromordinal(first), window[1]
        bounds = [Literal(of=Kind.DATE, value=day.isoformat()) for day in (start, end)]
        return (Within(events=owner.events, column=name, start=bounds[0], end=bounds[1]),)

    def key(self, events: EventSet) -> str:
        """By what the relation of `events` names persons: `number`, or `person` for identities."""
        return "number" if base_of(events) in self.plan.silver else "person"

    def relation(self, events: EventSet) -> tuple[str, list[Term]]:
        """The relation that holds the root of `events`, and what is still to be tested on `e`."""
        root, steps = rooted(events)
        shared = self._shared(root)
        if root not in self.made:
            # What it is made from comes first, and takes the names before it.
            query = self._made(root)
            if shared and not isinstance(root, Events):
                query = exp.select("e.*", copy=False).from_(
                    query.subquery("e", copy=False), copy=False
                )
                query = query.where(*(self.condition(step) for step in shared), copy=False)
            name = f"events_{len(self.made)}"
            self.ctes[name] = query
            self.made[root] = name
        return self.made[root], [self.condition(step) for step in steps[len(shared) :]]

    def condition(self, step: EventSet) -> Term:
        """The condition of a step, on columns of `e`."""
        terms = self.terms(step)
        if isinstance(step, Where):
            return terms.term(step.condition)
        if not isinstance(step, Within):
            raise TypeError(type(step).__name__)
        column = exp.column(step.column, "e")
        bounds: list[Term] = []
        if step.start is not None:
            bounds.append(exp.GTE(this=column, expression=terms.term(step.start)))
        if step.end is not None:
            bounds.append(exp.LTE(this=column, expression=terms.term(step.end)))
        return exp.paren(all_of(bounds), copy=False)

    def terms(self, events: EventSet) -> Terms:
        """Expressions over one event of a set, whose relation is called `e`."""
        if base_of(events) in self.plan.silver:
            plan = self.plan
            return Terms(
                lambda node: exp.column(node.name, "e"),
                any_code=lambda column, test: code_of_stay(plan, column, test),
            )
        return Terms(lambda node: exp.column(node.name, "e"), any_code=self._any_code)

    def _made(self, root: EventSet) -> exp.Query:
        if isinstance(root, Events):
            return self._view(root)
        below, conditions = self.relation(root.events)  # type: ignore[attr-defined]  # as above
        if isinstance(root, Washout):
            # Asked once more where the whole view was read for others, too.
            conditions += [self.condition(step) for step in self._reach(root)]
            query_of = washout_query if root in self.with_columns else washout_days
            return query_of(root, below, conditions)
        if isinstance(root, Periods):
            days = None if root.days is None else self.terms(root.events).term(root.days)
            return periods_query(root, below, conditions, days)
        query = (
            exp.select("e.*", copy=False)
            .from_(aliased(below, alias="e"), copy=False)
            .where(*conditions, copy=False)
        )
        if isinstance(root, Where):
            return query.where(self.condition(root), copy=False)
        if not isinstance(root, Within):
            raise TypeError(type(root).__name__)
        return self._join_window(query, root)

    def _shared(self, root: EventSet) -> Steps:
        """The steps with which all users of a root begin."""
        chains = self._chains(root)
        shared = []
        for steps in zip(*chains, strict=False):
            if any(step != steps[0] for step in steps):
                break
            shared.append(steps[0])
        return tuple(shared)

    def _view(self, base: Events) -> exp.Select:
        rules = find_rules(base.of, base.rules)
        silver = base in self.plan.silver
        shared = self._shared(base)
        netted = not silver and nets(rules)
        early = [step for step in shared if _fits_before_net(step, netted)]
        late = [step for step in shared if step not in early]
        before = [self.condition(step) for step in early]
        rests = [steps[len(shared) :] for steps in self._chains(base)]
        before += self._alternatives(rests, netted)
        hull = _hull([[*early, *rest] for rest in rests])
        asked = EventQuery(
            rules=rules, columns=self.plan.used[base.of], before=before, windows=hull
        )
        if silver:
            query = silver_query(self.plan, base, asked)
        else:
            self._require_links(base.of)
            query = event_query(self.plan, base.of, asked)
        if not late:
            return query
        tested = [self.condition(step) for step in late]
        return (
            exp.select("e.*", copy=False)
            .from_(query.subquery("e", copy=False), copy=False)
            .where(*tested, copy=False)
        )

    def _alternatives(self, rests: Sequence[Steps], netted: bool) -> list[Term]:
        """What every user asks beyond the shared steps, as one condition of alternatives."""
        asked = [[step for step in rest if _fits_before_net(step, netted)] for rest in rests]
        if len(asked) < 2 or len(asked) > MOST_ALTERNATIVES or not all(asked):
            return []
        if all(isinstance(step, Within) for steps in asked for step in steps):
            # The hull of their windows says as much.
            return []
        each = [all_of([self.condition(step) for step in steps]) for steps in asked]
        return [exp.paren(exp.or_(*each, copy=False), copy=False)]

    def _join_window(self, query: exp.Select, step: Within) -> exp.Select:
        """Join each person's own bounds; an unknown bound keeps nothing."""
        named = {"start": step.start, "end": step.end}
        bounds = {name: bound for name, bound in named.items() if bound is not None}
        name = self.windows({f"window_{key}": one for key, one in bounds.items()}, self.key(step))
        column = exp.column(step.column, "e")
        on: list[Term] = [
            exp.EQ(this=exp.column("person", name), expression=exp.column("person", "e"))
        ]
        if "start" in bounds:
            on.append(exp.GTE(this=column, expression=exp.column("window_start", name)))
        if "end" in bounds:
            on.append(exp.LTE(this=column, expression=exp.column("window_end", name)))
        return query.join(name, on=exp.and_(*on, copy=False), copy=False)

    def _any_code(self, column: Column, test: object) -> Term:
        relation = CODE_SETS[column.name]
        if relation not in self.ctes:
            self.ctes[relation] = stay_codes(self.plan, column.name)
        same = [
            exp.EQ(this=exp.column(name, "x"), expression=exp.column(name, "e")) for name in STAY_ID
        ]
        if not callable(test):
            raise TypeError("a test of codes is a function")
        inside = exp.select("1", copy=False).from_(aliased(relation, alias="x"), copy=False)
        return exp.Exists(this=inside.where(*same, test(exp.column("code", "x")), copy=False))

    def _require_links(self, view: str) -> None:
        name = BY_PSEUDONYM if view == STAYS else BY_RANK
        if name not in self.ctes:
            self.ctes[name] = one_person(rank=view != STAYS)


def _fits_before_net(step: EventSet, netted: bool) -> bool:
    if isinstance(step, Within):
        return True
    if not isinstance(step, Where):
        return False
    names = {node.name for node in walk(step.condition) if isinstance(node, Column)}
    return not netted or names <= set(NET_KEY)


def _hull(chains: Sequence[Sequence[EventSet]]) -> dict[str, tuple[date, date]]:
    """For each column on which every chain has a window of two literals: all of them together."""
    windows = [_literal_windows(chain) for chain in chains]
    first, *others = windows if windows else [{}]
    return {
        name: (
            min(one[name][0] for one in windows),
            max(one[name][1] for one in windows),
        )
        for name in first
        if all(name in other for other in others)
    }


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
