"""Tables of 160 cells with a hierarchy: seconds to the exact set, and how near the bound it is.

`against` is the best bound that linear programming gives (cells chosen in part, every cut of
Fischetti and Salazar that it breaks added), which no set of whole cells can beat; `ratio` is
the cost of our set over it. The goal is under 30 CPU seconds for each table, audit included.
"""

from __future__ import annotations

import json
import random
import time
from itertools import product

from bercail.airlock.disclosure.protect.suppression import suppress
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE
from bercail.airlock.disclosure.separation import Need, Separator
from bercail.airlock.disclosure.suppression import lowest_bound
from bercail.airlock.disclosure.tables.dimension import Dimension, flat
from bercail.airlock.disclosure.tables.linked import link
from bercail.airlock.disclosure.tables.typed import PERSONS, TypedCell, TypedTable

GOAL = 30.0


def wide() -> tuple[Dimension, ...]:
    """20 codes in three levels by 8: 160 cells."""
    parents: dict[str, str | None] = {f"g{n}": None for n in range(5)}
    parents |= {f"l{n}": f"g{n % 5}" for n in range(14)}
    return Dimension(name="diagnosis", parents=parents), flat("age", tuple("abcdefg"))


def deep() -> tuple[Dimension, ...]:
    """8 codes in three levels by 5 by 4: 160 cells."""
    parents: dict[str, str | None] = {"g0": None, "g1": None, "x": None}
    parents |= {f"l{n}": f"g{n % 2}" for n in range(4)}
    return (
        Dimension(name="diagnosis", parents=parents),
        flat("age", tuple("abcd")),
        flat("region", tuple("nse")),
    )


def table(dimensions: tuple[Dimension, ...], seed: int) -> TypedTable:
    """Counts as studies have them: many large, some small, a few empty."""
    source = random.Random(seed)
    cells = {}
    for key in product(*(dimension.leaves for dimension in dimensions)):
        persons = int(source.lognormvariate(3.0, 1.2))
        cells[key] = TypedCell(value=persons, persons=persons)
    return TypedTable(name="bench", dimensions=dimensions, measure=PERSONS, cells=cells)


def main() -> None:
    slowest, ours, bound, optimal = 0.0, 0, 0.0, 0
    for dimensions in (wide(), deep()):
        for seed in (1, 2):
            start = time.process_time()
            found = suppress([table(dimensions, seed)], SNDS_SOURCE)
            slowest = max(slowest, time.process_time() - start)
            assert found.audit.holds
            optimal += found.optimal
            ours += found.cost
            (system,) = link(found.tables)
            needs = {
                cell: Need(cell=cell, down=value, up=11 - value)
                for cell, value in enumerate(system.lattice.values)
                if 0 < value < 11
            }
            costs = tuple(value + 1 for value in system.lattice.values)
            bound += lowest_bound(
                system.lattice, needs, costs, Separator(system.lattice, tuple(needs.values()))
            )
    print(
        json.dumps(
            {
                "bench": "airlock/hierarchy-160-cells",
                "ours": ours,
                "against": round(bound, 1),
                "ratio": round(ours / bound, 3),
                "goal": GOAL,
                "met": slowest < GOAL,
                "slowest_cpu_seconds": round(slowest, 1),
                "optimal": f"{optimal} of 4",
            }
        )
    )


if __name__ == "__main__":
    main()
