"""Silver tables in plain Python: person numbers, and the events of a view, row by row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from bercail.cohorts.cleaning import find_rules
from bercail.cohorts.events import Events
from bercail.cohorts.memory.evaluate import evaluate
from bercail.cohorts.memory.rows import batches
from bercail.cohorts.plan import DIAGNOSES, NUMBERS, Reading, RunPlan
from bercail.cohorts.silver_views import SILVER_REGISTER
from bercail.cohorts.view_types import SilverTable
from bercail.cohorts.views import VIEWS

Row = dict[str, Any]
# CIP13 of French drugs: 34009, the seven digits of the CIP7, a check digit.
CIP13_START, CIP7_PLACE = "34009", (5, 12)


@frozen(kw_only=True)
class Numbers:
    """The number of each identity, and the one identity by which each number is called."""

    of_identity: Mapping[str, int]
    called: Mapping[int, str]

    def person(self, identity: str) -> str:
        """The person whose identity it is; itself where it has no number."""
        number = self.of_identity.get(identity)
        return identity if number is None else self.called[number]


def read_numbers(plan: RunPlan) -> Numbers:
    """The table of person numbers; empty when the plan reads none."""
    of_identity: dict[str, int] = {}
    called: dict[int, str] = {}
    if plan.numbers:
        names = ("person", NUMBERS[plan.numbers])
        for number, identity in stored_rows(plan.readings[plan.numbers], names):
            if number is not None and identity is not None:
                of_identity[identity] = number
                called[number] = min(called.get(number, identity), identity)
    return Numbers(of_identity=of_identity, called=called)


def registered_persons(plan: RunPlan, numbers: Numbers) -> dict[str, Row]:
    """The persons of the silver register, by name; a number that nobody has names no person."""
    readings = plan.readings[plan.register]
    names = list(readings[0].columns)
    found: dict[str, Row] = {}
    for values in stored_rows(readings, names):
        stored = dict(zip(names, values, strict=True))
        number, name = stored["person"], stored["identity"]
        if number != 0 and not plan.named:
            name = numbers.called.get(number)
        if name is not None:
            columns = SILVER_REGISTER.columns.items()
            found[name] = {column: stored.get(here) for column, here in columns}
    return found


def stored_rows(readings: Sequence[Reading], names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The columns `names` of every row, as the files hold them."""
    for reading in readings:
        for batch in batches(reading):
            columns = [batch.column(reading.columns[name][0]).to_pylist() for name in names]
            yield from zip(*columns, strict=True)


def cip7(cip13: str | None) -> str | None:
    """The CIP7 within a CIP13; unknown for codes that are not French drugs."""
    if cip13 is None or len(cip13) != 13 or not cip13.startswith(CIP13_START):
        return None
    return cip13[CIP7_PLACE[0] : CIP7_PLACE[1]]


def silver_events(
    plan: RunPlan,
    base: Events,
    numbers: Numbers,
    drugs: Mapping[int, tuple[str | None, int | None]],
    large: int,
) -> Mapping[str, list[Row]]:
    """The events of a view from its silver table, by person."""
    view = VIEWS[base.of]
    silver = view.silver
    if silver is None:
        raise TypeError(base.of)
    readings = plan.readings[silver.name]
    names = list(readings[0].columns)
    further = [
        rule
        for rule in find_rules(base.of, base.rules)
        if rule.id not in silver.rules and rule.keep is not None
    ]
    codes = _codes_by_stay(plan, silver) if "stay" in names else {}
    found: dict[str, list[Row]] = defaultdict(list)
    for values in stored_rows(readings, names):
        stored = dict(zip(names, values, strict=True))
        person = numbers.called.get(stored["person"])
        if person is None:
            continue
        raw = {name: stored.get(here) for (_, name), here in silver.raw.items()}
        if all(evaluate(rule.keep, lambda node: raw[node.name]) is True for rule in further):  # type: ignore[arg-type, union-attr]  # noqa: B023
            event = _event(silver, stored, drugs, large)
            own = {name: codes.get((stored.get("stay"), name), set()) for name in silver.codes}
            found[person].append({**event, **{name: frozenset(one) for name, one in own.items()}})
    return found


def _codes_by_stay(plan: RunPlan, silver: SilverTable) -> Mapping[tuple[Any, str], set[str]]:
    """The codes of each stay, for each of its sets of codes."""
    found: dict[tuple[Any, str], set[str]] = defaultdict(set)
    names = ("stay", "code", "position")
    for stay, code, position in stored_rows(plan.readings[DIAGNOSES], names):
        for name, positions in silver.codes.items():
            if stay is not None and code is not None and position in positions:
                found[stay, name].add(code)
    return found


def _event(
    silver: SilverTable,
    stored: Row,
    drugs: Mapping[int, tuple[str | None, int | None]],
    large: int,
) -> Row:
    event = {name: stored.get(here) for name, here in silver.columns.items()}
    if "cip13" in event:
        code = event["cip13"]
        atc, units = drugs.get(int(code), (None, None)) if code is not None else (None, None)
        event |= {
            "cip7": cip7(code),
            "atc": atc,
            "large_pack": None if units is None else units >= large,
        }
    return event
