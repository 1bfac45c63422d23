"""What is asked about one person, in plain Python: sets of events, and values made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from bercail.cohorts.arithmetic import Given, Registered
from bercail.cohorts.derived import MAX_DAYS, Periods, Washout
from bercail.cohorts.events import (
    Aggregate,
    Count,
    CountDistinct,
    Events,
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
from bercail.cohorts.memory.evaluate import evaluate
from bercail.cohorts.memory.views import MemoryViews, Row
from bercail.cohorts.scores import find_index
from bercail.cohorts.views import VIEWS


class OnePerson:
    """One person of a run; each set of events is worked out once."""

    def __init__(self, person: str, views: MemoryViews, objections: frozenset[str]) -> None:
        self._person = person
        self._views = views
        self._objections = objections
        self._sets: dict[EventSet, list[Row]] = {}

    def value(self, node: Expression) -> Any:
        """The value of an expression for this person."""
        return evaluate(node, self._look)

    def events(self, node: EventSet) -> list[Row]:
        """The events of a set."""
        if node not in self._sets:
            self._sets[node] = self._select(node)
        return self._sets[node]

    def _look(self, node: Column | Aggregate | Given) -> Any:
        if isinstance(node, Registered):
            return self._views.registered(self._person, node)
        if isinstance(node, Given):
            return self._person in self._objections
        if isinstance(node, Column):
            return self._views.persons[self._person][node.name]
        return self._aggregate(node)

    def _select(self, node: EventSet) -> list[Row]:
        if isinstance(node, Events):
            return list(self._views.events(node).get(self._person, ()))
        if isinstance(node, Where):
            condition = node.condition
            return [row for row in self.events(node.events) if _of(condition, row) is True]
        if isinstance(node, Within):
            return self._within(node)
        if isinstance(node, Washout):
            return _after_washout(node, self.events(node.events))
        if isinstance(node, Periods):
            return _periods(node, self.events(node.events))
        raise TypeError(type(node).__name__)

    def _within(self, node: Within) -> list[Row]:
        start = date.min if node.start is None else self.value(node.start)
        end = date.max if node.end is None else self.value(node.end)
        if start is None or end is None:
            return []
        inside = []
        for row in self.events(node.events):
            day = row[node.column]
            if day is not None and start <= day <= end:
                inside.append(row)
        return inside

    def _aggregate(self, node: Aggregate) -> Any:
        events = self.events(node.events)
        if isinstance(node, Nearest):
            return _nearest(node, events, self.value(node.to))
        return _AGGREGATES[type(node)](node, events)


def _of(node: Expression, row: Row) -> Any:
    return evaluate(node, lambda column: row[column.name])  # type: ignore[union-attr]


def _after_washout(node: Washout, events: list[Row]) -> list[Row]:
    name = VIEWS[node.view].date
    days = sorted({row[name] for row in events if row[name] is not None})
    fresh = set()
    for day in days:
        before = [other for other in days if 0 < (day - other).days <= node.days]
        if not before:
            fresh.add(day)
    return [row for row in events if row[name] in fresh]


def _periods(node: Periods, events: list[Row]) -> list[Row]:
    name = VIEWS[node.events.view].date
    dated = [row for row in events if row[name] is not None]
    if node.days is None:
        if not dated:
            return []
        first = min(row[name] for row in dated)
        whole = {"start": first, "end": None, "events": len(dated)}
        return [{**whole, "days": None, "covered": None}]
    spans: list[tuple[date, date]] = []
    for row in dated:
        days = _of(node.days, row)
        if days is not None and days >= 1:
            spans.append((row[name], row[name] + timedelta(days=min(days, MAX_DAYS) - 1)))
    found: list[tuple[set[date], list[tuple[date, date]]]] = []
    last: date | None = None
    for start, end in sorted(spans):
        covered = {start + timedelta(days=place) for place in range((end - start).days + 1)}
        if last is None or (start - last).days - 1 > node.gap:
            found.append((covered, [(start, end)]))
        else:
            found[-1][0].update(covered)
            found[-1][1].append((start, end))
        last = end if last is None else max(last, end)
    return [_period(covered, members) for covered, members in found]


def _period(covered: set[date], members: list[tuple[date, date]]) -> Row:
    start, end = min(covered), max(covered)
    return {
        "start": start,
        "end": end,
        "events": len(members),
        "days": (end - start).days + 1,
        "covered": len(covered),
    }


def _known(node: Any, events: list[Row]) -> list[Any]:
    values = [_of(node.value, row) for row in events]
    return [value for value in values if value is not None]


def _mean(node: Mean, events: list[Row]) -> int | None:
    known = _known(node, events)
    return sum(known) * node.scale // len(known) if known else None


def _score(node: Score, events: list[Row]) -> int:
    index, codes = find_index(node.index), _known(node, events)
    found = {
        group.name
        for group in index.groups
        if any(code.startswith(group.prefixes) for code in codes)
    }
    return index.score(frozenset(found))


def _place(node: Pick | Nearest, row: Row) -> tuple[Any, ...]:
    view = VIEWS[node.events.view]
    # The first date is the same whichever event of that day is first.
    order = () if node.column == view.date else view.order
    return (row[view.date], *((row[name] is None, row[name]) for name in order))


def _dated(node: Pick | Nearest, events: list[Row]) -> list[Row]:
    name = VIEWS[node.events.view].date
    return [row for row in events if row[name] is not None]


def _pick(node: Pick, events: list[Row]) -> Any:
    choose = min if node.which == "first" else max
    chosen = choose(_dated(node, events), key=lambda row: _place(node, row), default=None)
    return None if chosen is None else chosen[node.column]


def _nearest(node: Nearest, events: list[Row], to: date | None) -> Any:
    if to is None:
        return None
    name = VIEWS[node.events.view].date

    def place(row: Row) -> tuple[Any, ...]:
        return (abs((row[name] - to).days), *_place(node, row))

    chosen = min(_dated(node, events), key=place, default=None)
    return None if chosen is None else chosen[node.column]


_AGGREGATES: Mapping[type[Aggregate], Callable[[Any, list[Row]], Any]] = {
    Exists: lambda _, events: len(events) > 0,
    Count: lambda _, events: len(events),
    CountDistinct: lambda node, events: len(set(_known(node, events))),
    Total: lambda node, events: sum(_known(node, events)),
    Minimum: lambda node, events: min(_known(node, events), default=None),
    Maximum: lambda node, events: max(_known(node, events), default=None),
    Mean: _mean,
    Pick: _pick,
    Score: _score,
}
