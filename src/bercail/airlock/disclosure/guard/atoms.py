"""Released cells as sets of atoms: the finest groups that any release tells apart.

A variable is a coding of a dimension (age bands and single ages are one variable when bands
say which ages they cover). Its values are grouped into classes that every code holds whole or
not at all. An atom is one class of each variable for one pattern of populations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from attrs import field, frozen

from bercail.airlock.disclosure.guard.bands import with_bands

Condition = Mapping[str, frozenset[str]]
"""For each dimension that a cell limits, the finest values that it takes in."""

Source = tuple[int, str]
"""A release by its number, and its tables (empty) or one part that its results count."""


@frozen(kw_only=True)
class GuardedCell:
    """One released cell: where, of which population, under which condition, what was shown.

    `value` None: hidden. `base`: 0 when exact, else the truth is less than `base` away.
    `part`: the part of a declared result that it counts, empty for tables.
    """

    release: int
    table: int
    part: str = ""
    key: tuple[str | None, ...]
    population: int
    condition: Condition = field(repr=False)
    value: int | None = field(repr=False)
    base: int

    @property
    def source(self) -> Source:
        """Whose number it is: numbers of one source are taken as true together, or not at all."""
        return self.release, self.part


def conditions(table: Mapping[str, Any], key: Sequence[str | None]) -> dict[str, frozenset[str]]:
    """The condition of the cell at `key` of a published `table`.

    Codes that overlap are a variable each: in it or not.
    """
    found: dict[str, frozenset[str]] = {}
    for dimension, code in zip(table["dimensions"], key, strict=True):
        if code is None:
            continue
        if dimension["partition"]:
            found[dimension["name"]] = _covered(dimension, code)
        else:
            found[f"{dimension['name']}\x00{code}"] = frozenset({"in"})
    return found


def universes(tables: Sequence[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Every finest value of each variable of `tables`."""
    found: dict[str, frozenset[str]] = {}
    for table in tables:
        for dimension in table["dimensions"]:
            name = dimension["name"]
            if dimension["partition"]:
                found[name] = found.get(name, frozenset()) | _values(dimension)
            else:
                for entry in dimension["codes"]:
                    found[f"{name}\x00{entry['code']}"] = frozenset({"in", "out"})
    return found


def in_common_values(tables: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`tables` with each code of a dimension said in the finest values that any table names.

    A code that is a leaf in one table and a band of others in another table takes the band's
    values in both; numeric bands are cut where any of them begins or ends.
    """
    tables = with_bands(tables)
    finest: dict[tuple[str, str], frozenset[str]] = {}
    for table in tables:
        for dimension in table["dimensions"]:
            for entry in dimension["codes"]:
                name = (dimension["name"], entry["code"])
                values = _covered(dimension, entry["code"])
                if len(values) > len(finest.get(name, ())):
                    finest[name] = values
    return [
        {
            **table,
            "dimensions": [_refined(dimension, finest) for dimension in table["dimensions"]],
        }
        for table in tables
    ]


def as_variables(tables: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`tables` in common values; two codings that share nothing become two variables."""
    return [
        {**table, "dimensions": [_named(one, tables) for one in table["dimensions"]]}
        for table in tables
    ]


def _named(dimension: Mapping[str, Any], tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The dimension under a name that it shares only with codings that have values in common."""
    if not dimension["partition"]:
        return dict(dimension)
    mine = _values(dimension)
    others = [
        _values(other)
        for table in tables
        for other in table["dimensions"]
        if other["name"] == dimension["name"] and other["partition"]
    ]
    while True:
        wider = mine.union(*(values for values in others if values & mine))
        if wider == mine:
            break
        mine = wider
    return {**dimension, "name": f"{dimension['name']}\x00{min(mine)}"}


def _values(dimension: Mapping[str, Any]) -> frozenset[str]:
    return frozenset().union(*(_covered(dimension, entry["code"]) for entry in dimension["codes"]))


def _refined(
    dimension: Mapping[str, Any], finest: Mapping[tuple[str, str], frozenset[str]]
) -> dict[str, Any]:
    inner = {entry["parent"] for entry in dimension["codes"]}
    codes = []
    for entry in dimension["codes"]:
        if entry["code"] in inner:
            codes.append({name: entry[name] for name in ("code", "parent")})
        else:
            values = sorted(finest[(dimension["name"], entry["code"])])
            codes.append({**entry, "covers": values})
    return {**dimension, "codes": codes}


def _covered(dimension: Mapping[str, Any], code: str) -> frozenset[str]:
    below = [entry for entry in dimension["codes"] if entry["parent"] == code]
    if below:
        return frozenset().union(*(_covered(dimension, entry["code"]) for entry in below))
    entry = next(entry for entry in dimension["codes"] if entry["code"] == code)
    return frozenset(entry.get("covers") or (code,))


def columns_of(
    cells: Sequence[GuardedCell],
    names: Sequence[str],
    values: Mapping[str, frozenset[str]],
    patterns: Sequence[frozenset[int]] | None,
    most: int,
) -> tuple[np.ndarray, int]:
    """The atoms of `cells` by the variables `names`: `holds[c, a]`, whether `c` takes in `a`.

    Atoms that no cell tells apart are one. `patterns`: of populations; None: whoever is counted.
    The second value is the number of atoms that could be, when that is over `most`, else 0.
    """
    axes = [] if patterns is None else [_of_patterns(cells, patterns)]
    axes += [_of_variable(cells, name, values[name]) for name in names]
    size = prod(len(axis) for axis in axes)
    if size > most:
        return np.zeros((len(cells), 0), dtype=bool), size
    everybody = np.ones(len(cells), dtype=bool)
    columns = [np.logical_and.reduce([everybody, *group]) for group in product(*axes)]
    return np.unique(np.array(columns, dtype=bool).T, axis=1), 0


def _of_patterns(
    cells: Sequence[GuardedCell], patterns: Sequence[frozenset[int]]
) -> list[np.ndarray]:
    return [
        np.array([cell.population in pattern for cell in cells], dtype=bool) for pattern in patterns
    ]


def _of_variable(
    cells: Sequence[GuardedCell], name: str, values: frozenset[str]
) -> list[np.ndarray]:
    """For each class of a variable whether each cell takes it in; a cell that says nothing does."""
    return [
        np.array([name not in c.condition or one <= c.condition[name] for c in cells], dtype=bool)
        for one in _classes(cells, name, values)
    ]


def _classes(
    cells: Sequence[GuardedCell], name: str, values: frozenset[str]
) -> list[frozenset[str]]:
    """The values of a variable, grouped by the conditions that hold them."""
    sets = list(dict.fromkeys(c.condition[name] for c in cells if name in c.condition))
    groups: dict[tuple[bool, ...], set[str]] = {}
    for value in values.union(*sets):
        groups.setdefault(tuple(value in one for one in sets), set()).add(value)
    return [frozenset(group) for group in groups.values()]
