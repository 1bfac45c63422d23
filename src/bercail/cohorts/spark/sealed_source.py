"""What a worker runs: opens sealed Parquet parts and hands Arrow batches to the cluster.

It runs in the Python of the workers, so it imports nothing of the engine. The key comes from
the worker's own environment; whatever is in the options may be seen by the whole cluster.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from bercail.cohorts.spark.part_file import PartFile
from bercail.cohorts.spark.ticket import Ticket, open_ticket
from bercail.cohorts.spark.worker_key import of_environment
from bercail.foundation import BercailError, SystemClock
from bercail.storage import ObjectStore

FORMAT = "bercail_sealed"
# How an error of ours is told through the cluster: its family and rule, never its text.
MARK = "bercail-failure"
ROWS_AT_A_TIME = 65_536
_TICKETS_KEPT = 64
_kept: OrderedDict[str, tuple[Ticket, ObjectStore]] = OrderedDict()


class SealedParts(DataSource):
    """Sealed parts as a table. Options: `ticket`, `columns`, `runs` (JSON)."""

    @classmethod
    def name(cls) -> str:
        """The format's name in `spark.read.format`."""
        return FORMAT

    def reader(self, schema: Any) -> SealedReading:
        """The reader of one table; the schema is the one that the engine gave."""
        del schema
        return SealedReading(self.options["ticket"], self.options["columns"], self.options["runs"])


class Run(InputPartition):
    """Row groups `first` to `last` of one part: what one task reads."""

    def __init__(self, part: str, first: int, last: int) -> None:
        super().__init__((part, first, last))
        self.part, self.first, self.last = part, first, last


class SealedReading(DataSourceReader):
    """Reads the runs of a table. It travels from the driver to the workers, still sealed."""

    def __init__(self, ticket: str, columns: str, runs: str) -> None:
        self._ticket, self._columns, self._runs = ticket, columns, runs

    def partitions(self) -> list[InputPartition]:
        """One for each run that the engine planned: the driver opens nothing."""
        return [Run(*run) for run in json.loads(self._runs)]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """The rows of one run, with the columns asked for; those the part lacks are null."""
        run = Run(*partition.value)
        schema = pa.schema([(name, _ARROW[kind]) for name, kind in json.loads(self._columns)])
        try:
            yield from _rows(self._ticket, run, schema)
        except BercailError as error:
            raise RuntimeError(f"{MARK}:{error.family}:{error.rule or ''}:") from None
        except (pa.ArrowInvalid, OSError):
            # Their texts may quote what they read.
            raise RuntimeError(f"{MARK}:unproven:parquet-file:") from None


_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "date": pa.date32(),
    "boolean": pa.bool_(),
    "double": pa.float64(),
}


def _rows(ticket: str, run: Run, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    opened, store = _opened(ticket)
    reader = opened.reader(store, run.part, SystemClock().now)
    with PartFile(reader.read_at, reader.size) as source:
        file = pq.ParquetFile(pa.PythonFile(source, mode="r"), pre_buffer=False)
        held = set(file.schema_arrow.names)
        here = [name for name in schema.names if name in held]
        groups = list(range(run.first, run.last))
        for batch in file.iter_batches(ROWS_AT_A_TIME, row_groups=groups, columns=here):
            yield _aligned(batch, schema)


def _aligned(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    held = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = [
        held[one.name].cast(one.type) if one.name in held else pa.nulls(batch.num_rows, one.type)
        for one in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _opened(text: str) -> tuple[Ticket, ObjectStore]:
    """The ticket and its store; a worker reads many runs of one table, one after the other."""
    if text not in _kept:
        ticket = open_ticket(text, of_environment().recipient())
        _kept[text] = (ticket, ticket.store())
        while len(_kept) > _TICKETS_KEPT:
            _kept.popitem(last=False)
    return _kept[text]
