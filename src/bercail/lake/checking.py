"""Checks over whole tables, for the command line and for drills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bercail.foundation import Unproven
from bercail.lake.rereading import footer_rows, require_there

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from bercail.lake.history import By
    from bercail.lake.service import Lake
    from bercail.lake.snapshot import Part
    from bercail.lake.verification import Verification


def verify_tables(
    lake: Lake,
    table: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Verification]:
    """Prove the newest snapshot of `table`, or of every table; see `Lake.verify`."""
    names = lake.tables() if table is None else (table,)
    return [lake.verify(name, progress=progress) for name in names]


def count_rows(lake: Lake, table: str, snapshot_id: str | None = None) -> int:
    """Rows of a snapshot, counted from the footers of its parts on the host.

    Raises `Unproven` when they are not the rows that were signed.
    """
    total = 0
    open_reader = lake.filesystem().fresh_reader
    for part in lake.parts(table, snapshot_id):
        rows = footer_rows(require_there(open_reader, part.url), part.url)
        if rows != part.rows:
            raise Unproven(
                f"`{part.url}` has {rows} rows, {part.rows} were signed.",
                remedy="Restore it from a copy of the host.",
                rule="lake-parts",
            )
        total += rows
    return total


def count_known(lake: Lake, table: str, day: date, by: By = "arrival") -> int:
    """Rows that were known at the end of `day`, counted by reading one column from the host.

    Raises as `History.known` does, and `Unproven` when a part does not open.
    """
    known = lake.history.known(table, day, by)
    if known.whole and not known.column:
        return count_rows(lake, table, known.snapshot)
    column = known.column or known.columns[0].name
    return sum(batch.num_rows for batch in lake.read(table, [column], as_of=day, by=by))


def known_parts(
    lake: Lake, table: str, day: date, by: By = "arrival"
) -> tuple[str, tuple[Part, ...]]:
    """What a study reads and pins: a snapshot, and the parts of it known at the end of `day`.

    Raises `Refused` when a part holds known rows beside others; read it with `Lake.read`.
    """
    known = lake.history.known(table, day, by)
    return known.snapshot, lake.history.parts(known)
