"""What a pseudonym looks like in a text, and by which names a column is known to hold some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pyarrow.compute as pc

from bercail.lake.identities import PSEUDONYM_LENGTH, sentinel_mask

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from bercail.catalogue import Registry
    from bercail.lake.identities import Texts

Kind = Literal["person", "person_ranked"]
# "BEN_NIR_PSA||BEN_RNG_GEM must be called BEN_NIR_TOT" (CNAM, rules for users' own tables).
PSA_AND_RANK = "BEN_NIR_TOT"
WHOLE = r"^[A-Z2-7]{17}$"
SHAPE = r"^[A-Z2-7]{17}[0-9]?$"
INSIDE = r"(^|[^A-Z0-9])[A-Z2-7]{17}[0-9]?([^A-Z0-9]|$)"


def identity_names(registry: Registry) -> Mapping[str, Kind]:
    """The kind of every pseudonym column name, in whatever table of the catalogue."""
    found: dict[str, Kind] = {PSA_AND_RANK: "person_ranked"}
    for table in registry.tables.values():
        for column in registry.pseudonyms(table):
            found[column.name.upper()] = column.kind
    return found


def shaped(values: Texts) -> tuple[int, int]:
    """How many values have the shape of a pseudonym, and how many more hold one inside."""
    whole = count(pc.match_substring_regex(values, SHAPE))
    return whole, count(pc.match_substring_regex(values, INSIDE)) - whole


def heads(values: Texts) -> Texts:
    """The values without the rank that may follow a pseudonym; nulls stay."""
    return pc.utf8_slice_codeunits(values, 0, PSEUDONYM_LENGTH)


def persons_in(values: Texts) -> Texts:
    """The distinct pseudonyms of a column, without ranks, nulls and marks of no identity."""
    found = pc.unique(heads(values)).drop_null()
    formed = pc.match_substring_regex(found, WHOLE)
    return found.filter(pc.and_(formed, pc.invert(sentinel_mask(found))))


def count(mask: pa.Array[Any]) -> int:
    """How many are true."""
    return int(pc.sum(mask).as_py() or 0)
