"""A map as rows: the code of each zone, its persons, and the class of its colour.

A map whose zones may be shown is a table of counts by zone: that is what the differencing guard
remembers of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from bercail.airlock.disclosure.counts import Key
from bercail.airlock.disclosure.results.rows import Judged, Row, grouped, told, unreadable
from bercail.airlock.disclosure.results.schema import ResultSchema
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.rules.statistics import zone_map
from bercail.airlock.disclosure.tables.dimension import flat
from bercail.airlock.disclosure.tables.grid import is_total
from bercail.airlock.disclosure.tables.typed import PERSONS, TypedCell, TypedTable, completed
from bercail.foundation import Invalid

_UNKNOWN = (
    "The code of the zone is unknown in {0}.",
    "Le code de la zone est inconnu ({0}).",
)
_TWICE = ("A zone stands twice in {0}.", "Une zone figure deux fois ({0}).")


def judge_map(rows: Sequence[Row], schema: ResultSchema, policy: SourcePolicy) -> Judged:
    """Each zone under `map-zone`, each class under `map-bounds`; unknown codes are for people."""
    people = unreadable(rows, ("persons",), ())
    unknown = [row for row in rows if row.texts["zone"] not in schema.zones]
    if unknown:
        people.append(told(unknown, *_UNKNOWN))
    few: list[int] = []
    lone: list[int] = []
    for one in grouped(rows).values():
        first = {_zone(row): row.number for row in reversed(one)}
        twice = [row for row in one if first[_zone(row)] != row.number]
        if twice:
            people.append(told(twice, *_TWICE))
        known = [(row, many) for row in one if (many := row.persons("persons")) is not None]
        few += [row.number for row, many in known if zone_map([many], (), policy)]
        lone += _lone_classes(one, policy) if "class" in schema.columns else []
    if any(is_total(label) or not label for row in rows for label in row.by):
        people.append(
            "A label of a map is a total or empty. / Un libellé de carte est un total ou vide."
        )
    if not people and prod(len(codes) for codes in _codes(rows, schema).values()) != len(rows):
        people.append(
            "The maps of the file do not name the same zones. / "
            "Les cartes du fichier ne nomment pas les mêmes zones."
        )
    found = {"map-zone": tuple(sorted(few)), "map-bounds": tuple(sorted(lone))}
    broken = {rule: numbers for rule, numbers in found.items() if numbers}
    if people or broken:
        return Judged(broken=broken, people=tuple(people))
    try:
        return Judged(tables=(_table(rows, schema),))
    except Invalid as problem:
        return Judged(people=(problem.message,))


def _lone_classes(one: Sequence[Row], policy: SourcePolicy) -> list[int]:
    """The rows whose class holds too few zones."""
    classes: dict[str, list[Row]] = {}
    for row in one:
        classes.setdefault(row.texts["class"], []).append(row)
    return sorted(
        row.number
        for zones in classes.values()
        if zone_map((), [0] * len(zones), policy)
        for row in zones
    )


def _codes(rows: Sequence[Row], schema: ResultSchema) -> dict[str, tuple[str, ...]]:
    """The labels and the zones of the file, by column."""
    names = (*schema.by, schema.columns["zone"])
    keys = [(*row.by, _zone(row)) for row in rows]
    return {
        name: tuple(dict.fromkeys(key[place] for key in keys)) for place, name in enumerate(names)
    }


def _table(rows: Sequence[Row], schema: ResultSchema) -> TypedTable:
    cells: dict[Key, TypedCell] = {
        (*row.by, _zone(row)): TypedCell(value=_persons(row), persons=_persons(row)) for row in rows
    }
    return completed(
        TypedTable(
            name=schema.columns["persons"],
            dimensions=tuple(flat(name, codes) for name, codes in _codes(rows, schema).items()),
            measure=PERSONS,
            cells=cells,
            population=schema.population,
        )
    )


def _zone(row: Row) -> str:
    return row.texts["zone"]


def _persons(row: Row) -> int:
    return row.persons("persons") or 0
