"""Sets of events as a study author holds them, for persons' events of every view.

Every method gives a narrower set, a set made of this one, or one value per person.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Generic, Self, TypeVar, overload

from bercail.cohorts.derived import Periods, Washout
from bercail.cohorts.events import (
    Count,
    CountDistinct,
    Events,
    EventSet,
    Exists,
    Maximum,
    Mean,
    Minimum,
    Nearest,
    Pick,
    Score,
    Total,
    Where,
    Within,
)
from bercail.cohorts.expressions import Column
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
    date_of,
    node_of,
    series,
)
from bercail.cohorts.views import (
    DISPENSINGS,
    LONG_TERM_ILLNESSES,
    PERIODS,
    STAYS,
    VIEWS,
)
from bercail.foundation import Invalid


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

    def cleaned(self, *further: str) -> Self:
        """Apply the rules of the view's silver table, and `further` ones; all are listed.

        A study that asks for just these is served from silver.
        """
        silver = VIEWS[self.view].silver
        return self.clean(*sorted(silver.rules if silver is not None else ()), *further)

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


class MoreEvents(EventFrame):
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

    def mean(self, value: EventInt, *, scale: int = 1) -> PersonInt:
        """The mean in units of 1/`scale`, rounded down: `scale=100` gives hundredths."""
        return PersonInt(Mean(events=self.node, value=_of_event(value), scale=scale))

    def score(self, index: str, value: EventText) -> PersonInt:
        """A comorbidity index over ICD-10 codes, such as `charlson-quan-2005`; 0 for none."""
        return PersonInt(Score(events=self.node, value=_of_event(value), index=index))

    def washout(self, days: int) -> Self:
        """The events with no other event of this set in the `days` days before."""
        return type(self)(Washout(events=self.node, days=days))

    def periods(self, *, days: int | EventInt | None = None, gap: int = 0) -> PeriodFrame:
        """Periods in which the events follow each other.

        An event covers `days` days from its date on: a number, or a value of the event.
        Uncovered stretches of at most `gap` days do not end a period. Without `days` there is
        one period, from the first event on, without an end.
        """
        covered = None if days is None else node_of(days)
        return PeriodFrame(Periods(events=self.node, days=covered, gap=gap))


def _of_event(value: Any) -> Any:
    if not isinstance(value, EventInt | EventDate | EventText):
        raise Invalid(
            f"`{type(value).__name__}` is no value of an event.",
            remedy="Give a column of the events, such as `dispensings.date`.",
        )
    return value.node


class Picked:
    """One event per person; its columns are values of the person."""

    def __init__(self, events: EventSet, which: str, to: Any = None) -> None:
        self._events = events
        self._which = which
        self._to = to

    def _value(self, name: str) -> Any:
        if self._which == "nearest":
            return series(Nearest(events=self._events, column=name, to=date_of(self._to)))
        return series(Pick(events=self._events, which=self._which, column=name))

    def _date(self, name: str) -> PersonDate:
        found: PersonDate = self._value(name)
        return found

    def _text(self, name: str) -> PersonText:
        found: PersonText = self._value(name)
        return found

    def _int(self, name: str) -> PersonInt:
        found: PersonInt = self._value(name)
        return found


class OneDispensing(Picked):
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
    def cip7(self) -> PersonText:
        """Its drug code in seven digits."""
        return self._text("cip7")

    @property
    def quantity(self) -> PersonInt:
        """Its number of packs."""
        return self._int("quantity")

    @property
    def units(self) -> PersonInt:
        """Its number of units given out of their pack."""
        return self._int("units")

    @property
    def large_pack(self) -> PersonBool:
        """Whether it is a large pack."""
        found: PersonBool = self._value("large_pack")
        return found


class OneStay(Picked):
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

    @property
    def exit_mode(self) -> PersonText:
        """Its mode of discharge; 9 is death."""
        return self._text("exit_mode")


class OneIllness(Picked):
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


PickedT = TypeVar("PickedT", bound=Picked)


class Ranked(MoreEvents, Generic[PickedT]):
    """Events of which one can be picked."""

    one: type[PickedT]

    def first(self) -> PickedT:
        """The person's first event by date; ties are decided by the view's total order."""
        return self.one(self.node, "first")

    def last(self) -> PickedT:
        """The person's last event by date."""
        return self.one(self.node, "last")

    def nearest(self, to: str | date | PersonDate) -> PickedT:
        """The event nearest to a date of the person; the earlier of two equally far."""
        return self.one(self.node, "nearest", to)


class Spans(Ranked[PickedT]):
    """Events that last from one day to another."""

    def active_between(self, start: str | date, end: str | date) -> Self:
        """The events begun by `end` and not ended before `start`; an unknown end is open."""
        view = VIEWS[self.view]
        begin = EventDate(Column(of=self.view, name=view.date))
        finish = EventDate(Column(of=self.view, name=view.end))
        return self.where((begin <= end) & ((finish >= start) | ~finish.is_known()))


class OnePeriod(Picked):
    """The first, last or nearest period of a person."""

    @property
    def start(self) -> PersonDate:
        """Its first day."""
        return self._date("start")

    @property
    def end(self) -> PersonDate:
        """Its last day; unknown when it has no end."""
        return self._date("end")

    @property
    def events(self) -> PersonInt:
        """Its number of events."""
        return self._int("events")

    @property
    def days(self) -> PersonInt:
        """Its length in days."""
        return self._int("days")

    @property
    def covered(self) -> PersonInt:
        """How many of its days are covered."""
        return self._int("covered")


class PeriodColumns:
    """The columns of periods, for conditions on them: `periods.days > 90`."""

    start = EventDate(Column(of=PERIODS, name="start"))
    end = EventDate(Column(of=PERIODS, name="end"))
    events = EventInt(Column(of=PERIODS, name="events"))
    days = EventInt(Column(of=PERIODS, name="days"))
    covered = EventInt(Column(of=PERIODS, name="covered"))


class PeriodFrame(Spans[OnePeriod]):
    """Periods made of events by `periods(...)`; their columns are those of `periods`."""

    view = PERIODS
    one = OnePeriod


class Dispensings(Ranked[OneDispensing]):
    """Drug dispensings in town pharmacies (DCIR)."""

    view = DISPENSINGS
    one = OneDispensing
    date = EventDate(Column(of=DISPENSINGS, name="date"))
    atc = EventText(Column(of=DISPENSINGS, name="atc"))
    cip13 = EventText(Column(of=DISPENSINGS, name="cip13"))
    cip7 = EventText(Column(of=DISPENSINGS, name="cip7"))
    quantity = EventInt(Column(of=DISPENSINGS, name="quantity"))
    units = EventInt(Column(of=DISPENSINGS, name="units"))
    large_pack = EventBool(Column(of=DISPENSINGS, name="large_pack"))


class Stays(Spans[OneStay]):
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
    exit_mode = EventText(Column(of=STAYS, name="exit_mode"))


class LongTermIllnesses(Spans[OneIllness]):
    """Recognised long-term illnesses (ALD), from their start to their end."""

    view = LONG_TERM_ILLNESSES
    one = OneIllness
    start = EventDate(Column(of=LONG_TERM_ILLNESSES, name="start"))
    end = EventDate(Column(of=LONG_TERM_ILLNESSES, name="end"))
    icd10 = EventText(Column(of=LONG_TERM_ILLNESSES, name="icd10"))


dispensings = Dispensings(Events(of=DISPENSINGS))
stays = Stays(Events(of=STAYS))
long_term_illnesses = LongTermIllnesses(Events(of=LONG_TERM_ILLNESSES))
periods = PeriodColumns()
