"""The memory engine: plain Python over rows; the reference that other engines must equal."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa

from bercail.cohorts.cleaning import find_rules
from bercail.cohorts.expressions import Expression, IfUnknown, Literal, Negation
from bercail.cohorts.memory.person import OnePerson
from bercail.cohorts.memory.views import MemoryViews
from bercail.cohorts.model import Model
from bercail.cohorts.outcomes import event_table, matched, measure_tables, wide_schema
from bercail.cohorts.plan import RunPlan, plan_run
from bercail.cohorts.result import CohortResult, count_table, flowchart
from bercail.cohorts.sources import Sources
from bercail.cohorts.views import PERSONS, Kind


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
        self._written = plan.model
        self._model = plan.scoped.model
        self._views = MemoryViews(plan)
        self._stopped: Counter[int] = Counter()
        self._kept: list[tuple[Any, ...]] = []
        self._events: dict[str, list[tuple[Any, ...]]] = {
            rows.name: [] for rows in self._model.event_rows
        }
        self._pool: dict[str, tuple[Any, ...]] = {}

    def result(self) -> CohortResult:
        """Ask every person, then count."""
        objections = self._views.called(self._plan.scoped.scope.objections)
        for person in sorted(self._views.persons):
            known = OnePerson(person, self._views, objections)
            if all(known.value(guard) is True for guard in self._plan.scoped.guards):
                self._ask(person, known)
        schema = wide_schema(self._written)
        columns = list(zip(*self._kept, strict=True)) if self._kept else [() for _ in schema]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
        wide = pa.table(arrays, schema=schema)
        persons = wide.select([name for name in schema.names if not name.startswith("measure ")])
        return CohortResult(
            model_digest=self._written.digest,
            flowchart=flowchart(self._written, self._stopped),
            persons=persons,
            tables=tuple(
                count_table(
                    self._written, place, self._counted(place, schema), self._plan.snapshots
                )
                for place in range(len(self._model.tables))
            ),
            snapshots=self._plan.snapshots,
            measures=measure_tables(self._written, wide),
            events={
                rows.name: event_table(rows, self._events[rows.name])
                for rows in self._model.event_rows
            },
            matches=matched(self._written, persons, self._pool),
        )

    def _ask(self, person: str, known: OnePerson) -> None:
        steps = _steps(self._model)
        passed = 0
        while passed < len(steps) and known.value(steps[passed]) is True:
            passed += 1
        self._stopped[passed] += 1
        if passed == len(steps):
            values = (known.value(value) for value in self._plan.values())
            self._kept.append((person, *values))
            for rows in self._model.event_rows:
                found = known.events(rows.events)
                self._events[rows.name] += [
                    (person, *(row[name] for name in rows.columns)) for row in found
                ]
        elif passed >= len(self._model.person_rules):
            self._offer(person, known)

    def _offer(self, person: str, known: OnePerson) -> None:
        matching = self._model.matching
        if matching is not None and known.value(matching.controls) is True:
            named = {attribute.name: attribute.value for attribute in self._model.attributes}
            self._pool[person] = tuple(known.value(named[name]) for name in matching.names)

    def _counted(self, place: int, schema: pa.Schema) -> Counter[tuple[Any, ...]]:
        places = [schema.get_field_index(name) for name in self._model.tables[place].by]
        return Counter(tuple(row[place] for place in places) for row in self._kept)


def _steps(model: Model) -> list[Expression]:
    """What must be true at each step. An unknown exclusion excludes nobody."""
    rules = [rule.keep for rule in find_rules(PERSONS, model.person_rules)]
    steps = [keep for keep in rules if keep is not None]
    return [*steps, model.population, *(_stays(e.condition) for e in model.exclusions)]


def _stays(condition: Expression) -> Expression:
    never = Literal(of=Kind.BOOL, value=False)
    return Negation(value=IfUnknown(value=condition, otherwise=never))
