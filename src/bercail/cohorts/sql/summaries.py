"""Values per person from sets of events, as relations that are joined to the persons.

All counts, sums and extremes over one root are made in one pass, each with its own filter; what
is asked of many windows that do not meet is one number (`sql.calendar`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field
from sqlglot import exp

from bercail.cohorts.events import (
    Aggregate,
    Count,
    CountDistinct,
    EventSet,
    Exists,
    Maximum,
    Mean,
    Minimum,
    Nearest,
    Pick,
    Score,
    Total,
    Where,
    Within,
)
from bercail.cohorts.expressions import Column, Expression
from bercail.cohorts.rules import walk
from bercail.cohorts.scores import find_index
from bercail.cohorts.sql.arithmetic import big, floor_quotient
from bercail.cohorts.sql.calendar import Calendar, calendars
from bercail.cohorts.sql.sets import Sets, rooted
from bercail.cohorts.sql.terms import Term, Terms, all_of, number
from bercail.cohorts.sql.trees import aliased, cast, named_as
from bercail.cohorts.views import VIEWS

PickKey = tuple[EventSet, str, Expression | None]


@define(kw_only=True)
class Summaries:
    """The summaries of one query; `asked` must know every aggregate before one is used."""

    sets: Sets
    asked: dict[EventSet, list[Aggregate]] = field(factory=dict)
    picks: dict[PickKey, list[Pick | Nearest]] = field(factory=dict)
    made: dict[EventSet | PickKey, str] = field(factory=dict)
    by_window: dict[EventSet, list[Calendar]] = field(factory=dict)

    def ask(self, node: Aggregate) -> None:
        """Say beforehand that the value will be used."""
        self.sets.use(node.events, only_days=_only_days(node))
        if isinstance(node, Nearest) or (isinstance(node, Pick) and not _is_date(node)):
            together: list[Pick | Nearest] = self.picks.setdefault(_pick_key(node), [])
            if node not in together:
                together.append(node)
            return
        root, _ = rooted(node.events)
        if node not in self.asked.setdefault(root, []):
            self.asked[root].append(node)

    def relation(self, node: Aggregate) -> str:
        """The relation in which the value stands, one row for each person who has any."""
        if isinstance(node, Nearest) or (isinstance(node, Pick) and not _is_date(node)):
            key = _pick_key(node)
            if key not in self.made:
                self.made[key] = self._kept("picked", self._picked(key))
            return self.made[key]
        root, _ = rooted(node.events)
        if root not in self.made:
            self.made[root] = self._kept("summary", self._summary(root))
        return self.made[root]

    def value(
        self, node: Aggregate, told: str = "", kept: Callable[[exp.Column], Term] | None = None
    ) -> Term:
        """The value, once the relation is joined from the left.

        `told` is a relation that has the columns of several, each under both names; `kept` says
        what stands for a column.
        """
        name = self.relation(node)
        column, calendar = self._place(node)
        held = exp.column(f"{name}_{column}", told) if told else exp.column(column, name)
        value: Term = held if kept is None else kept(held)
        if calendar is not None and isinstance(node, Exists):
            value = calendar.among(value, node)
        if isinstance(node, Exists):
            return exp.Coalesce(this=value, expressions=[exp.false()])
        if isinstance(node, Count | CountDistinct | Total | Score):
            return exp.Coalesce(this=value, expressions=[number(0)])
        return value

    def _place(self, node: Aggregate) -> tuple[str, Calendar | None]:
        """The column that holds the value, and the calendar if it is a bit of that."""
        if isinstance(node, Nearest) or (isinstance(node, Pick) and not _is_date(node)):
            return node.column, None
        root, _ = rooted(node.events)
        for place, calendar in enumerate(self._calendars(root)):
            if node in calendar.nodes:
                return f"b{place}", calendar
        return f"a{self.asked[root].index(node)}", None

    def _calendars(self, root: EventSet) -> list[Calendar]:
        if root not in self.by_window:
            self.by_window[root] = calendars(self.asked[root])
        return self.by_window[root]

    def _kept(self, stem: str, query: exp.Query) -> str:
        name = f"{stem}_{len(self.made)}"
        self.sets.ctes[name] = query
        return name

    def _summary(self, root: EventSet) -> exp.Query:
        columns: list[Term] = []
        for place, calendar in enumerate(self._calendars(root)):
            # The window comes last, and no two of them are the same.
            *before, _ = self.sets.relation(calendar.nodes[0].events)[1]
            columns.append(named_as(calendar.bits(before), f"b{place}"))
        together = {node for calendar in self._calendars(root) for node in calendar.nodes}
        for place, node in enumerate(self.asked[root]):
            if node in together:
                continue
            _, conditions = self.sets.relation(node.events)
            columns.append(
                named_as(summary(node, conditions, self.sets.terms(node.events)), f"a{place}")
            )
        source, _ = self.sets.relation(root)
        query = exp.select(exp.column("person", "e"), *columns, copy=False)
        return query.from_(aliased(source, alias="e"), copy=False).group_by(
            exp.column("person", "e"), copy=False
        )

    def _picked(self, key: PickKey) -> exp.Query:
        events, which, to = key
        nodes = self.picks[key]
        view = VIEWS[events.view]
        wanted = sorted({node.column for node in nodes})
        source, conditions = self.sets.relation(events)
        last = which == "last"
        names = (view.date, *(view.order if wanted != [view.date] else ()))
        order: list[Term] = [
            exp.Ordered(this=exp.column(name, "e"), desc=last, nulls_first=last) for name in names
        ]
        dated = exp.Not(this=exp.Is(this=exp.column(view.date, "e"), expression=exp.null()))
        query = (
            exp.select()
            .from_(aliased(source, alias="e"), copy=False)
            .where(*conditions, dated, copy=False)
        )
        if to is not None:
            window = self.sets.windows({"near_to": to}, self.sets.key(events))
            far = exp.Sub(this=exp.column(view.date, "e"), expression=exp.column("near_to", window))
            order.insert(0, exp.Ordered(this=exp.Abs(this=exp.paren(far, copy=False))))
            same = exp.EQ(this=exp.column("person", window), expression=exp.column("person", "e"))
            known = exp.Not(this=exp.Is(this=exp.column("near_to", window), expression=exp.null()))
            query = query.join(window, on=exp.and_(same, known, copy=False), copy=False)
        rank = exp.Window(
            this=exp.RowNumber(),
            partition_by=[exp.column("person", "e")],
            order=exp.Order(expressions=order),
        )
        ranked = query.select(
            *(exp.column(name, "e") for name in ("person", *wanted)),
            named_as(rank, "place"),
            copy=False,
        )
        first = exp.EQ(this=exp.column("place"), expression=number(1))
        return (
            exp.select("person", *wanted, copy=False)
            .from_(ranked.subquery("r", copy=False), copy=False)
            .where(first, copy=False)
        )


def _is_date(node: Aggregate) -> bool:
    """Whether a pick asks for the very date by which events are ordered."""
    return isinstance(node, Pick) and node.column == VIEWS[node.events.view].date


def _only_days(node: Aggregate) -> bool:
    """Whether a value depends on the days alone on which there is an event of the root."""
    day = Column(of=node.events.view, name=VIEWS[node.events.view].date)
    _, steps = rooted(node.events)
    tested = [step.condition for step in steps if isinstance(step, Where)]
    if isinstance(node, CountDistinct | Minimum | Maximum):
        tested.append(node.value)
    elif not (isinstance(node, Exists) or _is_date(node)):
        return False
    read = {one for top in tested for one in walk(top) if isinstance(one, Column)}
    windows = {step.column for step in steps if isinstance(step, Within)}
    return read <= {day} and windows <= {day.name}


def _pick_key(node: Pick | Nearest) -> PickKey:
    if isinstance(node, Nearest):
        return node.events, "nearest", node.to
    return node.events, node.which, None


def summary(node: Aggregate, conditions: Sequence[Term], terms: Terms) -> Term:
    """One value over the events `e` that pass the conditions."""

    def over(aggregate: Term, further: Term | None = None) -> Term:
        tests = list(conditions) + ([further] if further is not None else [])
        if not tests:
            return aggregate
        return exp.Filter(this=aggregate, expression=exp.Where(this=all_of(tests)))

    if isinstance(node, Exists) and not conditions:
        # Only who has such an event has a row here.
        return exp.true()
    if isinstance(node, Exists):
        return exp.GT(this=over(exp.Count(this=exp.Star())), expression=exp.Literal.number(0))
    if isinstance(node, Count):
        return cast(over(exp.Count(this=exp.Star())), "BIGINT")
    if isinstance(node, Pick):
        dated = exp.column(node.column, "e")
        return over(exp.Min(this=dated) if node.which == "first" else exp.Max(this=dated))
    if isinstance(node, Score):
        return _score(node, terms, over)
    if not isinstance(node, CountDistinct | Total | Minimum | Maximum | Mean):
        raise TypeError(type(node).__name__)
    return _of_value(node, terms.term(node.value), over)


def _of_value(
    node: CountDistinct | Total | Minimum | Maximum | Mean, value: Term, over: Callable[..., Term]
) -> Term:
    if isinstance(node, CountDistinct):
        return cast(over(exp.Count(this=exp.Distinct(expressions=[value]))), "BIGINT")
    if isinstance(node, Minimum | Maximum):
        return over(exp.Min(this=value) if isinstance(node, Minimum) else exp.Max(this=value))
    total = cast(over(exp.Sum(this=value)), "BIGINT")
    if isinstance(node, Total):
        return total
    scaled = exp.Mul(this=exp.paren(total, copy=False), expression=big(node.scale))
    return floor_quotient(scaled, cast(over(exp.Count(this=value)), "BIGINT"))


def _score(node: Score, terms: Terms, over: Callable[..., Term]) -> Term:
    """The weights of the groups that some code begins with, the stronger of two alone."""
    index = find_index(node.index)

    def found(prefixes: Sequence[str]) -> Term:
        tests = [
            exp.StartsWith(this=terms.term(node.value), expression=exp.Literal.string(prefix))
            for prefix in prefixes
        ]
        counted = over(
            exp.Count(this=exp.Star()), exp.paren(exp.or_(*tests, copy=False), copy=False)
        )
        return exp.paren(exp.GT(this=counted, expression=exp.Literal.number(0)), copy=False)

    prefixes = {group.name: group.prefixes for group in index.groups}
    total: Term = big(0)
    for group in index.groups:
        if group.weight == 0:
            continue
        there = found(group.prefixes)
        if group.unless:
            there = exp.and_(there, exp.Not(this=found(prefixes[group.unless])), copy=False)
        points = exp.Case(ifs=[exp.If(this=there, true=big(group.weight))], default=big(0))
        total = exp.Add(this=total, expression=points)
    return exp.paren(total, copy=False)
