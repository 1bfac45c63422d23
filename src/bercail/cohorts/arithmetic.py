"""Further values of a cohort model: arithmetic, parts of dates, choices among several.

Whole numbers only: a division is rounded down, so that every engine gives the same.
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import field, frozen, validators

from bercail.cohorts.expressions import Expression, common_level, is_expression, need, whole
from bercail.cohorts.view_types import Kind
from bercail.foundation import Invalid

MAX_FACTOR = 1_000_000
MAX_SHIFT_MONTHS = 1_200
MAX_CHOICES = 200
PARTS = ("month", "day", "quarter", "weekday")
UNITS = ("month", "quarter", "year")
OBJECTIONS = "objections"
_VALUES = (Kind.BOOL, Kind.INT, Kind.DATE, Kind.TEXT)


def are_expressions(_: Any, attribute: Any, value: Any) -> None:
    """An attrs validator: the field holds a tuple of 1 to MAX_CHOICES expressions."""
    ok = isinstance(value, tuple) and all(isinstance(one, Expression) for one in value)
    if not ok or not 1 <= len(value) <= MAX_CHOICES:
        raise Invalid(
            f"`{attribute.name}` is no list of expressions of the cohort language.",
            remedy=f"Give 1 to {MAX_CHOICES} of them.",
        )


@frozen(kw_only=True, cache_hash=True)
class Multiply(Expression):
    """A number times the whole number `by` (at most a million)."""

    tag: ClassVar[str] = "multiply"
    value: Expression = field(validator=is_expression)
    by: int = field(validator=whole(-MAX_FACTOR, MAX_FACTOR))

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, Kind.INT)
        return Kind.INT, self.value.level


@frozen(kw_only=True, cache_hash=True)
class Divide(Expression):
    """`left` divided by `right`, rounded down; unknown where `right` is 0."""

    tag: ClassVar[str] = "divide"
    left: Expression = field(validator=is_expression)
    right: Expression = field(validator=is_expression)

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.left, Kind.INT)
        need(self.right, Kind.INT)
        return Kind.INT, common_level(self.left, self.right)


@frozen(kw_only=True, cache_hash=True)
class ShiftMonths(Expression):
    """A date moved by calendar months; a day that the month lacks becomes its last."""

    tag: ClassVar[str] = "shift_months"
    value: Expression = field(validator=is_expression)
    months: int = field(validator=whole(-MAX_SHIFT_MONTHS, MAX_SHIFT_MONTHS))

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, Kind.DATE)
        return Kind.DATE, self.value.level


@frozen(kw_only=True, cache_hash=True)
class PartOf(Expression):
    """The month, day of the month, quarter, or day of the week (1 is Monday) of a date."""

    tag: ClassVar[str] = "part_of"
    value: Expression = field(validator=is_expression)
    part: str = field(validator=validators.in_(PARTS))

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, Kind.DATE)
        return Kind.INT, self.value.level


@frozen(kw_only=True, cache_hash=True)
class FirstDayOf(Expression):
    """The first day of the month, quarter or year of a date."""

    tag: ClassVar[str] = "first_day_of"
    value: Expression = field(validator=is_expression)
    unit: str = field(validator=validators.in_(UNITS))

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, Kind.DATE)
        return Kind.DATE, self.value.level


@frozen(kw_only=True, cache_hash=True)
class _Extreme(Expression):
    values: tuple[Expression, ...] = field(validator=are_expressions)

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.values[0], Kind.INT, Kind.DATE)
        for value in self.values[1:]:
            need(value, self.values[0].kind)
        return self.values[0].kind, common_level(*self.values)


@frozen(kw_only=True, cache_hash=True)
class Least(_Extreme):
    """The smallest known of `values`; unknown when none is known."""

    tag: ClassVar[str] = "least"


@frozen(kw_only=True, cache_hash=True)
class Greatest(_Extreme):
    """The largest known of `values`; unknown when none is known."""

    tag: ClassVar[str] = "greatest"


@frozen(kw_only=True, cache_hash=True)
class Case(Expression):
    """The value beside the first condition that is true; else `otherwise`, or unknown."""

    tag: ClassVar[str] = "case"
    conditions: tuple[Expression, ...] = field(validator=are_expressions)
    values: tuple[Expression, ...] = field(validator=are_expressions)
    otherwise: Expression | None = None

    def _typed(self) -> tuple[Kind, str | None]:
        if len(self.conditions) != len(self.values):
            raise Invalid("A choice among several needs one value for each condition.")
        if self.otherwise is not None and not isinstance(self.otherwise, Expression):
            raise Invalid("`otherwise` is not an expression of the cohort language.")
        for condition in self.conditions:
            need(condition, Kind.BOOL)
        need(self.values[0], *_VALUES)
        last = () if self.otherwise is None else (self.otherwise,)
        for value in (*self.values[1:], *last):
            need(value, self.values[0].kind)
        return self.values[0].kind, common_level(*self.conditions, *self.values, *last)


@frozen(kw_only=True, cache_hash=True)
class IntervalStart(Expression):
    """The first day of the interval that a measure looks at; stands in measures only."""

    tag: ClassVar[str] = "interval_start"

    def _typed(self) -> tuple[Kind, str | None]:
        return Kind.DATE, None


@frozen(kw_only=True, cache_hash=True)
class IntervalEnd(Expression):
    """The last day of the interval that a measure looks at; stands in measures only."""

    tag: ClassVar[str] = "interval_end"

    def _typed(self) -> tuple[Kind, str | None]:
        return Kind.DATE, None


@frozen(kw_only=True, cache_hash=True)
class Given(Expression):
    """Something about the person that comes with the right to read; never stands in a study."""

    def _typed(self) -> tuple[Kind, str | None]:
        return Kind.BOOL, "persons"


@frozen(kw_only=True, cache_hash=True)
class Listed(Given):
    """Whether the person is on a list that comes with the data."""

    tag: ClassVar[str] = "listed"
    name: str = field(validator=validators.in_((OBJECTIONS,)))


@frozen(kw_only=True, cache_hash=True)
class Registered(Given):
    """Whether one row of the person in the register (IR_BEN_R) tells of all that is asked.

    The row's year of birth lies between `born_from` and `born_until`, both included, and its
    département is one of `departments`; what is None or empty is not asked. As an extract is
    cut: one row that fits is enough, whatever the others say.
    """

    tag: ClassVar[str] = "registered"
    born_from: int | None = None
    born_until: int | None = None
    departments: tuple[str, ...] = ()

    def _typed(self) -> tuple[Kind, str | None]:
        if not self.columns:
            raise Invalid("A population that asks for nothing is no population.")
        return Kind.BOOL, "persons"

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the register that it looks at."""
        born = self.born_from is not None or self.born_until is not None
        asked = {"BEN_NAI_ANN": born, "BEN_RES_DPT": bool(self.departments)}
        return frozenset(name for name, wanted in asked.items() if wanted)

    def fits(self, birth_year: int | None, department: str | None) -> bool:
        """Whether a row with these values is one that is asked for."""
        low, high = self.born_from, self.born_until
        at_home = not self.departments or department in self.departments
        old = low is None or (birth_year is not None and birth_year >= low)
        young = high is None or (birth_year is not None and birth_year <= high)
        return at_home and old and young
