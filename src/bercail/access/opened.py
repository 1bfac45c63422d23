"""An extract as a member works on it: read-only, its own files alone, while the permit lives.

The permit is asked again while files are read, so access closes by itself (IAM-04): what was
opened yesterday does not open today when the permit ended or was revoked in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from typing import Any

from bercail.access.events import ExtractMade
from bercail.access.extract import read_manifest
from bercail.access.permit import DataPermit
from bercail.cohorts.scope import Scope
from bercail.cohorts.sources import Source, Sources
from bercail.lake import SealedFolder, SealedStore
from bercail.lake.filesystem import SealedFilesystem, sealed_url
from bercail.vault import SealedReader
from bercail.vault.placement import PlacedPart

Guard = Callable[[], object]


class GuardedReader:
    """Random access to one part's plaintext, after `guard` let it pass; see `SealedReader`."""

    def __init__(self, inner: SealedReader, guard: Guard) -> None:
        self.size = inner.size
        self._inner = inner
        self._guard = guard

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes asked for; raises what the guard raises."""
        self._guard()
        return self._inner.read_at(offset, length)


class GuardedFolder:
    """The parts of one extract, each behind `guard`."""

    def __init__(self, folder: SealedFolder, guard: Guard) -> None:
        self._folder = folder
        self._guard = guard

    def reader(self, name: str) -> Any:
        """A reader of one part; `Missing` for what the extract does not list."""
        self._guard()
        return GuardedReader(self._folder.reader(name), self._guard)

    def placement(self, name: str) -> PlacedPart:
        """Where one part lies and what opens it, for the workers of a cluster.

        They do not ask the guard: what they are given must end by itself, and soon.
        """
        self._guard()
        return self._folder.placement(name)


def open_sources(
    store: SealedStore, permit: DataPermit, made: ExtractMade, guard: Guard
) -> Sources:
    """The tables of a recorded extract; `guard` runs before each read.

    The permit's years are put into every study's model; tables and columns that it does not name,
    and persons who object, are not in the extract at all. What engines hand to the workers of a
    cluster ends with the permit's last day, in UTC.

    Raises:
        Unproven: the manifest is not the one that was recorded.
    """
    parts: list[Mapping[str, Any]] = read_manifest(store, made)["parts"]
    folder = SealedFolder(store, {part["name"]: "1" for part in parts})
    filesystem = SealedFilesystem({permit.project: GuardedFolder(folder, guard)})
    tables = {
        str(part["table"]): Source(
            urls=(sealed_url(permit.project, part["name"]),),
            filesystem=filesystem,
            snapshot=part["snapshot"],
        )
        for part in parts
    }
    scope = Scope(
        permit=permit.id,
        first_year=permit.scope.first_year,
        last_year=permit.scope.last_year,
    )
    return Sources(
        tables=tables,
        naming="project",
        permit=permit.id,
        scope=scope,
        until=datetime.combine(permit.valid_until, time.max, UTC),
    )
