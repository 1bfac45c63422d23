"""Add one delivery to a table, in one signed snapshot: the act by which rows enter the lake.

1. A delivery that the table has is returned as it is, and one that was erased is refused.
2. The table is made when it is not there, and given the columns that the delivery adds.
3. The parts are written under fresh names, sealed.
4. One commit adds them. When another commit came first, the delivery is looked for again.
5. The statement is signed.

Killed before 4, the table is as before and the new parts are orphans; killed between 4 and 5, the
next call on the table signs what it has read again from the host.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from sqlalchemy.exc import IntegrityError

from bercail.foundation import Refused
from bercail.lake.part_writing import PartWriter, arrow_schema
from bercail.lake.replacing import busy, overtaken
from bercail.lake.rewrites import DELIVERY_ERASURE, PREFIX
from bercail.lake.rules import lake_schema, require_delivery_name, require_fit
from bercail.lake.signing import DELIVERY, EPOCH, PARTS
from bercail.lake.snapshot import parts_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.table import Table

    from bercail.lake.cuts import Cut
    from bercail.lake.ground import LakeGround
    from bercail.lake.part_writing import WrittenPart
    from bercail.lake.shelf import SignedStatement
    from bercail.lake.staging import Staged

NAMESPACE = "lake"
# Two processes may commit to one table at once; each failed turn means another's commit stood.
COMMIT_TURNS = 20
# pyiceberg's own retry would commit without looking whether the delivery came in meanwhile.
TABLE_PROPERTIES = {"format-version": "2", "commit.retry.num-retries": "0"}


class Appending:
    """Adds deliveries to the tables of one lake; names are checked by whoever calls."""

    def __init__(self, ground: LakeGround, catalog: SqlCatalog) -> None:
        self._ground = ground
        self._catalog = catalog

    def find(self, table: str) -> Table | None:
        """The table as the catalogue has it; None when there is none."""
        try:
            return self._catalog.load_table((NAMESPACE, table))
        except NoSuchTableError:
            return None

    def append(
        self,
        table: str,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        *,
        delivery: str,
        epoch: int | None = None,
        cut: Cut | None = None,
        first: bool = False,
        staged: Staged | None = None,
    ) -> SignedStatement:
        """As `Lake.append`. With `first`, the delivery must be the first of its table.

        Raises `Unavailable` (`lake-overtaken`) when it was to be the first and is not.
        """
        ground = self._ground
        require_delivery_name(delivery)
        kept = lake_schema(table, schema)
        _require_not_erased(table, delivery, ground.erasures_of(table))
        found = ground.shelf.find(table, delivery=delivery)  # 1
        if found is not None:
            return found
        given = ground.require_epoch(table, epoch)
        opened = self._opened_or_created(table, kept)  # 2
        erased = ground.erasures_of(table)
        _require_not_erased(table, delivery, erased)
        found = ground.shelf.find(table, delivery=delivery)
        if found is not None:
            return found
        opened = self.evolved(opened, kept)
        if staged is not None and staged.fits(opened.schema()):
            # An erasure since they were staged has removed them: `_require_still` finds it.
            written, erased = staged.parts, staged.erased
        else:
            writer = PartWriter(ground.files, table, delivery, opened.schema(), ground.randomness)
            written = writer.write(batches, kept.names, cut=cut)  # 3
        return self._commit(opened, delivery, written, given, erased, first=first)

    def evolved(self, opened: Table, schema: pa.Schema) -> Table:
        """The table with every column of `schema`; a commit of its own, without a snapshot."""
        name = opened.name()[-1]
        for _ in range(COMMIT_TURNS):
            held = arrow_schema(opened.schema())
            if not require_fit(name, dict(zip(held.names, held.types, strict=True)), schema):
                return opened
            try:
                with opened.update_schema() as update:
                    update.union_by_name(schema)
                return opened
            except CommitFailedException:
                # Another process committed: its snapshot must be signed before we build on it.
                opened = opened.refresh()
                self._ground.statements.complete(opened)
        raise busy(name)

    def _opened_or_created(self, table: str, schema: pa.Schema) -> Table:
        opened = self.find(table) or self._created(table, schema)
        self._ground.statements.complete(opened)
        return opened

    def _created(self, table: str, schema: pa.Schema) -> Table:
        # Another process may create it between the look and the insert: as wanted.
        with suppress(NamespaceAlreadyExistsError, IntegrityError):
            self._catalog.create_namespace_if_not_exists(NAMESPACE)
        try:
            return self._catalog.create_table(
                (NAMESPACE, table),
                schema,
                location=f"sealed://{table}",
                properties=TABLE_PROPERTIES,
            )
        except TableAlreadyExistsError:
            return self._catalog.load_table((NAMESPACE, table))

    def _commit(
        self,
        opened: Table,
        delivery: str,
        written: Sequence[WrittenPart],
        epoch: int,
        erased: frozenset[str],
        *,
        first: bool,
    ) -> SignedStatement:
        """The statement of the commit (4, 5), or of another's that brought the same delivery."""
        ground, name = self._ground, opened.name()[-1]
        added = [one.part for one in written]
        summary = {DELIVERY: delivery, PARTS: parts_digest(added), EPOCH: str(epoch)}
        for _ in range(COMMIT_TURNS):
            ground.require_epoch(name, epoch)
            found = ground.shelf.find(name, delivery=delivery) if first else None
            if found is not None:
                return found
            self._require_still(name, delivery, erased, first=first)
            try:
                with opened.transaction() as transaction:
                    with transaction.update_snapshot(summary).fast_append() as update:
                        for one in written:
                            update.append_data_file(one.entry)
            except CommitFailedException:
                opened = opened.refresh()
                ground.statements.complete(opened)
                found = ground.shelf.find(name, delivery=delivery)
                if found is not None:
                    # Another process brought the same delivery; our parts are orphans.
                    return found
                continue
            mine = opened.metadata.snapshots[-1].snapshot_id
            ground.statements.complete(opened, {mine: added})
            return ground.signed_as(name, str(mine))
        raise busy(name)

    def _require_still(
        self, table: str, delivery: str, erased: frozenset[str], *, first: bool
    ) -> None:
        if self._ground.erasures_of(table) != erased:
            # An erasure removes what is not named yet, so parts written before it are gone.
            raise Refused(
                f"Rows of `{table}` were erased while `{delivery}` was being loaded.",
                remedy="Load the delivery again.",
                rule="lake-erased",
            )
        if first and self._ground.shelf.latest(table) is not None:
            raise overtaken(table)


def _require_not_erased(table: str, delivery: str, erased: frozenset[str]) -> None:
    if f"{PREFIX}{DELIVERY_ERASURE}{delivery}" in erased:
        raise Refused(
            f"The delivery `{delivery}` was erased from `{table}`, and does not come back.",
            remedy="If it must, the holder sends it as a new delivery, under a new name.",
            rule="lake-erased",
        )
