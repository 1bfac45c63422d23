"""Who is in the register of beneficiaries that the lake holds, as hashes of pseudonyms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from attrs import define, field

from bercail.ingest.keys import Hashes, KeyHasher, strangers
from bercail.lake import Lake

TABLES = ("IR_BEN_R", "IR_BEN_R_ARC")
PERSON = "BEN_NIR_PSA"
NOBODY: Hashes = np.empty(0, dtype=np.uint64)


@define
class Register:
    """The pseudonyms BEN_NIR_PSA of the lake's register; read once for each state of it.

    One array of hashes is held, however often it is asked for.
    """

    lake: Lake
    _snapshots: tuple[str, ...] = ()
    _held: Hashes = field(default=NOBODY)

    def known(self) -> Hashes:
        """The sorted hashes of everybody in the register; empty when the lake has none."""
        there = self.lake.tables()
        newest = {table: self.lake.snapshot(table).id for table in TABLES if table in there}
        if self._snapshots != tuple(newest.values()):
            self._held = NOBODY  # before the new one is made: never two of them
            with KeyHasher() as hasher:
                parts = [
                    hasher.hashes(batch, (PERSON,))
                    for table, snapshot in newest.items()
                    for batch in self.lake.read(table, columns=[PERSON], snapshot_id=snapshot)
                ]
            self._held = np.unique(np.concatenate(parts)) if parts else NOBODY
            self._snapshots = tuple(newest.values())
        return self._held


@define
class StrangerCount:
    """Counts, as the lines of a file go by, those whose person the register does not have."""

    register: Hashes
    count: int = 0
    lines: tuple[int, ...] = ()

    def passing(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, under the pseudonyms of the register."""
        if not len(self.register):
            yield from batches
            return
        before = 0
        with KeyHasher() as hasher:
            for batch in batches:
                if PERSON in batch.schema.names:
                    self._look(hasher.hashes(batch, (PERSON,)), batch, before)
                before += batch.num_rows
                yield batch

    def _look(self, hashed: Hashes, batch: pa.RecordBatch, before: int) -> None:
        # Sorted first: a search in order walks the register once instead of jumping in it.
        distinct, place = np.unique(hashed, return_inverse=True)
        lost = strangers(distinct, self.register)[place]
        lost &= batch.column(PERSON).is_valid().to_numpy(zero_copy_only=False)
        self.count += int(lost.sum())
        self.lines = (*self.lines, *(np.flatnonzero(lost)[:5] + before + 2).tolist())[:5]
