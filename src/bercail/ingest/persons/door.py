"""Who is meant by a pseudonym: the maps that other tables are built with, as Arrow."""

# ruff: noqa: S608 - queries hold names of our own, never a value of a row
from __future__ import annotations

from typing import cast

import duckdb
import pyarrow as pa

from bercail.foundation import Invalid
from bercail.ingest.persons.columns import FLAGS, IDENTITIES, IDENTITY_SCHEMA
from bercail.lake import Lake

_TEXT, _INT = cast("pa.DataType", pa.string()), cast("pa.DataType", pa.int32())
_FLAG = cast("pa.DataType", pa.bool_())
PAIR_SCHEMA = pa.schema(
    [
        ("BEN_NIR_PSA", _TEXT),
        ("BEN_RNG_GEM", _INT),
        ("person", _INT),
        *((name, _FLAG) for name in FLAGS),
    ]
)
PSEUDONYM_SCHEMA = pa.schema(
    [
        ("BEN_NIR_PSA", _TEXT),
        ("person", _INT),
        *((name, _FLAG) for name in FLAGS),
    ]
)
MOVED_SCHEMA = pa.schema([("before", _INT), ("after", _INT)])


def person_of_pairs(lake: Lake, snapshot: str | None = None) -> pa.RecordBatchReader:
    """One row for each pair (BEN_NIR_PSA, BEN_RNG_GEM), as `PAIR_SCHEMA`: for the DCIR.

    `person` is null when the pair leads to two persons (`ambiguous`): its events are nobody's.
    A flag is true when any identity of the pair has it. Raises `Missing` before the first build.
    """
    return _map(lake, snapshot, PAIR_SCHEMA, ("BEN_NIR_PSA", "BEN_RNG_GEM"))


def person_of_pseudonyms(lake: Lake, snapshot: str | None = None) -> pa.RecordBatchReader:
    """One row for each BEN_NIR_PSA, as `PSEUDONYM_SCHEMA`: for the PMSI, which has no rank.

    `person` is null where the pseudonym alone leads to several persons, as for twins of one sex.
    """
    return _map(lake, snapshot, PSEUDONYM_SCHEMA, ("BEN_NIR_PSA",))


def moved_persons(lake: Lake, before: str, after: str | None = None) -> pa.Table:
    """Numbers that changed between two snapshots of the identities, as `MOVED_SCHEMA`.

    `before` is no person's number any more: that person turned out to be one with an older one,
    whose number is `after`. A number that left the table altogether is not listed.
    """
    columns = ["identity", "person"]
    with duckdb.connect(":memory:") as connection:
        connection.register("old", lake.read(IDENTITIES, columns, before))
        connection.register("new", lake.read(IDENTITIES, columns, after))
        found: pa.Table = connection.sql(
            "SELECT DISTINCT o.person AS before, n.person AS after FROM old o "
            "JOIN new n USING (identity) WHERE o.person <> n.person ORDER BY ALL"
        ).to_arrow_table()
    return found.cast(MOVED_SCHEMA)


def _map(
    lake: Lake, snapshot: str | None, schema: pa.Schema, key: tuple[str, ...]
) -> pa.RecordBatchReader:
    if not set(key) <= set(IDENTITY_SCHEMA.names):
        raise Invalid(f"`{key}` is no key of the identities.", remedy="Use the two of this module.")
    flags = ", ".join(f"bool_or({name}) AS {name}" for name in FLAGS)
    keys = ", ".join(key)
    with duckdb.connect(":memory:") as connection:
        connection.register("held", lake.read(IDENTITIES, [*key, "person", *FLAGS], snapshot))
        table = connection.sql(
            f"SELECT {keys}, CASE WHEN min(person) = max(person) THEN min(person) END AS person, "
            f"{flags} FROM held GROUP BY {keys}"
        ).to_arrow_table()
    return pa.RecordBatchReader.from_batches(schema, table.cast(schema).to_batches())
