"""Making a condition true of a draft, by giving values and adding events."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from attrs import define

from bercail.cohorts.dummy.drafts import Draft
from bercail.cohorts.dummy.events_made import EventMaker, Unsolved
from bercail.cohorts.dummy.inverse import chosen, inverted
from bercail.cohorts.events import (
    Aggregate,
    Count,
    CountDistinct,
    Exists,
    Maximum,
    Mean,
    Minimum,
    Nearest,
    Pick,
    Score,
    Total,
)
from bercail.cohorts.expressions import (
    Both,
    Choose,
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
)
from bercail.cohorts.memory.person import OnePerson
from bercail.cohorts.scores import find_index
from bercail.cohorts.views import PERIODS, VIEWS, Kind

__all__ = ["Maker", "Unsolved"]

MOST_EVENTS = 400


@define(kw_only=True)
class Maker:
    """Works on one draft; `days` are the dates that the study names."""

    draft: Draft
    dice: random.Random
    days: tuple[str, ...]

    def ordinary_person(self) -> None:
        """Sex, year of birth and département of somebody."""
        self.draft.person["birth_year"] = self.dice.randint(1930, 2005)
        self.draft.person["sex"] = self.dice.choice(["male", "female"])
        self.draft.person["department"] = self.dice.choice(["075", "013", "069", "02A"])

    def value(self, node: Expression) -> Any:
        """What the expression is worth now."""
        return OnePerson(self.draft.name, self.draft, frozenset()).value(node)  # type: ignore[arg-type]  # asked alike

    def make(self, node: Expression, wanted: bool) -> None:
        """Make a condition true, or false.

        Raises:
            Unsolved: a kind of condition that this does not solve.
        """
        if self.value(node) is wanted:
            return
        maker = _MAKERS.get(type(node))
        if maker is None:
            raise Unsolved(node.tag)
        maker(self, node, wanted)

    def give(self, node: Expression, value: Any) -> None:
        """Give an expression a value; raises `Unsolved` when it takes none."""
        if self.value(node) == value:
            return
        if isinstance(node, Column):
            self.draft.person[node.name] = value
        elif isinstance(node, Aggregate):
            self._give_aggregate(node, value)
        else:
            inner, needed = inverted(node, value, self.value, self.dice)
            self.give(inner, needed)

    def some_day(self) -> date:
        """A day near those that the study names."""
        if not self.days:
            return date(2023, 1, 1) + timedelta(days=self.dice.randint(0, 364))
        first, last = date.fromisoformat(self.days[0]), date.fromisoformat(self.days[-1])
        return first + timedelta(days=self.dice.randint(0, max((last - first).days, 30)))

    def _give_aggregate(self, node: Aggregate, value: Any) -> None:
        events = EventMaker(self.draft, self.dice, self)
        of_periods = node.events.view == PERIODS and isinstance(value, int)
        if isinstance(node, Exists):
            if value is True:
                events.add(node.events)
        elif isinstance(node, Count | CountDistinct) or of_periods:
            # Lengths of periods grow with their events, so they are counted up to as well.
            self._count_up(node, value, events)
        elif isinstance(node, Score):
            self._give_score(node, value, events)
        elif isinstance(node, Pick | Nearest):
            column = Column(of=node.events.view, name=node.column)
            events.add(node.events, given=(column, value))
        elif isinstance(node, Total | Minimum | Maximum | Mean):
            held = self.value(node) if isinstance(node, Total) else 0
            scale = node.scale if isinstance(node, Mean) else 1
            needed = (value - held) // scale if isinstance(value, int) else value
            events.add(node.events, given=(node.value, needed))
        else:
            raise Unsolved(node.tag)

    def _count_up(self, node: Aggregate, value: int, events: EventMaker) -> None:
        for _ in range(MOST_EVENTS):
            before = self.value(node) or 0
            if before >= value:
                return
            events.add(node.events, apart=not isinstance(node, Count))
            if (self.value(node) or 0) <= before and self.dice.random() < 0.2:
                return

    def _give_score(self, node: Score, value: int, events: EventMaker) -> None:
        groups = [one for one in find_index(node.index).groups if one.weight > 0]
        for group in self.dice.sample(groups, len(groups)):
            held = self.value(node)
            if held >= value:
                return
            if group.weight <= value - held:
                events.add(node.events, given=(node.value, self.dice.choice(group.prefixes)))


def _both(maker: Maker, node: Both, wanted: bool) -> None:
    sides = [node.left, node.right]
    maker.dice.shuffle(sides)
    # Windows often hang on what the other side adds, so the second look mends the first.
    for side in (*sides, *sides) if wanted else sides[:1]:
        maker.make(side, wanted)


def _either(maker: Maker, node: Either, wanted: bool) -> None:
    sides = [node.left, node.right]
    maker.dice.shuffle(sides)
    for side in sides[:1] if wanted else sides:
        maker.make(side, wanted)


def _negation(maker: Maker, node: Negation, wanted: bool) -> None:
    maker.make(node.value, not wanted)


def _known(maker: Maker, node: Known, wanted: bool) -> None:
    if not wanted:
        raise Unsolved("known")
    maker.give(node.value, maker_value(maker, node.value))


def maker_value(maker: Maker, node: Expression) -> Any:
    """An ordinary value of the kind of an expression."""
    ordinary: Mapping[Kind, Callable[[], Any]] = {
        Kind.DATE: maker.some_day,
        Kind.INT: lambda: maker.dice.randint(1, 5),
        Kind.BOOL: lambda: True,
        Kind.TEXT: lambda: "075",
    }
    if isinstance(node, Column) and VIEWS[node.of].columns[node.name].categories:
        return maker.dice.choice(VIEWS[node.of].columns[node.name].categories or ())
    return ordinary[node.kind]()


def _if_unknown(maker: Maker, node: IfUnknown, wanted: bool) -> None:
    maker.make(node.value, wanted)


def _choose(maker: Maker, node: Choose, wanted: bool) -> None:
    for branch, holds in ((node.then, True), (node.otherwise, False)):
        if isinstance(branch, Literal) and branch.value is wanted:
            maker.make(node.condition, holds)
            return
    maker.make(node.condition, True)
    maker.make(node.then, wanted)


def _compare(maker: Maker, node: Compare, wanted: bool) -> None:
    opposite = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
    mirror = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
    op = node.op if wanted else opposite[node.op]
    sides = [(node.left, op, node.right), (node.right, mirror[op], node.left)]
    # A constant takes no value, so the other side is given one.
    sides.sort(key=lambda side: isinstance(side[0], Literal))
    if not any(isinstance(side[0], Literal) for side in sides):
        maker.dice.shuffle(sides)
    for moved, how, target in sides:
        if maker.value(target) is None:
            maker.give(target, maker_value(maker, target))
        try:
            maker.give(moved, chosen(maker.value(target), how, maker.dice))
        except Unsolved:
            continue
        return
    raise Unsolved("compare")


def _starts_with(maker: Maker, node: StartsWith, wanted: bool) -> None:
    maker.give(node.value, maker.dice.choice(node.prefixes) if wanted else "Z99")


def _is_in(maker: Maker, node: IsIn, wanted: bool) -> None:
    if not wanted:
        raise Unsolved("is_in")
    maker.give(node.value, maker.dice.choice(node.codes))


def _column(maker: Maker, node: Column, wanted: bool) -> None:
    maker.give(node, wanted)


def _exists(maker: Maker, node: Exists, wanted: bool) -> None:
    if not wanted:
        raise Unsolved("exists (absence)")
    maker.give(node, True)


_MAKERS: Mapping[type[Expression], Callable[[Maker, Any, bool], None]] = {
    Both: _both,
    Either: _either,
    Negation: _negation,
    Known: _known,
    IfUnknown: _if_unknown,
    Choose: _choose,
    Compare: _compare,
    StartsWith: _starts_with,
    IsIn: _is_in,
    Column: _column,
    Exists: _exists,
}
