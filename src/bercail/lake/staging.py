"""Parts that are sealed before it is known whether they may come in.

A delivery can so be checked and written in one reading. Staged parts are files of the table that
no snapshot names, under random names: nobody sees them, `append` names them or `discard` removes
them, and what a killed process leaves of them are orphans like any other. The table itself is
neither made nor changed by staging.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from pyiceberg.exceptions import NoSuchTableError

from bercail.foundation import new_id
from bercail.lake.appending import NAMESPACE, TABLE_PROPERTIES, remove_parts
from bercail.lake.part_writing import PartWriter, WrittenPart, arrow_schema
from bercail.lake.rules import (
    lake_schema,
    require_delivery_name,
    require_fit,
    require_table_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.schema import Schema

    from bercail.lake.ground import LakeGround


@frozen(kw_only=True)
class Staged:
    """The sealed parts of one delivery to one table; `columns` have the field ids they carry.

    `erased` are the erasures that the table had known before the first byte was sealed.
    """

    table: str
    delivery: str
    stem: str
    columns: pa.Schema
    erased: frozenset[str]
    parts: tuple[WrittenPart, ...]

    def fits(self, schema: Schema) -> bool:
        """Whether a table of `schema` has these columns under these field ids."""
        there = {field.name for field in schema.fields}
        names = self.columns.names
        return set(names) <= there and arrow_schema(schema, names).equals(
            self.columns, check_metadata=True
        )


class Staging:
    """Writes and removes staged parts of one lake."""

    def __init__(self, ground: LakeGround, catalog: Catalog) -> None:
        self._ground = ground
        self._catalog = catalog

    def stage(
        self, table: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema, *, delivery: str
    ) -> Staged | None:
        """Seal all `batches` as parts that nobody sees.

        None, with nothing taken from `batches`, when the table has the delivery already.

        Raises `Invalid` for a name, a type or a batch that does not fit. Whatever is raised, by
        `batches` too, nothing is left.
        """
        require_table_name(table)
        require_delivery_name(delivery)
        kept = lake_schema(table, schema)
        if self._ground.shelf.find(table, delivery=delivery) is not None:
            return None
        erased = self._ground.erasures_of(table)
        projected = self._projected(table, kept)
        stem = new_id("part", self._ground.randomness)
        writer = PartWriter(
            self._ground.files, table, delivery, projected, self._ground.randomness, stem
        )
        try:
            parts = writer.write(batches, kept.names)
        except BaseException:
            remove_parts(self._ground, table, delivery, stem)
            raise
        columns = arrow_schema(projected, kept.names)
        return Staged(
            table=table, delivery=delivery, stem=stem, columns=columns, erased=erased, parts=parts
        )

    def discard(self, staged: Staged) -> None:
        """Remove staged parts from the host; never for those that were given to `append`."""
        remove_parts(self._ground, staged.table, staged.delivery, staged.stem)

    def _projected(self, table: str, kept: pa.Schema) -> Schema:
        """The schema that the table will have with the columns of `kept`; nothing is committed."""
        name = (NAMESPACE, table)
        try:
            transaction = self._catalog.load_table(name).transaction()
        except NoSuchTableError:
            made = self._catalog.create_table_transaction(
                name, kept, location=f"sealed://{table}", properties=TABLE_PROPERTIES
            )
            return made.table_metadata.schema()
        held = arrow_schema(transaction.table_metadata.schema())
        require_fit(table, dict(zip(held.names, held.types, strict=True)), kept)
        with transaction.update_schema() as update:
            update.union_by_name(kept)
        return transaction.table_metadata.schema()
