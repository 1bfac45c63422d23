"""Replace every part of a table by another, in one signed snapshot; then let the old ones go.

For each table:

1. A rewrite that the table has is returned as it is.
2. Every part of the newest snapshot is read, given to `transform` batch by batch, and written
   under a fresh name and the same delivery.
3. One commit replaces the old parts. When another commit came first, only its parts are left to
   rewrite, and the commit is tried again.
4. The statement is signed.

Killed before 3, the table is as before and the new parts are orphans; killed between 3 and 4, the
next call on the table signs what it has read again from the host. The old snapshots stay readable
until `expire`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from pyarrow import PythonFile
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _OverwriteFiles

from bercail.foundation import Missing, Refused, Unavailable, from_iso, new_id
from bercail.lake.orphans import find_orphans
from bercail.lake.part_writing import PartWriter
from bercail.lake.reading import ROWS_AT_A_TIME
from bercail.lake.rules import LINEAGE_DOC
from bercail.lake.signing import DELIVERY, EPOCH, PARTS, REWRITE
from bercail.lake.snapshot import parts_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from pyiceberg.manifest import ManifestEntry, ManifestFile
    from pyiceberg.table import Table

    from bercail.foundation import Randomness
    from bercail.lake.epochs import EpochGate
    from bercail.lake.expiries import Expiries
    from bercail.lake.fileio import LakeFiles
    from bercail.lake.part_writing import WrittenPart
    from bercail.lake.shelf import Shelf
    from bercail.lake.signing import Statements
    from bercail.lake.snapshot import Part, Statement

    Transform = Callable[[pa.RecordBatch], pa.RecordBatch]

TURNS = 20
# No delivery can have a name with a colon.
PREFIX = "rewrite:"


class Rewriting:
    """Rewrites tables of one lake; `gate` says which epoch of pseudonyms they are at."""

    def __init__(
        self,
        load: Callable[[str], Table],
        files: LakeFiles,
        shelf: Shelf,
        statements: Statements,
        expiries: Expiries,
        gate: EpochGate,
        randomness: Randomness,
    ) -> None:
        self._load = load
        self._files = files
        self._shelf = shelf
        self._statements = statements
        self._expiries = expiries
        self._randomness = randomness
        self.gate = gate

    def rewrite(
        self, table: str, transform: Transform | None, *, name: str, reason: str, epoch: int
    ) -> Statement:
        """Replace the parts of `table` by what `transform` makes of each batch.

        `transform` keeps columns, types and rows; None keeps the parts and states the epoch
        alone. Recognised by `name`: repeated, it returns the statement that it made.

        Raises `Missing` for a table that is not there, `Invalid` for a batch of another shape.
        """
        opened = self._load(table)
        self._statements.complete(opened)
        written: dict[str, tuple[WrittenPart, ...]] = {}
        stem = new_id("part", self._randomness)
        for _ in range(TURNS):
            found = self.find(table, name)
            if found is not None:
                return found[1]
            before = self._latest(table)
            if transform is not None:
                for part in before.parts:
                    if part.url not in written:
                        first = sum(len(parts) for parts in written.values())
                        written[part.url] = self._write(opened, part, transform, stem, first)
            new = [one for part in before.parts for one in written.get(part.url, ())]
            kept = [one.part for one in new] if transform else list(before.parts)
            summary = {
                DELIVERY: PREFIX + name,
                PARTS: parts_digest(kept),
                REWRITE: reason,
                EPOCH: str(epoch),
            }
            if self._commit(opened, summary, new if transform else None):
                mine = opened.metadata.snapshots[-1].snapshot_id
                self._statements.complete(opened, {mine: kept})
            else:
                opened = opened.refresh()
                self._statements.complete(opened)
        raise Unavailable(f"Other processes kept committing to `{table}`.", remedy="Try again.")

    def find(self, table: str, name: str) -> tuple[Statement, Statement] | None:
        """The statements before and of the rewrite `name`; None when the table has none."""
        self._statements.complete(self._load(table))
        signed = self._shelf.find(table, delivery=PREFIX + name)
        if signed is None:
            return None
        made = self._statements.open(signed)
        before = self._shelf.find(table, snapshot=str(made.parent))
        if before is None:
            raise Missing(f"`{table}` has no snapshot `{made.parent}`.")
        return self._statements.open(before), made

    def epoch_of(self, table: str) -> int:
        """The epoch of the pseudonyms in the newest snapshot of `table`."""
        self._statements.complete(self._load(table))
        return self._latest(table).epoch

    def lineage(self, table: str) -> dict[str, str]:
        """`TABLE.COLUMN` that a column comes from, by column, where its writer said so."""
        label = LINEAGE_DOC.decode()
        return {
            field.name: field.doc.removeprefix(label)
            for field in self._load(table).schema().fields
            if field.doc is not None and field.doc.startswith(label)
        }

    def require_one_epoch(self, pins: Mapping[str, str]) -> int:
        """The epoch that all pinned snapshots (by table) are at; `Refused` when they differ."""
        epochs = set()
        for table, pinned in pins.items():
            signed = self._shelf.find(table, snapshot=pinned)
            if signed is None:
                raise Missing(f"`{table}` has no snapshot `{pinned}`.")
            epochs.add(self._statements.open(signed).epoch)
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

        Raises `Missing` when the table has no such rewrite, `Refused` while the gate is shut.
        """
        self.gate.require_open()
        found = self.find(table, name)
        if found is None:
            raise Missing(f"`{table}` has no rewrite `{name}`.", remedy="Rewrite it first.")
        made = found[1]
        opened = self._load(table)
        signed = self._shelf.statements(table)
        old = [one.snapshot for one in signed if one.sequence < made.sequence]
        self._expiries.add(table, old)
        opened = self._forget_snapshots(opened, {int(one) for one in old})
        live = [self._statements.open(one) for one in signed if one.snapshot not in old]
        # A file begun before the rewrite was signed and not named since can never be named: an
        # append of that time is refused at its commit.
        until = from_iso(made.at) + timedelta(microseconds=1)
        gone = find_orphans(table, opened, live, self._shelf.files(table), until)
        for orphan in gone:
            self._files.delete(orphan.location)
        return len(old), len(gone)

    def _latest(self, table: str) -> Statement:
        signed = self._shelf.latest(table)
        if signed is None:
            raise Missing(f"`{table}` has no snapshot yet.", remedy="See `bercail lake snapshots`.")
        return self._statements.open(signed)

    def _write(
        self, opened: Table, part: Part, transform: Transform, stem: str, first: int
    ) -> tuple[WrittenPart, ...]:
        writer = PartWriter(
            self._files,
            opened.name()[-1],
            part.delivery,
            opened.schema(),
            self._randomness,
            stem,
        )
        with self._files.filesystem.open_for_one(part.url) as source:
            file = pq.ParquetFile(PythonFile(source, mode="r"))
            batches = _transformed(file, transform)
            return writer.write(batches, file.schema_arrow.names, first)

    def _commit(
        self, opened: Table, summary: dict[str, str], new: Sequence[WrittenPart] | None
    ) -> bool:
        """Whether the commit stood; without `new`, the parts stay as they are."""
        try:
            with opened.transaction() as transaction:
                if new is None:
                    with transaction.update_snapshot(summary).fast_append():
                        return True
                with _Replacement(
                    operation=Operation.OVERWRITE,
                    transaction=transaction,
                    io=opened.io,
                    snapshot_properties=summary,
                ) as update:
                    for entry in _entries(opened):
                        update.delete_data_file(entry.data_file)
                    for one in new:
                        update.append_data_file(one.entry)
        except CommitFailedException:
            return False
        return True

    def _forget_snapshots(self, opened: Table, old: set[int]) -> Table:
        for _ in range(TURNS):
            held = [one.snapshot_id for one in opened.metadata.snapshots if one.snapshot_id in old]
            if not held:
                return opened
            try:
                opened.maintenance.expire_snapshots().by_ids(held).commit()
            except CommitFailedException:
                opened = opened.refresh()
                self._statements.complete(opened)
            else:
                opened = opened.refresh()
        raise Unavailable(f"Other processes kept committing to `{opened.name()[-1]}`.")


class _Replacement(_OverwriteFiles):
    """Replaces all files of a table and keeps no entry of the old ones.

    A deleted entry would carry their bounds: the smallest and the largest old pseudonym.
    """

    def _existing_manifests(self) -> list[ManifestFile]:
        return []

    def _deleted_entries(self) -> list[ManifestEntry]:
        return []


def _entries(opened: Table) -> Iterator[ManifestEntry]:
    snapshot = opened.current_snapshot()
    if snapshot is not None:
        for manifest in snapshot.manifests(opened.io):
            yield from manifest.fetch_manifest_entry(opened.io)


def _transformed(file: pq.ParquetFile, transform: Transform) -> Iterator[pa.RecordBatch]:
    for batch in file.iter_batches(ROWS_AT_A_TIME):
        yield transform(batch)
