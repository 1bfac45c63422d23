"""DuckDB over sealed Parquet, against the same Parquet in clear.

Two million rows in four parts, on a folder; wall seconds of three queries (group by, distinct
persons, all columns), each with new connections and readers. Both sides are measured in turn,
best of three.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from bercail.foundation import SystemClock, SystemRandomness
from bercail.lake import Lake, SealedFilesystem, SealedStore, split_url
from bercail.lake.fileio import KIND
from bercail.storage import Location, open_store
from bercail.vault import Keyring, MemoryCustodian

PARTS = 4
ROWS = 500_000
GOAL = 1.3
ROUNDS = 3
QUERIES = (
    "SELECT PRS_NAT_REF, sum(PRS_PAI_MNT) FROM t GROUP BY 1 ORDER BY 1",
    "SELECT count(DISTINCT BEN_NIR_PSA) FROM t",
    "SELECT max(COLUMNS(*)) FROM t",
)


def batches(part: int) -> Iterator[pa.RecordBatch]:
    random = np.random.default_rng(part)
    persons = np.array([f"{n * 7919 % 10**17:017d}" for n in range(100_000)])
    for _ in range(ROWS // 125_000):
        size = 125_000
        columns = {"BEN_NIR_PSA": pa.array(persons[random.integers(0, len(persons), size)])}
        columns["PRS_NAT_REF"] = pa.array(random.integers(1000, 1200, size))
        columns["PRS_PAI_MNT"] = pa.array(random.integers(0, 10_000, size))
        for index in range(8):
            columns[f"CODE_{index}"] = pa.array(random.integers(0, 50 + 400 * index, size))
        yield pa.RecordBatch.from_pydict(columns)


def seconds(urls: list[str], filesystem: SealedFilesystem | None) -> float:
    start = time.perf_counter()
    for query in QUERIES:
        with duckdb.connect() as connection:
            if filesystem is not None:
                connection.register_filesystem(filesystem)
            connection.read_parquet(urls, union_by_name=True).create_view("t")
            connection.execute(query).fetchall()
    return time.perf_counter() - start


def main() -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        randomness, clock = SystemRandomness(), SystemClock()
        keys = Keyring(folder / "keys", MemoryCustodian(randomness), randomness, clock)
        (folder / "host").mkdir()
        host = open_store(Location.folder(folder / "host"))
        lake = Lake(host, keys, f"sqlite:///{folder}/lake.sqlite", None, randomness, clock)
        for part in range(PARTS):
            parts = batches(part)
            first = next(parts)
            lake.append("T", _again(first, parts), first.schema, delivery=f"D{part}")
        sealed = [part.url for part in lake.parts("T")]
        plain = []
        for index, url in enumerate(sealed):
            path = folder / f"{index}.parquet"
            with lake.filesystem().open(url) as source:
                path.write_bytes(source.read())
            plain.append(str(path))

        def fresh() -> SealedFilesystem:
            # A filesystem of its own for each run: no reader is kept from the run before.
            table = split_url(sealed[0])[0]
            store = SealedStore(host, keys, kind=KIND, scope=table, randomness=randomness)
            return store.filesystem()

        seconds(plain, None)
        pairs = [(seconds(sealed, fresh()), seconds(plain, None)) for _ in range(ROUNDS)]
        ours, against = (min(times) for times in zip(*pairs, strict=True))
        keys.close()
    line = {
        "bench": "lake.duckdb",
        "ours": f"{ours:.2f} s",
        "against": f"{against:.2f} s, plain Parquet",
        "ratio": round(ours / against, 2),
        "goal": GOAL,
        "met": ours / against <= GOAL,
    }
    print(json.dumps(line))


def _again(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


if __name__ == "__main__":
    main()
