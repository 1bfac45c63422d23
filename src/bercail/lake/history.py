"""What a table was: the difference of two snapshots, and what was known on a day.

Both are answered from signed statements, which stay when a snapshot is expired. Only counts, names
and digests are told, never a value of a row.

Two clocks say what was known on day D. By `arrival`: the deliveries whose snapshot was signed by
the end of D (UTC). By `flux`: the rows whose FLX_DIS_DTD, the month in which the health insurance
gave a line out, is not after D; a line without one is left out. Arrival answers what this lake
knew; flux what anybody could know, however late the lake was filled.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import frozen

from bercail.foundation import Invalid, Missing, Refused, from_iso
from bercail.lake.rewrites import took_rows_away
from bercail.lake.shares import Ranges, ranges_of
from bercail.lake.snapshot import rows_by_delivery

if TYPE_CHECKING:
    from bercail.lake.ground import LakeGround
    from bercail.lake.snapshot import Column, Part, Statement

By = Literal["arrival", "flux"]
FLUX_COLUMN = "FLX_DIS_DTD"


@frozen(kw_only=True)
class Difference:
    """What changed from one snapshot of a table to another: counts only.

    `rows` gives, for each delivery that differs, its rows before and after. A part is counted by
    its location, which is written once. `columns_changed` are `name: type -> type`; `rewrites` are
    the names of the acts between that replaced parts.
    """

    table: str
    before: str
    after: str
    rows_before: int
    rows_after: int
    rows: dict[str, tuple[int, int]]
    parts_added: int
    parts_removed: int
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_changed: tuple[str, ...]
    rewrites: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The values as `--json` prints them."""
        return {
            "table": self.table,
            "from": self.before,
            "to": self.after,
            "rows_before": self.rows_before,
            "rows_after": self.rows_after,
            "rows_by_delivery": {
                name: {"before": before, "after": after}
                for name, (before, after) in self.rows.items()
            },
            "parts_added": self.parts_added,
            "parts_removed": self.parts_removed,
            "columns_added": list(self.columns_added),
            "columns_removed": list(self.columns_removed),
            "columns_changed": list(self.columns_changed),
            "rewrites": list(self.rewrites),
        }


@frozen(kw_only=True)
class KnownState:
    """What was known of a table on a day; a study that pins it reads the same lines again.

    Read it from `snapshot`: the rows of `deliveries`, and, by flux, those whose `column` is not
    after `until`. `whole` when that is the whole snapshot. `columns` are those of the day.
    """

    table: str
    by: By
    until: date
    snapshot: str
    statement_digest: str
    columns: tuple[Column, ...]
    deliveries: tuple[str, ...]
    column: str = ""
    whole: bool = False

    def ranges_in(self, part: Part) -> Ranges:
        """Which rows of a part stand for a known delivery."""
        return ranges_of(part.shares, self.deliveries)

    def as_dict(self) -> dict[str, object]:
        """The values as `--json` prints them, and as a study pins them."""
        return {
            "table": self.table,
            "by": self.by,
            "as_of": self.until.isoformat(),
            "snapshot": self.snapshot,
            "statement_digest": self.statement_digest,
            "deliveries": list(self.deliveries),
            "whole": self.whole,
        }


class History:
    """Answers from the signed statements of one lake's tables."""

    def __init__(self, ground: LakeGround) -> None:
        self._ground = ground

    def expired(self, table: str) -> frozenset[str]:
        """The ids of the snapshots of `table` that were let go: they cannot be read any more."""
        return self._ground.expiries.of(table)

    def diff(self, table: str, before: str, after: str) -> Difference:
        """What changed from snapshot `before` to snapshot `after`, either of them expired or not.

        Raises `Missing` for a snapshot that the table never had.
        """
        self._ground.completed(table)
        statements = self._ground.every(table)
        old, new = (_one(table, statements, which) for which in (before, after))
        low, high = sorted((old.sequence, new.sequence))
        between = tuple(
            one.rewrite.id
            for one in statements
            if one.rewrite is not None and low < one.sequence <= high
        )
        return difference(old, new, between)

    def known(self, table: str, day: date, by: By = "arrival") -> KnownState:
        """What was known of `table` at the end of `day`.

        Raises `Missing` when nothing was, or when the snapshot of the day was let go and other
        rows have taken the place of some of its; `Refused` by flux for a table without flux months.
        """
        self._ground.completed(table)
        gone = self._ground.expiries.of(table)
        statements = self._ground.every(table)
        if not statements:
            raise Missing(f"`{table}` has no snapshot yet.", remedy="See `bercail lake snapshots`.")
        if by == "flux":
            return _by_flux(statements[-1], day)
        then = [one for one in statements if from_iso(one.at).date() <= day]
        if not then:
            raise Missing(
                f"Nothing of `{table}` was known on `{day.isoformat()}`.",
                remedy="See `bercail lake snapshots`; by flux month, ask with `--by flux`.",
            )
        exact = then[-1].snapshot not in gone
        if not exact:
            _require_still_there(then[-1], statements[len(then) :], day)
        return _by_arrival(then[-1], statements[-1], day, exact=exact)

    def parts(self, known: KnownState) -> tuple[Part, ...]:
        """The parts whose rows are those known: what any engine reads.

        Raises `Refused` when a part holds known rows beside others; read it with `Lake.read`.
        """
        signed = self._ground.shelf.find(known.table, snapshot=known.snapshot)
        if signed is None:
            raise Missing(f"`{known.table}` has no snapshot `{known.snapshot}`.")
        found = []
        for part in self._ground.statements.open(signed).parts:
            rows = sum(last - first for first, last in known.ranges_in(part))
            known_rows = self._known_rows(part, known) if known.column and rows else rows
            if known_rows == part.rows:
                found.append(part)
            elif known_rows:
                raise Refused(
                    f"A part of `{known.table}` holds lines known on `{known.until}` and others.",
                    remedy="Read it with Lake.read, which takes the lines apart.",
                    rule="lake-as-of",
                )
        return tuple(found)

    def _known_rows(self, part: Part, known: KnownState) -> int:
        """Known rows of a part by the bounds in its footer; -1 when the bounds do not tell."""
        with self._ground.files.filesystem.open_for_one(part.url) as source:
            footer = pq.ParquetFile(pa.PythonFile(source, mode="r")).metadata
        names = [footer.schema.column(n).name for n in range(footer.num_columns)]
        if known.column not in names:
            return 0
        place, rows, some = names.index(known.column), 0, False
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            bounds = group.column(place).statistics
            if bounds is None or bounds.min is None or bounds.max is None:
                some = some or bounds is None or bounds.null_count != group.num_rows
            elif bounds.max <= known.until and not bounds.null_count:
                rows += group.num_rows
            else:
                some = some or bool(bounds.min <= known.until)
        return -1 if some else rows


def difference(old: Statement, new: Statement, rewrites: tuple[str, ...]) -> Difference:
    """The difference of two statements of one table. Pure."""
    rows_old, rows_new = rows_by_delivery(old.parts), rows_by_delivery(new.parts)
    parts_old, parts_new = ({part.url for part in one.parts} for one in (old, new))
    types_old, types_new = ({c.name: c.type for c in one.columns} for one in (old, new))
    return Difference(
        table=new.table,
        before=old.snapshot,
        after=new.snapshot,
        rows_before=old.rows,
        rows_after=new.rows,
        rows={
            name: (rows_old.get(name, 0), rows_new.get(name, 0))
            for name in dict.fromkeys((*rows_old, *rows_new))
            if rows_old.get(name, 0) != rows_new.get(name, 0)
        },
        parts_added=len(parts_new - parts_old),
        parts_removed=len(parts_old - parts_new),
        columns_added=tuple(name for name in types_new if name not in types_old),
        columns_removed=tuple(name for name in types_old if name not in types_new),
        columns_changed=tuple(
            f"{name}: {types_old[name]} -> {kind}"
            for name, kind in types_new.items()
            if types_old.get(name, kind) != kind
        ),
        rewrites=rewrites,
    )


def _one(table: str, statements: tuple[Statement, ...], snapshot: str) -> Statement:
    found = next((one for one in statements if one.snapshot == snapshot), None)
    if found is None:
        raise Missing(
            f"`{table}` has no snapshot `{snapshot}`.", remedy="See `bercail lake snapshots`."
        )
    return found


def _require_still_there(then: Statement, later: tuple[Statement, ...], day: date) -> None:
    """`Missing` when rows of the snapshot `then` were put right or renewed since."""
    held = rows_by_delivery(then.parts)
    if any(one.rewrite and took_rows_away(one.rewrite.id, held) for one in later):
        raise Missing(
            f"The snapshot of `{then.table}` of `{day.isoformat()}` was let go, and other rows "
            "stand in the place of some of its.",
            remedy="Pin or keep the snapshots of a study; of a silver table, what the flux months "
            "up to a day tell can be made again: `bercail silver as-at`.",
        )


def _by_arrival(then: Statement, newest: Statement, day: date, *, exact: bool) -> KnownState:
    """The snapshot of the day; once it is expired, its deliveries in the newest one."""
    deliveries = tuple(rows_by_delivery(then.parts))
    held = then if exact else newest
    return KnownState(
        table=then.table,
        by="arrival",
        until=day,
        snapshot=held.snapshot,
        statement_digest=held.digest(),
        columns=then.columns,
        deliveries=deliveries,
        whole=set(rows_by_delivery(held.parts)) <= set(deliveries),
    )


def _by_flux(newest: Statement, day: date) -> KnownState:
    if FLUX_COLUMN not in [column.name for column in newest.columns]:
        raise Refused(
            f"`{newest.table}` has no column `{FLUX_COLUMN}`, so no flux month.",
            remedy="Ask by arrival of the deliveries.",
            rule="lake-as-of",
        )
    return KnownState(
        table=newest.table,
        by="flux",
        until=day,
        snapshot=newest.snapshot,
        statement_digest=newest.digest(),
        columns=newest.columns,
        deliveries=tuple(rows_by_delivery(newest.parts)),
        column=FLUX_COLUMN,
    )


def parse_day(text: str) -> date:
    """A day written `YYYY-MM-DD`, or a month `YYYY-MM`, which stands for its last day.

    Raises `Invalid` for anything else.
    """
    try:
        if len(text) == len("2026-01"):
            first = date.fromisoformat(f"{text}-01")
            return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(
            f"`{text}` is no day of the calendar.", remedy="Write 2026-01-31, or 2026-01."
        ) from None
