"""Random cohort models and random difficult data, for engines to agree on."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import evolve
from hypothesis import strategies as st

from bercail.cohorts import Model
from bercail.cohorts.cleaning import RULES
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
from bercail.cohorts.expressions import (
    Add,
    Band,
    Both,
    Choose,
    Column,
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
)
from bercail.cohorts.model import Attribute, Exclusion, TableRequest
from bercail.cohorts.scores import INDEXES
from bercail.cohorts.sources import Sources
from bercail.cohorts.views import EVENT_VIEWS, PERIODS, PERSONS, VIEWS, Kind
from bercail.testing.silver_register import register_of
from bercail.testing.small_snds import DRUGS, SmallSnds

VALUES = (Kind.BOOL, Kind.INT, Kind.DATE, Kind.TEXT)
CODES = ("A10", "A10BA02", "C10", "I63", "I639", "E11", "E119", "01M301", "28Z04Z", "90Z00Z", "075")
TEXTS = (*CODES, "male", "female", "3400930000001", "3400930000004")
DAYS = ("2022-12-31", "2023-01-01", "2023-06-15", "2024-02-29", "2024-12-31", "1601-01-01")
# Views that are read from bronze or from silver have the most ways to differ.
BOTH_LAYERS = tuple(name for name in EVENT_VIEWS if VIEWS[name].bronze)
Draw = Callable[[st.SearchStrategy[Any]], Any]


def _beside(name: str) -> ModuleType:
    # Test folders are no packages, so the module beside is loaded by its path.
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


FURTHER = _beside("cohort_further")


def _literal(draw: Draw, kind: Kind) -> Literal:
    pools: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.BOOL: st.booleans(),
        Kind.INT: st.sampled_from([-1, 0, 1, 2, 3, 84, 1950, 2024]),
        Kind.DATE: st.sampled_from(DAYS),
        Kind.TEXT: st.sampled_from(TEXTS),
    }
    return Literal(of=kind, value=draw(pools[kind]))


def _column(draw: Draw, view: str, *kinds: Kind) -> Column:
    names = [name for name, column in VIEWS[view].columns.items() if column.kind in kinds]
    return Column(of=view, name=draw(st.sampled_from(names)))


def _leaf(draw: Draw, level: str, kind: Kind) -> Expression:
    held = any(column.kind is kind for column in VIEWS[level].columns.values())
    if kind is Kind.BOOL and level == PERIODS:
        number = _column(draw, level, Kind.INT)
        return Compare(
            op=draw(st.sampled_from([">", "=="])), left=number, right=_literal(draw, Kind.INT)
        )
    if kind is Kind.BOOL and not held:
        codes = _column(draw, level, Kind.TEXT, Kind.CODES)
        return StartsWith(value=codes, prefixes=(draw(st.sampled_from(CODES)),))
    if held and draw(st.integers(0, 3)):
        return _column(draw, level, kind)
    return _literal(draw, kind)


def _expression(draw: Draw, level: str, kind: Kind, depth: int) -> Expression:
    if depth <= 0:
        return _leaf(draw, level, kind)
    makers = {
        Kind.BOOL: _bool,
        Kind.INT: _int,
        Kind.DATE: _date,
        Kind.TEXT: _text,
    }
    choice = draw(st.integers(0, 13))
    if choice == 0:
        return _leaf(draw, level, kind)
    if choice >= 10:
        return _further(draw, level, kind, depth)
    if choice == 1:
        value = _expression(draw, level, kind, depth - 1)
        return IfUnknown(value=value, otherwise=_expression(draw, level, kind, depth - 1))
    if choice == 2:
        return Choose(
            condition=_expression(draw, level, Kind.BOOL, depth - 1),
            then=_expression(draw, level, kind, depth - 1),
            otherwise=_expression(draw, level, kind, depth - 1),
        )
    if level == PERSONS and choice <= 6:
        return _aggregate(draw, kind, depth)
    return makers[kind](draw, level, depth)


def _further(draw: Draw, level: str, kind: Kind, depth: int) -> Expression:
    def part(of: Kind) -> Expression:
        return _expression(draw, level, of, depth - 1)

    if kind is Kind.INT and draw(st.booleans()):
        return FURTHER.number_of(draw, part)
    if kind is Kind.DATE and draw(st.booleans()):
        return FURTHER.date_of(draw, part)
    return FURTHER.case_of(draw, kind, part)


def _bool(draw: Draw, level: str, depth: int) -> Expression:
    def part(kind: Kind = Kind.BOOL) -> Expression:
        return _expression(draw, level, kind, depth - 1)

    choice = draw(st.integers(0, 8))
    if choice <= 1:
        return (Both if choice else Either)(left=part(), right=part())
    if choice == 2:
        return Negation(value=part())
    if choice == 3:
        return Known(value=part(draw(st.sampled_from(VALUES))))
    if choice <= 6:
        return _codes(draw, level, depth)
    kind = draw(st.sampled_from(VALUES))
    ordered = kind in (Kind.INT, Kind.DATE)
    ops = ("==", "!=", "<", "<=", ">", ">=") if ordered else ("==", "!=")
    return Compare(op=draw(st.sampled_from(ops)), left=part(kind), right=part(kind))


def _codes(draw: Draw, level: str, depth: int) -> Expression:
    if level != PERIODS and draw(st.booleans()):
        value: Expression = _column(draw, level, Kind.TEXT, Kind.CODES)
    else:
        value = _expression(draw, level, Kind.TEXT, depth - 1)
    some = draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3))
    choice = draw(st.integers(0, 3))
    if choice <= 1:
        return StartsWith(value=value, prefixes=tuple(some))
    if choice == 2:
        return IsIn(value=value, codes=tuple(some))
    numbers = draw(st.lists(st.sampled_from([0, 1, 2, 1950]), min_size=1, max_size=3))
    return IsIn(value=_expression(draw, level, Kind.INT, depth - 1), codes=tuple(numbers))


def _int(draw: Draw, level: str, depth: int) -> Expression:
    def part(kind: Kind) -> Expression:
        return _expression(draw, level, kind, depth - 1)

    choice = draw(st.integers(0, 2))
    if choice == 0:
        return Add(left=part(Kind.INT), right=part(Kind.INT), minus=draw(st.booleans()))
    if choice == 1:
        return YearOf(value=part(Kind.DATE))
    return DaysBetween(start=part(Kind.DATE), end=part(Kind.DATE))


def _date(draw: Draw, level: str, depth: int) -> Expression:
    return Shift(
        value=_expression(draw, level, Kind.DATE, depth - 1),
        years=draw(st.sampled_from([0, 0, 1, -1, 4, -100])),
        days=draw(st.sampled_from([0, 1, -1, 365, -36525])),
    )


def _text(draw: Draw, level: str, depth: int) -> Expression:
    starts = draw(st.sampled_from([(0, 1, 3), (1950,), (0, 60, 70)]))
    return Band(value=_expression(draw, level, Kind.INT, depth - 1), starts=starts)


def _events(draw: Draw, depth: int, view: str | None = None) -> EventSet:
    if view is None:
        view = draw(st.sampled_from([*BOTH_LAYERS * 3, *EVENT_VIEWS, PERIODS]))
    if view == PERIODS and draw(st.booleans()):
        return _periods(draw, depth)
    if view == PERIODS:
        below: EventSet = _periods(draw, depth)
    elif depth <= 0 or not draw(st.integers(0, 2)):
        return Events(of=view, rules=_rules(draw, view))
    else:
        below = _events(draw, depth - 1, view)
    if not draw(st.integers(0, 3)):
        return Washout(events=below, days=draw(st.sampled_from([1, 2, 30, 365])))
    if draw(st.booleans()):
        condition = _expression(draw, view, Kind.BOOL, max(depth - 1, 1))
        return Where(events=below, condition=condition)
    dates = [name for name, column in VIEWS[view].columns.items() if column.kind is Kind.DATE]

    def bound() -> Expression:
        if draw(st.booleans()):
            return _literal(draw, Kind.DATE)
        return _expression(draw, PERSONS, Kind.DATE, depth - 1)

    sides = draw(st.integers(1, 3))
    return Within(
        events=below,
        column=draw(st.sampled_from(dates)),
        start=bound() if sides & 1 else None,
        end=bound() if sides & 2 else None,
    )


def _rules(draw: Draw, view: str) -> tuple[str, ...]:
    ids = [rule.id for rule in RULES.values() if rule.of == view]
    silver = VIEWS[view].silver
    if not ids:
        return ()
    some = draw(st.lists(st.sampled_from(ids), max_size=3))
    # Half of the time what silver holds, or more.
    return (*some, *(silver.rules if silver and draw(st.booleans()) else ()))


def _periods(draw: Draw, depth: int) -> Periods:
    events = _events(draw, depth - 1, draw(st.sampled_from(EVENT_VIEWS)))
    if not draw(st.integers(0, 3)):
        return Periods(events=events, days=None, gap=0)
    counted = [n for n, c in VIEWS[events.view].columns.items() if c.kind is Kind.INT]
    days: Expression = Literal(of=Kind.INT, value=draw(st.sampled_from([1, 2, 30, 365])))
    if counted and draw(st.booleans()):
        days = Column(of=events.view, name=draw(st.sampled_from(counted)))
    return Periods(events=events, days=days, gap=draw(st.sampled_from([0, 1, 30])))


def _aggregate(draw: Draw, kind: Kind, depth: int) -> Expression:
    events = _events(draw, depth - 1)
    view = events.view
    if not draw(st.integers(0, 2)):
        found = _further_aggregate(draw, events, kind, depth)
        if found is not None:
            return found
    if kind is Kind.INT:
        choice = draw(st.integers(0, 4))
        if choice == 0:
            return Count(events=events)
        if choice == 1:
            of = draw(st.sampled_from([Kind.INT, Kind.DATE, Kind.TEXT]))
            return CountDistinct(events=events, value=_of_event(draw, view, of, depth))
        if choice <= 3 or view != "dispensings":
            value = _of_event(draw, view, Kind.INT, depth)
            return draw(st.sampled_from([Total, Minimum, Maximum]))(events=events, value=value)
    if kind is Kind.DATE and draw(st.booleans()):
        value = _of_event(draw, view, Kind.DATE, depth)
        return draw(st.sampled_from([Minimum, Maximum]))(events=events, value=value)
    names = [name for name, column in VIEWS[view].columns.items() if column.kind is kind]
    if not names or (kind is Kind.BOOL and draw(st.booleans())):
        return Exists(events=events) if kind is Kind.BOOL else _leaf(draw, PERSONS, kind)
    which = draw(st.sampled_from(["first", "last"]))
    return Pick(events=events, which=which, column=draw(st.sampled_from(names)))


def _further_aggregate(draw: Draw, events: EventSet, kind: Kind, depth: int) -> Expression | None:
    if kind is not Kind.INT or not draw(st.integers(0, 2)):
        return _nearest(draw, events, kind, depth)
    texts = [n for n, c in VIEWS[events.view].columns.items() if c.kind is Kind.TEXT]
    if texts and draw(st.booleans()):
        code = Column(of=events.view, name=draw(st.sampled_from(texts)))
        return Score(events=events, value=code, index=draw(st.sampled_from(list(INDEXES))))
    value = _of_event(draw, events.view, kind, depth)
    return Mean(events=events, value=value, scale=draw(st.sampled_from([1, 100])))


def _nearest(draw: Draw, events: EventSet, kind: Kind, depth: int) -> Expression | None:
    names = [name for name, column in VIEWS[events.view].columns.items() if column.kind is kind]
    if not names:
        return None
    to = _expression(draw, PERSONS, Kind.DATE, depth - 1)
    return Nearest(events=events, column=draw(st.sampled_from(names)), to=to)


def _of_event(draw: Draw, view: str, kind: Kind, depth: int) -> Expression:
    value = _expression(draw, view, kind, min(depth - 1, 1))
    if value.level is None:
        # A bare constant says nothing of an event; a column of it may.
        date_column = Column(of=view, name=VIEWS[view].date)
        if kind is Kind.INT:
            return YearOf(value=date_column)
        names = [name for name, column in VIEWS[view].columns.items() if column.kind is kind]
        return Column(of=view, name=draw(st.sampled_from(names))) if names else date_column
    return value


@st.composite
def models(draw: Draw, depth: int = 3, *, conditions: bool = False) -> Model:
    """A valid model: rules, population, exclusions, one attribute of each kind, a table."""
    known = Known(value=Column(of=PERSONS, name="birth_year"))
    guard = Either(left=known, right=Known(value=Column(of=PERSONS, name="sex")))
    chosen = Either(
        left=_expression(draw, PERSONS, Kind.BOOL, depth),
        right=_expression(draw, PERSONS, Kind.BOOL, depth - 1),
    )
    rules = [rule.id for rule in RULES.values() if rule.of == PERSONS]
    values = {kind: _expression(draw, PERSONS, kind, depth) for kind in VALUES}
    return Model(
        name="generated",
        title="Generated",
        person_rules=tuple(draw(st.lists(st.sampled_from(rules), max_size=1))),
        population_label="Generated",
        population=Both(left=chosen, right=guard),
        exclusions=tuple(
            Exclusion(label=f"{number}", condition=_expression(draw, PERSONS, Kind.BOOL, depth))
            for number in range(draw(st.integers(0, 2)))
        ),
        index_date=draw(st.sampled_from([None, values[Kind.DATE]])),
        attributes=tuple(Attribute(name=f"v_{kind}", value=v) for kind, v in values.items()),
        tables=(TableRequest(title="t", by=("v_text", "v_bool")),),
        event_rows=FURTHER.rows_of(draw, _events(draw, depth - 1)),
        measures=FURTHER.measures_of(
            draw, _expression(draw, PERSONS, Kind.BOOL, 1), conditions=conditions
        ),
        matching=FURTHER.matching_of(draw, _expression(draw, PERSONS, Kind.BOOL, 1)),
    )


def difficult_sources(seed: int) -> Sources:
    """Difficult bronze, random silver beside it, and sometimes the limits of a permit."""
    data = difficult_data(seed)
    dice = random.Random(seed + 1)
    bronze = data.sources()
    identities = [one for one in data.table("IR_BEN_R")["BEN_IDT_ANO"].to_pylist() if one]
    tables = {**bronze.tables, **FURTHER.silver_rows(dice, identities)}
    if dice.random() < 0.7:
        tables["silver_register"] = register_of(tables)
    return evolve(bronze, tables=tables, scope=FURTHER.scope_of(dice, sorted(set(identities))))


def difficult_data(seed: int) -> SmallSnds:
    """Twins, shared and double pseudonyms, late deaths, reversals, empty and sentinel values."""
    dice = random.Random(seed)
    data = SmallSnds()
    names = [f"p{number}" for number in range(dice.randint(1, 7))]
    for name in names:
        for rank in range(1, 1 + (dice.random() < 0.2) + 1):
            data.person(
                name,
                birth=dice.choice([1930, 1950, 1960, 1600, None]),
                sex=dice.choice([1, 2, 2, 9]),
                BEN_RNG_GEM=dice.choice([rank, rank, rank, None]),
                BEN_IDT_ANO=dice.choice([name + str(rank), name + str(rank), "shared", None]),
                BEN_CDI_NIR=dice.choice(["00", "03", "11", None]),
                BEN_DCD_DTE=dice.choice([date(1600, 1, 1), date(1940, 1, 1), _day(dice), None]),
                BEN_RES_DPT=dice.choice(["075", "02A", " ", None]),
                BEN_DTE_MAJ=dice.choice([_day(dice), date(1600, 1, 1), None]),
            )
    drugs = [*DRUGS["cip13"].to_pylist(), 3400999999999, None]
    for _ in range(dice.randint(0, 40)):
        _add_dispensing(dice, data, names, drugs)
    for _ in range(dice.randint(0, 8)):
        _add_stay(dice, data, names)
    for _ in range(dice.randint(0, 8)):
        data.illness(
            dice.choice(names),
            _day(dice).isoformat(),
            dice.choice(["1600-01-01", "2099-12-31", _day(dice).isoformat()]),
            dice.choice(["E11", "E119 ", "\u2003E11", "I10", "", None]),
            IMB_ETM_NAT=dice.choice([41, 43, 11, None]),
            BEN_RNG_GEM=dice.choice([1, 1, 2, None]),
        )
    return data


def _day(dice: random.Random) -> date:
    return date(2022, 12, 28) + timedelta(days=dice.choice([0, 1, 3, 4, 5, 170, 428, 734, 735]))


def _add_dispensing(
    dice: random.Random, data: SmallSnds, names: list[str], drugs: list[int | None]
) -> None:
    data.dispensing(
        dice.choice([*names, "nobody"]),
        dice.choice([_day(dice).isoformat(), _day(dice).isoformat(), "1600-01-01", None]),
        dice.choice(drugs),
        BEN_RNG_GEM=dice.choice([1, 1, 1, 2, None]),
        PHA_ACT_QSN=dice.choice([1, 1, 2, -1, -2, 0, None]),
        PHA_DEC_TOP=dice.choice([None, None, "D", "X"]),
        PHA_DEC_QSU=dice.choice([0, 7, -7, None]),
        CPL_MAJ_TOP=dice.choice([0, 0, 1, 2, None]),
        DPN_QLF=dice.choice([0, 71, 72, None]),
        PRS_DPN_QLP=dice.choice([0, 0, 71, None]),
        BEN_CDI_NIR=dice.choice(["00", "11", None]),
        BSE_PRS_NAT=dice.choice([3313, 0, None]),
    )


def _add_stay(dice: random.Random, data: SmallSnds, names: list[str]) -> None:
    entry = _day(dice)
    codes = ["I639", "I63", "E119 ", "\u00a0I63", "Z00\t", "", None]
    data.stay(
        dice.choice([*names, "nobody"]),
        entry.isoformat(),
        (entry + timedelta(days=dice.choice([0, 1, 10]))).isoformat(),
        DGN_PAL=dice.choice(codes),
        DGN_REL=dice.choice(codes),
        GRG_GHM=dice.choice(["01M301", "90Z00Z", "28Z04Z", "28Z14Z", None]),
        SEJ_TYP=dice.choice(["A", "B", None]),
        NIR_RET=dice.choice(["0", "0", "0", "1", None]),
        associated=dice.sample(codes, dice.randint(0, 2)),
        units=[(dice.choice(codes), dice.choice(codes)) for _ in range(dice.randint(0, 2))],
    )
