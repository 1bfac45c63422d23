"""Rows of events, measures and matched controls, from what an engine found of each person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from bercail.cohorts.model import Model
from bercail.cohorts.nearest import nearest
from bercail.cohorts.outputs import EventRows
from bercail.cohorts.view_types import Kind
from bercail.cohorts.views import VIEWS

ARROW_TYPES: Mapping[Kind, pa.DataType] = {
    Kind.BOOL: pa.bool_(),
    Kind.INT: pa.int64(),
    Kind.DATE: pa.date32(),
    Kind.TEXT: pa.string(),
}
UNKNOWN = "unknown"
_NONE = pa.scalar(0, pa.int64())


@frozen(kw_only=True)
class MeasureTable:
    """A measure: `rows` of (first day, last day, groups..., numerator, denominator).

    Days are written `2024-12-31`, groups as in tables of counts; one row for each interval and
    each group of persons that occurs.
    """

    title: str
    by: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    model_digest: str

    def as_dict(self) -> dict[str, Any]:
        """The measure as the value of its JSON."""
        return {
            "title": self.title,
            "columns": ["start", "end", *self.by, "numerator", "denominator"],
            "rows": [list(row) for row in self.rows],
            "model_digest": self.model_digest,
        }


def measure_column(place: int, number: int, side: str) -> str:
    """How one value of a measure is called in the wide table; `side` is `n` or `d`."""
    return f"measure {place} {number} {side}"


def wide_schema(model: Model) -> pa.Schema:
    """Names and types of the persons table followed by the values of the measures."""
    named = [("index_date", model.index_date)] if model.index_date is not None else []
    named += [(attribute.name, attribute.value) for attribute in model.attributes]
    columns = [pa.field(name, ARROW_TYPES[value.kind]) for name, value in named]
    for place, measure in enumerate(model.measures):
        kinds = (ARROW_TYPES[measure.numerator.kind], ARROW_TYPES[measure.denominator.kind])
        for number in range(measure.count):
            columns += [
                pa.field(measure_column(place, number, side), kind)
                for side, kind in zip("nd", kinds, strict=True)
            ]
    return pa.schema([pa.field("person", pa.string()), *columns])


def measure_tables(model: Model, wide: pa.Table) -> tuple[MeasureTable, ...]:
    """Every measure of a model, from the wide table of its persons."""
    return tuple(
        measure_table(model, place, _sums(model, place, wide))
        for place in range(len(model.measures))
    )


def measure_table(model: Model, place: int, sums: pa.Table) -> MeasureTable:
    """One measure, from the sums of its values by its groups, under the names of the values."""
    measure = model.measures[place]
    rows: list[tuple[Any, ...]] = []
    groups = [sums[name].to_pylist() for name in measure.by]
    for number, (start, end) in enumerate(measure.intervals()):
        sides = (sums[measure_column(place, number, side)].to_pylist() for side in "nd")
        for *group, over, under in zip(*groups, *sides, strict=True):
            shown = [category(value) for value in group]
            rows.append((start.isoformat(), end.isoformat(), *shown, over or 0, under or 0))
    return MeasureTable(
        title=measure.title, by=measure.by, rows=tuple(sorted(rows)), model_digest=model.digest
    )


def _sums(model: Model, place: int, wide: pa.Table) -> pa.Table:
    """The sums of one measure by its groups; who counts above counts below."""
    measure = model.measures[place]
    columns = {name: wide[name] for name in measure.by}
    values: list[str] = []
    for number in range(measure.count):
        above, below = (measure_column(place, number, side) for side in "nd")
        under = _counted(wide[below])
        over = pc.if_else(pc.greater(under, _NONE), _counted(wide[above]), _NONE)
        columns |= {above: over, below: under}
        values += [above, below]
    whole = pa.table(columns).group_by(list(measure.by)).aggregate([(v, "sum") for v in values])
    return whole.select([*measure.by, *(f"{v}_sum" for v in values)]).rename_columns(
        [*measure.by, *values]
    )


def _counted(values: Any) -> Any:
    return pc.fill_null(values.cast(pa.int64()), 0)


def category(value: Any) -> str:
    """How a value stands in a table."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def event_schema(rows: EventRows) -> pa.Schema:
    """Names and types of a table of rows of events."""
    columns = VIEWS[rows.events.view].columns
    fields = [pa.field(name, ARROW_TYPES[columns[name].kind]) for name in rows.columns]
    return pa.schema([pa.field("person", pa.string()), *fields])


def event_table(rows: EventRows, found: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Rows of events as a table, sorted by person and then by every column, unknown last."""
    schema = event_schema(rows)
    ordered = sorted(found, key=lambda row: tuple((one is None, one) for one in row))
    columns = list(zip(*ordered, strict=True)) if ordered else [() for _ in schema]
    arrays = [pa.array(column, one.type) for column, one in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def matched(
    model: Model, persons: pa.Table, pool: Mapping[str, tuple[Any, ...]]
) -> pa.Table | None:
    """The controls of each case; see `Matching` for how they are taken.

    `pool` gives the values of the attributes that are compared (`Matching.names`). Columns: `case`,
    `control`, and the case's `index_date` where the study has one; sorted.
    """
    if model.matching is None:
        return None
    if model.matching.propensity:
        offered = _offered(model, model.matching.names, pool)
        return nearest(persons, offered, model.matching)
    cases: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    values = zip(*(persons[name].to_pylist() for name in model.matching.on), strict=True)
    for person, key in zip(persons["person"].to_pylist(), values, strict=True):
        cases[key].append(str(person))
    controls: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for person in sorted(pool):
        controls[pool[person]].append(person)
    pairs = []
    for key, members in cases.items():
        if None in key:
            continue
        for place, control in enumerate(controls.get(key, ())):
            if place // len(members) < model.matching.ratio:
                pairs.append((sorted(members)[place % len(members)], control))
    return matches_table(persons, sorted(pairs))


def _offered(
    model: Model, compared: tuple[str, ...], pool: Mapping[str, tuple[Any, ...]]
) -> pa.Table:
    """The pool as a table, sorted by person."""
    schema, people = wide_schema(model), sorted(pool)
    columns = list(zip(*(pool[person] for person in people), strict=True)) or [()] * len(compared)
    offered = {"person": pa.array(people, pa.string())}
    for name, column in zip(compared, columns, strict=True):
        offered[name] = pa.array(column, schema.field(name).type)
    return pa.table(offered)


def matches_table(persons: pa.Table, pairs: Sequence[tuple[str, str]]) -> pa.Table:
    """Sorted pairs of case and control as a table, with the case's index date."""
    columns: dict[str, pa.Array[Any]] = {
        "case": pa.array([case for case, _ in pairs], pa.string()),
        "control": pa.array([control for _, control in pairs], pa.string()),
    }
    if "index_date" in persons.column_names:
        day = dict(
            zip(persons["person"].to_pylist(), persons["index_date"].to_pylist(), strict=True)
        )
        columns["index_date"] = pa.array([day[case] for case, _ in pairs], pa.date32())
    return pa.table(columns)
