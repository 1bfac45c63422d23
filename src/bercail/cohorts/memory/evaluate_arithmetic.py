"""What the further expressions are worth, in plain Python: the reference for every engine."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import date
from typing import Any

from bercail.cohorts.arithmetic import (
    Case,
    Divide,
    FirstDayOf,
    Greatest,
    Least,
    Multiply,
    PartOf,
    ShiftMonths,
)
from bercail.cohorts.expressions import Expression

Value = Any
# Gives the value of an inner expression.
Inner = Callable[[Expression], Value]


def multiply(node: Multiply, inner: Inner) -> Value:
    """The product; unknown stays unknown."""
    value = inner(node.value)
    return None if value is None else value * node.by


def divide(node: Divide, inner: Inner) -> Value:
    """The quotient rounded down; unknown by 0."""
    left, right = inner(node.left), inner(node.right)
    return None if left is None or right is None or right == 0 else left // right


def months_later(day: date, months: int) -> date:
    """`day` moved by calendar months, to the last day of the month where it must."""
    place = day.year * 12 + day.month - 1 + months
    year, month = place // 12, place % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def shift_months(node: ShiftMonths, inner: Inner) -> Value:
    """The date moved."""
    value = inner(node.value)
    return None if value is None else months_later(value, node.months)


def part_of(node: PartOf, inner: Inner) -> Value:
    """The part as a number."""
    value = inner(node.value)
    if value is None:
        return None
    parts = {
        "month": value.month,
        "day": value.day,
        "quarter": (value.month + 2) // 3,
        "weekday": value.isoweekday(),
    }
    return parts[node.part]


def first_day_of(node: FirstDayOf, inner: Inner) -> Value:
    """The first day of the unit."""
    value = inner(node.value)
    if value is None:
        return None
    month = {"month": value.month, "quarter": (value.month - 1) // 3 * 3 + 1, "year": 1}
    return date(value.year, month[node.unit], 1)


def extreme(node: Least | Greatest, inner: Inner) -> Value:
    """The smallest or largest known value."""
    known = [value for value in map(inner, node.values) if value is not None]
    return (min if isinstance(node, Least) else max)(known, default=None)


def case(node: Case, inner: Inner) -> Value:
    """The value beside the first true condition."""
    for condition, value in zip(node.conditions, node.values, strict=True):
        if inner(condition) is True:
            return inner(value)
    return None if node.otherwise is None else inner(node.otherwise)


ARITHMETIC: dict[type[Expression], Callable[[Any, Inner], Value]] = {
    Multiply: multiply,
    Divide: divide,
    ShiftMonths: shift_months,
    PartOf: part_of,
    FirstDayOf: first_day_of,
    Least: extreme,
    Greatest: extreme,
    Case: case,
}
