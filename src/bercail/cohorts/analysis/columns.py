"""Columns of a table as arrays: checked once at the door, then only numbers inside.

A message names columns and counts rows; it never shows a value of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from bercail.foundation import Invalid, Missing

Numbers = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
# Days since 1970-01-01, so that arithmetic on them is plain integers.
Days = npt.NDArray[np.int64]

# What a column of texts may say for yes and no, in a CSV file.
_YES, _NO = {"yes", "true", "1", "oui", "vrai"}, {"no", "false", "0", "non", "faux"}


def read_table(path: Path) -> pa.Table:
    """The table in a Parquet or CSV file, by its ending.

    Raises:
        Missing: there is no such file.
        Invalid: another ending, or a file that cannot be read as its ending says.
    """
    if not path.is_file():
        raise Missing(f"There is no `{path}`.", remedy="Check the path.")
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path)
        if path.suffix == ".csv":
            return pcsv.read_csv(path)
    except pa.ArrowInvalid as error:
        raise Invalid(f"`{path}` cannot be read as a {path.suffix[1:]} file.") from error
    raise Invalid(
        f"`{path}` is neither Parquet nor CSV.", remedy="Give a file in .parquet or .csv."
    )


def write_table(table: pa.Table, path: Path) -> None:
    """Write `table` as Parquet or CSV, by the ending of `path`; raises `Invalid` for others."""
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".csv":
        pcsv.write_csv(table, path)
    else:
        raise Invalid(
            f"`{path}` is neither Parquet nor CSV.", remedy="End it with .parquet or .csv."
        )


def require_columns(table: pa.Table, names: Sequence[str]) -> None:
    """Raise `Missing` for the first of `names` that the table lacks."""
    for name in names:
        if name not in table.column_names:
            known = ", ".join(f"`{one}`" for one in table.column_names)
            raise Missing(f"The table has no column `{name}`.", remedy=f"It has: {known}.")


def texts(table: pa.Table, name: str) -> list[str | None]:
    """A column as texts; unknown stays None. Raises `Missing`."""
    require_columns(table, [name])
    return [None if value is None else str(value) for value in table.column(name).to_pylist()]


def categories(table: pa.Table, name: str, unknown: str = "unknown") -> npt.NDArray[Any]:
    """A column as labels, unknown values under one label of their own. Raises `Missing`."""
    return np.array([unknown if value is None else value for value in texts(table, name)])


def numbers(table: pa.Table, name: str) -> Numbers:
    """A column of numbers or yes/no as floats.

    Raises:
        Missing: no such column.
        Invalid: values that are unknown or no numbers.
    """
    require_columns(table, [name])
    column = table.column(name)
    require_known(column, name)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return flags(table, name).astype(np.float64)
    kind = column.type
    if not (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    ):
        raise Invalid(f"The column `{name}` holds `{kind}`, not numbers.")
    values: Numbers = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    if not np.isfinite(values).all():
        raise Invalid(f"The column `{name}` holds values that are not finite numbers.")
    return values


def counts(table: pa.Table, name: str) -> Numbers:
    """A column of counts, zero or more; raises `Missing` or `Invalid`."""
    values = numbers(table, name)
    if (values < 0).any():
        raise Invalid(f"The column `{name}` holds {int((values < 0).sum())} negative values.")
    return values


def flags(table: pa.Table, name: str) -> Flags:
    """A column of yes and no: booleans, 0 and 1, or words for them.

    Raises:
        Missing: no such column.
        Invalid: other values, or unknown ones.
    """
    require_columns(table, [name])
    column = table.column(name)
    require_known(column, name)
    if pa.types.is_boolean(column.type):
        return np.array(column.to_pylist(), dtype=np.bool_)
    words = [str(value).strip().lower() for value in column.to_pylist()]
    words = [word.removesuffix(".0") for word in words]
    if not set(words) <= _YES | _NO:
        raise Invalid(
            f"The column `{name}` holds more than yes and no.",
            remedy="Use true and false, or 1 and 0.",
        )
    return np.array([word in _YES for word in words], dtype=np.bool_)


def states(table: pa.Table, name: str) -> Integers:
    """A column of states for competing events: 0 for none, then 1, 2...; raises `Invalid`."""
    values = numbers(table, name)
    if (values < 0).any() or (values != np.floor(values)).any():
        raise Invalid(
            f"The column `{name}` holds no states.", remedy="0 is none; 1, 2... are the events."
        )
    return values.astype(np.int64)


def days(table: pa.Table, name: str) -> Days:
    """A column of dates as days since 1970-01-01.

    Raises:
        Missing: no such column.
        Invalid: values that are unknown or no dates (YYYY-MM-DD).
    """
    require_columns(table, [name])
    column = table.column(name)
    require_known(column, name)
    try:
        known = pc.cast(column, pa.date32())
    except pa.ArrowException as error:
        raise Invalid(
            f"The column `{name}` holds `{column.type}`, not dates.", remedy="Write YYYY-MM-DD."
        ) from error
    return np.asarray(known.cast(pa.int32()).to_numpy(), dtype=np.int64)


def require_known(column: pa.ChunkedArray[Any], name: str) -> None:
    """Raise `Invalid` where a column has unknown values: dropping them is the study's choice."""
    if column.null_count:
        raise Invalid(
            f"The column `{name}` has {column.null_count} unknown values.",
            remedy="Leave these persons out in the study, or give them a value there.",
        )


def require_rows(table: pa.Table) -> None:
    """Raise `Invalid` for a table without rows."""
    if table.num_rows == 0:
        raise Invalid("The table has no rows.")
