"""Rewrite every part of a table by a function of its batches; then let the old ones go.

Every part of the newest snapshot is read, given to `transform` batch by batch, and written under a
fresh name for the same delivery, or the same shares of deliveries; `replacing` says what happens
when the process is killed. The old snapshots stay readable until `expire`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bercail.foundation import Missing, Refused, from_iso, new_id
from bercail.lake.expiring import forget_snapshots
from bercail.lake.orphans import find_orphans
from bercail.lake.part_writing import PartWriter, part_schema
from bercail.lake.reading import rows_of_part
from bercail.lake.replacing import Replacing
from bercail.lake.rules import LINEAGE_DOC

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa
    from pyiceberg.table import Table

    from bercail.lake.ground import LakeGround
    from bercail.lake.part_writing import WrittenPart
    from bercail.lake.snapshot import Part, Statement

    Transform = Callable[[pa.RecordBatch], pa.RecordBatch]


class Rewriting:
    """Rewrites tables of one lake; `gate` says which epoch of pseudonyms they are at."""

    def __init__(self, ground: LakeGround) -> None:
        self._ground = ground
        self._replacing = Replacing(ground)
        self.gate = ground.gate

    def rewrite(
        self, table: str, transform: Transform | None, *, name: str, reason: str, epoch: int
    ) -> Statement:
        """Replace the parts of `table` by what `transform` makes of each batch.

        `transform` keeps columns, types and rows; None keeps the parts and states the epoch
        alone. Recognised by `name`: repeated, it returns the statement that it made.

        Raises `Missing` for a table that is not there, `Invalid` for a batch of another shape.
        """
        written: dict[str, tuple[WrittenPart, ...]] = {}
        stem = new_id("part", self._ground.randomness)

        def make(opened: Table, before: Statement) -> list[WrittenPart | Part]:
            if transform is None:
                return list(before.parts)
            for part in before.parts:
                if part.url not in written:
                    first = sum(len(parts) for parts in written.values())
                    written[part.url] = self._write(opened, part, transform, stem, first)
            return [one for part in before.parts for one in written[part.url]]

        return self._replacing.replace(table, make, name=name, reason=reason, epoch=epoch)

    def find(self, table: str, name: str) -> tuple[Statement, Statement] | None:
        """The statements before and of the rewrite `name`; None when the table has none."""
        return self._replacing.find(table, name)

    def epoch_of(self, table: str) -> int:
        """The epoch of the pseudonyms in the newest snapshot of `table`."""
        self._ground.completed(table)
        return self._ground.latest(table).epoch

    def lineage(self, table: str) -> dict[str, str]:
        """`TABLE.COLUMN` that a column comes from, by column, where its writer said so."""
        label = LINEAGE_DOC.decode()
        return {
            field.name: field.doc.removeprefix(label)
            for field in self._ground.load(table).schema().fields
            if field.doc is not None and field.doc.startswith(label)
        }

    def require_one_epoch(self, pins: Mapping[str, str]) -> int:
        """The epoch that all pinned snapshots (by table) are at; `Refused` when they differ."""
        epochs = set()
        for table, pinned in pins.items():
            signed = self._ground.shelf.find(table, snapshot=pinned)
            if signed is None:
                raise Missing(f"`{table}` has no snapshot `{pinned}`.")
            epochs.add(self._ground.statements.open(signed).epoch)
        if len(epochs) > 1:
            raise Refused(
                "The snapshots named hold pseudonyms of different epochs, which cannot be joined.",
                remedy="Pin all tables anew.",
                rule="pseudonym-epoch",
            )
        return epochs.pop() if epochs else self.gate.state().epoch

    def expire(self, table: str, name: str) -> tuple[int, int]:
        """Let go of every snapshot before the rewrite `name`: its parts leave the host.

        Returns how many snapshots are expired and how many files were removed now. Their
        statements stay: they hold digests, and the chain of proofs needs them.

        For a rewrite that refuses the commit of every append begun before it: a change of
        epoch, an erasure. Raises `Missing` when the table has no such rewrite, `Refused` while
        the gate is shut.
        """
        self.gate.require_open()
        found = self.find(table, name)
        if found is None:
            raise Missing(f"`{table}` has no rewrite `{name}`.", remedy="Rewrite it first.")
        made = found[1]
        opened = self._ground.load(table)
        old = {one.snapshot for one in self._ground.every(table) if one.sequence < made.sequence}
        self._ground.expiries.add(table, sorted(old))
        opened = forget_snapshots(self._ground, opened, {int(one) for one in old})
        let_go = self._ground.expiries.of(table)
        live = [one for one in self._ground.every(table) if one.snapshot not in let_go]
        # A file begun before the rewrite was signed and not named since can never be named: an
        # append of that time is refused at its commit.
        until = from_iso(made.at) + timedelta(microseconds=1)
        gone = find_orphans(table, opened, live, self._ground.shelf.files(table), until)
        for orphan in gone:
            self._ground.files.delete(orphan.location)
        return len(old), len(gone)

    def _write(
        self, opened: Table, part: Part, transform: Transform, stem: str, first: int
    ) -> tuple[WrittenPart, ...]:
        writer = PartWriter(
            self._ground.files,
            opened.name()[-1],
            part.delivery,
            opened.schema(),
            self._ground.randomness,
            stem,
        )
        filesystem = self._ground.files.filesystem
        schema = part_schema(filesystem, part, opened.schema())
        batches = (transform(batch) for batch in rows_of_part(filesystem, part, schema))
        if part.holds:
            made = writer.write_one(batches, schema.names, part.holds, first)
            return () if made is None else (made,)
        return writer.write(batches, schema.names, first)
