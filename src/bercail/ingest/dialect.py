"""The CNAM's CSV dialect, read into Arrow: `;`, a header, dd/MM/yyyy, decimal point.

Malformed lines are located by file and line number; their content never appears.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from attrs import frozen

from bercail.foundation import Invalid
from bercail.ingest.delivery import Stream

BLOCK_BYTES = 8 << 20
DATE_FORMAT = "%d/%m/%Y"
_DATE_PATTERN = r"^[0-3][0-9]/[01][0-9]/[0-9]{4}$"
_INTEGER_PATTERN = r"^-?[0-9]{1,18}$"
_DECIMAL_PATTERN = r"^-?[0-9]{1,14}(\.[0-9]{1,4})?$"


@frozen(kw_only=True)
class BadLine:
    """Where a file cannot be read: `line` counts from 1, the header being line 1."""

    file: str
    line: int
    column: str
    reason: str


def read_header(stream: Stream, file: str) -> tuple[str, ...]:
    """The column names of the first line; the stream is left after it.

    Raises:
        Invalid: no line, not UTF-8, an empty or a repeated name.
    """
    raw = stream.readline(64 << 10)
    try:
        text = raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise Invalid(
            f"The header of `{file}` is not UTF-8.", remedy="Ask the holder for UTF-8 files."
        ) from error
    names = tuple(name.strip().strip('"') for name in text.split(";"))
    if not text or not all(names) or len(set(names)) != len(names):
        raise Invalid(
            f"The header of `{file}` is missing, or has an empty or repeated column name.",
            remedy="The first line names every column once, separated by `;`.",
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
        pyarrow.ArrowInvalid: a line does not fit; `locate` then says where.
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
    for batch in reader:
        arrays = [_column(batch.column(i), field.type) for i, field in enumerate(schema)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(values: Any, wanted: pa.DataType) -> Any:
    if not pa.types.is_date(wanted):
        return values
    if not len(values.dictionary):
        return pa.nulls(len(values), wanted)
    return _days(values.dictionary).take(values.indices)


def locate(
    stream: Stream, columns: tuple[str, ...], types: Callable[[str], pa.DataType], file: str
) -> BadLine:
    """The first line of `stream` (after its header) that does not fit, and why.

    The slow path: it runs once per broken file, line by line.
    """
    for number, raw in enumerate(_lines(stream), start=2):
        try:
            cells = raw.decode("utf-8").rstrip("\r\n").split(";")
        except UnicodeDecodeError:
            return BadLine(file=file, line=number, column="", reason="is not UTF-8")
        if len(cells) != len(columns):
            reason = f"has {len(cells)} fields, not {len(columns)}"
            return BadLine(file=file, line=number, column="", reason=reason)
        for name, cell in zip(columns, cells, strict=True):
            if cell and (reason := _misfit(cell, types(name))):
                return BadLine(file=file, line=number, column=name, reason=reason)
    return BadLine(file=file, line=0, column="", reason="cannot be read as CSV")


def _lines(stream: Stream) -> Iterator[bytes]:
    held = b""
    while block := stream.read(BLOCK_BYTES):
        *whole, held = (held + block).split(b"\n")
        yield from whole
    if held:
        yield held


def _misfit(cell: str, wanted: pa.DataType) -> str:
    if pa.types.is_date(wanted):
        pattern, reason = _DATE_PATTERN, "is not a date dd/MM/yyyy"
    elif pa.types.is_integer(wanted):
        pattern, reason = _INTEGER_PATTERN, "is not a whole number"
    elif pa.types.is_decimal(wanted):
        pattern, reason = _DECIMAL_PATTERN, "is not a number with a decimal point"
    else:
        return ""
    if not pc.match_substring_regex(pa.array([cell]), pattern)[0].as_py():
        return reason
    if pa.types.is_date(wanted):
        try:
            _days(pa.array([cell]))
        except pa.ArrowInvalid:
            return reason
    return ""
