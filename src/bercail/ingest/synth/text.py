"""Numbers and days as the text columns of a delivery, by whole arrays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bercail.ingest.synth.draws import Flags, Ints

Characters = npt.NDArray[np.uint8]
Values: TypeAlias = "pa.Array[Any]"
EPOCH = date(1970, 1, 1)
# The SNDS writes an unknown or absent date as 01/01/1600.
NO_DATE = "01/01/1600"


def digits(values: Ints, width: int) -> Characters:
    """Each value on `width` decimal characters, zeros on the left."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return ((values[:, None] // powers) % 10 + ord("0")).astype(np.uint8)


def letters(values: Sequence[str], width: int) -> Characters:
    """Each text on `width` ASCII characters."""
    joined = "".join(value.ljust(width)[:width] for value in values)
    return np.frombuffer(joined.encode("ascii"), dtype=np.uint8).reshape(len(values), width)


def text(characters: Characters) -> Values:
    """A matrix of ASCII characters as one string for each line."""
    count, width = characters.shape
    offsets = (np.arange(count + 1, dtype=np.int64) * width).astype(np.int32)
    data = np.ascontiguousarray(characters)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets.data), pa.py_buffer(data.data))


def take(values: Values, index: Ints, null: Flags | None = None) -> Values:
    """`values` at each position of `index`; null where `null` says so."""
    return values.take(cast("pa.Int32Array", pa.array(index.astype(np.int32), mask=null)))


def lookup(values: Sequence[str | None]) -> Values:
    """A small list of texts to `take` from."""
    return pa.array(list(values), pa.string())


def choose(flags: Flags, yes: object, no: object) -> Values:
    """`yes` where the flag is set, else `no`; each is one value or an array."""
    return cast("Values", pc.if_else(pa.array(flags), yes, no))


def joined(left: Values, right: Values) -> Values:
    """Each text of `left` followed by that of `right`."""
    return cast("Values", pc.binary_join_element_wise(left, right, ""))  # type: ignore[call-overload]


def strftime(day: Ints, form: str) -> Values:
    """Days as text, without a table of them: for dates that go back decades."""
    return cast("Values", pc.strftime(pa.array(day.astype("datetime64[D]")), form))


def numbers(values: Ints, null: Flags | None = None) -> Values:
    """Whole numbers; null where `null` says so."""
    return pa.array(values, pa.int64(), mask=null)


def padded(values: Ints, width: int) -> Values:
    """Whole numbers as text of a fixed width."""
    return text(digits(values, width))


def cents(values: Ints) -> Values:
    """Amounts in cents as decimals with two places."""
    words = np.empty((len(values), 2), dtype=np.int64)
    words[:, 0] = values
    words[:, 1] = values >> 63
    kind = pa.decimal128(18, 2)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(words.data)])


class Days:
    """Every day from `first` to `last` in the forms the SNDS writes.

    Days out of this range have no place here: the maker asks for a range wide
    enough, and numpy refuses a position that is not in it.
    """

    def __init__(self, first: date, last: date) -> None:
        self.first = (first - EPOCH).days
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        self._slashed = lookup([day.strftime("%d/%m/%Y") for day in days] + [NO_DATE])
        self._compact = lookup([day.strftime("%d%m%Y") for day in days])
        self._month = lookup([day.strftime("%Y%m") for day in days] + ["160001"])
        self._none = len(days)
        self.year = np.array([day.year for day in days])
        self.month_index = np.array([day.year * 12 + day.month - 1 for day in days])

    def slashed(self, day: Ints, absent: Flags | None = None) -> Values:
        """dd/MM/yyyy, and 01/01/1600 where the date is absent."""
        return take(self._slashed, self._place(day, absent))

    def month(self, day: Ints, absent: Flags | None = None) -> Values:
        """yyyyMM, and 160001 where the date is absent."""
        return take(self._month, self._place(day, absent))

    def compact(self, day: Ints) -> Values:
        """ddMMyyyy, the text of ENT_DAT and SOR_DAT in the PMSI."""
        return take(self._compact, self._place(day, None))

    def _place(self, day: Ints, absent: Flags | None) -> Ints:
        place = day - self.first
        return place if absent is None else np.where(absent, self._none, place)


def month_start(month_index: Ints) -> Ints:
    """The day number of the first day of a month (year * 12 + month - 1)."""
    months = (month_index - 1970 * 12).astype("datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)


def month_of(day: Ints) -> Ints:
    """The month index (year * 12 + month - 1) of a day number."""
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) + 1970 * 12


def year_of(day: Ints) -> Ints:
    """The calendar year of a day number."""
    return day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
