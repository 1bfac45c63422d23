"""Which files of a table no snapshot names. Pure but for reading manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import asdict, frozen

from bercail.foundation import from_iso

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pyiceberg.table import Table

    from bercail.lake.shelf import WrittenFile
    from bercail.lake.snapshot import Statement


@frozen(kw_only=True)
class Orphan:
    """A file that an interrupted append left; `at` is when it was begun."""

    table: str
    location: str
    at: str

    def as_dict(self) -> dict[str, str]:
        """The values as `--json` prints them."""
        return asdict(self)


def find_orphans(
    name: str,
    table: Table | None,
    statements: Iterable[Statement],
    files: Iterable[WrittenFile],
    before: datetime,
) -> tuple[Orphan, ...]:
    """The recorded `files` of the table `name`, begun before `before`, that nothing reaches.

    Reached are the current metadata file and the former ones it lists, the metadata and
    parts of every signed statement, and all manifest lists and manifests of all snapshots.
    `table` is None when its creation was interrupted: then nothing is reached.
    """
    reached: set[str] = set()
    if table is not None:
        reached |= _reached_by_metadata(table)
    for statement in statements:
        reached.add(statement.metadata.url)
        reached.update(part.url for part in statement.parts)
    return tuple(
        Orphan(table=name, location=file.location, at=file.at)
        for file in files
        if file.location not in reached and from_iso(file.at) < before
    )


def _reached_by_metadata(table: Table) -> set[str]:
    reached = {table.metadata_location}
    reached.update(entry.metadata_file for entry in table.metadata.metadata_log)
    for snapshot in table.metadata.snapshots:
        reached.add(snapshot.manifest_list)
        reached.update(manifest.manifest_path for manifest in snapshot.manifests(table.io))
    return reached
