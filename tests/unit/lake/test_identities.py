"""Identity columns are turned; ranks, sentinels and nulls stay."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bercail.catalogue import PseudonymColumn
from bercail.lake.identities import sentinel_mask, turn_identities
from bercail.lake.parquet_stream import GROUP_ROWS, ParquetStream

A, B = "A" * 17, "B" * 17


def lower(values: pa.StringArray) -> pa.StringArray:
    assert not pc.any(sentinel_mask(values)).as_py(), "a sentinel reached the function"
    return pc.utf8_lower(values)


def test_ranks_sentinels_and_nulls_are_kept():
    batch = pa.RecordBatch.from_pydict(
        {
            "NIR_ANO_17": [A, "x" * 17, "X" * 16 + "S", "X" * 16 + "D", None],
            "BEN_IDT_ANO": [A, B + "2", None, B + "0", A],
            "OTHER": ["Q", "R", "S", "T", "U"],
        }
    )
    columns = [
        PseudonymColumn(name="NIR_ANO_17", kind="person"),
        PseudonymColumn(name="BEN_IDT_ANO", kind="person_ranked"),
    ]
    turned = turn_identities(batch, columns, lower).to_pydict()
    assert turned == {
        "NIR_ANO_17": ["a" * 17, "x" * 17, "X" * 16 + "S", "X" * 16 + "D", None],
        "BEN_IDT_ANO": ["a" * 17, "b" * 17 + "2", None, "b" * 17 + "0", "a" * 17],
        "OTHER": ["Q", "R", "S", "T", "U"],
    }


def test_a_stream_of_batches_is_one_parquet_file():
    schema = pa.schema([("n", pa.int64())])
    batches = [
        pa.RecordBatch.from_pydict({"n": range(start, start + 50_000)}, schema)
        for start in range(0, 300_000, 50_000)
    ]
    stream = ParquetStream(schema, batches)
    pieces = list(stream.pieces())
    table = pq.read_table(io.BytesIO(b"".join(pieces)))
    assert table.column("n").to_pylist() == list(range(300_000))
    assert stream.rows == 300_000
    assert len(pieces) > 300_000 // GROUP_ROWS


def test_no_batch_is_an_empty_file_with_its_columns():
    schema = pa.schema([("n", pa.int64())])
    stream = ParquetStream(schema, [])
    table = pq.read_table(io.BytesIO(b"".join(stream.pieces())))
    assert table.schema == schema
    assert (table.num_rows, stream.rows) == (0, 0)
