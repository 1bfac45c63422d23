"""A delivered Parquet file: the same lines as CSV, with types of their own.

A column comes in when its values are those of the catalogue's type without a change: whole numbers
of any width, decimals of any precision that four places hold, days with or without a midnight.
Codes written as numbers do not: their zeros on the left are gone. Nor do amounts written as binary
fractions. Lines are counted as in the CSV that says the same: the header is line 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from bercail.ingest.delivery import Stream
from bercail.ingest.dialect import wrong_names
from bercail.ingest.events import FindingCounted
from bercail.ingest.findings import LINES_KEPT, Tally
from bercail.ingest.text_stream import Hashing

PARQUET = ".parquet"
ROWS, SAMPLED = 65_536, 1_000
DAMAGED = "damaged-parquet"

Types = Callable[[str], pa.DataType]


class Misfit(pa.ArrowInvalid):
    """Values that are not of the type wanted: the check they fail, how many, and where."""

    def __init__(self, check: str, count: int, places: tuple[int, ...] = ()) -> None:
        super().__init__(check)
        self.check, self.count, self.places = check, count, places


class ParquetLines:
    """A reading of a Parquet file, in batches of `ROWS` lines; `raw` can seek."""

    def __init__(self, raw: Stream) -> None:
        self._raw = cast("Any", raw)
        self._file: parquet.ParquetFile | None = None
        self._sample: dict[str, pa.StringArray] = {}
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """`damaged-parquet` when the file or a page of it cannot be opened."""
        return self._trouble

    def header(self) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """The names of the schema, and what is wrong with them."""
        try:
            source = pa.PythonFile(self._raw, mode="r")
            self._file = parquet.ParquetFile(source, page_checksum_verification=True)
            names = tuple(self._file.schema_arrow.names)
        except (pa.ArrowInvalid, OSError):
            self._trouble = DAMAGED
            return (), ()
        return names, wrong_names(names)

    @property
    def schema(self) -> pa.Schema:
        """The schema of the file itself; after `header`."""
        return self._opened().schema_arrow

    def batches(self, columns: tuple[str, ...], types: Types) -> Iterator[pa.RecordBatch]:
        """The lines in the types wanted; `Misfit` where no change-free reading exists."""
        schema = pa.schema([pa.field(name, types(name)) for name in columns])
        for batch in self.as_written():
            arrays = [fitted(batch.column(i), field.type) for i, field in enumerate(schema)]
            whole = pa.RecordBatch.from_arrays(arrays, schema=schema)
            self._sample = self._sample or _texts(whole.slice(0, SAMPLED))
            yield whole

    def as_written(self) -> Iterator[pa.RecordBatch]:
        """The lines in the file's own types; they end early at a damaged page."""
        try:
            yield from self._opened().iter_batches(batch_size=ROWS, use_threads=False)
        except (pa.ArrowInvalid, OSError):
            self._trouble = DAMAGED

    def sample(self, _: tuple[str, ...], /) -> Mapping[str, pa.StringArray]:
        """The first thousand lines at most, as CSV would say them."""
        return self._sample

    def swallowed(self, _: int, /) -> bool:
        """Never: no line of Parquet runs into another."""
        return False

    def tell_into(self, tally: Tally) -> None:
        """Count the damage."""
        tally.add(DAMAGED, "", int(bool(self._trouble)))

    def digest(self) -> str:
        """SHA-256 of the whole file, read once more from its beginning."""
        self._raw.seek(0)
        return Hashing(self._raw).drained()

    def close(self) -> None:
        """Let go of the reader; the raw stream belongs to its opener."""
        if self._file is not None:
            self._file.close()

    def _opened(self) -> parquet.ParquetFile:
        if self._file is None:
            raise pa.ArrowInvalid("no header was read")
        return self._file


def diagnose_columns(
    raw: Stream, name: str, columns: tuple[str, ...], types: Types
) -> tuple[FindingCounted, ...]:
    """Which columns do not fit, how often and where; at least one finding."""
    tally, lines, before = Tally(name), ParquetLines(raw), 0
    if len(lines.header()[0]) == len(columns):
        for batch in lines.as_written():
            for place, column in enumerate(columns):
                try:
                    fitted(batch.column(place), types(column))
                except Misfit as wrong:
                    at = [before + one + 2 for one in wrong.places]
                    tally.add(wrong.check, column, wrong.count, at)
            before += batch.num_rows
    lines.tell_into(tally)
    lines.close()
    if not tally.findings({}):
        tally.add("unreadable", "", 1)
    return tally.findings({})


def fitted(values: Any, wanted: pa.DataType) -> Any:
    """`values` as `wanted`, every one the same; raises `Misfit`."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_null(values.type):
        return pa.nulls(len(values)).cast(wanted)
    if pa.types.is_string(wanted):
        return _text(values)
    if not _kin(values.type, wanted):
        raise Misfit("wrong-type", len(values))
    if pa.types.is_decimal(wanted) and pa.types.is_integer(values.type):
        values = values.cast(pa.decimal128(38, 4))
    try:
        same = values.cast(wanted)
        if pa.types.is_date(wanted):
            _require_midnights(values, same)
        return same
    except pa.ArrowInvalid:
        raise Misfit("lossy-number", *_lossy(values, wanted)) from None


def _kin(given: pa.DataType, wanted: pa.DataType) -> bool:
    is_ = pa.types
    if is_.is_date(wanted):
        return is_.is_date(given) or (is_.is_timestamp(given) and given.tz is None)
    if is_.is_integer(wanted):
        # What a program without empty whole numbers writes: 1.0 is 1.
        return is_.is_integer(given) or is_.is_decimal(given) or is_.is_floating(given)
    if is_.is_decimal(wanted):
        return is_.is_integer(given) or is_.is_decimal(given)
    return bool(given == wanted)


def _require_midnights(values: Any, days: Any) -> None:
    hours = pc.fill_null(pc.not_equal(days.cast(values.type), values), False)
    if pc.any(hours).as_py():
        raise pa.ArrowInvalid("an hour of a day")


def _lossy(values: Any, wanted: pa.DataType) -> tuple[int, tuple[int, ...]]:
    """How many values `wanted` cannot hold as they are, and the places of the first."""
    wrong: list[int] = []
    for place in range(len(values)):
        try:
            one = values.slice(place, 1)
            day = one.cast(wanted)
            if pa.types.is_date(wanted):
                _require_midnights(one, day)
        except pa.ArrowInvalid:
            wrong.append(place)
    return len(wrong), tuple(wrong[:LINES_KEPT])


def _text(values: Any) -> Any:
    """Text in UTF-8 without zero bytes; an empty one is a missing value, as in CSV."""
    kind = values.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise Misfit("wrong-type", len(values))
    try:
        # Nothing of Parquet says that its text is UTF-8: bytes become text once they are proven.
        text = values.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        raise Misfit("encoding-latin-1", *_places(values, _is_not_utf8)) from None
    zero: Any = pc.fill_null(pc.match_substring(text, "\0"), False)
    if pc.any(zero).as_py():
        at = np.flatnonzero(zero.to_numpy(zero_copy_only=False))
        raise Misfit("nul-byte", len(at), tuple(at[:LINES_KEPT].tolist()))
    return pc.if_else(pc.equal(text, pa.scalar("")), pa.scalar(None, pa.string()), text)


def _is_not_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _places(values: Any, wrong: Callable[[bytes | None], bool]) -> tuple[int, tuple[int, ...]]:
    held = values.cast(pa.large_binary() if pa.types.is_large_string(values.type) else pa.binary())
    found = [place for place, value in enumerate(held.to_pylist()) if wrong(value)]
    return len(found), tuple(found[:LINES_KEPT])


def _texts(batch: pa.RecordBatch) -> dict[str, pa.StringArray]:
    """Values as the CSV writes them."""
    texts = {}
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        day = pa.types.is_date(values.type)
        text: Any = pc.strftime(values, "%d/%m/%Y") if day else values.cast(pa.string())
        texts[name] = text
    return texts
