"""What a study gives beside persons and counts: rows of events, measures, matched controls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from attrs import field, frozen, validators

from bercail.cohorts.arithmetic import UNITS, IntervalEnd, IntervalStart
from bercail.cohorts.codec import rebuilt
from bercail.cohorts.events import EventSet, is_event_set
from bercail.cohorts.expressions import Expression, Literal, Node, need, whole
from bercail.cohorts.view_types import Kind
from bercail.cohorts.views import PERSONS, VIEWS
from bercail.foundation import Invalid

MAX_INTERVALS = 600
MAX_CONTROLS = 20
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# A number over 0 and under 10, in one form only.
_CALIPER = re.compile(r"[1-9](\.[0-9]{0,3}[1-9])?|0\.[0-9]{0,3}[1-9]")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def one_line(_: Any, attribute: Any, value: Any) -> None:
    """An attrs validator: 1 to 200 printable characters."""
    ok = isinstance(value, str) and value.strip() != "" and len(value) <= 200
    if not ok or not value.isprintable():
        raise Invalid(
            f"The {attribute.name} `{value}` is not one line of text.",
            remedy="Write 1 to 200 characters.",
        )


def per_person(node: Any, what: str, *kinds: Kind) -> None:
    """Raise `Invalid` unless `node` has one value per person, of one of `kinds`."""
    if not isinstance(node, Expression):
        raise Invalid(f"The {what} is no expression of the cohort language.")
    if node.level not in (None, PERSONS):
        raise Invalid(
            f"The {what} has one value per event of {node.level}.",
            remedy="Turn the events into one value per person: `exists()`, `count_distinct()`.",
        )
    need(node, *kinds)


@frozen(kw_only=True)
class EventRows:
    """One row per event of the persons of the cohort, with some columns of the event."""

    name: str
    events: EventSet = field(validator=is_event_set)
    columns: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise Invalid(f"`{self.name}` cannot name rows of events.")
        known = VIEWS[self.events.view].columns
        listed = isinstance(self.columns, tuple) and self.columns != ()
        if not listed or len(set(self.columns)) != len(self.columns):
            raise Invalid(f"The rows `{self.name}` name no columns, or one twice.")
        for name in self.columns:
            if name not in known or known[name].kind is Kind.CODES:
                raise Invalid(
                    f"`{self.events.view}.{name}` cannot stand in rows of events.",
                    remedy=f"Known: {', '.join(known)}.",
                )


@frozen(kw_only=True)
class Measure:
    """A numerator and a denominator for each interval of the calendar, by groups of persons.

    Both are summed over the persons of the cohort: a condition counts 1 where it is true, a
    number counts for itself, unknown counts 0. The numerator counts for those alone whose
    denominator is true, or over 0. `first` is the first day of the first interval; `by` names
    attributes.
    """

    title: str = field(validator=one_line)
    interval: str = field(validator=validators.in_(UNITS))
    first: str
    count: int = field(validator=whole(1, MAX_INTERVALS))
    numerator: Expression
    denominator: Expression
    by: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        day = Literal(of=Kind.DATE, value=self.first).content
        if not isinstance(day, date) or day.day != 1:
            raise Invalid(
                f"`{self.first}` does not begin an interval.",
                remedy="Begin on the first day of a month.",
            )
        for name in ("numerator", "denominator"):
            per_person(getattr(self, name), f"{name} of `{self.title}`", Kind.BOOL, Kind.INT)
        if not isinstance(self.by, tuple):
            raise Invalid(f"The measure `{self.title}` groups by something that is no list.")

    def intervals(self) -> Iterator[tuple[date, date]]:
        """First and last day of each interval."""
        start = date.fromisoformat(self.first)
        for _ in range(self.count):
            following = _months_later(start, _MONTHS[self.interval])
            yield start, following - timedelta(days=1)
            start = following

    def unrolled(self) -> Iterator[tuple[Expression, Expression]]:
        """Numerator and denominator of each interval, with its days in their place."""
        for start, end in self.intervals():
            yield _at(self.numerator, start, end), _at(self.denominator, start, end)


def _months_later(day: date, months: int) -> date:
    place = day.year * 12 + day.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)


def _at(node: Expression, start: date, end: date) -> Expression:
    def change(inner: Node) -> Node:
        if isinstance(inner, IntervalStart):
            return Literal(of=Kind.DATE, value=start.isoformat())
        if isinstance(inner, IntervalEnd):
            return Literal(of=Kind.DATE, value=end.isoformat())
        return inner

    found = rebuilt(node, change)
    if not isinstance(found, Expression):
        raise TypeError(type(found).__name__)
    return found


@frozen(kw_only=True)
class Matching:
    """Controls for the persons of the cohort, equal on the attributes `on`.

    The pool are the persons who pass the person rules, are not in the cohort, and for whom
    `controls` is true. Unknown equals nothing. Each case gets up to `ratio` controls, nobody
    twice: in each group of equal values the cases and the pool are taken in the order of their
    identifiers, one control for each case in turn.

    With `propensity`, attributes too, the controls are those nearest in the logit of the
    propensity that these give (Rosenbaum and Rubin 1983), within `caliper` standard deviations
    of it, a decimal number written as text; `on` may be empty then.
    """

    controls: Expression
    on: tuple[str, ...] = ()
    ratio: int = field(default=1, validator=whole(1, MAX_CONTROLS))
    propensity: tuple[str, ...] = ()
    caliper: str = ""

    def __attrs_post_init__(self) -> None:
        per_person(self.controls, "condition on controls", Kind.BOOL)
        parts = (self.on, self.propensity)
        if not all(isinstance(part, tuple) for part in parts):
            raise Invalid("Matching needs attributes, each once.")
        if not self.names or len(set(self.names)) != len(self.names):
            raise Invalid("Matching needs attributes, each once.")
        written = isinstance(self.caliper, str) and _CALIPER.fullmatch(self.caliper)
        if self.caliper != "" if not self.propensity else not written:
            raise Invalid(
                f"`{self.caliper}` is no caliper of a propensity.",
                remedy="Give standard deviations of its logit, under 10; Austin's is 0.2.",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """All attributes that are compared."""
        return (*self.on, *self.propensity)
