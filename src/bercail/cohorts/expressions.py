"""Values of a cohort model: literals, columns, and what can be computed from them.

Every node knows its `kind` (type of value) and its `level`: `None` for a literal,
`persons` for one value per person, a view's name for one value per event. A node that
would mix levels or types cannot be built: its constructor raises `Invalid`.
Logic is three-valued: a comparison with an unknown value is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, ClassVar

from attrs import field, frozen, validators

from bercail.cohorts.views import RAW, VIEWS, Kind
from bercail.foundation import Invalid

# Shifts stay far from the ends of the calendar, so that no engine overflows.
MAX_SHIFT_DAYS = 36_525
MAX_SHIFT_YEARS = 100
MAX_TEXT = 100
MAX_NUMBER = 10**9


@frozen(kw_only=True)
class Node:
    """Anything that may stand in a model; `tag` is its name in JSON."""

    tag: ClassVar[str] = ""


@frozen(kw_only=True, cache_hash=True)
class Expression(Node):
    """A value per person, per event, or a constant."""

    kind: Kind = field(init=False, eq=False, repr=False)
    level: str | None = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        kind, level = self._typed()
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "level", level)

    def _typed(self) -> tuple[Kind, str | None]:
        raise TypeError(f"`{type(self).__name__}` stands for no value of its own")


def title_of(node: Node) -> str:
    """A short name for messages: `dispensings.date`, `count_distinct`."""
    if isinstance(node, Column):
        return f"{node.of}.{node.name}"
    if isinstance(node, Literal):
        return str(node.value)
    return node.tag


def common_level(*nodes: Expression) -> str | None:
    """The level shared by `nodes`; literals fit anywhere.

    Raises:
        Invalid: two nodes have different levels.
    """
    level: str | None = None
    owner: Expression | None = None
    for node in nodes:
        if node.level is None:
            continue
        if owner is not None and node.level != level:
            raise Invalid(
                f"`{title_of(owner)}` ({_per(level)}) is mixed with "
                f"`{title_of(node)}` ({_per(node.level)}).",
                remedy="Turn the events into one value per person first: `exists()`, "
                "`count_distinct()`, `first()`, or use a window between two person dates.",
            )
        level, owner = node.level, node
    return level


def _per(level: str | None) -> str:
    return "one value per person" if level == "persons" else f"one value per event of {level}"


def need(node: Expression, *kinds: Kind) -> None:
    """Raise `Invalid` unless `node` is of one of `kinds`."""
    if node.kind not in kinds:
        wanted = " or ".join(kinds)
        raise Invalid(
            f"`{title_of(node)}` is of type {node.kind}, and {wanted} is needed here.",
            remedy="Compare like with like: dates with dates, numbers with numbers.",
        )


def is_expression(_: Any, attribute: Any, value: Any) -> None:
    """An attrs validator: the field holds an expression."""
    if not isinstance(value, Expression):
        raise Invalid(
            f"`{attribute.name}` is not an expression of the cohort language.",
            remedy="Use columns, literals and the operations of the language.",
        )


def whole(low: int, high: int) -> Callable[[Any, Any, Any], None]:
    """An attrs validator: the field holds an integer (never a boolean) within bounds."""

    def check(_: Any, attribute: Any, value: Any) -> None:
        if type(value) is not int or not low <= value <= high:
            raise Invalid(
                f"`{attribute.name}` is `{value}`, and must be a whole number from {low} to {high}."
            )

    return check


def _code(value: Any) -> str:
    ok = type(value) is str and 0 < len(value) <= MAX_TEXT and value == value.strip()
    if not ok or not value.isprintable():
        raise Invalid(
            f"`{value}` is no code.", remedy="Write codes as short text, for example `A10`."
        )
    return str(value)


def _codes(codes: Any) -> tuple[str, ...]:
    if not isinstance(codes, list | tuple | set | frozenset) or not codes:
        raise Invalid("A list of codes is empty, or no list.", remedy="Give at least one code.")
    return tuple(sorted({_code(code) for code in codes}))


def _members(codes: Any) -> tuple[str | int, ...]:
    if isinstance(codes, list | tuple | set | frozenset) and codes:
        numbers = [code for code in codes if type(code) is int]
        if len(numbers) == len(codes):
            if any(abs(number) > MAX_NUMBER for number in numbers):
                raise Invalid("A list holds a number that is too large.")
            return tuple(sorted(set(numbers)))
    return _codes(codes)


@frozen(kw_only=True, cache_hash=True)
class Literal(Expression):
    """A constant. Dates are written `2024-12-31`."""

    tag: ClassVar[str] = "literal"
    of: Kind = field(converter=Kind)
    value: bool | int | str

    @property
    def content(self) -> bool | int | str | date:
        """The value as Python holds it (dates as `date`)."""
        return date.fromisoformat(str(self.value)) if self.of is Kind.DATE else self.value

    def _typed(self) -> tuple[Kind, str | None]:
        fits = {Kind.BOOL: bool, Kind.INT: int, Kind.DATE: str, Kind.TEXT: str}.get(self.of)
        if fits is None or type(self.value) is not fits:
            raise Invalid(f"`{self.value}` is no {self.of}.")
        if self.of is Kind.INT and abs(int(self.value)) > MAX_NUMBER:
            raise Invalid(f"`{self.value}` is too large a number.")
        if self.of is Kind.TEXT:
            _code(self.value)
        if self.of is Kind.DATE:
            _check_date(str(self.value))
        return self.of, None


def _check_date(text: str) -> None:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"`{text}` is no date.", remedy="Write dates as `2024-12-31`.") from error
    if day.isoformat() != text or not 1601 <= day.year <= 2199:
        raise Invalid(f"`{text}` is no date from 1601 to 2199 written `2024-12-31`.")


@frozen(kw_only=True, cache_hash=True)
class Column(Expression):
    """A column of the persons, of an event view, or (in cleaning rules only) of a table."""

    tag: ClassVar[str] = "column"
    of: str
    name: str

    def _typed(self) -> tuple[Kind, str | None]:
        if self.of in VIEWS:
            column = VIEWS[self.of].columns.get(self.name)
            if column is not None:
                return column.kind, self.of
        if self.of in RAW and self.name in RAW[self.of]:
            return RAW[self.of][self.name].kind, self.of
        known = ", ".join(VIEWS[self.of].columns) if self.of in VIEWS else ", ".join(VIEWS)
        raise Invalid(f"There is no `{self.of}.{self.name}`.", remedy=f"Known here: {known}.")


@frozen(kw_only=True, cache_hash=True)
class Compare(Expression):
    """`left op right`; unknown when either side is."""

    tag: ClassVar[str] = "compare"
    op: str = field(validator=validators.in_(("==", "!=", "<", "<=", ">", ">=")))
    left: Expression = field(validator=is_expression)
    right: Expression = field(validator=is_expression)

    def _typed(self) -> tuple[Kind, str | None]:
        level = common_level(self.left, self.right)
        # Only numbers and dates have an order that every engine agrees on.
        ordered = (Kind.INT, Kind.DATE)
        kinds = (*ordered, Kind.TEXT, Kind.BOOL) if self.op in ("==", "!=") else ordered
        need(self.left, *kinds)
        need(self.right, self.left.kind)
        return Kind.BOOL, level


@frozen(kw_only=True, cache_hash=True)
class _Pair(Expression):
    left: Expression = field(validator=is_expression)
    right: Expression = field(validator=is_expression)

    def _typed(self) -> tuple[Kind, str | None]:
        level = common_level(self.left, self.right)
        need(self.left, Kind.BOOL)
        need(self.right, Kind.BOOL)
        return Kind.BOOL, level


@frozen(kw_only=True, cache_hash=True)
class Both(_Pair):
    """True when both are; false when one is false; else unknown."""

    tag: ClassVar[str] = "both"


@frozen(kw_only=True, cache_hash=True)
class Either(_Pair):
    """True when one is; false when both are false; else unknown."""

    tag: ClassVar[str] = "either"


@frozen(kw_only=True, cache_hash=True)
class Negation(Expression):
    """The opposite; unknown stays unknown."""

    tag: ClassVar[str] = "negation"
    value: Expression = field(validator=is_expression)

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, Kind.BOOL)
        return Kind.BOOL, self.value.level


@frozen(kw_only=True, cache_hash=True)
class Known(Expression):
    """Whether the value is known; never unknown itself."""

    tag: ClassVar[str] = "known"
    value: Expression = field(validator=is_expression)

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, Kind.BOOL, Kind.INT, Kind.DATE, Kind.TEXT)
        return Kind.BOOL, self.value.level


@frozen(kw_only=True, cache_hash=True)
class IfUnknown(Expression):
    """The value, or `otherwise` (same type) where it is unknown."""

    tag: ClassVar[str] = "if_unknown"
    value: Expression = field(validator=is_expression)
    otherwise: Expression = field(validator=is_expression)

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, Kind.BOOL, Kind.INT, Kind.DATE, Kind.TEXT)
        need(self.otherwise, self.value.kind)
        return self.value.kind, common_level(self.value, self.otherwise)


@frozen(kw_only=True, cache_hash=True)
class StartsWith(Expression):
    """Whether a code begins with one of `prefixes`; for a set of codes: whether any does."""

    tag: ClassVar[str] = "starts_with"
    value: Expression = field(validator=is_expression)
    prefixes: tuple[str, ...] = field(converter=_codes)

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, Kind.TEXT, Kind.CODES)
        return Kind.BOOL, self.value.level


@frozen(kw_only=True, cache_hash=True)
class IsIn(Expression):
    """Whether a code or number is one of `codes`; for a set of codes: whether any is."""

    tag: ClassVar[str] = "is_in"
    value: Expression = field(validator=is_expression)
    codes: tuple[str | int, ...] = field(converter=_members)

    def _typed(self) -> tuple[Kind, str | None]:
        of_numbers = isinstance(self.codes[0], int)
        need(self.value, *((Kind.INT,) if of_numbers else (Kind.TEXT, Kind.CODES)))
        return Kind.BOOL, self.value.level


@frozen(kw_only=True, cache_hash=True)
class Add(Expression):
    """`left + right`, or `left - right` when `minus`."""

    tag: ClassVar[str] = "add"
    left: Expression = field(validator=is_expression)
    right: Expression = field(validator=is_expression)
    minus: bool = field(default=False, validator=validators.instance_of(bool))

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.left, Kind.INT)
        need(self.right, Kind.INT)
        return Kind.INT, common_level(self.left, self.right)


@frozen(kw_only=True, cache_hash=True)
class Shift(Expression):
    """A date moved by `years`, then by `days`; 29 February becomes 28 where it must."""

    tag: ClassVar[str] = "shift"
    value: Expression = field(validator=is_expression)
    years: int = field(validator=whole(-MAX_SHIFT_YEARS, MAX_SHIFT_YEARS))
    days: int = field(validator=whole(-MAX_SHIFT_DAYS, MAX_SHIFT_DAYS))

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, Kind.DATE)
        return Kind.DATE, self.value.level


@frozen(kw_only=True, cache_hash=True)
class YearOf(Expression):
    """The calendar year of a date."""

    tag: ClassVar[str] = "year_of"
    value: Expression = field(validator=is_expression)

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, Kind.DATE)
        return Kind.INT, self.value.level


@frozen(kw_only=True, cache_hash=True)
class DaysBetween(Expression):
    """Number of days from `start` to `end` (negative when `end` is earlier)."""

    tag: ClassVar[str] = "days_between"
    start: Expression = field(validator=is_expression)
    end: Expression = field(validator=is_expression)

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.start, Kind.DATE)
        need(self.end, Kind.DATE)
        return Kind.INT, common_level(self.start, self.end)


@frozen(kw_only=True, cache_hash=True)
class Band(Expression):
    """A number put into groups that begin at `starts`; the last one is open (`90+`).

    Unknown under the first start.
    """

    tag: ClassVar[str] = "band"
    value: Expression = field(validator=is_expression)
    starts: tuple[int, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the groups, in order: `0-9`, ..., `90+`."""
        ends = [*(following - 1 for following in self.starts[1:]), None]
        pairs = zip(self.starts, ends, strict=True)
        return tuple(_label(start, end) for start, end in pairs)

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, Kind.INT)
        if not isinstance(self.starts, tuple):
            raise Invalid("The starts of groups are no list.")
        rising = all(a < b for a, b in zip(self.starts, self.starts[1:], strict=False))
        if not self.starts or not rising or not all(map(_fits, self.starts)):
            raise Invalid(
                f"`{list(self.starts)}` does not begin groups.",
                remedy="Give rising whole numbers: the first value of each group.",
            )
        return Kind.TEXT, self.value.level


def _fits(start: Any) -> bool:
    return type(start) is int and abs(start) <= MAX_NUMBER


def _label(start: int, end: int | None) -> str:
    if end is None:
        return f"{start}+"
    return str(start) if start == end else f"{start}-{end}"


@frozen(kw_only=True, cache_hash=True)
class Choose(Expression):
    """`then` where the condition is true, `otherwise` where it is false or unknown."""

    tag: ClassVar[str] = "choose"
    condition: Expression = field(validator=is_expression)
    then: Expression = field(validator=is_expression)
    otherwise: Expression = field(validator=is_expression)

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.condition, Kind.BOOL)
        need(self.then, Kind.BOOL, Kind.INT, Kind.DATE, Kind.TEXT)
        need(self.otherwise, self.then.kind)
        return self.then.kind, common_level(self.condition, self.then, self.otherwise)
