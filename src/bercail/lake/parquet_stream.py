"""One Parquet file as a stream of bytes, encoded as it is asked for, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

GROUP_ROWS = 122_880


class ParquetStream:
    """The batches of one table as Parquet; `rows` is known once all pieces were taken."""

    def __init__(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        self._schema = schema
        self._batches = batches
        self.rows = 0

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file, a row group at a time."""
        sink = _Sink()
        writer = pq.ParquetWriter(
            cast("IO[Any]", sink), self._schema, compression="zstd", store_decimal_as_integer=True
        )
        held: list[pa.RecordBatch] = []
        waiting = 0
        for batch in self._batches:
            held.append(batch)
            waiting += batch.num_rows
            self.rows += batch.num_rows
            if waiting >= GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(held, self._schema))
                held, waiting = [], 0
                yield sink.drain()
        if held:
            writer.write_table(pa.Table.from_batches(held, self._schema))
        writer.close()
        yield sink.drain()


class _Sink:
    """What pyarrow writes to; holds the bytes until they are drained."""

    closed = False

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._written = 0

    def write(self, data: Any) -> int:
        block = bytes(data)
        self._held.append(block)
        self._written += len(block)
        return len(block)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Nothing is buffered below; `drain` hands the bytes on."""

    def close(self) -> None:
        """The stream ends with the last `drain`."""

    def drain(self) -> bytes:
        held, self._held = self._held, []
        return b"".join(held)
