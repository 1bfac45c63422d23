"""Put one delivery in the place of another, in one signed snapshot of a table.

The new parts are written first; the snapshot then lists the old parts without those of the
corrected delivery, and the new ones. Nobody sees both deliveries, or neither. The snapshot before
stays readable. Parts that hold the corrected delivery together with others are written again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from bercail.foundation import Missing, Refused, new_id
from bercail.lake.part_writing import PartWriter
from bercail.lake.replacing import Replacing
from bercail.lake.rewrites import CORRECTION
from bercail.lake.row_choice import DeliveryRows
from bercail.lake.rules import lake_schema, require_delivery_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa
    from pyiceberg.table import Table

    from bercail.lake.ground import LakeGround
    from bercail.lake.part_writing import WrittenPart
    from bercail.lake.snapshot import Part, Statement


@frozen(kw_only=True)
class Corrected:
    """The ids of the snapshot before and of the one that took its place; its statement's digest."""

    before: str
    after: str
    statement_digest: str


class Correcting:
    """Corrects deliveries in the tables of one lake; `evolve` adds columns that are new."""

    def __init__(self, ground: LakeGround, evolve: Callable[[Table, pa.Schema], Table]) -> None:
        self._ground = ground
        self._evolve = evolve
        self._replacing = Replacing(ground)

    def correct(
        self,
        table: str,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        *,
        delivery: str,
        corrects: str,
        epoch: int,
    ) -> Corrected:
        """Put `batches`, as `delivery`, in the place of the rows of the delivery `corrects`.

        Recognised by both names: repeated, nothing is taken from `batches`.

        Raises `Missing` when the table never had `corrects`, `Invalid` for a schema that does not
        fit, `Refused` while the pseudonyms of the lake change or for those of another epoch.
        """
        require_delivery_name(delivery)
        name = f"{CORRECTION}{delivery}:{corrects}"
        if self._replacing.find(table, name) is None:
            self._require(table, corrects, epoch)
            kept = lake_schema(table, schema)
            opened = self._evolve(self._ground.completed(table), kept)
            writer = PartWriter(
                self._ground.files, table, delivery, opened.schema(), self._ground.randomness
            )
            written = writer.write(batches, kept.names)
            make = self._maker(DeliveryRows(delivery=corrects), written)
            self._replacing.replace(table, make, name=name, reason="correction", epoch=epoch)
        found = self._replacing.find(table, name)
        if found is None:
            raise Missing(f"`{table}` has no correction `{name}`.", remedy="Try again.")
        before, made = found
        return Corrected(
            before=before.snapshot, after=made.snapshot, statement_digest=made.digest()
        )

    def _require(self, table: str, corrects: str, epoch: int) -> None:
        if self._ground.gate.require_open() != epoch:
            raise Refused(
                f"A correction of `{table}` would mix pseudonyms of two epochs.",
                remedy="Begin again.",
                rule="pseudonym-epoch",
            )
        shares = (share for part in self._ground.latest(table).parts for share in part.shares)
        came = self._ground.shelf.find(table, delivery=corrects) is not None
        if not came and corrects not in {share.delivery for share in shares}:
            raise Missing(
                f"`{table}` has no rows of `{corrects}`.", remedy="See `bercail lake snapshots`."
            )

    def _maker(
        self, rows: DeliveryRows, written: tuple[WrittenPart, ...]
    ) -> Callable[[Table, Statement], list[WrittenPart | Part]]:
        cut: dict[str, WrittenPart | Part | None] = {}
        stem = new_id("part", self._ground.randomness)

        def make(opened: Table, before: Statement) -> list[WrittenPart | Part]:
            for part in before.parts:
                if part.url not in cut:
                    cut[part.url] = self._replacing.without(opened, part, rows, stem, len(cut))
            stay = [one for part in before.parts if (one := cut[part.url]) is not None]
            return [*stay, *written]

        return make
