"""What it costs to resolve persons: CPU seconds from the sealed register to two signed tables.

Against DuckDB's plain group-by-and-write of the same columns: the same rows in plain Parquet,
grouped by pseudonym, rank and own number with the same sums, written as zstd Parquet; it resolves
nobody, gives no numbers, seals and signs nothing. One fifth of the persons have a second
pseudonym, three in a hundred no number of their own. The argument is the number of persons.
"""

# ruff: noqa: S608 - names of the benchmark's own
from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bercail.foundation import Role
from bercail.ingest.persons import PersonDesk
from bercail.ingest.persons.columns import BITS, GREATEST, LEAST
from bercail.ingest.persons.sources import REGISTER_COLUMNS
from bercail.testing.small_house import SmallHouse, person

PERSONS, GOAL, BATCH = 500_000, 0.2, 65_536
WITHOUT_OWN = 33  # one in so many
OPERATOR = person("operator", Role.OPERATOR)
_LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", np.uint8)


def mixed(numbers: np.ndarray, salt: int) -> np.ndarray:
    """Numbers that look random, other for each salt (splitmix64)."""
    z = numbers.astype(np.uint64) + np.uint64((salt * 0x9E3779B97F4A7C15) % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def pseudonyms(numbers: np.ndarray, salt: int, known: np.ndarray | None = None) -> pa.Array:
    """One text of 17 letters for each number; null where it is not known."""
    shifts = np.arange(0, 60, 5, dtype=np.uint64)
    places = [(mixed(numbers, salt + turn)[:, None] >> shifts) & np.uint64(31) for turn in (0, 1)]
    text = _LETTERS[np.hstack(places)[:, :17].astype(np.uint8)]
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * 17
    found = pa.StringArray.from_buffers(
        len(numbers), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text))
    )
    return found if known is None else pa.compute.if_else(pa.array(known), found, None)


def batches(persons: int) -> Iterator[pa.RecordBatch]:
    """The register: each person once, then the second pseudonyms."""
    total = persons + persons // 5
    never, updated = date(1600, 1, 1), (date(2024, 1, 1) - date(1970, 1, 1)).days
    for start in range(0, total, BATCH):
        line = np.arange(start, min(start + BATCH, total))
        who = np.where(line < persons, line, line - persons)
        day = pa.array((updated + line % 365).astype(np.int32)).cast(pa.date32())
        yield pa.RecordBatch.from_arrays(
            [
                pseudonyms(line, 1),
                pa.array(np.ones(len(line), np.int64)),
                pseudonyms(who, 3, who % WITHOUT_OWN != 0),
                pa.array(np.where(line % 50 == 0, "04", "00")),
                pa.array((1930 + who % 90).astype(str)),
                pa.array(np.char.zfill((1 + who % 12).astype(str), 2)),
                pa.array(1 + who % 2),
                pa.array([never] * len(line), pa.date32()),
                day,
                day,
            ],
            schema=REGISTER_COLUMNS,
        )


def plain(source: Path, out: Path) -> None:
    """The peer: the same sums over the same rows, in one statement."""
    held = {
        "first_seen": "BEN_DTE_MAJ",
        "last_seen": "BEN_DTE_MAJ",
        "inserted": "BEN_DTE_INS",
        "birth_year_low": "BEN_NAI_ANN::INTEGER",
        "birth_year_high": "BEN_NAI_ANN::INTEGER",
        "birth_month_low": "BEN_NAI_MOI::INTEGER",
        "birth_month_high": "BEN_NAI_MOI::INTEGER",
        "birth_latest": "year(BEN_DTE_MAJ)::BIGINT * 1000000 + BEN_NAI_ANN::INTEGER",
        "sex_low": "BEN_SEX_COD::INTEGER",
        "sex_high": "BEN_SEX_COD::INTEGER",
        "sex_latest": "year(BEN_DTE_MAJ)::BIGINT * 10 + BEN_SEX_COD",
        "death_low": "BEN_DCD_DTE",
        "death_high": "BEN_DCD_DTE",
        "codes": "CASE BEN_CDI_NIR WHEN '00' THEN 1 ELSE 4 END",
        "sources": "1",
    }
    sums = [f"min({held[name]}) AS {name}" for name in LEAST]
    sums += [f"max({held[name]}) AS {name}" for name in GREATEST]
    sums += [f"bit_or({held[name]}) AS {name}" for name in BITS]
    with duckdb.connect(config={"threads": 2, "preserve_insertion_order": False}) as connection:
        connection.execute(
            f"COPY (SELECT BEN_NIR_PSA, BEN_RNG_GEM, BEN_NIR_ANO, {', '.join(sums)} "
            f"FROM read_parquet('{source}') GROUP BY ALL) TO '{out}' (COMPRESSION zstd)"
        )


def main() -> None:
    persons = int(sys.argv[1]) if len(sys.argv) > 1 else PERSONS
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        house = SmallHouse.build(root, seed=1)
        house.lake.append("IR_BEN_R", batches(persons), REGISTER_COLUMNS, delivery="BEN_2024")
        desk = PersonDesk(house.lake, house.ledger)
        began, wall = time.process_time(), time.perf_counter()
        built = desk.build(OPERATOR)
        ours, seconds = time.process_time() - began, time.perf_counter() - wall
        house.close()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        with pq.ParquetWriter(root / "plain.parquet", REGISTER_COLUMNS, compression="zstd") as out:
            for batch in batches(persons):
                out.write_batch(batch)
        began = time.process_time()
        plain(root / "plain.parquet", root / "grouped.parquet")
        against = time.process_time() - began
    # Who has two pseudonyms and no number of their own cannot be known as one person.
    apart = -(-(persons // 5) // WITHOUT_OWN)
    if built is None or built.persons != persons + apart:
        raise SystemExit("the build did not resolve the persons that the register holds")
    line = {
        "bench": f"persons resolved per CPU second, {built.identities} identities; wall seconds "
        f"{seconds:.1f}, peak {peak} MB",
        "ours": round(persons / ours),
        "against": round(persons / against),
        "ratio": round(against / ours, 3),
        "goal": GOAL,
        "met": against / ours >= GOAL,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
