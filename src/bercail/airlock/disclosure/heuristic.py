"""A good set of hidden cells for tables too large for the exact way; under the same audit.

For each unmet need, the cheapest circulation that moves the small cell far enough is
found by linear programming (Kelly, Golden and Assad, Networks 22, 1992) and the cells it
passes through are hidden. Cells already hidden cost nothing to pass through.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array, hstack

from bercail.airlock.disclosure.lattice import Lattice
from bercail.airlock.disclosure.programs import linear_program
from bercail.airlock.disclosure.separation import Need
from bercail.airlock.disclosure.suppression import Audit, Pattern
from bercail.airlock.disclosure.unsolved import unsolved


def circulations(
    lattice: Lattice,
    needs: Mapping[int, Need],
    costs: tuple[int, ...],
    audit: Audit,
) -> Pattern:
    """A set that meets every need and passes `audit`; not always the cheapest.

    Raises:
        Unproven: the solver fails.
    """
    hidden = set(needs)
    matrix = lattice.matrix()
    rounds = 0
    for cell in sorted(needs, key=lambda place: (-needs[place].up, place)):
        for sign, distance in ((1, needs[cell].up), (-1, needs[cell].down)):
            if distance:
                hidden |= _path(lattice, matrix, cell, sign * distance, costs, hidden)
                rounds += 1
    while missing := audit(frozenset(hidden)):
        hidden.update(min(group, key=lambda cell: (costs[cell], cell)) for group in missing)
        rounds += 1
    return Pattern(
        hidden=frozenset(hidden),
        cost=sum(costs[cell] for cell in hidden),
        optimal=False,
        rounds=rounds,
    )


def _path(
    lattice: Lattice,
    matrix: csr_array,
    cell: int,
    move: int,
    costs: tuple[int, ...],
    hidden: set[int],
) -> set[int]:
    """The cells of the cheapest circulation that moves `cell` by `move` persons."""
    size = len(lattice)
    price = np.array([0.0 if place in hidden else float(costs[place]) for place in range(size)])
    up, down = np.full(size, np.inf), np.array(lattice.values, dtype=float)
    fixed = np.zeros((2 * size, 2))
    fixed[:size, 1], fixed[size:, 1] = up, down
    fixed[cell] = (max(move, 0), max(move, 0))
    fixed[size + cell] = (max(-move, 0), max(-move, 0))
    both = hstack((matrix, -matrix), format="csr")
    prices = np.concatenate((price, price))
    found = linear_program(prices, both, np.zeros(matrix.shape[0]), fixed)
    if found.status != 0:
        raise unsolved(
            "The solver found no way to protect a cell of the table.",
            "Le solveur n'a trouvé aucun moyen de protéger une case du tableau.",
        )
    through = np.flatnonzero(np.abs(found.x) > 1e-7)
    return {int(place) % size for place in through}
