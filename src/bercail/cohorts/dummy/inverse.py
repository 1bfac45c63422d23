"""From the value of an expression back to the value of one of its parts."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from bercail.cohorts.arithmetic import (
    Divide,
    FirstDayOf,
    Greatest,
    Least,
    Multiply,
    PartOf,
    ShiftMonths,
)
from bercail.cohorts.dummy.events_made import Unsolved
from bercail.cohorts.expressions import (
    Add,
    Band,
    DaysBetween,
    Expression,
    IfUnknown,
    Literal,
    Shift,
    YearOf,
)
from bercail.cohorts.memory.evaluate import shift
from bercail.cohorts.memory.evaluate_arithmetic import months_later

ValueOf = Callable[[Expression], Any]
Step = tuple[Expression, Any]


def chosen(target: Any, op: str, dice: random.Random) -> Any:
    """A value that stands in the relation `op` to `target`.

    Raises:
        Unsolved: the target is unknown, or a code that must be another one.
    """
    if target is None:
        raise Unsolved("comparison with an unknown value")
    if isinstance(target, bool):
        return target if op == "==" else not target
    if isinstance(target, str):
        return target if op == "==" else "Z99"
    least = {"==": 0, "<=": 0, ">=": 0}.get(op, 1)
    far = 0 if op == "==" else least + dice.choice([0, 0, 1, 2, 5])
    sign = -1 if op in ("<", "<=") else 1
    return target + timedelta(days=sign * far) if isinstance(target, date) else target + sign * far


def inverted(node: Expression, value: Any, value_of: ValueOf, dice: random.Random) -> Step:
    """The part of `node` to change, and the value that it needs.

    Raises:
        Unsolved: an expression without such a way back.
    """
    if isinstance(node, Add):
        return _sum(node, value, value_of)
    if isinstance(node, DaysBetween):
        return _between(node, value, value_of)
    if isinstance(node, Band):
        return node.value, _in_band(node, value, dice)
    if isinstance(node, YearOf):
        return node.value, date(value, 1, 1) + timedelta(days=dice.randint(0, 364))
    if isinstance(node, Shift):
        return node.value, shift(value - timedelta(days=node.days), -node.years, 0)
    if isinstance(node, ShiftMonths):
        return node.value, months_later(value, -node.months)
    if isinstance(node, IfUnknown):
        return node.value, value
    return _further(node, value, value_of)


def _further(node: Expression, value: Any, value_of: ValueOf) -> Step:
    if isinstance(node, Multiply) and node.by:
        return node.value, -(-value // node.by)
    if isinstance(node, Divide):
        right = value_of(node.right)
        if right:
            return node.left, value * right
    if isinstance(node, FirstDayOf):
        return node.value, value
    if isinstance(node, PartOf) and node.part == "month" and 1 <= value <= 12:
        return node.value, date(2023, value, 15)
    if isinstance(node, Least | Greatest):
        free = [part for part in node.values if not isinstance(part, Literal)]
        if free:
            return free[0], value
    raise Unsolved(node.tag)


def _sum(node: Add, value: int, value_of: ValueOf) -> Step:
    left, right = value_of(node.left), value_of(node.right)
    if right is not None and not isinstance(node.left, Literal) and not _fixed(node.left):
        return node.left, value + right if node.minus else value - right
    if left is not None:
        return node.right, left - value if node.minus else value - left
    raise Unsolved("add")


def _fixed(node: Expression) -> bool:
    return isinstance(node, YearOf) and isinstance(node.value, Literal)


def _between(node: DaysBetween, value: int, value_of: ValueOf) -> Step:
    start, end = value_of(node.start), value_of(node.end)
    if start is not None and not isinstance(node.end, Literal):
        return node.end, start + timedelta(days=value)
    if end is not None:
        return node.start, end - timedelta(days=value)
    raise Unsolved("days_between")


def _in_band(node: Band, label: str, dice: random.Random) -> int:
    if label not in node.labels:
        raise Unsolved("band")
    place = node.labels.index(label)
    start = node.starts[place]
    last = node.starts[place + 1] - 1 if place + 1 < len(node.starts) else start + 10
    return dice.randint(start, last)
