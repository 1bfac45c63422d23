"""The two levels, on Arrow batches. Clear identifiers go in at level one and never come out.

Level one runs at the data holder with the holder's secret; level two at our door with ours;
neither side ever has both (SNDS security referential 6.1-6.4; FOIN practice).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from bercail.catalogue import PseudonymColumn
from bercail.foundation import Secret
from bercail.lake.identities import (
    Texts,
    Turn,
    joined,
    replaced,
    turn_identities,
    turn_values,
)
from bercail.vault import pseudonyms


def level_one(
    batch: pa.RecordBatch, columns: Sequence[PseudonymColumn], secret: Secret
) -> pa.RecordBatch:
    """`batch` with clear identities replaced by level-1 pseudonyms.

    BEN_IDT_ANO is derived: BEN_NIR_ANO where there is one, else BEN_NIR_PSA followed by
    BEN_RNG_GEM (ESS; CepiDc user documentation). Where a table has no BEN_NIR_PSA (causes of
    death), it arrives as the clear BEN_NIR_PSA and a digit for the rank, or empty for a death
    that was linked to nobody.
    """
    turn: Turn = partial(pseudonyms.level_one, secret)
    batch = turn_identities(batch, [one for one in columns if one.kind == "person"], turn)
    names = set(batch.schema.names)
    for column in columns:
        if column.kind != "person_ranked":
            continue
        if {"BEN_NIR_PSA", "BEN_RNG_GEM"} <= names:
            rank = cast("Texts", batch.column("BEN_RNG_GEM").cast(pa.string()))
            ranked = joined(cast("Texts", batch.column("BEN_NIR_PSA")), rank)
        else:
            ranked = _ranked(cast("Texts", batch.column(column.name)), turn)
        own = batch.column("BEN_NIR_ANO") if "BEN_NIR_ANO" in names else pa.nulls(len(ranked))
        batch = replaced(batch, column.name, pc.coalesce(own.cast(pa.string()), ranked))
    return batch


def _ranked(values: Texts, turn: Turn) -> Texts:
    """Clear identities followed by a rank of one digit, turned; the rank stays."""
    head = turn_values(pc.utf8_slice_codeunits(values, 0, -1), turn)
    return joined(head, pc.utf8_slice_codeunits(values, -1))


def platform_level(
    batch: pa.RecordBatch, columns: Sequence[PseudonymColumn], turn: Turn
) -> pa.RecordBatch:
    """`batch` with level-1 pseudonyms replaced by the platform's own, through all epochs.

    `turn` is `lake.pseudonym_chain.entry` of the lake's epoch.
    """
    return turn_identities(batch, columns, turn)
