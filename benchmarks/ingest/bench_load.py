"""Rows per second from CSV to checked, pseudonymised, sealed, signed parts.

Against DuckDB's plain `COPY csv TO parquet` (zstd) of the same file in the same run, which
neither checks, nor pseudonymises, nor seals, nor signs. CPU seconds on both sides.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from bercail.foundation import Role
from bercail.ingest.folder import LocalFiles
from bercail.ingest.synth import SynthProfile, make
from bercail.testing.small_house import SmallHouse, person

PERSONS, GOAL, ROUNDS = 12_000, 0.35, 2
OPERATOR = person("operator", Role.OPERATOR)


def cpu(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def largest(folder: Path) -> Path:
    return max(folder.glob("DCIR_*"), key=lambda path: (path / "ER_PRS_F.csv").stat().st_size)


def copy_plain(delivery: Path, out: Path) -> None:
    with duckdb.connect() as connection:
        for name in ("ER_PRS_F", "ER_PHA_F"):
            connection.execute(
                f"COPY (FROM read_csv('{delivery}/{name}.csv', delim=';', header=true, "
                f"dateformat='%d/%m/%Y')) TO '{out}/{name}.parquet' (COMPRESSION zstd)"
            )


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        make(SynthProfile(persons=PERSONS, seed=1, years=1), root / "clear")
        maker = SmallHouse.build(root, seed=0)
        maker.holder().prepare(root / "clear", root / "level-1")
        maker.close()
        delivery = largest(root / "level-1")
        document = json.loads((delivery / "delivery.json").read_text(encoding="utf-8"))
        rows = sum(file["rows"] for file in document["files"])
        ours, plain = [], []
        for turn in range(ROUNDS):
            (root / str(turn)).mkdir()
            house = SmallHouse.build(root / str(turn), seed=turn + 1)
            landing, desk = LocalFiles(delivery.parent), house.ingest()
            ours.append(cpu(lambda d=desk, f=landing: d.load(f, delivery.name, OPERATOR)))
            house.close()
            plain.append(cpu(lambda t=turn: copy_plain(delivery, root / str(t))))
        ratio = min(plain) / min(ours)
    line = {
        "bench": "ingest load, rows per CPU second",
        "ours": round(rows / min(ours)),
        "against": round(rows / min(plain)),
        "ratio": round(ratio, 3),
        "goal": GOAL,
        "met": ratio >= GOAL,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
