"""The counts of persons that a declared result shows, as cells for the differencing guard.

Every count is a part of the cohort under the labels of its row: at risk from a step on, events of
a step, the persons of percentiles and those on their sides, numerator and denominator, the persons,
events and levels of a model. Columns and times name the part (`Part`): the same names in another
release are taken for the same part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from attrs import frozen

from bercail.airlock.disclosure.counts import ALL, Key
from bercail.airlock.disclosure.results.rows import Row, grouped
from bercail.airlock.disclosure.results.schema import ResultKind, ResultSchema
from bercail.airlock.disclosure.tables.dimension import Dimension, flat
from bercail.airlock.disclosure.tables.grid import is_total
from bercail.airlock.disclosure.tables.typed import PART_UNIT, Measure, TypedCell, TypedTable
from bercail.foundation import Invalid

_OUT = "out"
"""Who is in the cohort and not in the part."""


@frozen(kw_only=True)
class Part:
    """A part of the cohort by its name, and the groups that it is made of with their parents.

    `result`: the curve or model that several parts are of, when it is not the part itself. How
    these lie in one another is known, or told when the result is judged.
    """

    name: str
    groups: Mapping[str, str | None]
    result: str = ""

    def dimension(self) -> Dimension:
        """The part as a dimension: its groups, and everybody else."""
        return Dimension(name=f"declared result: {self.name}", parents={**self.groups, _OUT: ALL})


def counted_tables(rows: Sequence[Row], schema: ResultSchema) -> tuple[TypedTable, ...]:
    """Every count of persons of rows that were judged and add up; none without a cohort.

    A map is none of these: it is a table by zone already.
    """
    if not schema.population or schema.kind not in _COUNTS:
        return ()
    try:
        return tuple(_COUNTS[schema.kind](rows, schema))
    except Invalid:
        # Labels that are no codes: nothing is remembered, and people are told so.
        return ()


def _survival(rows: Sequence[Row], schema: ResultSchema) -> list[TypedTable]:
    """Curves of the same times are one table; persons at risk from a step on lie in one another."""
    found = []
    grids: dict[tuple[str, ...], list[Row]] = {}
    for curve in grouped(rows).values():
        grids.setdefault(tuple(_time(row) for row in curve), []).extend(curve)
    for times, curves in grids.items():
        above: str | None = ALL
        chain: dict[str, str | None] = {}
        for time in times:
            chain |= {f"from {time}": above, f"leaves at {time}": f"from {time}"}
            above = f"from {time}"
        steps = f"{times[0]} to {times[-1]} by {schema.columns['time']} {_digest(times)}"
        result = f"curve {steps}"
        risk = Part(name=f"at risk {steps}", groups=chain, result=result)
        found.append(_table(curves, schema, risk, {"at_risk": lambda row: f"from {_time(row)}"}))
        for part in ("events", "censored"):
            if part in schema.columns:
                name = f"{part} {schema.columns[part]} {steps}"
                groups = dict.fromkeys(f"at {time}" for time in times)
                single = Part(name=name, groups=groups, result=result)
                found.append(_table(curves, schema, single, {part: lambda row: f"at {_time(row)}"}))
    return found


def _percentiles(rows: Sequence[Row], schema: ResultSchema) -> list[TypedTable]:
    """The persons of each set of percentiles, and those on each side of a value."""
    found = []
    column = schema.columns["value"]
    if "persons" in schema.columns:
        firsts = [group[0] for group in grouped(rows).values()]
        part = Part(name=f"percentiles of {column}", groups={"in": ALL})
        found.append(_table(firsts, schema, part, {"persons": _within}))
    values: dict[str, list[Row]] = {}
    for row in rows:
        values.setdefault(f"{row.value('value') or 0.0:.12g}", []).append(row)
    for value, same in values.items():
        for side in ("persons_below", "persons_above"):
            name = f"{side} {value} {column}"
            found += [_side(some, schema, name, side) for some in _once(same)]
    return found


def _ratios(rows: Sequence[Row], schema: ResultSchema) -> list[TypedTable]:
    """Each numerator in its denominator; without labels the rows are told apart by their order."""
    columns = [schema.columns[part] for part in ("numerator", "denominator", "ratio")]
    groups = {"denominator": ALL, "numerator": "denominator", "others": "denominator"}
    code: dict[str, Callable[[Row], str]] = {
        "denominator": lambda _row: "denominator",
        "numerator": lambda _row: "numerator",
    }
    return [
        _table(some, schema, Part(name=" of ".join([*columns, str(place)]), groups=groups), code)
        for place, some in enumerate(_once(rows))
    ]


def _regression(rows: Sequence[Row], schema: ResultSchema) -> list[TypedTable]:
    """The persons and events of each model, and the persons of each level.

    Models are told by their labels, and one person may be in several.
    """
    found = []
    for labels, one in grouped(rows).items():
        model = " / ".join(["model", schema.columns["persons"], *labels])
        part = Part(name=model, groups={"in": ALL, "event": "in", "no event": "in"})
        code: dict[str, Callable[[Row], str]] = {"persons": _within}
        if "events" in schema.columns:
            code["events"] = lambda _row: "event"
        found.append(_table(one[:1], schema, part, code, by=()))
        levels: dict[str, list[Row]] = {}
        for row in one if "level_persons" in schema.columns else ():
            if _level(row):
                levels.setdefault(row.texts["term"], []).append(row)
        for term, some in levels.items():
            groups: dict[str, str | None] = {f"level {_level(row)}": "in" for row in some}
            groups = {"in": ALL, **groups, "others": "in"}
            inner = Part(name=f"{term} in {model}", groups=groups, result=model)
            names: dict[str, Callable[[Row], str]] = {
                "level_persons": lambda row: f"level {_level(row)}"
            }
            found.append(_table(some, schema, inner, names, by=()))
    return found


_COUNTS: Mapping[ResultKind, Callable[[Sequence[Row], ResultSchema], list[TypedTable]]] = {
    "survival": _survival,
    "percentiles": _percentiles,
    "ratios": _ratios,
    "regression": _regression,
}


def _table(
    rows: Sequence[Row],
    schema: ResultSchema,
    part: Part,
    codes: Mapping[str, Callable[[Row], str]],
    *,
    by: Sequence[str] | None = None,
) -> TypedTable:
    """Counts of a part: `codes` says for each column of counts which group a row counts."""
    labels = _labels(rows, schema.by if by is None else by)
    cells: dict[Key, TypedCell] = {}
    for row in rows:
        for column, code in codes.items():
            many = row.persons(column) or 0
            cells[(*_key(row, schema, labels), code(row))] = TypedCell(value=many, persons=many)
    return TypedTable(
        name=part.result or part.name,
        dimensions=(*labels.values(), part.dimension()),
        measure=Measure(name=part.name, kind="persons", unit=PART_UNIT),
        cells=cells,
        population=schema.population,
    )


def _side(rows: Sequence[Row], schema: ResultSchema, name: str, side: str) -> TypedTable:
    """Persons on one side of one value: a measure of its own, held against the same value only."""
    labels = _labels(rows, schema.by)
    cells: dict[Key, TypedCell] = {
        _key(row, schema, labels): TypedCell(value=row.persons(side), persons=row.persons(side))
        for row in rows
    }
    return TypedTable(
        name=name,
        dimensions=tuple(labels.values()),
        measure=Measure(name=name, kind="records", unit=PART_UNIT),
        cells=cells,
        population=schema.population,
    )


def _labels(rows: Sequence[Row], by: Sequence[str]) -> dict[str, Dimension]:
    """The label columns as dimensions; a column that only names totals is none."""
    found = {}
    for place, name in enumerate(by):
        codes = dict.fromkeys(row.by[place] for row in rows if not is_total(row.by[place]))
        if codes:
            found[name] = flat(name, tuple(codes))
    return found


def _key(row: Row, schema: ResultSchema, labels: Mapping[str, Dimension]) -> Key:
    return tuple(
        ALL if is_total(label) else label
        for name, label in zip(schema.by, row.by, strict=True)
        if name in labels
    )


def _once(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows in layers, in each of which every label stands once."""
    groups = list(grouped(rows).values())
    deepest = max(len(group) for group in groups)
    return [[group[n] for group in groups if n < len(group)] for n in range(deepest)]


def _within(_row: Row) -> str:
    return "in"


def _level(row: Row) -> str:
    return row.texts.get("level", "").strip()


def _time(row: Row) -> str:
    return f"{row.value('time') or 0.0:.12g}"


def _digest(words: Sequence[str]) -> str:
    return sha256(" ".join(words).encode()).hexdigest()[:12]
