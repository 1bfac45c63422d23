"""Counting the pseudonyms of a column, and holding two columns against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from bercail.lake.identities import Texts, sentinel_mask
from bercail.lake.pseudonym_search import heads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_EMPTY = pa.table({"value": pa.array([], pa.string()), "count": pa.array([], pa.int64())})
# Rows that wait to be merged before the merge is worth its pass over all distinct values.
_WAITING = 1 << 20


class Tally:
    """Pseudonyms (with their rank) and how often each stands in a column.

    Memory is that of the distinct values. Neither nulls nor marks of no identity are counted.
    """

    def __init__(self) -> None:
        self._merged = _EMPTY
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, values: pa.Array[Any]) -> None:
        """Count the values of one batch."""
        texts = cast("Texts", values)
        marks = sentinel_mask(heads(texts))
        real = texts.filter(pc.and_(pc.is_valid(texts), pc.invert(marks)))
        found = pc.value_counts(real)
        self._waiting.append(
            pa.table({"value": found.field("values"), "count": found.field("counts")})
        )
        self._rows += len(found)
        if self._rows > max(_WAITING, self._merged.num_rows):
            self._merge()

    @property
    def table(self) -> pa.Table:
        """The distinct values (`value`) and how often each was added (`count`)."""
        self._merge()
        return self._merged

    @property
    def distinct(self) -> int:
        """Distinct values."""
        return self.table.num_rows

    @property
    def total(self) -> int:
        """Values."""
        return int(pc.sum(self.table["count"]).as_py() or 0)

    def _merge(self) -> None:
        if self._waiting:
            together = pa.concat_tables([self._merged, *self._waiting])
            summed = together.group_by("value").aggregate([("count", "sum")])
            self._merged = pa.table({"value": summed["value"], "count": summed["count_sum"]})
            self._waiting, self._rows = [], 0


def persons_of(tallies: Sequence[Tally]) -> Texts:
    """The distinct pseudonyms of all columns together, without ranks."""
    found = [heads(cast("Texts", chunk)) for one in tallies for chunk in one.table["value"].chunks]
    return cast("Texts", pc.unique(pa.chunked_array(found, pa.string())))


def joined_rows(left: Tally, right: Tally) -> int:
    """How many rows the join of two columns has."""
    joined = left.table.join(right.table, "value", join_type="inner", right_suffix="_right")
    return int(pc.sum(pc.multiply(joined["count"], joined["count_right"])).as_py() or 0)


def aligned(
    first: Iterator[pa.RecordBatch], second: Iterator[pa.RecordBatch]
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Both in pieces of the same rows; one that ends sooner ends with an empty piece."""
    left, right = next(first, None), next(second, None)
    while left is not None and right is not None:
        rows = min(left.num_rows, right.num_rows)
        yield left.slice(0, rows), right.slice(0, rows)
        left = left.slice(rows) if rows < left.num_rows else next(first, None)
        right = right.slice(rows) if rows < right.num_rows else next(second, None)
    rest = left or right
    if rest is not None:
        yield rest, rest.slice(0, 0)
