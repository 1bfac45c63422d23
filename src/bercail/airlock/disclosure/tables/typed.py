"""A table with what its numbers mean: the measure, the unit, and who stands behind each cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from math import isfinite, prod
from typing import Any, Literal, get_args

from attrs import evolve, field, frozen

from bercail.airlock.disclosure.counts import ALL_LABEL, MAX_CELLS, Counts, Key
from bercail.airlock.disclosure.tables.dimension import Dimension, flat
from bercail.foundation import Invalid

Kind = Literal["persons", "records", "sum", "other"]
"""`persons` counts distinct persons, `records` counts lines (stays, boxes), `sum` adds amounts
of contributors; `other` (means, ratios...) has no linear margins."""

ADDITIVE: frozenset[str] = frozenset({"persons", "records", "sum"})
SCALE = 100
"""Amounts are handled in whole hundredths (cents)."""
FINE = 1_000_000
"""Other statistics are written in whole millionths."""


KEYS = 2**32
"""Cell keys are whole numbers below this, and add up modulo it."""

PART_UNIT = "persons of a declared result"
"""The unit of a measure that counts a part of a population; its name says which part."""


@frozen(kw_only=True)
class Measure:
    """What the cells hold; `unit` in words (`distinct persons`, `stays`, `euros`)."""

    name: str
    kind: Kind
    unit: str

    def __attrs_post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            known = ", ".join(get_args(Kind))
            raise Invalid(
                f"`{self.kind}` is no kind of measure. / "
                f"`{self.kind}` n'est pas un genre de mesure.",
                remedy=f"Use one of {known}. / Employez l'un de {known}.",
                rule="table-schema",
            )

    @property
    def scale(self) -> int:
        """Values are written as whole numbers of this part of the unit."""
        return {"sum": SCALE, "other": FINE}.get(self.kind, 1)

    def as_dict(self) -> dict[str, Any]:
        """The measure as JSON writes it."""
        return {"name": self.name, "kind": self.kind, "unit": self.unit, "scale": self.scale}


PERSONS = Measure(name="persons", kind="persons", unit="distinct persons")

_UNITS_FR: Mapping[str, str] = {PERSONS.unit: "personnes distinctes", "units": "unités"}


def unit_in_french(unit: str) -> str:
    """The unit of an inferred measure in French; a name from a header in backticks, as it is."""
    return _UNITS_FR.get(unit, f"`{unit}`")


@frozen(kw_only=True)
class TypedCell:
    """One cell: its value and who stands behind it; None where nobody said.

    `top`: the greatest contributions, greatest first (amounts in the measure's unit).
    `cell_key`: the record keys of its distinct persons, added up (see `protect.cell_key`).
    `withheld`: the author has hidden the value already.
    """

    value: float | None = field(repr=False)
    persons: int | None = field(default=None, repr=False)
    records: int | None = field(default=None, repr=False)
    establishments: int | None = field(default=None, repr=False)
    prescribers: int | None = field(default=None, repr=False)
    top: tuple[float, ...] = field(default=(), repr=False)
    cell_key: int | None = field(default=None, repr=False)
    withheld: bool = False

    def __attrs_post_init__(self) -> None:
        numbers = (self.persons, self.records, self.establishments, self.prescribers)
        if any(number is not None and number < 0 for number in numbers):
            raise Invalid(
                "A cell counts less than nobody. / Une case compte moins que personne.",
                remedy="Correct the count. / Corrigez l'effectif.",
                rule="table-schema",
            )
        if self.value is not None and not isfinite(self.value):
            raise Invalid(
                "A cell holds no finite number. / Une case ne contient pas un nombre fini.",
                remedy="Correct the number, or leave it out. / Corrigez le nombre, ou retirez-le.",
                rule="table-schema",
            )
        if list(self.top) != sorted(self.top, reverse=True):
            raise Invalid(
                "The contributions of a cell do not stand in order. / "
                "Les contributions d'une case ne sont pas dans l'ordre.",
                remedy="Write the greatest first. / Écrivez d'abord la plus grande.",
                rule="table-schema",
            )


@frozen(kw_only=True)
class TypedTable:
    """Cells by tuples of codes, margins included.

    `population`: who is counted, as the digest of a cohort; tables of one request with the
    same population and measure share the cells that say the same.
    """

    name: str
    dimensions: tuple[Dimension, ...]
    measure: Measure
    cells: Mapping[Key, TypedCell] = field(repr=False)
    population: str = ""
    provenance: Mapping[str, Any] = field(factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        size = prod(len(dimension.codes) for dimension in self.dimensions)
        if size > MAX_CELLS:
            raise Invalid(
                f"The table has {size} cells with margins; the most is {MAX_CELLS}. / "
                f"Le tableau a {size} cases avec ses marges ; le maximum est {MAX_CELLS}.",
                remedy="Use fewer dimensions or wider categories. / "
                "Employez moins de dimensions ou des catégories plus larges.",
                rule="table-size",
            )
        if len({dimension.name for dimension in self.dimensions}) != len(self.dimensions):
            raise Invalid(
                "Two dimensions of a table have the same name. / "
                "Deux dimensions d'un tableau ont le même nom.",
                remedy="Rename one of them. / Renommez l'une d'elles.",
                rule="table-schema",
            )
        known = set(self.all_keys())
        if any(key not in known for key in self.cells):
            raise Invalid(
                "A cell stands under codes of no dimension. / "
                "Une case porte des codes qui ne sont d'aucune dimension.",
                remedy="Declare every code in the schema. / Déclarez chaque code dans le schéma.",
                rule="table-schema",
            )

    def all_keys(self) -> tuple[Key, ...]:
        """Every cell of the full table, in the order of publication."""
        return tuple(product(*(dimension.codes for dimension in self.dimensions)))

    def label(self, key: Key) -> str:
        """A cell in words, for people."""
        return " / ".join(ALL_LABEL if code is None else code for code in key)


def completed(table: TypedTable) -> TypedTable:
    """`table` with the cells it does not name: absent inner cells are empty, margins are sums.

    Only additive measures over partitions are summed. Distinct persons behind a margin of
    another measure are not added up, since the same person may stand in several cells.
    """
    if table.measure.kind not in ADDITIVE:
        return table
    cells = dict(table.cells)
    leaves = [frozenset(dimension.leaves) for dimension in table.dimensions]
    for key in table.all_keys():
        if key in cells:
            continue
        if all(code in inner for code, inner in zip(key, leaves, strict=True)):
            cells[key] = TypedCell(value=0, persons=0)
    for place, dimension in enumerate(table.dimensions):
        if dimension.partition:
            _sum_along(table, cells, place, dimension)
    return evolve(table, cells={key: cells[key] for key in table.all_keys() if key in cells})


def _sum_along(
    table: TypedTable, cells: dict[Key, TypedCell], place: int, dimension: Dimension
) -> None:
    wanted = dict(dimension.families)
    deepest_first = sorted(wanted, key=lambda code: -len(dimension.above(code)))
    for parent in deepest_first:
        for key in table.all_keys():
            if key[place] != parent or key in cells:
                continue
            parts = [cells.get((*key[:place], kid, *key[place + 1 :])) for kid in wanted[parent]]
            known = [part for part in parts if part is not None and part.value is not None]
            if len(known) == len(parts):
                cells[key] = _summed(table.measure, known)


def _summed(measure: Measure, parts: Iterable[TypedCell]) -> TypedCell:
    parts = tuple(parts)
    value = sum(part.value or 0 for part in parts)
    occupied = [part for part in parts if part.value]
    only = occupied[0] if len(occupied) == 1 else TypedCell(value=None)
    persons = int(value) if measure.kind == "persons" else only.persons
    empty = 0 if not occupied else None
    return TypedCell(
        value=value,
        persons=persons if occupied else 0,
        records=_total(parts, "records"),
        establishments=only.establishments if occupied else empty,
        prescribers=only.prescribers if occupied else empty,
        # Contributors of different cells may be one: the sum of tops is no contribution.
        top=only.top,
        cell_key=_key(occupied) if measure.kind == "persons" else None,
    )


def _key(occupied: list[TypedCell]) -> int | None:
    """The key of cells of different persons together; None where one of them has none."""
    keys = [part.cell_key for part in occupied if part.cell_key is not None]
    return sum(keys) % KEYS if keys and len(keys) == len(occupied) else None


def _total(parts: tuple[TypedCell, ...], name: str) -> int | None:
    numbers = [getattr(part, name) for part in parts]
    return None if any(number is None for number in numbers) else sum(numbers)


def typed_counts(table: Counts) -> TypedTable:
    """The count table of the platform as a typed table, margins computed."""
    return completed(
        TypedTable(
            name=table.title,
            dimensions=tuple(flat(axis.name, axis.categories) for axis in table.axes),
            measure=PERSONS,
            cells={
                key: TypedCell(value=table.cells.get(key, 0), persons=table.cells.get(key, 0))
                for key in table.inner_keys()
            },
            population=str(table.provenance.get("model_digest", "")),
            provenance=table.provenance,
        )
    )
