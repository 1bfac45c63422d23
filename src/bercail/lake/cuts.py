"""Where one part of a table ends and the next begins, for rows that come in an order."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from bercail.foundation import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa


@frozen(kw_only=True)
class Cut:
    """A part ends with the value of `column` at which it reaches `rows` rows.

    `column` is a whole number that never falls and is never null, such as the bucket of a person:
    then all rows of one value stand in one part, save for what makes a part too large, and the
    parts of some values can be replaced without the others.

    `plain` are columns whose values hardly repeat: written without a dictionary, which would be
    built in vain and then stand beside them.
    """

    column: str
    rows: int
    plain: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        if self.rows < 1:
            raise Invalid(
                f"A part cannot end after `{self.rows}` rows.", remedy="Give one row at least."
            )


def pieces(batches: Iterable[pa.RecordBatch], cut: Cut) -> Iterator[Iterator[pa.RecordBatch]]:
    """The rows of `batches`, piece by piece, to be taken one after the other.

    Raises `Invalid` for a column that falls, or is null somewhere.
    """
    for _, run in groupby(_numbered(batches, cut), key=itemgetter(0)):
        yield (batch for _, batch in run)


def _numbered(batches: Iterable[pa.RecordBatch], cut: Cut) -> Iterator[tuple[int, pa.RecordBatch]]:
    piece = rows = 0
    before: int | None = None
    for batch in batches:
        if not batch.num_rows:
            continue
        column = batch.column(cut.column)
        if column.null_count:
            raise _disordered(cut)
        values = column.to_numpy(zero_copy_only=False)
        if np.any(values[1:] < values[:-1]) or (before is not None and values[0] < before):
            raise _disordered(cut)
        turns = [int(turn) + 1 for turn in np.flatnonzero(values[1:] != values[:-1])]
        for start, end in zip([0, *turns], [*turns, batch.num_rows], strict=True):
            if before is not None and values[start] != before and rows >= cut.rows:
                piece, rows = piece + 1, 0
            before, rows = int(values[start]), rows + end - start
            yield piece, batch.slice(start, end - start)


def _disordered(cut: Cut) -> Invalid:
    return Invalid(
        f"The rows are not in the order of `{cut.column}`.",
        remedy="Order them by the column that parts are cut by; it must never be empty.",
    )
