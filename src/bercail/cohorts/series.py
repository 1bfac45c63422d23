"""What a study author holds: values per person and values per event, as different types.

`PersonInt`, `EventDate` and so on wrap the nodes of the model. Python's operators build
larger ones; mixing the two levels, or two types, raises `Invalid` at that very line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Generic, NoReturn, TypeVar

from bercail.cohorts.arithmetic import Divide, FirstDayOf, Multiply, PartOf, ShiftMonths
from bercail.cohorts.expressions import (
    Add,
    Band,
    Both,
    Choose,
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
    title_of,
)
from bercail.cohorts.views import PERSONS, Kind
from bercail.foundation import Invalid

BoolT = TypeVar("BoolT", bound="Series")
IntT = TypeVar("IntT", bound="Series")
DateT = TypeVar("DateT", bound="Series")
TextT = TypeVar("TextT", bound="Series")


class Series:
    """A value per person or per event; see the subclasses."""

    __slots__ = ("node",)
    __hash__ = None  # type: ignore[assignment]  # == builds a comparison

    def __init__(self, node: Expression) -> None:
        self.node = node

    def __bool__(self) -> NoReturn:
        raise Invalid(
            f"`{title_of(self.node)}` has no truth of its own while the study is written.",
            remedy="Write `&`, `|` and `~` with brackets, not `and`, `or`, `not` or `a < b < c`.",
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({title_of(self.node)})"


def node_of(value: Any) -> Expression:
    """The node of a series, a literal, or a date written as text."""
    if isinstance(value, Series):
        return value.node
    if type(value) is bool:
        return Literal(of=Kind.BOOL, value=value)
    if type(value) is int:
        return Literal(of=Kind.INT, value=value)
    if type(value) is date:
        return Literal(of=Kind.DATE, value=value.isoformat())
    if type(value) is str:
        return Literal(of=Kind.TEXT, value=value)
    raise Invalid(
        f"A value of type `{type(value).__name__}` cannot stand in a study.",
        remedy="Use whole numbers, text, true/false, or dates such as `2024-12-31`.",
    )


def date_of(value: Any) -> Expression:
    """Like `node_of`, where a date is expected: text is read as a date."""
    if type(value) is str:
        return Literal(of=Kind.DATE, value=value)
    return node_of(value)


def series(node: Expression) -> Any:
    """The series that wraps `node`, by its level and kind."""
    level = PERSONS if node.level in (PERSONS, None) else "events"
    return _SERIES[level, node.kind](node)


class _Values(Series, Generic[BoolT]):
    """What every value can do."""

    __slots__ = ()
    __hash__ = None  # == builds a comparison

    def _other(self, value: Any) -> Expression:
        return date_of(value) if self.node.kind is Kind.DATE else node_of(value)

    def _compare(self, op: str, other: Any) -> BoolT:
        built: BoolT = series(Compare(op=op, left=self.node, right=self._other(other)))
        return built

    def __eq__(self, other: object) -> BoolT:  # type: ignore[override]
        return self._compare("==", other)

    def __ne__(self, other: object) -> BoolT:  # type: ignore[override]
        return self._compare("!=", other)

    def is_known(self) -> BoolT:
        """Whether the value is known."""
        built: BoolT = series(Known(value=self.node))
        return built


class _Ordered(_Values[BoolT]):
    __slots__ = ()
    __hash__ = None  # == builds a comparison

    def __lt__(self, other: Any) -> BoolT:
        return self._compare("<", other)

    def __le__(self, other: Any) -> BoolT:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> BoolT:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> BoolT:
        return self._compare(">=", other)


class _Bool(_Values[BoolT]):
    __slots__ = ()
    __hash__ = None  # == builds a comparison

    def __and__(self, other: Any) -> BoolT:
        built: BoolT = series(Both(left=self.node, right=node_of(other)))
        return built

    def __or__(self, other: Any) -> BoolT:
        built: BoolT = series(Either(left=self.node, right=node_of(other)))
        return built

    def __invert__(self) -> BoolT:
        built: BoolT = series(Negation(value=self.node))
        return built

    def if_unknown(self, otherwise: Any) -> BoolT:
        """The value, or `otherwise` where it is unknown."""
        built: BoolT = series(IfUnknown(value=self.node, otherwise=node_of(otherwise)))
        return built

    def choose(self, then: Any, otherwise: Any) -> Any:
        """`then` where true, `otherwise` where false or unknown."""
        chosen = Choose(condition=self.node, then=node_of(then), otherwise=node_of(otherwise))
        return series(chosen)


class _Int(_Ordered[BoolT], Generic[BoolT, IntT, TextT]):
    __slots__ = ()
    __hash__ = None  # == builds a comparison

    def __add__(self, other: Any) -> IntT:
        built: IntT = series(Add(left=self.node, right=node_of(other)))
        return built

    def __sub__(self, other: Any) -> IntT:
        built: IntT = series(Add(left=self.node, right=node_of(other), minus=True))
        return built

    def __rsub__(self, other: Any) -> IntT:
        built: IntT = series(Add(left=node_of(other), right=self.node, minus=True))
        return built

    def __mul__(self, other: int) -> IntT:
        built: IntT = series(Multiply(value=self.node, by=other))
        return built

    def __floordiv__(self, other: Any) -> IntT:
        built: IntT = series(Divide(left=self.node, right=node_of(other)))
        return built

    def __rfloordiv__(self, other: Any) -> IntT:
        built: IntT = series(Divide(left=node_of(other), right=self.node))
        return built

    __radd__ = __add__
    __rmul__ = __mul__

    def is_in(self, numbers: Sequence[int]) -> BoolT:
        """Whether the number is one of `numbers`."""
        built: BoolT = series(IsIn(value=self.node, codes=numbers))
        return built

    def if_unknown(self, otherwise: Any) -> IntT:
        """The value, or `otherwise` where it is unknown."""
        built: IntT = series(IfUnknown(value=self.node, otherwise=node_of(otherwise)))
        return built

    def groups(self, *starts: int) -> TextT:
        """Groups that begin at `starts`: `groups(0, 18, 65)` gives `0-17`, `18-64`, `65+`."""
        built: TextT = series(Band(value=self.node, starts=starts))
        return built

    def groups_of(self, width: int, up_to: int) -> TextT:
        """Groups of `width` from 0, the last one open: `groups_of(10, up_to=90)`."""
        if type(width) is not int or type(up_to) is not int or width < 1 or up_to < 0:
            raise Invalid(f"`{width}` and `{up_to}` do not make groups.")
        return self.groups(*range(0, up_to + 1, width))


class _Date(_Ordered[BoolT], Generic[BoolT, IntT, DateT]):
    __slots__ = ()
    __hash__ = None  # == builds a comparison

    def plus(self, *, years: int = 0, months: int = 0, days: int = 0) -> DateT:
        """The date moved by `years` and `months`, then by `days` (all may be negative).

        A day that the month lacks becomes its last one.
        """
        node = self.node
        if months:
            node = ShiftMonths(value=node, months=12 * years + months)
        if not months or days:
            node = Shift(value=node, years=0 if months else years, days=days)
        built: DateT = series(node)
        return built

    @property
    def month(self) -> IntT:
        """The month, 1 to 12."""
        return self.part("month")

    def part(self, name: str) -> IntT:
        """`month`, `day`, `quarter` or `weekday` (1 is Monday) as a number."""
        built: IntT = series(PartOf(value=self.node, part=name))
        return built

    def first_day_of(self, unit: str) -> DateT:
        """The first day of its `month`, `quarter` or `year`."""
        built: DateT = series(FirstDayOf(value=self.node, unit=unit))
        return built

    @property
    def year(self) -> IntT:
        """The calendar year."""
        built: IntT = series(YearOf(value=self.node))
        return built

    def days_until(self, end: Any) -> IntT:
        """Days from this date to `end`."""
        built: IntT = series(DaysBetween(start=self.node, end=date_of(end)))
        return built

    def if_unknown(self, otherwise: Any) -> DateT:
        """The date, or `otherwise` where it is unknown."""
        built: DateT = series(IfUnknown(value=self.node, otherwise=date_of(otherwise)))
        return built


class _Text(_Values[BoolT], Generic[BoolT, TextT]):
    __slots__ = ()
    __hash__ = None  # == builds a comparison

    def starts_with(self, *prefixes: str) -> BoolT:
        """Whether the code begins with one of `prefixes`."""
        built: BoolT = series(StartsWith(value=self.node, prefixes=prefixes))
        return built

    def is_in(self, codes: Sequence[str]) -> BoolT:
        """Whether the code is one of `codes`."""
        built: BoolT = series(IsIn(value=self.node, codes=codes))
        return built

    def if_unknown(self, otherwise: Any) -> TextT:
        """The text, or `otherwise` where it is unknown."""
        built: TextT = series(IfUnknown(value=self.node, otherwise=node_of(otherwise)))
        return built


class PersonBool(_Bool["PersonBool"]):
    """Yes or no, once per person."""

    __slots__ = ()


class PersonInt(_Int["PersonBool", "PersonInt", "PersonText"]):
    """A number per person."""

    __slots__ = ()


class PersonDate(_Date["PersonBool", "PersonInt", "PersonDate"]):
    """A date per person."""

    __slots__ = ()


class PersonText(_Text["PersonBool", "PersonText"]):
    """A code per person."""

    __slots__ = ()


class EventBool(_Bool["EventBool"]):
    """Yes or no, once per event."""

    __slots__ = ()


class EventInt(_Int["EventBool", "EventInt", "EventText"]):
    """A number per event."""

    __slots__ = ()


class EventDate(_Date["EventBool", "EventInt", "EventDate"]):
    """A date per event."""

    __slots__ = ()


class EventText(_Text["EventBool", "EventText"]):
    """A code per event."""

    __slots__ = ()


class EventCodes(Series):
    """Several codes per event; asks whether any of them fits."""

    __slots__ = ()
    __hash__ = None  # == builds a comparison

    def __eq__(self, other: object) -> NoReturn:
        raise Invalid(
            f"`{title_of(self.node)}` holds several codes.",
            remedy="Ask `any_starts_with(...)` or `any_in(...)`.",
        )

    __ne__ = __eq__

    def any_starts_with(self, *prefixes: str) -> EventBool:
        """Whether some code begins with one of `prefixes`."""
        return EventBool(StartsWith(value=self.node, prefixes=prefixes))

    def any_in(self, codes: Sequence[str]) -> EventBool:
        """Whether some code is one of `codes`."""
        return EventBool(IsIn(value=self.node, codes=codes))


_SERIES: dict[tuple[str, Kind], type[Series]] = {
    (PERSONS, Kind.BOOL): PersonBool,
    (PERSONS, Kind.INT): PersonInt,
    (PERSONS, Kind.DATE): PersonDate,
    (PERSONS, Kind.TEXT): PersonText,
    ("events", Kind.BOOL): EventBool,
    ("events", Kind.INT): EventInt,
    ("events", Kind.DATE): EventDate,
    ("events", Kind.TEXT): EventText,
    ("events", Kind.CODES): EventCodes,
}
