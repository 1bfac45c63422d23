"""Whose rows a compacted part holds, as its Parquet footer says. Pure.

The key `bercail.holds` is a JSON list of `[delivery, rows]`, in the order of the rows: the file
carries its own lineage, so it can be read again from the host's bytes alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bercail.lake.snapshot import Share

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

SHARES_NOTE = "bercail.holds"

# Rows of a file, from the first (0) to before the last.
Ranges = tuple[tuple[int, int], ...]


def shares_note(holds: Iterable[Share]) -> str:
    """The text of the footer's note."""
    return json.dumps([[share.delivery, share.rows] for share in holds], separators=(",", ":"))


def shares_of(notes: Mapping[bytes, bytes] | None) -> tuple[Share, ...]:
    """The shares in the key-value notes of a footer; none when it has no such note.

    Raises `ValueError` when the note cannot be read.
    """
    note = (notes or {}).get(SHARES_NOTE.encode())
    if note is None:
        return ()
    found = json.loads(note)
    if not isinstance(found, list) or not all(
        isinstance(one, list) and [type(each) for each in one] == [str, int] for one in found
    ):
        raise ValueError("the note of the shares is not a list of names and numbers")
    return tuple(Share(delivery=name, rows=rows) for name, rows in found)


def merged(shares: Iterable[Share]) -> tuple[Share, ...]:
    """The same rows, with neighbours of one delivery as one share."""
    found: list[Share] = []
    for share in shares:
        if found and found[-1].delivery == share.delivery:
            share = Share(delivery=share.delivery, rows=found.pop().rows + share.rows)
        found.append(share)
    return tuple(found)


def ranges_of(shares: Iterable[Share], wanted: Collection[str]) -> Ranges:
    """Which rows belong to the `wanted` deliveries, neighbours together."""
    found: list[tuple[int, int]] = []
    position = 0
    for share in shares:
        end = position + share.rows
        if share.delivery in wanted and share.rows:
            start = found.pop()[0] if found and found[-1][1] == position else position
            found.append((start, end))
        position = end
    return tuple(found)
