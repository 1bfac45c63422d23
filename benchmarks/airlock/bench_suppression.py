"""What hiding costs: the exact set of cells against the usual heuristic, on the same tables.

Both sets pass the same audit. `ratio` is the heuristic's cost (persons withheld, plus one
a cell) over that of the optimum: at least 1 by definition, and how far above it is what
exactness is worth. Seconds stand beside it; the goal is a cheaper set in no more time.
"""

from __future__ import annotations

import json
import random
import time
from itertools import product

from attrs import evolve

from bercail.airlock import SNDS, check_table
from bercail.airlock.disclosure.counts import Axis, Counts

SHAPES = [(9, 2), (9, 2), (6, 5), (10, 6), (7, 7), (3, 3, 2)]
GOAL = 1.0


def table(shape: tuple[int, ...], source: random.Random) -> Counts:
    """Counts as studies have them: many large, some small, a few empty."""
    axes = tuple(
        Axis(name=f"d{n}", categories=tuple(f"c{k}" for k in range(size)))
        for n, size in enumerate(shape)
    )
    keys = product(*(axis.categories for axis in axes))
    cells = {key: int(source.lognormvariate(3.2, 1.3)) for key in keys}
    return Counts(title="bench", axes=axes, cells=cells)


def main() -> None:
    source = random.Random(11)
    tables = [table(shape, source) for shape in SHAPES]
    exact, heuristic = 0, 0
    start = time.perf_counter()
    for one in tables:
        result = check_table(one, SNDS)
        assert result.optimal
        exact += result.cost
    middle = time.perf_counter()
    for one in tables:
        heuristic += check_table(one, evolve(SNDS, exact_cells=1)).cost
    end = time.perf_counter()
    ratio = heuristic / exact
    print(
        json.dumps(
            {
                "bench": "airlock/suppression",
                "ours": exact,
                "against": heuristic,
                "ratio": round(ratio, 3),
                "goal": GOAL,
                "met": ratio > GOAL and middle - start <= 1.5 * (end - middle),
                "seconds": round(middle - start, 2),
                "against_seconds": round(end - middle, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
