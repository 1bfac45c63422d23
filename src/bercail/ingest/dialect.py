"""The CNAM's CSV dialect, read into Arrow: `;`, a header, dd/MM/yyyy, decimal point.

What cannot be read is told by `diagnosis`; content of a line never appears.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Literal, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from bercail.foundation import Invalid
from bercail.ingest.delivery import Stream

# Larger blocks fall out of the cache between parsing and converting: half as slow again.
BLOCK_BYTES = 1 << 20
# Blocks are handed on together until there are so many lines or bytes of them: what is done for
# each batch of each column then costs little beside what is done for each value.
BATCH_ROWS, BATCH_BYTES = 65_536, 32 << 20
HEADER_BYTES = 64 << 10
DATE_FORMAT = "%d/%m/%Y"
_OTHER_SEPARATORS = (",", "\t", "|")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def parse_header(raw: bytes) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The column names of a first line, and what is wrong with it: checks and columns."""
    if raw.startswith(_UTF_16):
        return (), (("encoding-utf-16", ""),)
    if b"\0" in raw:
        return (), (("nul-byte", ""),)
    try:
        text = raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        return (), (("encoding-latin-1", ""),)
    if not text or (len(raw) >= HEADER_BYTES and not raw.endswith(b"\n")):
        return (), (("header-missing", ""),)
    names = tuple(name.strip().strip('"') for name in text.split(";"))
    if len(names) == 1 and any(sign in names[0] for sign in _OTHER_SEPARATORS):
        return (), (("other-separator", ""),)
    return names, wrong_names(names)


def wrong_names(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What is wrong with column names: checks and columns."""
    wrong = [("unnamed-column", "")] if not all(names) else []
    repeated = dict.fromkeys(name for name in names if name and names.count(name) > 1)
    return (*wrong, *(("repeated-column", name) for name in repeated))


def read_header(stream: Stream, file: str) -> tuple[str, ...]:
    """The column names of the first line; the stream is left after it.

    Raises:
        Invalid: no line, not UTF-8, an empty or a repeated name.
    """
    names, wrong = parse_header(stream.readline(HEADER_BYTES))
    if wrong:
        raise Invalid(
            f"The header of `{file}` cannot be used: {wrong[0][0]}.",
            remedy="The first line names every column once, in UTF-8, separated by `;`.",
            rule=wrong[0][0],
        )
    return names


def _read_type(wanted: pa.DataType) -> pa.DataType:
    # A file has few distinct days, so they are parsed once each, strictly.
    return pa.dictionary(pa.int32(), pa.string()) if pa.types.is_date(wanted) else wanted


def _days(texts: Any) -> Any:
    """Days of texts dd/MM/yyyy; `ArrowInvalid` for one that the calendar does not have.

    Arrow's own parser reads 31 February as 2 March, so the day is written back and compared.
    """
    moments = pc.strptime(texts, DATE_FORMAT, "s", error_is_null=True)
    written = pc.strftime(moments, DATE_FORMAT)
    if not pc.all(pc.fill_null(pc.equal(written, texts), pa.scalar(False))).as_py():
        raise pa.ArrowInvalid("not a day")
    return moments.cast(pa.date32())


def read_batches(
    stream: Stream, columns: tuple[str, ...], types: Callable[[str], pa.DataType]
) -> Iterator[pa.RecordBatch]:
    """Batches of the lines after the header, in the types wanted.

    Raises:
        pyarrow.ArrowInvalid: a line does not fit; `diagnosis.diagnose` then says where.
    """
    schema = pa.schema([pa.field(name, types(name)) for name in columns])
    try:
        reader = pa_csv.open_csv(
            cast("IO[Any]", pa.PythonFile(cast("io.IOBase", stream), mode="r")),
            read_options=pa_csv.ReadOptions(column_names=list(columns), block_size=BLOCK_BYTES),
            parse_options=pa_csv.ParseOptions(delimiter=";"),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: _read_type(types(name)) for name in columns},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        raise
    for batch in together(reader):
        arrays = [_column(batch.column(i), field.type) for i, field in enumerate(schema)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def together(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same lines in fewer batches, of `BATCH_ROWS` lines or `BATCH_BYTES` bytes and over."""
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        held.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= BATCH_ROWS or size >= BATCH_BYTES:
            yield _joined(held)
            held, rows, size = [], 0, 0
    if held:
        yield _joined(held)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    # The library's type stubs do not have this function.
    joined: pa.RecordBatch = pa.concat_batches(batches)  # type: ignore[attr-defined]
    return joined


def _column(values: Any, wanted: pa.DataType) -> Any:
    if not pa.types.is_date(wanted):
        return values
    if not len(values.dictionary):
        return pa.nulls(len(values), wanted)
    return _days(values.dictionary).take(values.indices)


def read_sample(
    text: bytes, columns: tuple[str, ...], rows: int = 1_000
) -> dict[str, pa.StringArray]:
    """The first whole lines of `text` as texts, by column; nothing when they cannot be read."""
    whole = text[: text.rfind(b"\n") + 1].decode("utf-8", "replace").encode("utf-8")
    if not whole:
        return {}
    try:
        table = pa_csv.read_csv(
            io.BytesIO(whole),
            read_options=pa_csv.ReadOptions(column_names=list(columns), use_threads=False),
            parse_options=pa_csv.ParseOptions(delimiter=";", invalid_row_handler=_skip),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.string() for name in columns},
                null_values=[""],
                strings_can_be_null=True,
            ),
        ).slice(0, rows)
    except pa.ArrowInvalid:
        return {}
    return {name: cast("pa.StringArray", table.column(name).combine_chunks()) for name in columns}


def _skip(_: pa_csv.InvalidRow) -> Literal["skip"]:
    return "skip"
