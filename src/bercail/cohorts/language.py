"""The language in which a study is written.

    from bercail.cohorts import Cohort, dispensings, persons

Everything a study builds is a frozen model; nothing is read while it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Generic, Self, TypeVar, overload

from bercail.cohorts.events import (
    Count,
    CountDistinct,
    Events,
    EventSet,
    Exists,
    Maximum,
    Minimum,
    Pick,
    Total,
    Where,
    Within,
)
from bercail.cohorts.expressions import Column, Literal
from bercail.cohorts.model import Attribute, Exclusion, Model, TableRequest
from bercail.cohorts.series import (
    EventBool,
    EventCodes,
    EventDate,
    EventInt,
    EventText,
    PersonBool,
    PersonDate,
    PersonInt,
    PersonText,
    Series,
    date_of,
    node_of,
    series,
)
from bercail.cohorts.views import (
    DISPENSINGS,
    LONG_TERM_ILLNESSES,
    PERSONS,
    STAYS,
    VIEWS,
    Kind,
)
from bercail.foundation import Invalid


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


class EventFrame:
    """Some events of one view; every method gives a narrower set or one value per person."""

    view = ""

    def __init__(self, node: EventSet) -> None:
        self.node = node

    def __bool__(self) -> bool:
        raise Invalid(f"A set of {self.view} is neither true nor false.", remedy="Ask `exists()`.")

    def clean(self, *rules: str) -> Self:
        """Apply named cleaning rules; before any other narrowing."""
        if not isinstance(self.node, Events):
            raise Invalid(
                "Cleaning rules come first.",
                remedy=f"Write `{self.view}.clean(...)`, then `where` and `during`.",
            )
        return type(self)(Events(of=self.node.of, rules=(*self.node.rules, *rules)))

    def where(self, condition: EventBool) -> Self:
        """The events for which `condition` is true."""
        if not isinstance(condition, EventBool):
            raise Invalid(
                f"`where` takes a condition on {self.view}, not `{type(condition).__name__}`.",
                remedy="Persons are narrowed in the population, events in `where`.",
            )
        return type(self)(Where(events=self.node, condition=condition.node))

    def during(self, year: int) -> Self:
        """The events dated in one calendar year."""
        if type(year) is not int or not 1601 <= year <= 2199:
            raise Invalid(f"`{year}` is no year.", remedy="Write four digits, such as 2024.")
        return self.between(f"{year}-01-01", f"{year}-12-31")

    def between(self, start: Any = None, end: Any = None, *, on: str = "") -> Self:
        """The events dated from `start` to `end`, both days included.

        Bounds are dates, dates of the person, or None for open; `on` names another date
        of the view than its own.
        """
        within = Within(
            events=self.node,
            column=on or VIEWS[self.view].date,
            start=None if start is None else date_of(start),
            end=None if end is None else date_of(end),
        )
        return type(self)(within)

    def exists(self) -> PersonBool:
        """Whether the person has at least one."""
        return PersonBool(Exists(events=self.node))

    def count(self) -> PersonInt:
        """How many the person has; 0 for none."""
        return PersonInt(Count(events=self.node))

    def count_distinct(self, value: EventInt | EventDate | EventText) -> PersonInt:
        """How many different known values the person's events have; 0 for none."""
        return PersonInt(CountDistinct(events=self.node, value=_of_event(value)))

    def count_dates(self) -> PersonInt:
        """On how many different dates; 0 for none."""
        main = Column(of=self.view, name=VIEWS[self.view].date)
        return PersonInt(CountDistinct(events=self.node, value=main))

    def total(self, value: EventInt) -> PersonInt:
        """The sum of the known values; 0 for none."""
        return PersonInt(Total(events=self.node, value=_of_event(value)))


class _MoreEvents(EventFrame):
    """Extremes of a value over the events."""

    @overload
    def minimum(self, value: EventInt) -> PersonInt: ...
    @overload
    def minimum(self, value: EventDate) -> PersonDate: ...
    def minimum(self, value: EventInt | EventDate) -> PersonInt | PersonDate:
        """The smallest known value; unknown for none."""
        built: PersonInt | PersonDate = series(Minimum(events=self.node, value=_of_event(value)))
        return built

    @overload
    def maximum(self, value: EventInt) -> PersonInt: ...
    @overload
    def maximum(self, value: EventDate) -> PersonDate: ...
    def maximum(self, value: EventInt | EventDate) -> PersonInt | PersonDate:
        """The largest known value; unknown for none."""
        built: PersonInt | PersonDate = series(Maximum(events=self.node, value=_of_event(value)))
        return built


def _of_event(value: Any) -> Any:
    if not isinstance(value, EventInt | EventDate | EventText):
        raise Invalid(
            f"`{type(value).__name__}` is no value of an event.",
            remedy="Give a column of the events, such as `dispensings.date`.",
        )
    return value.node


class _Picked:
    """One event per person; its columns are values of the person."""

    def __init__(self, events: EventSet, which: str) -> None:
        self._events = events
        self._which = which

    def _date(self, name: str) -> PersonDate:
        return PersonDate(Pick(events=self._events, which=self._which, column=name))

    def _text(self, name: str) -> PersonText:
        return PersonText(Pick(events=self._events, which=self._which, column=name))


class OneDispensing(_Picked):
    """The first or last dispensing of a person."""

    @property
    def date(self) -> PersonDate:
        """Its date."""
        return self._date("date")

    @property
    def atc(self) -> PersonText:
        """Its ATC class."""
        return self._text("atc")

    @property
    def cip13(self) -> PersonText:
        """Its drug code."""
        return self._text("cip13")

    @property
    def quantity(self) -> PersonInt:
        """Its number of packs."""
        return PersonInt(Pick(events=self._events, which=self._which, column="quantity"))

    @property
    def units(self) -> PersonInt:
        """Its number of units given out of their pack."""
        return PersonInt(Pick(events=self._events, which=self._which, column="units"))

    @property
    def large_pack(self) -> PersonBool:
        """Whether it is a large pack."""
        return PersonBool(Pick(events=self._events, which=self._which, column="large_pack"))


class OneStay(_Picked):
    """The first or last stay of a person."""

    @property
    def entry(self) -> PersonDate:
        """Its date of entry."""
        return self._date("entry")

    @property
    def discharge(self) -> PersonDate:
        """Its date of discharge."""
        return self._date("discharge")

    @property
    def principal_diagnosis(self) -> PersonText:
        """Its principal diagnosis."""
        return self._text("principal_diagnosis")

    @property
    def related_diagnosis(self) -> PersonText:
        """Its related diagnosis."""
        return self._text("related_diagnosis")

    @property
    def ghm(self) -> PersonText:
        """Its group."""
        return self._text("ghm")


class OneIllness(_Picked):
    """The first or last long-term illness of a person."""

    @property
    def start(self) -> PersonDate:
        """Its start."""
        return self._date("start")

    @property
    def end(self) -> PersonDate:
        """Its end."""
        return self._date("end")

    @property
    def icd10(self) -> PersonText:
        """Its ICD-10 code."""
        return self._text("icd10")


PickedT = TypeVar("PickedT", bound=_Picked)


class _Ranked(_MoreEvents, Generic[PickedT]):
    one: type[PickedT]

    def first(self) -> PickedT:
        """The person's first event by date; ties are decided by the view's total order."""
        return self.one(self.node, "first")

    def last(self) -> PickedT:
        """The person's last event by date."""
        return self.one(self.node, "last")


class _Spans(_Ranked[PickedT]):
    def active_between(self, start: str | date, end: str | date) -> Self:
        """The events begun by `end` and not ended before `start`; an unknown end is open."""
        view = VIEWS[self.view]
        begin = EventDate(Column(of=self.view, name=view.date))
        finish = EventDate(Column(of=self.view, name=view.end))
        return self.where((begin <= end) & ((finish >= start) | ~finish.is_known()))


class Dispensings(_Ranked[OneDispensing]):
    """Drug dispensings in town pharmacies (DCIR)."""

    view = DISPENSINGS
    one = OneDispensing
    date = EventDate(Column(of=DISPENSINGS, name="date"))
    atc = EventText(Column(of=DISPENSINGS, name="atc"))
    cip13 = EventText(Column(of=DISPENSINGS, name="cip13"))
    quantity = EventInt(Column(of=DISPENSINGS, name="quantity"))
    units = EventInt(Column(of=DISPENSINGS, name="units"))
    large_pack = EventBool(Column(of=DISPENSINGS, name="large_pack"))


class Stays(_Spans[OneStay]):
    """Acute hospital stays (PMSI MCO), dated by entry and discharge."""

    view = STAYS
    one = OneStay
    entry = EventDate(Column(of=STAYS, name="entry"))
    discharge = EventDate(Column(of=STAYS, name="discharge"))
    principal_diagnosis = EventText(Column(of=STAYS, name="principal_diagnosis"))
    related_diagnosis = EventText(Column(of=STAYS, name="related_diagnosis"))
    associated_diagnoses = EventCodes(Column(of=STAYS, name="associated_diagnoses"))
    diagnoses = EventCodes(Column(of=STAYS, name="diagnoses"))
    ghm = EventText(Column(of=STAYS, name="ghm"))


class LongTermIllnesses(_Spans[OneIllness]):
    """Recognised long-term illnesses (ALD), from their start to their end."""

    view = LONG_TERM_ILLNESSES
    one = OneIllness
    start = EventDate(Column(of=LONG_TERM_ILLNESSES, name="start"))
    end = EventDate(Column(of=LONG_TERM_ILLNESSES, name="end"))
    icd10 = EventText(Column(of=LONG_TERM_ILLNESSES, name="icd10"))


persons = Persons()
dispensings = Dispensings(Events(of=DISPENSINGS))
stays = Stays(Events(of=STAYS))
long_term_illnesses = LongTermIllnesses(Events(of=LONG_TERM_ILLNESSES))


def day(text: str) -> PersonDate:
    """A fixed date as a value of the person: `day("2024-12-31")`."""
    return PersonDate(Literal(of=Kind.DATE, value=text))


class Cohort:
    """A study: whom it means and what it counts. One per study file.

    `persons` lists person rules; `population` says who is in; `exclude` maps labels to
    conditions, in order; `attributes` names values; `tables` maps titles to attributes.
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
        )
