"""The files of one delivery, sealed while they are checked, under the platform's pseudonyms.

Nobody sees them before the whole delivery has passed: then each table takes its parts. A delivery
that does not pass has them removed; what a killed process leaves are orphans of the lake.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from attrs import define, evolve, field, frozen

from bercail.catalogue import Registry
from bercail.ingest import pseudonymise
from bercail.ingest.intake import FileReading
from bercail.ingest.register import NOBODY, TABLES, Register, StrangerCount
from bercail.lake import Lake, Staged
from bercail.lake.identities import Turn


@frozen(kw_only=True)
class StagedFile:
    """One file: its parts, and the lines of persons that the register did not have."""

    parts: Staged
    strangers: StrangerCount


def strangers_of(table: str, register: Register) -> StrangerCount:
    """What counts the lines of persons unknown; in the register itself nobody is."""
    return StrangerCount(register=NOBODY if table in TABLES else register.known())


@define(kw_only=True)
class StagedDelivery:
    """The sealed files of one delivery, by table."""

    delivery: str
    lake: Lake
    registry: Registry
    register: Register
    turn: Turn
    _files: dict[str, StagedFile] = field(factory=dict)

    def take(self, reading: FileReading, batches: Iterator[pa.RecordBatch]) -> None:
        """Seal the lines of one file; nothing is taken when the lake has them already."""
        table = reading.file.table
        known = self.registry.pseudonyms(reading.table.name)
        columns = [column for column in known if column.name in reading.header]
        strangers = strangers_of(table, self.register)
        turned = (pseudonymise.platform_level(batch, columns, self.turn) for batch in batches)
        staged = self.lake.staging.stage(
            table, strangers.passing(turned), reading.schema, delivery=self.delivery
        )
        if staged is not None:
            # The counts alone: a register is large, and a delivery has many files.
            counted = evolve(strangers, register=NOBODY)
            self._files[table] = StagedFile(parts=staged, strangers=counted)

    def give(self, table: str) -> StagedFile | None:
        """The parts of a table, once: from then on they are the table's."""
        return self._files.pop(table, None)

    def discard(self) -> None:
        """Remove what was not given away."""
        for table in tuple(self._files):
            self.lake.staging.discard(self._files[table].parts)
            del self._files[table]
