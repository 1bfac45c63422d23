"""Counts of a declared result: parts of a population that no dimension of a table tells apart.

Who is at risk in a curve, stands in a denominator, or is in a model is a part of the cohort that
the file names and nothing defines. Each such part has a dimension of its own. All parts are held
against the tables that count the whole cohort in one system, and through these against each other:
how two parts overlap is unknown to everybody, so the system needs no groups for it (see `star`).
Where even that has too many groups, each part is held against the tables and against the same
part of other releases alone, and people are told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from bercail.airlock.disclosure.guard.bands import normal_name
from bercail.airlock.disclosure.tables.typed import PART_UNIT

PREFIX = "declaredresult"
"""How the dimension of a part begins, without case, spaces and signs."""


def is_declared(measure: Mapping[str, Any]) -> bool:
    """Whether `measure` is of a declared result, whose parts are told by their names alone."""
    return bool(measure["unit"] == PART_UNIT)


def is_subset(measure: Mapping[str, Any]) -> bool:
    """Whether `measure` counts a part that is held against the tables of the whole cohort."""
    return is_declared(measure) and measure["kind"] == "persons"


def is_part(name: str) -> bool:
    """Whether a dimension of a normal name is that of a part."""
    return name.startswith(PREFIX)


def part_of(measure: Mapping[str, Any]) -> str:
    """The part of a declared result that `measure` counts; empty for tables."""
    return str(measure["name"]) if is_declared(measure) else ""


_PERSONS = ("persons",)


def measure_of(measure: Mapping[str, Any]) -> tuple[str, ...]:
    """What is counted. Distinct persons are the same under any name, but for those of a part."""
    if measure["kind"] == "persons" and not is_subset(measure):
        return _PERSONS
    return measure["kind"], measure["name"], measure["unit"]


def system_of(measure: Mapping[str, Any]) -> tuple[str, ...]:
    """What is put into one system: persons and all parts of them, or one other measure."""
    return _PERSONS if is_subset(measure) else measure_of(measure)


def says_of(table: Mapping[str, Any], measure: Mapping[str, Any]) -> bool:
    """Whether a table says something of `measure`; tables of persons do of every part."""
    own = measure_of(table["measure"])
    return own == measure_of(measure) or (is_subset(measure) and own == _PERSONS)


def measures_apart(
    new: Sequence[Mapping[str, Any]], past: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The measures of `new` tables of persons, one by one, where all in one system are too many.

    A table of the whole cohort is also held against each part that `past` tables counted.
    """
    found = {measure_of(table["measure"]): table["measure"] for table in new}
    if _PERSONS in found:
        parts = [table["measure"] for table in past if is_subset(table["measure"])]
        found |= {measure_of(measure): measure for measure in parts}
    return list(found.values())


def with_names_apart(tables: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """`tables` with two names for the dimensions of two parts, where a normal name is one."""
    owners: dict[str, set[str]] = {}
    for table in tables:
        for dimension in _of_parts(table):
            owners.setdefault(normal_name(dimension["name"]), set()).add(part_of(table["measure"]))
    twice = {name for name, parts in owners.items() if len(parts) > 1}
    return [_renamed(table, twice) for table in tables]


def _of_parts(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The dimensions of a table that are those of parts."""
    if not is_declared(table["measure"]):
        return []
    return [one for one in table["dimensions"] if is_part(normal_name(one["name"]))]


def _renamed(table: Mapping[str, Any], names: set[str]) -> Mapping[str, Any]:
    wrong = [one["name"] for one in _of_parts(table) if normal_name(one["name"]) in names]
    if not wrong:
        return table
    mark = sha256(part_of(table["measure"]).encode()).hexdigest()
    return {
        **table,
        "dimensions": [
            {**one, "name": f"{one['name']} {mark}"} if one["name"] in wrong else one
            for one in table["dimensions"]
        ],
    }
