"""What an engine that runs SQL found, as a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bercail.cohorts.nearest import nearest
from bercail.cohorts.outcomes import (
    MeasureTable,
    event_schema,
    measure_tables,
    wide_schema,
)
from bercail.cohorts.pairing import in_strata, paired
from bercail.cohorts.plan import RunPlan
from bercail.cohorts.result import CohortResult, count_table, flowchart, persons_schema
from bercail.cohorts.sql.cohort import last_step


def persons_of(plan: RunPlan, answer: pa.Table) -> pa.Table:
    """The column `person` of those who passed every step: the relation `cohort_persons`."""
    return _at(answer, last_step(plan)).select(["person"])


def result_of(
    plan: RunPlan, answer: pa.Table, events: Mapping[str, pa.Table] | None = None
) -> CohortResult:
    """The result of a run.

    `answer` has the columns of `compile_cohort`, sorted by step and person; `events` the rows
    of `compile_event_rows`, by the name of the output. Controls are matched here.
    """
    model, last = plan.model, last_step(plan)
    own = answer.filter(pc.less_equal(answer["step"], pa.scalar(last, pa.int64())))
    counts = own.select(["step", "persons"]).group_by("step").aggregate([("persons", "sum")])
    schema = wide_schema(model)
    wide = _at(answer, last).rename_columns(schema.names).cast(schema)
    persons = wide.select(persons_schema(model).names)
    return told(
        plan,
        dict(zip(*counts.to_pydict().values(), strict=True)),
        persons,
        measures=measure_tables(model, wide),
        events=events or {},
        matches=_matches(plan, answer, persons),
    )


def told(
    plan: RunPlan,
    stopped: Mapping[int, int],
    persons: pa.Table,
    *,
    measures: tuple[MeasureTable, ...],
    events: Mapping[str, pa.Table],
    matches: pa.Table | None,
) -> CohortResult:
    """A result from its pieces: persons by step, the table of those who passed, and the rest."""
    model = plan.model
    rows = {one.name: events[one.name].cast(event_schema(one)) for one in model.event_rows}
    return CohortResult(
        model_digest=model.digest,
        flowchart=flowchart(model, stopped),
        persons=persons,
        tables=tuple(
            count_table(model, place, _counted(persons, request.by), plan.snapshots)
            for place, request in enumerate(model.tables)
        ),
        snapshots=plan.snapshots,
        measures=measures,
        events=rows,
        matches=matches,
    )


def _at(answer: pa.Table, step: int) -> pa.Table:
    there = pc.equal(answer["step"], pa.scalar(step, pa.int64()))
    return answer.filter(there).drop_columns(["step", "persons"])


def _matches(plan: RunPlan, answer: pa.Table, persons: pa.Table) -> pa.Table | None:
    matching = plan.model.matching
    if matching is None:
        return None
    schema = wide_schema(plan.model)
    pool = _at(answer, last_step(plan) + 1).rename_columns(schema.names).cast(schema)
    if matching.propensity:
        return nearest(persons, pool, matching)
    cases, offered = in_strata(persons, pool, matching.on)
    return paired(cases, offered.to_batches(), matching.ratio)


def _counted(persons: pa.Table, by: tuple[str, ...]) -> dict[tuple[Any, ...], int]:
    counts = persons.group_by(list(by)).aggregate([("person", "count")])
    rows = zip(*(counts[name].to_pylist() for name in (*by, "person_count")), strict=True)
    return {row[:-1]: row[-1] for row in rows}
