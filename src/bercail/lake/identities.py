"""Identity columns of a batch, turned by one function; ranks and sentinels are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from bercail.catalogue import PseudonymColumn

PSEUDONYM_LENGTH = 17
# The PMSI writes these where no identity is known; they name nobody and are kept as they are.
SENTINEL_PATTERN = r"^[xX]{16}[xXSD]$"

# Texts in and out, one for one, nulls where nulls were.
Texts = pa.StringArray
Turn = Callable[[Texts], Texts]


def sentinel_mask(values: Texts) -> pa.BooleanArray:
    """Which values are "no identity" marks: 17 x, or 16 X and S or D (ESS, PMSI cleaning)."""
    marked = pc.match_substring_regex(values, SENTINEL_PATTERN)
    return cast("pa.BooleanArray", pc.fill_null(marked, pa.scalar(False)))


def turn_values(values: Texts, turn: Turn) -> Texts:
    """`turn` applied to every identity; sentinels and nulls stay."""
    kept = sentinel_mask(values)
    turned = turn(pc.if_else(kept, pa.scalar(None, pa.string()), values))
    return cast("Texts", pc.if_else(kept, values, turned))


def turn_identities(
    batch: pa.RecordBatch, columns: Sequence[PseudonymColumn], turn: Turn
) -> pa.RecordBatch:
    """`batch` with its pseudonym columns turned.

    A `person_ranked` column (BEN_IDT_ANO) may hold a pseudonym followed by the rank among
    twins: the pseudonym is turned, the rank stays (ESS, BEN_IDT_TOP = 0).
    """
    for column in columns:
        values = cast("Texts", batch.column(column.name))
        if column.kind == "person_ranked":
            rank = pc.utf8_slice_codeunits(values, PSEUDONYM_LENGTH, PSEUDONYM_LENGTH + 1)
            head = turn_values(pc.utf8_slice_codeunits(values, 0, PSEUDONYM_LENGTH), turn)
            turned = joined(head, rank)
        else:
            turned = turn_values(values, turn)
        batch = replaced(batch, column.name, turned)
    return batch


def joined(first: Texts, second: Texts) -> Texts:
    """Texts end to end; null where either is null."""
    empty = cast("Texts", pa.scalar(""))
    return pc.binary_join_element_wise(first, second, empty)


def replaced(batch: pa.RecordBatch, name: str, values: pa.Array[Any]) -> pa.RecordBatch:
    """`batch` with the column `name` holding `values` instead."""
    arrays = [
        values if field.name == name else batch.column(i) for i, field in enumerate(batch.schema)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)
