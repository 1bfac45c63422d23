"""The language in which a study is written.

    from bercail.cohorts import Cohort, dispensings, persons

Everything a study builds is a frozen model; nothing is read while it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from bercail.cohorts.arithmetic import Case, Greatest, IntervalEnd, IntervalStart, Least
from bercail.cohorts.expressions import Column, Literal
from bercail.cohorts.frames import (
    EventFrame,
    dispensings,
    long_term_illnesses,
    periods,
    stays,
)
from bercail.cohorts.model import Attribute, Exclusion, Model, TableRequest
from bercail.cohorts.outputs import EventRows, Matching, Measure
from bercail.cohorts.series import (
    PersonBool,
    PersonDate,
    PersonInt,
    PersonText,
    Series,
    date_of,
    node_of,
    series,
)
from bercail.cohorts.silver_frames import (
    acts,
    biology,
    consultations,
    deaths,
    devices,
    diagnoses,
    hospital_drugs,
    other_stays,
    residence,
)
from bercail.cohorts.views import PERSONS, Kind
from bercail.foundation import Invalid

__all__ = [
    "Cohort",
    "FollowUp",
    "acts",
    "biology",
    "case",
    "consultations",
    "day",
    "deaths",
    "devices",
    "diagnoses",
    "dispensings",
    "earliest",
    "hospital_drugs",
    "interval",
    "largest",
    "latest",
    "long_term_illnesses",
    "match",
    "measure",
    "other_stays",
    "periods",
    "persons",
    "residence",
    "smallest",
    "stays",
]


class Persons:
    """The persons, and what is known of each."""

    birth_year = PersonInt(Column(of=PERSONS, name="birth_year"))
    sex = PersonText(Column(of=PERSONS, name="sex"))
    death_date = PersonDate(Column(of=PERSONS, name="death_date"))
    department = PersonText(Column(of=PERSONS, name="department"))

    def age_on(self, day: str | date | PersonDate) -> PersonInt:
        """Age reached in the year of `day`: its year less the birth year."""
        age: PersonInt = series(date_of(day)).year - self.birth_year
        return age

    def alive_on(self, day: str | date | PersonDate) -> PersonBool:
        """True unless a death is recorded on or before `day`; an unknown death counts as alive."""
        return ~self.dead_on(day)

    def dead_on(self, day: str | date | PersonDate) -> PersonBool:
        """True when a death is recorded on or before `day`; false when none is known."""
        return (self.death_date <= day).if_unknown(False)


class _Interval:
    """The interval that a measure looks at."""

    start = PersonDate(IntervalStart())
    end = PersonDate(IntervalEnd())


persons = Persons()
interval = _Interval()


def day(text: str) -> PersonDate:
    """A fixed date as a value of the person: `day("2024-12-31")`."""
    return PersonDate(Literal(of=Kind.DATE, value=text))


def earliest(*dates: str | date | Series) -> Any:
    """The earliest known of several dates; unknown when none is known."""
    return series(Least(values=tuple(date_of(one) for one in dates)))


def latest(*dates: str | date | Series) -> Any:
    """The latest known of several dates; unknown when none is known."""
    return series(Greatest(values=tuple(date_of(one) for one in dates)))


def smallest(*numbers: int | Series) -> Any:
    """The smallest known of several numbers."""
    return series(Least(values=tuple(node_of(one) for one in numbers)))


def largest(*numbers: int | Series) -> Any:
    """The largest known of several numbers."""
    return series(Greatest(values=tuple(node_of(one) for one in numbers)))


def case(*branches: tuple[Series, Any], otherwise: Any = None) -> Any:
    """The value beside the first condition that is true: `case((c1, v1), (c2, v2))`.

    `otherwise` where none is; unknown without it. Dates are given as values: `day("2024-01-01")`.
    """
    if not all(isinstance(branch, tuple) and len(branch) == 2 for branch in branches):
        raise Invalid(
            "`case` takes pairs of a condition and a value.",
            remedy="Write `case((condition, value), ..., otherwise=value)`.",
        )
    return series(
        Case(
            conditions=tuple(node_of(condition) for condition, _ in branches),
            values=tuple(node_of(value) for _, value in branches),
            otherwise=None if otherwise is None else node_of(otherwise),
        )
    )


class FollowUp:
    """Time under observation: from `start` to death, a loss, or the end of the study.

    `losses` maps a word to the date at which a person is lost for that reason. `end` is the
    first of all these days, `reason` its word (`death` before the losses in their order, then
    `end`), `days` the days from start to end (0 when they fall on one day); both are unknown when
    the follow-up never begins.
    """

    def __init__(
        self,
        start: PersonDate,
        end: str | date | PersonDate,
        *,
        losses: Mapping[str, PersonDate] | None = None,
        death: PersonDate | None = None,
    ) -> None:
        died = persons.death_date if death is None else death
        stops: dict[str, Any] = {"death": died, **(losses if losses is not None else {})}
        self.start = start
        self.end: PersonDate = earliest(*stops.values(), end)
        begun = start.is_known()
        pairs = ((begun & (stop == self.end), word) for word, stop in stops.items())
        self.reason: PersonText = case(*pairs, (begun, "end"))
        self.days: PersonInt = start.days_until(self.end)

    def holds(self, events: EventFrame) -> Any:
        """The events from start to end, both days included."""
        return events.between(self.start, self.end)


def measure(
    title: str,
    *,
    numerator: PersonBool | PersonInt,
    denominator: PersonBool | PersonInt,
    first: str | date,
    count: int,
    each: str = "month",
    by: Sequence[str] = (),
) -> Measure:
    """A numerator and a denominator for `count` months, quarters or years from `first` on.

    Use `interval.start` and `interval.end` in both; `by` names attributes of the study.
    """
    return Measure(
        title=title,
        interval=each,
        first=first.isoformat() if isinstance(first, date) else first,
        count=count,
        numerator=node_of(numerator),
        denominator=node_of(denominator),
        by=tuple(by),
    )


def match(
    controls: PersonBool,
    *,
    on: Sequence[str] = (),
    ratio: int = 1,
    propensity: Sequence[str] = (),
    caliper: float = 0.2,
) -> Matching:
    """Up to `ratio` controls for each person, equal on the attributes `on`.

    With `propensity`, the nearest in the propensity that these attributes give, no further than
    `caliper` standard deviations of its logit (Austin 2011).
    """
    written = format(Decimal(str(caliper)).normalize(), "f") if propensity else ""
    return Matching(
        controls=node_of(controls),
        on=tuple(on),
        ratio=ratio,
        propensity=tuple(propensity),
        caliper=written,
    )


def _rows_of(
    given: Mapping[str, tuple[EventFrame, Sequence[str]]] | None,
) -> tuple[EventRows, ...]:
    listed = given if given is not None else {}
    return tuple(
        EventRows(name=text, events=frame.node, columns=tuple(columns))
        for text, (frame, columns) in listed.items()
    )


class Cohort:
    """A study: whom it means and what it counts. One per study file.

    `persons` lists person rules; `population` says who is in; `exclude` maps labels to
    conditions, in order; `attributes` names values; `tables` maps titles to attributes.
    `event_rows` maps names to (events, columns); `measures` and `matching` are made by
    `measure(...)` and `match(...)`.
    """

    def __init__(
        self,
        *,
        name: str,
        title: str,
        population: PersonBool,
        label: str = "In the population",
        person_rules: Sequence[str] = (),
        exclude: Mapping[str, PersonBool] | None = None,
        index_date: PersonDate | str | None = None,
        attributes: Mapping[str, Series] | None = None,
        tables: Mapping[str, Sequence[str]] | None = None,
        event_rows: Mapping[str, tuple[EventFrame, Sequence[str]]] | None = None,
        measures: Sequence[Measure] = (),
        matching: Matching | None = None,
    ) -> None:
        excluded = exclude if exclude is not None else {}
        named = attributes if attributes is not None else {}
        counted = tables if tables is not None else {}
        self.model = Model(
            name=name,
            title=title,
            person_rules=tuple(person_rules),
            population_label=label,
            population=node_of(population),
            exclusions=tuple(
                Exclusion(label=text, condition=node_of(condition))
                for text, condition in excluded.items()
            ),
            index_date=None if index_date is None else date_of(index_date),
            attributes=tuple(
                Attribute(name=text, value=node_of(value)) for text, value in named.items()
            ),
            tables=tuple(TableRequest(title=text, by=tuple(by)) for text, by in counted.items()),
            event_rows=_rows_of(event_rows),
            measures=tuple(measures),
            matching=matching,
        )
