"""The memory engine: plain Python over rows; the reference that other engines must equal."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pyarrow as pa

from bercail.cohorts.cleaning import find_rules
from bercail.cohorts.evaluate import evaluate
from bercail.cohorts.events import (
    Aggregate,
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
from bercail.cohorts.expressions import Column, Expression, IfUnknown, Literal, Negation
from bercail.cohorts.memory_views import MemoryViews, Row
from bercail.cohorts.model import Model
from bercail.cohorts.plan import RunPlan, plan_run
from bercail.cohorts.result import CohortResult, count_table, flowchart, persons_schema
from bercail.cohorts.sources import Sources
from bercail.cohorts.views import PERSONS, VIEWS, Kind


class MemoryEngine:
    """Runs models row by row in memory. Meant for tests, teaching and checking results."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def run(self, model: Model) -> CohortResult:
        """Run one model; raises `Invalid` when the sources lack what it reads."""
        plan = plan_run(model, self._sources)
        return _MemoryRun(plan).result()


class _MemoryRun:
    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self._model = plan.model
        self._views = MemoryViews(plan)

    def result(self) -> CohortResult:
        model = self._model
        steps = _steps(model)
        schema = persons_schema(model)
        values = [attribute.value for attribute in model.attributes]
        values = [*([model.index_date] if model.index_date is not None else []), *values]
        stopped: Counter[int] = Counter()
        kept: list[tuple[Any, ...]] = []
        for person in sorted(self._views.persons):
            known = _Person(person, self._views)
            passed = 0
            while passed < len(steps) and known.value(steps[passed]) is True:
                passed += 1
            stopped[passed] += 1
            if passed == len(steps):
                kept.append((person, *(known.value(value) for value in values)))
        columns = list(zip(*kept, strict=True)) if kept else [() for _ in schema]
        persons = pa.table(
            [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
        )
        return CohortResult(
            model_digest=model.digest,
            flowchart=flowchart(model, stopped),
            persons=persons,
            tables=tuple(
                count_table(model, place, self._counted(place, kept, schema), self._plan.snapshots)
                for place in range(len(model.tables))
            ),
            snapshots=self._plan.snapshots,
        )

    def _counted(
        self, place: int, kept: list[tuple[Any, ...]], schema: pa.Schema
    ) -> Counter[tuple[Any, ...]]:
        places = [schema.get_field_index(name) for name in self._model.tables[place].by]
        return Counter(tuple(row[place] for place in places) for row in kept)


def _steps(model: Model) -> list[Expression]:
    """What must be true at each step. An unknown exclusion excludes nobody."""
    rules = [rule.keep for rule in find_rules(PERSONS, model.person_rules)]
    steps = [keep for keep in rules if keep is not None]
    return [*steps, model.population, *(_stays(e.condition) for e in model.exclusions)]


def _stays(condition: Expression) -> Expression:
    never = Literal(of=Kind.BOOL, value=False)
    return Negation(value=IfUnknown(value=condition, otherwise=never))


class _Person:
    """What is asked about one person; each answer is worked out once."""

    def __init__(self, person: str, views: MemoryViews) -> None:
        self._person = person
        self._views = views
        self._sets: dict[EventSet, list[Row]] = {}

    def value(self, node: Expression) -> Any:
        return evaluate(node, self._look)

    def _look(self, node: Column | Aggregate) -> Any:
        if isinstance(node, Column):
            return self._views.persons[self._person][node.name]
        return self._aggregate(node)

    def _events(self, node: EventSet) -> list[Row]:
        if node not in self._sets:
            self._sets[node] = self._select(node)
        return self._sets[node]

    def _select(self, node: EventSet) -> list[Row]:
        if isinstance(node, Events):
            return list(self._views.events(node).get(self._person, ()))
        if isinstance(node, Where):
            condition = node.condition
            return [row for row in self._events(node.events) if _of(condition, row) is True]
        if isinstance(node, Within):
            return self._within(node)
        raise TypeError(type(node).__name__)

    def _within(self, node: Within) -> list[Row]:
        start = date.min if node.start is None else self.value(node.start)
        end = date.max if node.end is None else self.value(node.end)
        if start is None or end is None:
            return []
        inside = []
        for row in self._events(node.events):
            day = row[node.column]
            if day is not None and start <= day <= end:
                inside.append(row)
        return inside

    def _aggregate(self, node: Aggregate) -> Any:
        events = self._events(node.events)
        if isinstance(node, Exists):
            return len(events) > 0
        if isinstance(node, Count):
            return len(events)
        if isinstance(node, Pick):
            return _pick(node, events)
        if not isinstance(node, CountDistinct | Total | Minimum | Maximum):
            raise TypeError(type(node).__name__)
        values = [_of(node.value, row) for row in events]
        known = [value for value in values if value is not None]
        if isinstance(node, CountDistinct):
            return len(set(known))
        if isinstance(node, Total):
            return sum(known)
        return (min if isinstance(node, Minimum) else max)(known, default=None)


def _of(node: Expression, row: Row) -> Any:
    return evaluate(node, lambda column: row[column.name])  # type: ignore[union-attr]


def _pick(node: Pick, events: list[Row]) -> Any:
    view = VIEWS[node.events.view]
    # The first date is the same whichever event of that day is first.
    order = () if node.column == view.date else view.order

    def place(row: Row) -> tuple[Any, ...]:
        return (row[view.date], *((row[name] is None, row[name]) for name in order))

    dated = [row for row in events if row[view.date] is not None]
    chosen = (min if node.which == "first" else max)(dated, key=place, default=None)
    return None if chosen is None else chosen[node.column]
