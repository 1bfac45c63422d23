"""The tables that speak of persons, and the rows of them that the person layer has not seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

import numpy as np
import pyarrow as pa
from attrs import define, field, frozen

from bercail.foundation import BercailError
from bercail.ingest.persons.columns import ARCHIVE, CARE, REGISTER
from bercail.lake import Lake
from bercail.lake.reading import rows_of_part
from bercail.lake.rewrites import CORRECTION, PREFIX
from bercail.lake.shares import ranges_of
from bercail.lake.snapshot import rows_by_delivery

REGISTERS = {"IR_BEN_R": REGISTER, "IR_BEN_R_ARC": ARCHIVE}
_CARE = re.compile(r"ER_PRS_F(_\d{4})?")
# Rows of one delivery stand in their order below this; deliveries stand above it.
_ROOM = 1 << 40
_TEXT, _LONG, _DAY = (cast("pa.DataType", kind) for kind in (pa.string(), pa.int64(), pa.date32()))
# What is read of each table, under the type in which the work needs it.
REGISTER_COLUMNS = pa.schema(
    [
        ("BEN_NIR_PSA", _TEXT),
        ("BEN_RNG_GEM", _LONG),
        ("BEN_NIR_ANO", _TEXT),
        ("BEN_CDI_NIR", _TEXT),
        ("BEN_NAI_ANN", _TEXT),
        ("BEN_NAI_MOI", _TEXT),
        ("BEN_SEX_COD", _LONG),
        ("BEN_DCD_DTE", _DAY),
        ("BEN_DTE_INS", _DAY),
        ("BEN_DTE_MAJ", _DAY),
    ]
)
CARE_COLUMNS = pa.schema(
    [
        ("BEN_NIR_PSA", _TEXT),
        ("BEN_RNG_GEM", _LONG),
        ("BEN_CDI_NIR", _TEXT),
        ("FLX_DIS_DTD", _DAY),
    ]
)
POSITION = "position"


@frozen(kw_only=True)
class Arrived:
    """One delivery of one table, and when its snapshot was signed."""

    at: str
    table: str
    turn: int
    delivery: str


def kind_of(table: str) -> int | None:
    """The bit of a table that speaks of persons; None for any other."""
    return REGISTERS.get(table, CARE if _CARE.fullmatch(table) else None)


def source_tables(lake: Lake) -> tuple[str, ...]:
    """The tables of the lake that speak of persons, by name."""
    return tuple(table for table in lake.tables() if kind_of(table) is not None)


def arrived(lake: Lake, table: str) -> tuple[Arrived, ...]:
    """The deliveries whose rows are in the newest snapshot of `table`, in their order."""
    when: dict[str, tuple[str, int]] = {}
    for snapshot in lake.snapshots(table):
        made = snapshot.delivery.removeprefix(PREFIX)
        corrects = made.removeprefix(CORRECTION).partition(":")[0]
        name = corrects if made.startswith(CORRECTION) else made
        when.setdefault(name, (snapshot.at, snapshot.sequence))
    return tuple(
        Arrived(at=when[name][0], table=table, turn=when[name][1], delivery=name)
        for name in rows_by_delivery(lake.parts(table))
    )


def in_order(found: tuple[Arrived, ...]) -> tuple[Arrived, ...]:
    """Deliveries of several tables in the order in which they came in."""
    return tuple(sorted(found, key=lambda one: (one.at, one.table, one.turn)))


@define
class NewRows:
    """The rows of some deliveries as Arrow batches, each with its place in the order of arrival.

    DuckDB hides what goes wrong while it takes batches; `caught` keeps it.
    """

    lake: Lake
    deliveries: tuple[Arrived, ...]
    rows: int = 0
    caught: BercailError | None = field(default=None)

    def reader(self, table: str) -> pa.RecordBatchReader:
        """The new rows of one table."""
        schema = CARE_COLUMNS if kind_of(table) == CARE else REGISTER_COLUMNS
        placed = schema.append(pa.field(POSITION, _LONG))
        return pa.RecordBatchReader.from_batches(placed, self._kept(table, schema, placed))

    def _kept(self, table: str, schema: pa.Schema, placed: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            for batch, position in self._batches(table, schema):
                self.rows += batch.num_rows
                where = pa.array(np.arange(position, position + batch.num_rows), _LONG)
                yield pa.RecordBatch.from_arrays([*batch.columns, where], schema=placed)
        except BercailError as error:
            self.caught = error
            raise

    def _batches(self, table: str, schema: pa.Schema) -> Iterator[tuple[pa.RecordBatch, int]]:
        parts = self.lake.parts(table)
        filesystem = self.lake.files.filesystem
        for place, one in enumerate(self.deliveries):
            if one.table != table:
                continue
            position = place * _ROOM
            for part in parts:
                ranges = ranges_of(part.shares, {one.delivery})
                if not ranges:
                    continue
                for batch in rows_of_part(filesystem, part, schema, ranges):
                    yield batch, position
                    position += batch.num_rows
