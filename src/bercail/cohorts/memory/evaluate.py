"""What an expression is worth, in plain Python: the reference for every engine.

`None` stands for unknown. Logic is Kleene's three-valued logic.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from bercail.cohorts.arithmetic import Given
from bercail.cohorts.events import Aggregate
from bercail.cohorts.expressions import (
    Add,
    Band,
    Both,
    Choose,
    Column,
    Compare,
    DaysBetween,
    Either,
    Expression,
    IfUnknown,
    IsIn,
    Known,
    Literal,
    Negation,
    Shift,
    StartsWith,
    YearOf,
)
from bercail.cohorts.memory.evaluate_arithmetic import ARITHMETIC

Value = Any
Lookup = Callable[[Column | Aggregate | Given], Value]

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(node: Expression, lookup: Lookup) -> Value:
    """The value of `node`, where `lookup` gives columns and aggregates.

    Returns bool, int, str, date, a frozenset of codes, or None for unknown.
    """
    known = _EVALUATE.get(type(node))
    if known is not None:
        return known(node, lookup)
    further = ARITHMETIC.get(type(node))
    if further is not None:
        return further(node, lambda inner: evaluate(inner, lookup))
    if isinstance(node, Column | Aggregate | Given):
        return lookup(node)
    raise TypeError(type(node).__name__)


def shift(day: date, years: int, days: int) -> date:
    """`day` moved by `years`, then by `days`; 29 February becomes 28 where it must."""
    try:
        moved = day.replace(year=day.year + years)
    except ValueError:
        moved = day.replace(year=day.year + years, day=28)
    return moved + timedelta(days=days)


def _literal(node: Literal, _: Lookup) -> Value:
    return node.content


def _compare(node: Compare, lookup: Lookup) -> Value:
    left, right = evaluate(node.left, lookup), evaluate(node.right, lookup)
    return None if left is None or right is None else _COMPARE[node.op](left, right)


def _both(node: Both, lookup: Lookup) -> Value:
    left = evaluate(node.left, lookup)
    if left is False:
        return False
    right = evaluate(node.right, lookup)
    if right is False:
        return False
    return None if left is None or right is None else True


def _either(node: Either, lookup: Lookup) -> Value:
    left = evaluate(node.left, lookup)
    if left is True:
        return True
    right = evaluate(node.right, lookup)
    if right is True:
        return True
    return None if left is None or right is None else False


def _negation(node: Negation, lookup: Lookup) -> Value:
    value = evaluate(node.value, lookup)
    return None if value is None else not value


def _known(node: Known, lookup: Lookup) -> Value:
    return evaluate(node.value, lookup) is not None


def _if_unknown(node: IfUnknown, lookup: Lookup) -> Value:
    value = evaluate(node.value, lookup)
    return evaluate(node.otherwise, lookup) if value is None else value


def _starts_with(node: StartsWith, lookup: Lookup) -> Value:
    value = evaluate(node.value, lookup)
    if isinstance(value, frozenset):
        return any(code.startswith(node.prefixes) for code in value)
    return None if value is None else value.startswith(node.prefixes)


def _is_in(node: IsIn, lookup: Lookup) -> Value:
    value = evaluate(node.value, lookup)
    if isinstance(value, frozenset):
        return any(code in node.codes for code in value)
    return None if value is None else value in node.codes


def _add(node: Add, lookup: Lookup) -> Value:
    left, right = evaluate(node.left, lookup), evaluate(node.right, lookup)
    if left is None or right is None:
        return None
    return left - right if node.minus else left + right


def _shift(node: Shift, lookup: Lookup) -> Value:
    value = evaluate(node.value, lookup)
    return None if value is None else shift(value, node.years, node.days)


def _year_of(node: YearOf, lookup: Lookup) -> Value:
    value = evaluate(node.value, lookup)
    return None if value is None else value.year


def _days_between(node: DaysBetween, lookup: Lookup) -> Value:
    start, end = evaluate(node.start, lookup), evaluate(node.end, lookup)
    return None if start is None or end is None else (end - start).days


def _band(node: Band, lookup: Lookup) -> Value:
    value = evaluate(node.value, lookup)
    if value is None:
        return None
    found = None
    for start, label in zip(node.starts, node.labels, strict=True):
        if value >= start:
            found = label
    return found


def _choose(node: Choose, lookup: Lookup) -> Value:
    chosen = node.then if evaluate(node.condition, lookup) is True else node.otherwise
    return evaluate(chosen, lookup)


_EVALUATE: Mapping[type[Expression], Callable[[Any, Lookup], Value]] = {
    Literal: _literal,
    Compare: _compare,
    Both: _both,
    Either: _either,
    Negation: _negation,
    Known: _known,
    IfUnknown: _if_unknown,
    StartsWith: _starts_with,
    IsIn: _is_in,
    Add: _add,
    Shift: _shift,
    YearOf: _year_of,
    DaysBetween: _days_between,
    Band: _band,
    Choose: _choose,
}
