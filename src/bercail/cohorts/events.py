"""Sets of events, and what turns them into one value per person.

There is no join between events: a set is narrowed by conditions on its own columns,
or by a window between two dates of the person; then it is counted, tested or picked from.
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import field, frozen, validators

from bercail.cohorts.cleaning import find_rules
from bercail.cohorts.expressions import (
    Expression,
    Node,
    common_level,
    is_expression,
    need,
    title_of,
    whole,
)
from bercail.cohorts.scores import find_index
from bercail.cohorts.views import EVENT_VIEWS, PERSONS, VIEWS, Kind
from bercail.foundation import Invalid


@frozen(kw_only=True, cache_hash=True)
class EventSet(Node):
    """Some events of one view."""

    @property
    def view(self) -> str:
        """The name of the view."""
        raise TypeError(f"`{type(self).__name__}` stands for no events of its own")


def is_event_set(_: Any, attribute: Any, value: Any) -> None:
    """An attrs validator: the field holds a set of events."""
    if not isinstance(value, EventSet):
        raise Invalid(f"`{attribute.name}` is no set of events.")


def _view_name(_: Any, __: Any, value: Any) -> None:
    if value not in EVENT_VIEWS:
        raise Invalid(
            f"There is no event view `{value}`.", remedy=f"Known: {', '.join(EVENT_VIEWS)}."
        )


def _sorted_ids(ids: Any) -> tuple[str, ...]:
    return tuple(sorted(set(ids)))


@frozen(kw_only=True, cache_hash=True)
class Events(EventSet):
    """All events of a view, after the named cleaning rules (sorted, each once)."""

    tag: ClassVar[str] = "events"
    of: str = field(validator=_view_name)
    rules: tuple[str, ...] = field(default=(), converter=_sorted_ids)

    def __attrs_post_init__(self) -> None:
        find_rules(self.of, self.rules)

    @property
    def view(self) -> str:
        """The name of the view."""
        return self.of


@frozen(kw_only=True, cache_hash=True)
class Where(EventSet):
    """The events for which `condition` is true (neither false nor unknown)."""

    tag: ClassVar[str] = "where"
    events: EventSet = field(validator=is_event_set)
    condition: Expression = field(validator=is_expression)

    def __attrs_post_init__(self) -> None:
        need(self.condition, Kind.BOOL)
        if self.condition.level not in (None, self.view):
            raise Invalid(
                f"The condition on {self.view} looks at `{self.condition.level}`.",
                remedy=f"Use columns of {self.view}, or a window between two person dates.",
            )

    @property
    def view(self) -> str:
        """The name of the view."""
        return self.events.view


@frozen(kw_only=True, cache_hash=True)
class Within(EventSet):
    """The events whose `column` lies from `start` to `end`, both days included.

    A bound is a date of the person or a literal; `None` leaves that side open. An
    event is kept only if its date and every bound are known.
    """

    tag: ClassVar[str] = "within"
    events: EventSet = field(validator=is_event_set)
    column: str
    start: Expression | None = None
    end: Expression | None = None

    def __attrs_post_init__(self) -> None:
        column = VIEWS[self.view].columns.get(self.column)
        if column is None or column.kind is not Kind.DATE:
            raise Invalid(f"`{self.view}.{self.column}` is no date.")
        bounds = [bound for bound in (self.start, self.end) if bound is not None]
        if not bounds:
            raise Invalid("A window needs a start or an end.")
        for bound in bounds:
            if not isinstance(bound, Expression):
                raise Invalid("The bound of a window is no expression of the cohort language.")
            need(bound, Kind.DATE)
            if bound.level not in (None, PERSONS):
                raise Invalid(
                    f"The bound `{title_of(bound)}` of a window has one value per event.",
                    remedy="Use a date of the person, such as `first().date`.",
                )

    @property
    def view(self) -> str:
        """The name of the view."""
        return self.events.view


@frozen(kw_only=True, cache_hash=True)
class Aggregate(Expression):
    """One value per person from a set of events."""

    events: EventSet = field(validator=is_event_set)

    def _typed(self) -> tuple[Kind, str | None]:
        return Kind.INT, PERSONS


@frozen(kw_only=True, cache_hash=True)
class Exists(Aggregate):
    """Whether the person has at least one; false for none."""

    tag: ClassVar[str] = "exists"

    def _typed(self) -> tuple[Kind, str | None]:
        return Kind.BOOL, PERSONS


@frozen(kw_only=True, cache_hash=True)
class Count(Aggregate):
    """Number of events; 0 for none."""

    tag: ClassVar[str] = "count"


@frozen(kw_only=True, cache_hash=True)
class _OfValue(Aggregate):
    value: Expression = field(validator=is_expression)

    allowed: ClassVar[tuple[Kind, ...]] = (Kind.INT,)

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, *self.allowed)
        if common_level(self.value) != self.events.view:
            raise Invalid(f"`{title_of(self.value)}` is no value of {self.events.view}.")
        return self._result(), PERSONS

    def _result(self) -> Kind:
        return self.value.kind


@frozen(kw_only=True, cache_hash=True)
class CountDistinct(_OfValue):
    """Number of different known values; 0 for none."""

    tag: ClassVar[str] = "count_distinct"
    allowed: ClassVar[tuple[Kind, ...]] = (Kind.INT, Kind.DATE, Kind.TEXT)

    def _result(self) -> Kind:
        return Kind.INT


@frozen(kw_only=True, cache_hash=True)
class Total(_OfValue):
    """Sum of the known values; 0 for none."""

    tag: ClassVar[str] = "total"


@frozen(kw_only=True, cache_hash=True)
class Minimum(_OfValue):
    """Smallest known value; unknown for none."""

    tag: ClassVar[str] = "minimum"
    allowed: ClassVar[tuple[Kind, ...]] = (Kind.INT, Kind.DATE)


@frozen(kw_only=True, cache_hash=True)
class Maximum(_OfValue):
    """Largest known value; unknown for none."""

    tag: ClassVar[str] = "maximum"
    allowed: ClassVar[tuple[Kind, ...]] = (Kind.INT, Kind.DATE)


@frozen(kw_only=True, cache_hash=True)
class Pick(Aggregate):
    """A column of the first or last event by the view's date; unknown for none.

    Events without a date are never picked. Ties are decided by the view's total order
    (unknown values last for `first`; `last` is the exact reverse).
    """

    tag: ClassVar[str] = "pick"
    which: str = field(validator=validators.in_(("first", "last")))
    column: str

    def _typed(self) -> tuple[Kind, str | None]:
        column = VIEWS[self.events.view].columns.get(self.column)
        if column is None or column.kind is Kind.CODES:
            raise Invalid(f"`{self.events.view}.{self.column}` cannot be picked.")
        return column.kind, PERSONS


@frozen(kw_only=True, cache_hash=True)
class Mean(_OfValue):
    """Mean of the known values in units of 1/`scale`, rounded down; unknown for none."""

    tag: ClassVar[str] = "mean"
    scale: int = field(default=1, validator=whole(1, 1_000_000))


@frozen(kw_only=True, cache_hash=True)
class Nearest(Aggregate):
    """A column of the event nearest to the date `to` of the person; unknown for none.

    Of two events equally far the earlier one is taken; on one day the first in the view's
    total order. Unknown where `to` is.
    """

    tag: ClassVar[str] = "nearest"
    column: str
    to: Expression = field(validator=is_expression)

    def _typed(self) -> tuple[Kind, str | None]:
        column = VIEWS[self.events.view].columns.get(self.column)
        if column is None or column.kind is Kind.CODES:
            raise Invalid(f"`{self.events.view}.{self.column}` cannot be picked.")
        need(self.to, Kind.DATE)
        if self.to.level not in (None, PERSONS):
            raise Invalid(
                f"`{title_of(self.to)}` has one value per event.",
                remedy="Ask for what is nearest to a date of the person.",
            )
        return column.kind, PERSONS


@frozen(kw_only=True, cache_hash=True)
class Score(Aggregate):
    """A comorbidity index over the ICD-10 codes `value` of the events; 0 for none."""

    tag: ClassVar[str] = "score"
    value: Expression = field(validator=is_expression)
    index: str

    def _typed(self) -> tuple[Kind, str | None]:
        need(self.value, Kind.TEXT)
        if common_level(self.value) != self.events.view:
            raise Invalid(f"`{title_of(self.value)}` is no value of {self.events.view}.")
        find_index(self.index)
        return Kind.INT, PERSONS
