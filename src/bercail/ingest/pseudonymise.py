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
from bercail.lake.identities import Texts, Turn, joined, replaced, turn_identities
from bercail.vault import pseudonyms


def level_one(
    batch: pa.RecordBatch, columns: Sequence[PseudonymColumn], secret: Secret
) -> pa.RecordBatch:
    """`batch` with clear identities replaced by level-1 pseudonyms.

    BEN_IDT_ANO arrives empty and is derived afterwards: BEN_NIR_ANO where there is one,
    else BEN_NIR_PSA followed by BEN_RNG_GEM (ESS; CepiDc user documentation).
    """
    persons = [column for column in columns if column.kind == "person"]
    batch = turn_identities(batch, persons, partial(pseudonyms.level_one, secret))
    names = set(batch.schema.names)
    if {"BEN_IDT_ANO", "BEN_NIR_ANO", "BEN_NIR_PSA", "BEN_RNG_GEM"} <= names:
        rank = cast("Texts", batch.column("BEN_RNG_GEM").cast(pa.string()))
        ranked = joined(cast("Texts", batch.column("BEN_NIR_PSA")), rank)
        derived = pc.coalesce(batch.column("BEN_NIR_ANO"), ranked)
        batch = replaced(batch, "BEN_IDT_ANO", derived)
    return batch


def platform_level(
    batch: pa.RecordBatch, columns: Sequence[PseudonymColumn], turn: Turn
) -> pa.RecordBatch:
    """`batch` with level-1 pseudonyms replaced by the platform's own, through all epochs.

    `turn` is `lake.pseudonym_chain.entry` of the lake's epoch.
    """
    return turn_identities(batch, columns, turn)
