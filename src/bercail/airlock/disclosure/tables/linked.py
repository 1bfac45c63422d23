"""Tables of one request as one linear system: a cell that several tables hold is one unknown.

Two cells are the same when they are of the same population and measure and put the same
condition on each dimension; a total puts none. So a table by age and sex and a table by age
and region share the margin by age, and an attacker can use both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import field, frozen

from bercail.airlock.disclosure.counts import ALL, ALL_LABEL, Key
from bercail.airlock.disclosure.lattice import Equation, Lattice
from bercail.airlock.disclosure.tables.typed import ADDITIVE, SCALE, TypedCell, TypedTable
from bercail.foundation import Invalid

Identity = tuple[tuple[str, str], ...]
"""The conditions of a cell, as sorted pairs of dimension and code."""


@frozen(kw_only=True)
class Place:
    """Where a cell stands: the number of the table, and the key in it."""

    table: int
    key: Key


@frozen(kw_only=True, eq=False)
class LinkedSystem:
    """One population and measure: distinct cells, their values, every additive relation.

    `persons`: distinct persons are counted; `counts`: those or records, no amounts.
    `lattice.values` are whole: persons, records, or hundredths of an amount.
    `places[i]` lists where cell `i` stands; `facts[i]` is what is known of who is behind it.
    """

    lattice: Lattice = field(repr=False)
    places: tuple[tuple[Place, ...], ...] = field(repr=False)
    facts: tuple[TypedCell, ...] = field(repr=False)
    persons: bool
    counts: bool
    tables: tuple[int, ...]


def identity(table: TypedTable, key: Key) -> Identity:
    """The conditions that `key` puts on the population of `table`."""
    return tuple(
        sorted(
            (dimension.name, code)
            for dimension, code in zip(table.dimensions, key, strict=True)
            if code is not ALL
        )
    )


def link(tables: Iterable[TypedTable]) -> tuple[LinkedSystem, ...]:
    """One system for each population and measure of `tables` (complete, additive ones).

    Raises:
        Invalid: two tables disagree on a cell, or a line does not add up to its margin; the
            message names tables and dimensions, never a label or a value.
    """
    groups: dict[tuple[str, str, str], list[int]] = {}
    known = tuple(tables)
    for number, table in enumerate(known):
        if table.measure.kind in ADDITIVE:
            group = (table.population, table.measure.name, table.measure.unit)
            groups.setdefault(group, []).append(number)
    return tuple(_system(known, tuple(numbers)) for numbers in groups.values())


def _system(tables: tuple[TypedTable, ...], numbers: tuple[int, ...]) -> LinkedSystem:
    order: dict[Identity, int] = {}
    places: list[list[Place]] = []
    facts: list[TypedCell] = []
    for number in numbers:
        for key, cell in tables[number].cells.items():
            name = identity(tables[number], key)
            place = order.setdefault(name, len(order))
            if place == len(places):
                places.append([])
                facts.append(cell)
            elif facts[place].value != cell.value:
                raise _disagree(tables[places[place][0].table], tables[number])
            facts[place] = _fuller(facts[place], cell)
            places[place].append(Place(table=number, key=key))
    scale = SCALE if tables[numbers[0]].measure.kind == "sum" else 1
    values = tuple(round((cell.value or 0) * scale) for cell in facts)
    equations = _equations(tables, numbers, order, values)
    keys = tuple(tuple(f"{d}={c}" for d, c in name) or (ALL_LABEL,) for name in order)
    return LinkedSystem(
        lattice=Lattice(keys=keys, values=values, equations=equations),
        places=tuple(tuple(where) for where in places),
        facts=tuple(facts),
        persons=tables[numbers[0]].measure.kind == "persons",
        counts=tables[numbers[0]].measure.kind != "sum",
        tables=numbers,
    )


def _equations(
    tables: tuple[TypedTable, ...],
    numbers: tuple[int, ...],
    order: Mapping[Identity, int],
    values: tuple[int, ...],
) -> tuple[Equation, ...]:
    found: dict[tuple[int, tuple[int, ...]], Equation] = {}
    for number in numbers:
        table = tables[number]
        for place, dimension in enumerate(table.dimensions):
            if not dimension.partition:
                continue
            for parent, kids in dimension.families:
                for key in table.cells:
                    if key[place] != parent:
                        continue
                    line = [(*key[:place], kid, *key[place + 1 :]) for kid in kids]
                    if any(one not in table.cells for one in line):
                        continue
                    total = order[identity(table, key)]
                    parts = tuple(order[identity(table, one)] for one in line)
                    if values[total] != sum(values[part] for part in parts):
                        raise _uneven(table, dimension.name)
                    found[(total, tuple(sorted(parts)))] = Equation(total=total, parts=parts)
    return tuple(found.values())


def _fuller(one: TypedCell, other: TypedCell) -> TypedCell:
    """What either table says of the same cell; the smaller count where both speak."""

    def least(a: int | None, b: int | None) -> int | None:
        return b if a is None else a if b is None else min(a, b)

    return TypedCell(
        value=one.value,
        persons=least(one.persons, other.persons),
        records=least(one.records, other.records),
        establishments=least(one.establishments, other.establishments),
        prescribers=least(one.prescribers, other.prescribers),
        top=max(one.top, other.top),
        cell_key=other.cell_key if one.cell_key is None else one.cell_key,
        withheld=one.withheld and other.withheld,
    )


def _disagree(one: TypedTable, other: TypedTable) -> Invalid:
    return Invalid(
        f"The tables `{one.name}` and `{other.name}` give two values to the same cell. / "
        f"Les tableaux `{one.name}` et `{other.name}` donnent deux valeurs à la même case.",
        remedy="Make them from the same data, or declare different populations. / "
        "Tirez-les des mêmes données, ou déclarez des populations différentes.",
        rule="linked-tables",
    )


def _uneven(table: TypedTable, dimension: str) -> Invalid:
    return Invalid(
        f"A line of `{table.name}` does not add up to its margin along `{dimension}`. / "
        f"Une ligne de `{table.name}` n'a pas pour somme sa marge selon `{dimension}`.",
        remedy="If its codes overlap, declare `partition: false`; if numbers were rounded, "
        "hand in the exact ones: rounding is done here. / Si ses codes se recouvrent, déclarez "
        "`partition: false` ; si des nombres sont arrondis, remettez les exacts : l'arrondi se "
        "fait ici.",
        rule="linear-margins",
    )
