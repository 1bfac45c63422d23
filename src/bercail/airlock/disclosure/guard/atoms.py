"""Released cells as sets of shared atoms: the finest groups that any release tells apart.

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


@frozen(kw_only=True)
class GuardedCell:
    """One released cell: where, of which population, under which condition, what was shown.

    `value` None: hidden. `base`: 0 when exact, else the truth is less than `base` away.
    """

    release: int
    table: int
    key: tuple[str | None, ...]
    population: int
    condition: Condition = field(repr=False)
    value: int | None = field(repr=False)
    base: int


@frozen(kw_only=True)
class Atoms:
    """`holds[c, a]`: whether cell `c` takes in atom `a`; atoms that no cell tells apart are one."""

    holds: np.ndarray = field(repr=False)
    limit_passed: int = 0

    @property
    def count(self) -> int:
        """The number of atoms."""
        return int(self.holds.shape[1])


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


def atoms_of(
    cells: Sequence[GuardedCell],
    values: Mapping[str, frozenset[str]],
    patterns: Sequence[frozenset[int]],
    most: int,
) -> Atoms:
    """The atoms of `cells`; with `limit_passed` their number when that is over `most`."""
    names = sorted({name for cell in cells for name in cell.condition})
    classes = [_classes(cells, name, values[name]) for name in names]
    size = prod(len(one) for one in classes) * len(patterns)
    if size > most:
        return Atoms(holds=np.zeros((len(cells), 0), dtype=bool), limit_passed=size)
    columns = []
    for pattern, *group in product(patterns, *classes):
        column = np.array([cell.population in pattern for cell in cells], dtype=bool)
        for name, one in zip(names, group, strict=True):
            column &= np.array(
                [name not in cell.condition or one <= cell.condition[name] for cell in cells]
            )
        columns.append(column)
    holds = np.array(columns, dtype=bool).T
    holds = np.unique(holds, axis=1)
    return Atoms(holds=holds[:, holds.any(axis=0)])


def _classes(
    cells: Sequence[GuardedCell], name: str, values: frozenset[str]
) -> list[frozenset[str]]:
    """The values of a variable, grouped by the conditions that hold them."""
    sets = list(dict.fromkeys(c.condition[name] for c in cells if name in c.condition))
    groups: dict[tuple[bool, ...], set[str]] = {}
    for value in values.union(*sets):
        groups.setdefault(tuple(value in one for one in sets), set()).add(value)
    return [frozenset(group) for group in groups.values()]
