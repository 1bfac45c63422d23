"""Replace the parts of a table in one signed snapshot. What replaces them is the caller's.

1. A rewrite that the table has is returned as it is.
2. `make` says which parts the next snapshot has: parts it wrote under fresh names, and parts kept.
3. One commit replaces the old list. When another commit came first, `make` is asked again for the
   newer list, and the commit is tried again.
4. The statement is signed.

Killed before 3, the table is as before and the new parts are orphans; killed between 3 and 4, the
next call on the table signs what it has read again from the host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _OverwriteFiles

from bercail.foundation import Missing, Unavailable
from bercail.lake.part_writing import PartWriter, WrittenPart, part_schema
from bercail.lake.rewrites import PREFIX, require_kept
from bercail.lake.signing import DELIVERY, EPOCH, PARTS, REWRITE
from bercail.lake.snapshot import Part, Statement, parts_digest

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile, ManifestEntry, ManifestFile
    from pyiceberg.table import Table

    from bercail.lake.ground import LakeGround
    from bercail.lake.row_choice import DeliveryRows, PersonRows

    RowChoice = DeliveryRows | PersonRows

Make = Callable[["Table", Statement], Sequence[WrittenPart | Part]]

TURNS = 20
OVERTAKEN = "lake-overtaken"


class Replacing:
    """Replaces the parts of tables of one lake."""

    def __init__(self, ground: LakeGround) -> None:
        self._ground = ground

    def replace(
        self, table: str, make: Make, *, name: str, reason: str, epoch: int | None = None
    ) -> Statement:
        """The statement of the rewrite `name`, made now unless the table has it.

        `make` gets the table and its newest statement, and may be asked more than once. A
        `Part` that it returns is kept as it is. `epoch` is that of the pseudonyms afterwards; it
        does not change when None.

        Raises `Missing` for a table that is not there, `Unavailable` when others keep committing.
        """
        opened = self._ground.completed(table)
        for _ in range(TURNS):
            found = self.find(table, name)
            if found is not None:
                return found[1]
            before = self._ground.latest(table)
            made = make(opened, before)
            parts = [one.part if isinstance(one, WrittenPart) else one for one in made]
            require_kept(table, PREFIX + name, before.parts, parts)
            summary = {
                DELIVERY: PREFIX + name,
                PARTS: parts_digest(parts),
                REWRITE: reason,
                EPOCH: str(before.epoch if epoch is None else epoch),
            }
            same = tuple(parts) == before.parts
            if self._commit(opened, summary, None if same else made):
                mine = opened.metadata.snapshots[-1].snapshot_id
                self._ground.statements.complete(opened, {mine: parts})
            else:
                opened = opened.refresh()
                self._ground.statements.complete(opened)
        raise busy(table)

    def without(
        self, opened: Table, part: Part, rows: RowChoice, stem: str, index: int
    ) -> WrittenPart | Part | None:
        """`part` itself when it holds none of `rows`; else a new one; None when all go."""
        filesystem = self._ground.files.filesystem
        left = rows.left_in(filesystem, part)
        if sum(share.rows for share in left) == part.rows:
            return part
        if not left:
            return None
        schema = part_schema(filesystem, part, opened.schema())
        writer = PartWriter(
            self._ground.files,
            opened.name()[-1],
            left[0].delivery,
            opened.schema(),
            self._ground.randomness,
            stem,
        )
        holds = left if part.holds and len(left) > 1 else ()
        return writer.write_one(rows.others(filesystem, part, schema), schema.names, holds, index)

    def find(self, table: str, name: str) -> tuple[Statement, Statement] | None:
        """The statements before and of the rewrite `name`; None when the table has none."""
        self._ground.completed(table)
        signed = self._ground.shelf.find(table, delivery=PREFIX + name)
        if signed is None:
            return None
        made = self._ground.statements.open(signed)
        before = self._ground.shelf.find(table, snapshot=str(made.parent))
        if before is None:
            raise Missing(f"`{table}` has no snapshot `{made.parent}`.")
        return self._ground.statements.open(before), made

    def _commit(
        self, opened: Table, summary: dict[str, str], made: Sequence[WrittenPart | Part] | None
    ) -> bool:
        """Whether the commit stood; without `made`, the parts stay as they are."""
        try:
            with opened.transaction() as transaction:
                if made is None:
                    with transaction.update_snapshot(summary).fast_append():
                        return True
                held = {entry.file_path: entry for entry in entries_of(opened)}
                with _Replacement(
                    operation=Operation.OVERWRITE,
                    transaction=transaction,
                    io=opened.io,
                    snapshot_properties=summary,
                ) as update:
                    for entry in held.values():
                        update.delete_data_file(entry)
                    for one in made:
                        new = one.entry if isinstance(one, WrittenPart) else held[one.url]
                        update.append_data_file(new)
        except CommitFailedException:
            return False
        return True


def overtaken(table: str) -> Unavailable:
    """Another writer's commit to `table` came first, and what was worked out no longer holds."""
    return Unavailable(
        f"Another process committed to `{table}` first.",
        remedy="Look at the newest snapshot, and work it out again.",
        rule=OVERTAKEN,
    )


def busy(table: str) -> Unavailable:
    """Others keep committing to `table`."""
    return Unavailable(
        f"Other processes kept committing to `{table}`.", remedy="Try again in a moment."
    )


class _Replacement(_OverwriteFiles):
    """Replaces all files of a table and keeps no entry of the old ones.

    A deleted entry would carry their bounds: the smallest and the largest old pseudonym.
    """

    def _existing_manifests(self) -> list[ManifestFile]:
        return []

    def _deleted_entries(self) -> list[ManifestEntry]:
        return []


def entries_of(opened: Table) -> list[DataFile]:
    """Iceberg's entries of the newest snapshot: each part with its bounds."""
    snapshot = opened.current_snapshot()
    if snapshot is None:
        return []
    return [
        entry.data_file
        for manifest in snapshot.manifests(opened.io)
        for entry in manifest.fetch_manifest_entry(opened.io)
    ]
