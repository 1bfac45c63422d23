"""Counts of a declared result: parts of a population that no dimension of a table tells apart.

Who is at risk in a curve, stands in a denominator, or is in a model is a part of the cohort that
the file names and nothing defines. Each such part has a dimension of its own, and is held against
the tables that count the whole cohort and against the same part of other releases, never against
other parts: with all parts in one system there would be too many groups to compute anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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


_PERSONS = ("persons",)


def measure_of(measure: Mapping[str, Any]) -> tuple[str, ...]:
    """What is counted. Distinct persons are the same under any name, but for those of a part."""
    if measure["kind"] == "persons" and not is_subset(measure):
        return _PERSONS
    return measure["kind"], measure["name"], measure["unit"]


def says_of(table: Mapping[str, Any], measure: Mapping[str, Any]) -> bool:
    """Whether a table says something of `measure`; tables of persons do of every part."""
    own = measure_of(table["measure"])
    return own == measure_of(measure) or (is_subset(measure) and own == _PERSONS)


def parts_of(
    measure: Mapping[str, Any], past: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The parts that earlier tables counted, each to be held against a new table of `measure`."""
    if measure_of(measure) != _PERSONS:
        return []
    return [table["measure"] for table in past if is_subset(table["measure"])]
