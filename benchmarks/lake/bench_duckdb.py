"""DuckDB over sealed Parquet, against the same Parquet in clear.

Twenty million lines (person, day, codes, amounts) in parts of 128 MB, on a folder; `--rows` takes
fewer. Three queries: a grouping, a count of distinct persons, and a scan of every column. Each
run counts from nothing: a new connection, new readers, keys asked for again, footers read; so the
first read of every byte is in it. Files of both sides are read once from end to end just before
they are timed, so that both find them in the page cache and the disk favours nobody. Both sides
take turns; `ratio` compares the best wall time of each, `cpu` the least processor time. One line
for each query, and one for the worst.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from bercail.foundation import SystemClock, SystemRandomness
from bercail.lake import Lake, SealedFilesystem, SealedStore, split_url
from bercail.lake.fileio import KIND
from bercail.storage import Location, open_store
from bercail.vault import Keyring, MemoryCustodian

ROWS, PERSONS, BATCH = 20_000_000, 1_000_000, 250_000
ROUNDS = 5
GOAL = 1.3
LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", dtype=np.uint8)
QUERIES = {
    "grouping": "SELECT PRS_NAT_REF, sum(PRS_PAI_MNT), count(*) FROM t GROUP BY 1 ORDER BY 1",
    "distinct count": "SELECT count(DISTINCT BEN_NIR_PSA) FROM t",
    "wide scan": "SELECT bit_xor(hash(COLUMNS(*))) FROM t",
}
Seconds = tuple[float, float]


def batches(rows: int) -> Iterator[pa.RecordBatch]:
    random = np.random.default_rng(1)
    known = min(rows, PERSONS)
    letters = LETTERS[random.integers(0, 32, (known, 17))].reshape(-1)
    bounds = np.arange(known + 1, dtype=np.int32) * 17
    persons = pa.StringArray.from_buffers(known, pa.py_buffer(bounds), pa.py_buffer(letters))
    codes = pa.array([f"34009{n * 7919 % 10**8:08d}" for n in range(15_000)])
    for start in range(0, rows, BATCH):
        size = min(BATCH, rows - start)
        days = random.integers(18_000, 18_400, size, dtype=np.int32)
        columns: dict[str, pa.Array] = {  # type: ignore[type-arg]
            "BEN_NIR_PSA": persons.take(pa.array(random.integers(0, known, size))),
            "EXE_SOI_DTD": pa.array(days).cast(pa.date32()),
            "PHA_PRS_C13": codes.take(pa.array(random.integers(0, len(codes), size))),
            "PRS_NAT_REF": pa.array(random.integers(1000, 1200, size)),
        }
        for name in ("PRS_PAI_MNT", "BSE_REM_MNT", "BSE_REM_BSE"):
            columns[name] = pa.array(np.round(random.gamma(2, 20, size), 2))
        for name in ("PRS_ACT_QTE", "ETE_IND_TAA", "PSE_SPE_COD"):
            columns[name] = pa.array(random.integers(0, 50, size))
        yield pa.RecordBatch.from_pydict(columns)


def build(lake: Lake, rows: int) -> list[str]:
    """Seal the lines as one delivery, in bounded memory; the names of its parts."""
    given = batches(rows)
    first = next(given)

    def again() -> Iterator[pa.RecordBatch]:
        yield first
        yield from given

    lake.append("ER_PRS_F", again(), first.schema, delivery="D1")
    return [part.url for part in lake.parts("ER_PRS_F")]


def unseal(lake: Lake, urls: list[str], folder: Path) -> list[str]:
    """The same Parquet in clear."""
    paths = []
    for index, url in enumerate(urls):
        path = folder / f"{index}.parquet"
        with lake.filesystem().open(url) as source, path.open("wb") as target:
            while piece := source.read(8 << 20):
                target.write(piece)
        paths.append(str(path))
    return paths


def timed(urls: list[str], filesystem: SealedFilesystem | None, query: str) -> Seconds:
    wall, cpu = time.perf_counter(), time.process_time()
    with duckdb.connect() as connection:
        if filesystem is not None:
            connection.register_filesystem(filesystem)
        connection.read_parquet(urls, union_by_name=True).create_view("t")
        connection.execute(query).fetchall()
    return time.perf_counter() - wall, time.process_time() - cpu


def warm(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as source:
                while source.read(8 << 20):
                    pass


def compare(name: str, ours: Callable[[], Seconds], against: Callable[[], Seconds]) -> float:
    against()
    pairs = [(ours(), against()) for _ in range(ROUNDS)]
    wall, cpu = (
        [min(side[i] for side in sides) for sides in zip(*pairs, strict=True)] for i in (0, 1)
    )
    ratio = wall[0] / wall[1]
    line = {
        "bench": f"lake.duckdb, {name}",
        "ours": f"{wall[0]:.2f} s",
        "against": f"{wall[1]:.2f} s, plain Parquet",
        "ratio": round(ratio, 2),
        "cpu": round(cpu[0] / cpu[1], 2),
        "goal": GOAL,
        "met": ratio <= GOAL,
    }
    print(json.dumps(line), flush=True)
    return ratio


def main() -> None:
    logging.disable(logging.WARNING)
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        sealed_folder, plain_folder = Path(name) / "host", Path(name) / "plain"
        sealed_folder.mkdir()
        plain_folder.mkdir()
        randomness, clock = SystemRandomness(), SystemClock()
        host = open_store(Location.folder(sealed_folder))
        keyring = Keyring(Path(name) / "keys", MemoryCustodian(randomness), randomness, clock)
        with closing(keyring) as keys:
            lake = Lake(host, keys, f"sqlite:///{name}/lake.sqlite", None, randomness, clock)
            sealed = build(lake, rows)
            plain = unseal(lake, sealed, plain_folder)
            table = split_url(sealed[0])[0]

            def ours(query: str) -> Seconds:
                warm(sealed_folder)
                store = SealedStore(host, keys, kind=KIND, scope=table, randomness=randomness)
                return timed(sealed, store.filesystem(), query)

            def against(query: str) -> Seconds:
                warm(plain_folder)
                return timed(plain, None, query)

            ratios = [
                compare(name, lambda q=query: ours(q), lambda q=query: against(q))  # type: ignore[misc]
                for name, query in QUERIES.items()
            ]
    worst = {
        "bench": "lake.duckdb, the worst of three",
        "ours": f"{max(ratios):.2f} times",
        "against": "plain Parquet",
        "ratio": round(max(ratios), 2),
        "goal": GOAL,
        "met": max(ratios) <= GOAL,
    }
    print(json.dumps(worst))


if __name__ == "__main__":
    main()
