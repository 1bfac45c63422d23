"""The database in memory on which one build works; nothing of it is written to disk in clear."""

# ruff: noqa: S608 - queries hold names of our own, never a value of a row
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa
from attrs import frozen

from bercail.foundation import BercailError, Unavailable
from bercail.ingest.persons.columns import IDENTITY_SCHEMA, SUMMED
from bercail.ingest.persons.merging import CARRIED, KNOWN
from bercail.ingest.persons.sources import NewRows

BEFORE = "before_this"
_ROWS = 131_072


@frozen(kw_only=True)
class WorkSettings:
    """`threads`; `memory_limit` such as `4GB`; `spill_folder`, empty for no spilling.

    Spilled rows are plaintext, so the folder must be as protected as the lake's keys.
    """

    threads: int = 2
    memory_limit: str = "8GB"
    spill_folder: str = ""


@contextmanager
def working(settings: WorkSettings, new: NewRows) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory.

    Raises:
        Unavailable: DuckDB ran out of memory.
        BercailError: what the lake raised while `new` was read, such as `Unproven`.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": settings.threads,
        "memory_limit": settings.memory_limit,
        "temp_directory": settings.spill_folder,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "python_enable_replacements": False,
        "preserve_insertion_order": False,
    }
    try:
        with duckdb.connect(":memory:", config=config) as connection:
            yield connection
    except duckdb.Error as error:
        caught: BercailError | None = new.caught
        if caught is not None:
            raise caught from None
        # DuckDB's own messages may quote a value of a row: only their kind is told.
        raise Unavailable(
            f"The work on persons stopped with `{type(error).__name__}`.",
            remedy="Give it more memory, or a protected folder to spill to.",
        ) from None


def lay_out(
    connection: duckdb.DuckDBPyConnection, state: pa.RecordBatchReader | None, *, whole: bool
) -> None:
    """Make `known`, `carried` and `before_this` from the identities of the build before."""
    held = state
    if held is None:
        held = pa.RecordBatchReader.from_batches(IDENTITY_SCHEMA, [])
    connection.register("state", held)
    summed = ", ".join(SUMMED)
    connection.execute(
        f"CREATE TABLE {KNOWN} AS SELECT BEN_NIR_PSA AS psa, coalesce(BEN_RNG_GEM, -1) AS rank, "
        f"CASE WHEN BEN_IDT_ANO = BEN_NIR_PSA || BEN_RNG_GEM THEN '' "
        f"ELSE coalesce(BEN_IDT_ANO, '') END AS own, identity, NULL::BIGINT AS place, {summed}, "
        f"person FROM state"
    )
    connection.execute(f"CREATE TABLE {BEFORE} AS SELECT identity, person FROM {KNOWN}")
    connection.execute(f"ALTER TABLE {KNOWN} DROP COLUMN person")
    carried = "true" if whole else "false"
    connection.execute(
        f"CREATE TABLE {CARRIED} AS SELECT psa, rank, own, identity FROM {KNOWN} WHERE {carried}"
    )
    if whole:
        connection.execute(f"DELETE FROM {KNOWN}")
    connection.unregister("state")


def rows_of(
    connection: duckdb.DuckDBPyConnection, view: str, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The rows of a view, batch by batch, under the types of `schema`."""
    names = ", ".join(schema.names)
    for batch in connection.sql(f"SELECT {names} FROM {view}").to_arrow_reader(_ROWS):
        yield batch.cast(schema)


def number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query answers."""
    # All rows are fetched: one that waits would hold the connection.
    found = connection.execute(query).fetchall()[0][0]
    return 0 if found is None else int(found)
