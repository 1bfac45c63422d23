"""Ten thousand random small tables: the audit and the protection against a list of all tables.

`ours` counts the tables on which they differ, or on which a secret is lost or a cheaper set of
hidden cells exists; the goal is none. One table in ten is protected, the others are audited
with cells hidden at random. `python bench_brute_force.py 500` does fewer.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType

TABLES = 10_000
PROTECTED = 10


def oracle() -> ModuleType:
    """The lists of tables that the generative tests use."""
    path = Path(__file__).parents[2] / "tests" / "generative" / "small_tables.py"
    spec = importlib.util.spec_from_file_location("small_tables", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main(many: int) -> None:
    tables = oracle()
    shapes = sorted(tables.SHAPES)
    start = time.process_time()
    wrong = []
    for seed in range(many):
        shape = shapes[seed // PROTECTED % len(shapes)]
        check = tables.failure if seed % PROTECTED == 0 else tables.disagreement
        if said := check(shape, seed):
            wrong.append(said)
    for said in wrong[:10]:
        print(said, file=sys.stderr)
    print(
        json.dumps(
            {
                "bench": "airlock/brute-force",
                "ours": len(wrong),
                "against": many,
                "ratio": round(len(wrong) / many, 6),
                "goal": 0.0,
                "met": not wrong,
                "cpu_seconds": round(time.process_time() - start, 1),
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TABLES)
