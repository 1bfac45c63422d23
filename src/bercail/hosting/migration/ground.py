"""What every step of a migration stands on: both sides, the work table, the journal, the lock."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import field, frozen

from bercail.foundation import Actor, Clock, Refused
from bercail.hosting.migration import rules
from bercail.hosting.migration.copy_run import Progress
from bercail.hosting.migration.entry import Entry
from bercail.hosting.migration.record import MigrationRecord
from bercail.hosting.migration.rules import Act
from bercail.hosting.migration.state import MigrationState
from bercail.hosting.migration.survey import Looker, Noted, kept_scope
from bercail.hosting.migration.worktable import WorkTable
from bercail.lake import SealedStore
from bercail.storage import ObjectStore, SourceChecksum
from bercail.storage.inventory import PAGE
from bercail.storage.source_checksums import rely_on
from bercail.vault import Keyring

CLASSES = "storage_classes"
"""The note of the work table on which storage class objects stand in, by tier of the source."""
SOURCE_CHECKSUM = "source_checksum"
"""The note of the work table on which checksums the source gives, as the last plan found."""


@frozen(kw_only=True)
class Ground:
    """One migration's places and tools; `source` is wrapped so that nothing writes to it.

    `home` is the store under `target`; `work` a folder of the trust side.
    """

    name: str
    source: ObjectStore
    target: SealedStore
    home: ObjectStore
    work: Path
    record: MigrationRecord
    keys: Keyring = field(repr=False)
    clock: Clock
    actor: Actor

    @contextmanager
    def step(
        self, act: Act, actor: Actor | None = None
    ) -> Iterator[tuple[WorkTable, MigrationState]]:
        """The work table, alone with it, with every earlier event recorded and `act` allowed.

        Raises:
            Refused: rule `migration-alone`, `migration-operator` or `migration-order`.
        """
        with alone(self.work, self.name), self.table() as table:
            state = self.record.settle(table, self.actor)
            rules.require_may(act, state, actor or self.actor)
            rely_on(self.source, SourceChecksum(table.note(SOURCE_CHECKSUM, "none")))
            yield table, state

    @contextmanager
    def table(self) -> Iterator[WorkTable]:
        """The work table, closed at the end."""
        table = WorkTable(self.work / "state.sqlite")
        try:
            yield table
        finally:
            table.close()

    def listing(self, progress: Progress | None = None, *, page: int = PAGE) -> Iterator[Entry]:
        """Every object that the source shows now, within the scope of the last survey."""
        looker = Looker(source=self.source, scope=kept_scope(self.work), opaque=self.opaque)
        for sighting in looker.sightings(Noted(), page=page, progress=progress):
            yield sighting.entry

    def look_at_target(self, table: WorkTable) -> int:
        """Note what the target shows; how many carried objects it lost."""
        return table.objects.look_at_target((info.name, info.size) for info in self.home.list())

    def opaque(self, entry: Entry) -> str:
        """The name of `entry` on the target."""
        return self.target.opaque_name(entry.name, entry.binding_version)


@contextmanager
def alone(work: Path, name: str) -> Iterator[None]:
    """Hold the migration's lock, which the system lets go of when the process dies."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"Another process is working on the migration `{name}`.",
                remedy="Wait for it to end; `bercail migrate status` shows how far it is.",
                rule="migration-alone",
            ) from None
        yield
