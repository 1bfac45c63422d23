"""Put a delivery in the place of chosen parts of a table, in one signed snapshot.

For tables that are worked out from others: what changed is worked out anew, and every other part
stays as it is, byte for byte. The caller says which snapshot it has seen. When another writer's
commit came after that one, nothing is replaced: the caller looks again.

1. A renewal that the table has is returned as it is.
2. The new parts are written under fresh names, sealed.
3. One commit lists the parts that stay and the new ones, in the order of the column by which parts
   are cut.
4. The statement is signed.

Killed before 3, the table is as before and the new parts are orphans; killed between 3 and 4, the
next call on the table signs what it has read again from the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.conversions import from_bytes

from bercail.foundation import Invalid
from bercail.lake.part_writing import PartWriter
from bercail.lake.replacing import Replacing, entries_of, overtaken
from bercail.lake.rewrites import RENEWAL
from bercail.lake.rules import lake_schema, require_delivery_name
from bercail.lake.snapshot import Snapshot, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from bercail.lake.appending import Appending
    from bercail.lake.cuts import Cut
    from bercail.lake.ground import LakeGround
    from bercail.lake.part_writing import WrittenPart
    from bercail.lake.snapshot import Part, Statement

# The smallest and the largest value of a column in a part.
Span = tuple[int, int]


class Renewing:
    """Renews parts of the tables of one lake."""

    def __init__(self, ground: LakeGround, appending: Appending) -> None:
        self._ground = ground
        self._appending = appending
        self._replacing = Replacing(ground)

    def spans(self, table: str, column: str) -> dict[str, Span | None]:
        """What each part of the newest snapshot holds of a whole-number column, by its location.

        None for a part whose bounds are not known. Read from Iceberg's manifests.
        """
        opened = self._ground.completed(table)
        held = {one.file_path: _span(opened, one, column) for one in entries_of(opened)}
        return {part.url: held[part.url] for part in self._ground.latest(table).parts}

    def renew(
        self,
        table: str,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        *,
        delivery: str,
        onto: str | None,
        leaving: Collection[str],
        epoch: int,
        cut: Cut | None = None,
    ) -> Snapshot:
        """Put `batches`, as `delivery`, in the place of the parts `leaving` of snapshot `onto`.

        `leaving` are locations of parts. With `onto` None, the table must have no snapshot yet.
        Without `cut`, the new parts come after those that stay.
        Recognised by `delivery`: repeated, nothing is taken from `batches`.

        Raises `Unavailable` (`lake-overtaken`) when `onto` is not the newest snapshot; `Invalid`
        for a part that `onto` does not have, rows that are not in the order of `cut`, or a schema
        that does not fit; `Refused` while the pseudonyms of the lake change or for another epoch.
        """
        require_delivery_name(delivery)
        if onto is None:
            signed = self._appending.append(
                table, batches, schema, delivery=delivery, epoch=epoch, cut=cut, first=True
            )
            return snapshot_of(self._ground.statements.open(signed), signed.signature)
        name = f"{RENEWAL}{delivery}"
        if self._replacing.find(table, name) is None:  # 1
            self._ground.require_epoch(table, epoch)
            self._require(table, onto, leaving)
            written = self._written(table, batches, schema, delivery, cut)  # 2
            make = _maker(onto, leaving, written, cut)
            self._replacing.replace(table, make, name=name, reason="renewal", epoch=epoch)  # 3, 4
        found = self._replacing.find(table, name)
        if found is None:
            raise overtaken(table)
        signed = self._ground.signed_as(table, found[1].snapshot)
        return snapshot_of(found[1], signed.signature)

    def _written(
        self,
        table: str,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        delivery: str,
        cut: Cut | None,
    ) -> tuple[WrittenPart, ...]:
        kept = lake_schema(table, schema)
        opened = self._appending.evolved(self._ground.completed(table), kept)
        ground = self._ground
        writer = PartWriter(ground.files, table, delivery, opened.schema(), ground.randomness)
        return writer.write(batches, kept.names, cut=cut)

    def _require(self, table: str, onto: str, leaving: Collection[str]) -> None:
        latest = self._ground.latest(table)
        if latest.snapshot != onto:
            raise overtaken(table)
        if strange := set(leaving) - {part.url for part in latest.parts}:
            raise Invalid(
                f"Snapshot `{onto}` of `{table}` does not have the part `{min(strange)}`.",
                remedy="Choose among the parts of that snapshot.",
            )


def _maker(
    onto: str, leaving: Collection[str], written: tuple[WrittenPart, ...], cut: Cut | None
) -> Callable[[Table, Statement], list[WrittenPart | Part]]:
    def make(opened: Table, before: Statement) -> list[WrittenPart | Part]:
        if before.snapshot != onto:
            raise overtaken(before.table)
        held = {one.file_path: one for one in entries_of(opened)}
        stay: list[tuple[DataFile, WrittenPart | Part]] = [
            (held[part.url], part) for part in before.parts if part.url not in leaving
        ]
        fresh: list[tuple[DataFile, WrittenPart | Part]] = [(one.entry, one) for one in written]
        placed = [
            ((cut and _span(opened, entry, cut.column)) or (0, 0), one)
            for entry, one in [*stay, *fresh]
        ]
        return [one for _, one in sorted(placed, key=lambda place: place[0])]

    return make


def _span(opened: Table, entry: DataFile, column: str) -> Span | None:
    field = opened.schema().find_field(column)
    bounds = [(held or {}).get(field.field_id) for held in (entry.lower_bounds, entry.upper_bounds)]
    if None in bounds:
        return None
    low, high = (int(from_bytes(field.field_type, one)) for one in bounds)  # type: ignore[arg-type]
    return low, high
