"""The kinds of rewrite by their names, and what each must leave as it was. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bercail.foundation import Unproven
from bercail.lake.snapshot import rows_by_delivery

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bercail.lake.snapshot import Part

# No delivery can have a name with a colon.
PREFIX = "rewrite:"
COMPACTION = "compact:"
ERASURE = "erase:"
DELIVERY_ERASURE = f"{ERASURE}delivery:"
PERSONS_ERASURE = f"{ERASURE}persons:"
# Followed by the delivery that comes, a colon, and the one whose place it takes.
CORRECTION = "correct:"
# Followed by the delivery that stands in the place of the parts that left.
RENEWAL = "renew:"


def took_rows_away(rewrite_id: str, deliveries: Collection[str]) -> bool:
    """Whether this rewrite put other rows in the place of some of `deliveries`."""
    name = rewrite_id.removeprefix(PREFIX)
    if name.startswith(CORRECTION):
        return name.rpartition(":")[2] in deliveries
    return name.startswith(RENEWAL)


def is_erasure(rewrite_id: str) -> bool:
    """Whether the rewrite of this id (`rewrite:...`) erased rows."""
    return rewrite_id.startswith(PREFIX + ERASURE)


def rewrite_keeps(rewrite_id: str, before: Sequence[Part], after: Sequence[Part]) -> bool:
    """Whether `after` has the rows that this rewrite of `before` must have, by delivery.

    A compaction or a change of pseudonyms keeps them all; a correction, all but those of the
    delivery whose place it takes. The erasure of a delivery takes that delivery alone, and all of
    it; the erasure of persons takes rows from any. A renewal keeps parts as they are, and adds
    those of its own delivery, which was not there before.
    """
    held, left = rows_by_delivery(before), rows_by_delivery(after)
    name = rewrite_id.removeprefix(PREFIX)
    if name.startswith(DELIVERY_ERASURE):
        held.pop(name.removeprefix(DELIVERY_ERASURE), None)
        return _without_empty(held) == _without_empty(left)
    if name.startswith(CORRECTION):
        new, _, old = name.removeprefix(CORRECTION).partition(":")
        held.pop(old, None)
        left.pop(new, None)
        return _without_empty(held) == _without_empty(left)
    if name.startswith(RENEWAL):
        return _renewed(name.removeprefix(RENEWAL), before, after)
    if name.startswith(PERSONS_ERASURE):
        return all(rows <= held.get(delivery, 0) for delivery, rows in left.items())
    return _without_empty(held) == _without_empty(left)


def require_kept(
    table: str, rewrite_id: str, before: Sequence[Part], after: Sequence[Part]
) -> None:
    """`Unproven` unless a rewrite holds what `rewrite_keeps` says, and each part its shares."""
    whole = all(part.rows == sum(share.rows for share in part.shares) for part in after)
    if whole and rewrite_keeps(rewrite_id, before, after):
        return
    raise Unproven(
        f"The rewrite `{rewrite_id}` of `{table}` does not hold the rows it should.",
        remedy="Nothing may be built on it: verify the table, and restore what was altered.",
        rule="lake-rewrite",
    )


def _renewed(delivery: str, before: Sequence[Part], after: Sequence[Part]) -> bool:
    kept = {part.url: part for part in before}
    return len({part.url for part in after}) == len(after) and all(
        part == kept[part.url] if part.url in kept else part.delivery == delivery for part in after
    )


def _without_empty(rows: dict[str, int]) -> dict[str, int]:
    return {delivery: count for delivery, count in rows.items() if count}
