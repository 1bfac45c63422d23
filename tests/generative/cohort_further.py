"""Random silver rows, and random pieces of the further language."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from bercail.cohorts.arithmetic import (
    Case,
    Divide,
    FirstDayOf,
    Greatest,
    IntervalEnd,
    IntervalStart,
    Least,
    Multiply,
    PartOf,
    ShiftMonths,
)
from bercail.cohorts.events import Count, Events, Exists, Where, Within
from bercail.cohorts.expressions import Column, Compare, Expression, IsIn, Literal
from bercail.cohorts.outputs import EventRows, Matching, Measure
from bercail.cohorts.scope import Scope
from bercail.cohorts.views import EVENT_VIEWS, VIEWS, Kind

Draw = Callable[[st.SearchStrategy[Any]], Any]
Part = Callable[[Kind], Expression]
_KINDS = {Kind.INT: pa.int64(), Kind.DATE: pa.date32(), Kind.TEXT: pa.string()}
_CODES = ("A10", "I63", "I639", "E119", "C77", "F320", "K257", "DEQP003", "1111", "9", None)
_POSITIONS = ("dp", "dr", "das", "um-dp", "had-dp", None)


def number_of(draw: Draw, part: Part) -> Expression:
    """A whole number."""
    choice = draw(st.integers(0, 3))
    if choice == 0:
        return Multiply(value=part(Kind.INT), by=draw(st.sampled_from([-2, 0, 3, 10])))
    if choice == 1:
        return Divide(left=part(Kind.INT), right=part(Kind.INT))
    if choice == 2:
        names = st.sampled_from(["month", "day", "quarter", "weekday"])
        return PartOf(value=part(Kind.DATE), part=draw(names))
    return extreme_of(draw, Kind.INT, part)


def date_of(draw: Draw, part: Part) -> Expression:
    """A date."""
    choice = draw(st.integers(0, 2))
    if choice == 0:
        months = draw(st.sampled_from([0, 1, -1, 13, -1200]))
        return ShiftMonths(value=part(Kind.DATE), months=months)
    if choice == 1:
        unit = draw(st.sampled_from(["month", "quarter", "year"]))
        return FirstDayOf(value=part(Kind.DATE), unit=unit)
    return extreme_of(draw, Kind.DATE, part)


def extreme_of(draw: Draw, kind: Kind, part: Part) -> Expression:
    """The least or greatest of one to three values."""
    values = tuple(part(kind) for _ in range(draw(st.integers(1, 3))))
    return (Least if draw(st.booleans()) else Greatest)(values=values)


def case_of(draw: Draw, kind: Kind, part: Part) -> Expression:
    """A choice among several."""
    number = draw(st.integers(1, 2))
    return Case(
        conditions=tuple(part(Kind.BOOL) for _ in range(number)),
        values=tuple(part(kind) for _ in range(number)),
        otherwise=part(kind) if draw(st.booleans()) else None,
    )


def measures_of(draw: Draw, denominator: Expression, *, conditions: bool) -> tuple[Measure, ...]:
    """No measure, or one whose numerator looks at the interval; with `conditions` also below it."""
    if draw(st.booleans()):
        return ()
    view = draw(st.sampled_from(EVENT_VIEWS))
    dated = Column(of=view, name=VIEWS[view].date)
    late = Compare(op=">", left=dated, right=Literal(of=Kind.DATE, value="2023-01-20"))
    events = Events(of=view)
    inside = Within(
        events=Where(events=events, condition=late)
        if conditions and draw(st.booleans())
        else events,
        column=dated.name,
        start=IntervalStart(),
        end=IntervalEnd() if draw(st.booleans()) else None,
    )
    measure = Measure(
        title="m",
        interval=draw(st.sampled_from(["month", "quarter", "year"])),
        first="2022-12-01",
        count=draw(st.integers(1, 4)),
        numerator=(draw(st.sampled_from([Exists, Exists, Count])) if conditions else Exists)(
            events=inside
        ),
        denominator=denominator,
        by=draw(st.sampled_from([(), ("v_bool",), ("v_text", "v_bool")])),
    )
    return (measure,)


def rows_of(draw: Draw, events: Any) -> tuple[EventRows, ...]:
    """No rows of events, or those of one set."""
    if draw(st.booleans()):
        return ()
    known = VIEWS[events.view].columns
    names = [name for name, column in known.items() if column.kind is not Kind.CODES]
    columns = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    return (EventRows(name="rows", events=events, columns=tuple(columns)),)


def matching_of(draw: Draw, controls: Expression) -> Matching | None:
    """No matching, or one on some attributes."""
    if draw(st.booleans()):
        return None
    on = draw(st.sampled_from([("v_bool",), ("v_text", "v_bool"), ("v_int",)]))
    return Matching(controls=controls, on=on, ratio=draw(st.integers(1, 2)))


def scope_of(dice: random.Random, names: list[str]) -> Scope:
    """No limits, or some."""
    if dice.random() < 0.5:
        return Scope()
    sexes = IsIn(value=Column(of="persons", name="sex"), codes=("female",))
    return Scope(
        first_year=dice.choice([None, 2023]),
        last_year=dice.choice([None, 2023]),
        population=dice.choice([None, sexes]),
        objections=frozenset(dice.sample(names, dice.randint(0, min(2, len(names))))),
    )


def silver_rows(dice: random.Random, identities: list[str]) -> dict[str, pa.Table]:
    """Every table of events with random rows, and person numbers, by the register or the layer."""
    numbers = {name: place for place, name in enumerate(sorted(set(identities)), start=7)}
    people = [*numbers.values(), 99]
    tables = {}
    for name in EVENT_VIEWS:
        silver = VIEWS[name].silver
        if silver is None:
            raise TypeError(name)
        kinds = {
            here: Kind.TEXT if here == "cip13" else VIEWS[name].columns[column].kind
            for column, here in silver.columns.items()
        }
        if name in ("stays", "diagnoses"):
            kinds["stay"] = Kind.INT
        rows = [
            {here: _value(dice, here, kind) for here, kind in kinds.items()}
            for _ in range(dice.randint(0, 12))
        ]
        arrays = {here: pa.array([r[here] for r in rows], _KINDS[k]) for here, k in kinds.items()}
        who = pa.array([dice.choice(people) for _ in rows], pa.int32())
        tables[silver.name] = pa.table({"person": who, **arrays})
    # Few have no number.
    numbers = {name: number for name, number in numbers.items() if dice.random() < 0.9}
    called = list(numbers)
    if dice.random() < 0.5:
        whose = pa.array(list(numbers.values()), pa.int32())
        tables["silver_numbers"] = pa.table({"person": whose, "identity": called})
    else:
        merged = [dice.choice([number, 7]) for number in numbers.values()]
        columns = {"person": pa.array(merged, pa.int32()), "BEN_IDT_ANO": called}
        tables["silver_identities"] = pa.table(columns)
    return tables


def _value(dice: random.Random, column: str, kind: Kind) -> Any:
    if kind is Kind.DATE:
        offset = dice.choice([0, 1, 3, 4, 5, 31, 170, 428, 734])
        return dice.choice([date(2022, 12, 28) + timedelta(days=offset), None])
    if kind is Kind.INT:
        return dice.choice([-1, 0, 1, 1, 2, 30, None])
    if column == "cip13":
        return dice.choice(["3400930000001", "3400930000004", "3400999999999", None])
    return dice.choice(_POSITIONS if column == "position" else _CODES)
