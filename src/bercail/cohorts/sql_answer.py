"""What the answer of `compile_cohort` says, as a result. For every engine that runs SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bercail.cohorts.outcomes import (
    event_schema,
    matched,
    matches_table,
    measure_tables,
    wide_schema,
)
from bercail.cohorts.plan import RunPlan
from bercail.cohorts.result import CohortResult, count_table, flowchart


def persons_of(plan: RunPlan, answer: pa.Table) -> pa.Table:
    """The column `person` of those who passed every step: the relation `cohort_persons`."""
    return _at(answer, _last(plan)).select(["person"])


def sides_of(plan: RunPlan, answer: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Cases and pool of a run that matches: `person` and the attributes matched on."""
    if plan.model.matching is None:
        raise TypeError("a run that matches nobody")
    names = wide_schema(plan.model).names
    wanted = ["person", *plan.model.matching.on]
    last = _last(plan)
    cases, pool = (_at(answer, step).rename_columns(names) for step in (last, last + 1))
    return cases.select(wanted), pool.select(wanted)


def result_of(
    plan: RunPlan,
    answer: pa.Table,
    events: Mapping[str, pa.Table] | None = None,
    pairs: pa.Table | None = None,
) -> CohortResult:
    """The result of a run.

    `answer` has the columns of `compile_cohort`, sorted by step and person; `events` the rows
    of `compile_event_rows`, by the name of the output; `pairs` those of `compile_matching`,
    which are worked out here without it.
    """
    model = plan.model
    stopped: Counter[int] = Counter()
    last = _last(plan)
    own = answer.filter(pc.less_equal(answer["step"], pa.scalar(last, pa.int64())))
    counts = own.select(["step", "persons"]).group_by("step").aggregate([("persons", "sum")])
    for step, number in zip(*counts.to_pydict().values(), strict=True):
        stopped[step] += number
    schema = wide_schema(model)
    wide = _at(answer, last).rename_columns(schema.names).cast(schema)
    persons = wide.select([name for name in schema.names if not name.startswith("measure ")])
    rows = {one.name: (events or {})[one.name].cast(event_schema(one)) for one in model.event_rows}
    return CohortResult(
        model_digest=model.digest,
        flowchart=flowchart(model, stopped),
        persons=persons,
        tables=tuple(
            count_table(model, place, _counted(persons, request.by), plan.snapshots)
            for place, request in enumerate(model.tables)
        ),
        snapshots=plan.snapshots,
        measures=measure_tables(model, wide),
        events=rows,
        matches=_matches(plan, answer, persons, pairs),
    )


def _last(plan: RunPlan) -> int:
    model = plan.scoped.model
    return len(model.person_rules) + 1 + len(model.exclusions)


def _at(answer: pa.Table, step: int) -> pa.Table:
    there = pc.equal(answer["step"], pa.scalar(step, pa.int64()))
    return answer.filter(there).drop_columns(["step", "persons"])


def _matches(
    plan: RunPlan, answer: pa.Table, persons: pa.Table, pairs: pa.Table | None
) -> pa.Table | None:
    if plan.model.matching is None:
        return None
    if pairs is not None:
        whole = zip(*(column.to_pylist() for column in pairs.columns), strict=True)
        return matches_table(persons, [(str(case), str(control)) for case, control in whole])
    _, pool = sides_of(plan, answer)
    values = zip(*(pool[name].to_pylist() for name in plan.model.matching.on), strict=True)
    names = [str(name) for name in pool["person"].to_pylist()]
    return matched(plan.model, persons, dict(zip(names, values, strict=True)))


def _counted(persons: pa.Table, by: tuple[str, ...]) -> dict[tuple[Any, ...], int]:
    counts = persons.group_by(list(by)).aggregate([("person", "count")])
    rows = zip(*(counts[name].to_pylist() for name in (*by, "person_count")), strict=True)
    return {row[:-1]: row[-1] for row in rows}
