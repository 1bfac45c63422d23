"""A table with all its margins, seen as cells and the equations that tie them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product

import numpy as np
from attrs import field, frozen
from scipy.sparse import csr_array

from bercail.airlock.disclosure.counts import ALL, Axis, Counts, Key


@frozen(kw_only=True)
class Equation:
    """One line of the table: the cells `parts` add up to the cell `total` (indices)."""

    total: int
    parts: tuple[int, ...]

    @property
    def members(self) -> tuple[int, ...]:
        """The total and its parts."""
        return (self.total, *self.parts)


@frozen(kw_only=True, eq=False)
class Lattice:
    """Cells in the order of publication, their counts, and every additive relation.

    The solver reads `values` and `equations` only, so hierarchies and linked tables are
    further equations over the same cells.
    """

    keys: tuple[Key, ...] = field(repr=False)
    values: tuple[int, ...] = field(repr=False)
    equations: tuple[Equation, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def matrix(self) -> csr_array:
        """The equations as a matrix M with M y = 0: one row each, +1 parts, -1 total."""
        rows, columns, entries = [], [], []
        for row, equation in enumerate(self.equations):
            for part in equation.parts:
                rows.append(row)
                columns.append(part)
                entries.append(1.0)
            rows.append(row)
            columns.append(equation.total)
            entries.append(-1.0)
        shape = (len(self.equations), len(self.keys))
        return csr_array((np.array(entries), (rows, columns)), shape=shape)


def lattice_of(table: Counts) -> Lattice:
    """`table` with every subtotal and the grand total, summed from its inner cells."""
    keys = all_keys(table.axes)
    sums = dict.fromkeys(keys, 0)
    for inner, persons in table.cells.items():
        for key in product(*((label, ALL) for label in inner)):
            sums[key] += persons
    return Lattice(keys=keys, values=tuple(sums[key] for key in keys), equations=lines(table.axes))


def all_keys(axes: Iterable[Axis]) -> tuple[Key, ...]:
    """Every cell of the published table: all categories and `ALL`, on each axis."""
    return tuple(product(*((*axis.categories, ALL) for axis in axes)))


def lines(axes: tuple[Axis, ...]) -> tuple[Equation, ...]:
    """One equation for each line of the table along each axis."""
    keys = all_keys(axes)
    place: Mapping[Key, int] = {key: index for index, key in enumerate(keys)}
    found = []
    for number, axis in enumerate(axes):
        for key in keys:
            if key[number] is not ALL:
                continue
            parts = tuple(
                place[(*key[:number], label, *key[number + 1 :])] for label in axis.categories
            )
            found.append(Equation(total=place[key], parts=parts))
    return tuple(found)
