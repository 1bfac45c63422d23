"""Rows of the sources as plain Python values, cleaned of their ways of saying `unknown`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bercail.cohorts.plan import Reading
from bercail.cohorts.sources import Source, open_part
from bercail.cohorts.views import RAW, Kind

BATCH_ROWS = 65_536
# Dates up to 1600 and from 2200 on are how the SNDS writes `missing` and `open end`.
FIRST_DAY, LAST_DAY = date(1601, 1, 1), date(2199, 12, 31)
_WHOLE = re.compile(r"-?[0-9]{1,9}")


def known_int(value: Any) -> int | None:
    """A number; text that is no short whole number is unknown."""
    if isinstance(value, str):
        text = value.strip(" ")
        return int(text) if _WHOLE.fullmatch(text) else None
    return None if value is None else int(value)


def known_text(value: Any) -> str | None:
    """A code without padding; an empty one is unknown."""
    if value is None:
        return None
    return str(value).strip(" ") or None


def known_date(value: Any) -> date | None:
    """A day; a sentinel is unknown."""
    return value if value is not None and FIRST_DAY <= value <= LAST_DAY else None


KNOWN: dict[Kind, Callable[[Any], Any]] = {
    Kind.INT: known_int,
    Kind.TEXT: known_text,
    Kind.DATE: known_date,
}


def rows(
    readings: Sequence[Reading], names: Sequence[str], as_stored: Sequence[str] = ()
) -> Iterator[tuple[Any, ...]]:
    """The columns `names` (lake names) of every row, with the year of its piece at the end.

    Columns in `as_stored` (keys and pseudonyms) are given as the file holds them.
    """
    for reading in readings:
        family = reading.piece.family
        for batch in batches(reading):
            columns = []
            for name in names:
                raw = RAW[family][name]
                if name not in reading.columns:
                    columns.append([raw.before] * batch.num_rows)
                    continue
                values = batch.column(reading.columns[name][0]).to_pylist()
                if name not in as_stored:
                    values = list(map(KNOWN[raw.kind], values))
                columns.append(values)
            yield from zip(*columns, [reading.piece.year] * batch.num_rows, strict=True)


def batches(reading: Reading) -> Iterator[pa.RecordBatch]:
    """The columns of a reading, as the files hold them."""
    wanted = [here for here, _ in reading.columns.values()]
    content = reading.piece.content
    if isinstance(content, pa.Table):
        yield from content.select(wanted).to_batches(BATCH_ROWS)
        return
    for url in content.urls:
        yield from _file_batches(content, url, wanted)


def _file_batches(source: Source, url: str, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    with open_part(source, url) as part:
        file = pq.ParquetFile(part)
        held = [name for name in wanted if name in file.schema_arrow.names]
        for batch in file.iter_batches(BATCH_ROWS, columns=held):
            missing = [name for name in wanted if name not in held]
            nothing = [pa.nulls(batch.num_rows) for _ in missing]
            yield pa.RecordBatch.from_arrays([*batch.columns, *nothing], names=[*held, *missing])
