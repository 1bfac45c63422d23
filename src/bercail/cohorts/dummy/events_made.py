"""Adding an event to a draft so that it falls into a set of events."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any, Protocol

from attrs import define

from bercail.cohorts.dummy.drafts import Draft
from bercail.cohorts.events import Events, EventSet, Where, Within
from bercail.cohorts.expressions import (
    Both,
    Column,
    Compare,
    Either,
    Expression,
    IfUnknown,
    IsIn,
    Known,
    Literal,
    Negation,
    StartsWith,
    YearOf,
)
from bercail.cohorts.memory.evaluate import evaluate
from bercail.cohorts.views import PERIODS, VIEWS, Kind

Given = tuple[Expression, Any]


class Unsolved(Exception):
    """A condition of this kind is not solved."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class PersonMaker(Protocol):
    """Who gives the person's own dates."""

    def value(self, node: Expression) -> Any:
        """What an expression is worth now."""
        ...

    def give(self, node: Expression, value: Any) -> None:
        """Give it a value."""
        ...

    def some_day(self) -> date:
        """A day near those that the study names."""
        ...


@define
class EventMaker:
    """Adds events to one draft."""

    draft: Draft
    dice: random.Random
    maker: PersonMaker

    def add(self, events: EventSet, *, given: Given | None = None, apart: bool = False) -> None:
        """Add an event of a set; `given` is a value of it, `apart` asks for another day.

        Raises:
            Unsolved: the conditions of the set are not solved.
        """
        row: dict[str, Any] = {}
        base = self._collect(events, row)
        if given is not None:
            self.set(given[0], given[1], row)
        view = VIEWS[base.of]
        low, high = self._window(events, view.date)
        if row.get(view.date) is None:
            row[view.date] = self._day(low, high, base.of, apart)
        self.draft.add(base.of, {name: one for name, one in row.items() if one is not None})

    def set(self, node: Expression, value: Any, row: dict[str, Any]) -> None:
        """Give a value to an expression over the event."""
        if isinstance(node, Column) and node.of != PERIODS:
            row[node.name] = value
        elif isinstance(node, YearOf) and isinstance(node.value, Column):
            row[node.value.name] = date(value, 6, 15)
        elif not isinstance(node, Literal):
            raise Unsolved(node.tag)

    def _collect(self, events: EventSet, row: dict[str, Any]) -> Events:
        """What the conditions of the set ask of the event; the view it is of."""
        if isinstance(events, Events):
            return events
        below: EventSet = events.events  # type: ignore[attr-defined]  # every set but a view has one
        base = self._collect(below, row)
        if isinstance(events, Where):
            self.make(events.condition, True, row)
        elif isinstance(events, Within) and events.column != VIEWS[base.of].date:
            low, high = self._bounds(events)
            if events.column in VIEWS[base.of].columns:
                row[events.column] = self._between(low, high)
        return base

    def make(self, node: Expression, wanted: bool, row: dict[str, Any]) -> None:
        """Make a condition on the event true or false."""
        if evaluate(node, lambda column: row.get(column.name)) is wanted and row:  # type: ignore[union-attr]
            return
        if isinstance(node, Negation):
            self.make(node.value, not wanted, row)
        elif isinstance(node, Both | Either):
            sides = [node.left, node.right]
            self.dice.shuffle(sides)
            all_of = isinstance(node, Both) is wanted
            for side in sides if all_of else sides[:1]:
                self.make(side, wanted, row)
        elif isinstance(node, IfUnknown):
            self.make(node.value, wanted, row)
        elif isinstance(node, StartsWith | IsIn):
            codes = node.prefixes if isinstance(node, StartsWith) else node.codes
            self._code(node.value, self.dice.choice(codes) if wanted else "Z99", row)
        elif isinstance(node, Compare):
            self._compare(node, wanted, row)
        elif isinstance(node, Column) and node.kind is Kind.BOOL:
            row[node.name] = wanted
        elif isinstance(node, Known) and not wanted:
            return
        else:
            raise Unsolved(f"{node.tag} on an event")

    def _code(self, value: Expression, code: Any, row: dict[str, Any]) -> None:
        if isinstance(value, Column) and value.kind is Kind.CODES:
            row[value.name] = frozenset({*(row.get(value.name) or ()), code})
        else:
            self.set(value, code, row)

    def _compare(self, node: Compare, wanted: bool, row: dict[str, Any]) -> None:
        opposite = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
        op = node.op if wanted else opposite[node.op]
        if not isinstance(node.right, Literal):
            raise Unsolved("compare on an event")
        target: Any = node.right.content
        step = {"<": -1, ">": 1, "!=": 1}.get(op, 0)
        if isinstance(target, date):
            target += timedelta(days=step)
        elif isinstance(target, int) and not isinstance(target, bool):
            target += step
        elif op == "!=":
            target = (not target) if isinstance(target, bool) else "Z99"
        self.set(node.left, target, row)

    def _window(self, events: EventSet, column: str) -> tuple[date | None, date | None]:
        """The days that all windows on the date of the event leave."""
        low: date | None = None
        high: date | None = None
        while not isinstance(events, Events):
            first = isinstance(events, Within) and events.column in (column, "start")
            if isinstance(events, Within) and first:
                start, end = self._bounds(events)
                low = start if low is None else max(low, start or low)
                high = end if high is None else min(high, end or high)
            events = events.events  # type: ignore[attr-defined]  # as above
        return low, high

    def _bounds(self, events: Within) -> tuple[date | None, date | None]:
        """The bounds of a window; a date of the person that is unknown is given first."""
        found: list[date | None] = []
        for bound in (events.start, events.end):
            if bound is not None and self.maker.value(bound) is None:
                self.maker.give(bound, self.maker.some_day())
            found.append(None if bound is None else self.maker.value(bound))
        return found[0], found[1]

    def _day(self, low: date | None, high: date | None, view: str, apart: bool) -> date:
        taken = {row[VIEWS[view].date] for row in self.draft.rows.get(view, ())}
        day = self._between(low, high)
        for _ in range(50):
            if not apart or day not in taken:
                break
            day = self._between(low, high)
        return day

    def _between(self, low: date | None, high: date | None) -> date:
        if low is None and high is None:
            return self.maker.some_day()
        if low is None or high is None:
            known = low or high
            if known is None:
                raise Unsolved("window")
            sign = 1 if high is None else -1
            return known + timedelta(days=sign * self.dice.randint(0, 300))
        if high < low:
            raise Unsolved("empty window")
        return low + timedelta(days=self.dice.randint(0, (high - low).days))
