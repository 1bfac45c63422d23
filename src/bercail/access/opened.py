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
from bercail.access.late_objections import every_identity
from bercail.access.permit import DataPermit
from bercail.cohorts.arithmetic import Registered
from bercail.cohorts.scope import Scope
from bercail.cohorts.sources import Source, Sources
from bercail.lake import SealedFolder, SealedStore
from bercail.lake.filesystem import SealedFilesystem, sealed_url
from bercail.vault import SealedReader
from bercail.vault.placement import PlacedPart

Guard = Callable[[], object]
# The epochs of the pseudonyms that an extract was cut under: the lake's, the project's secret.
Under = tuple[int, int]


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
    store: SealedStore,
    permit: DataPermit,
    made: ExtractMade,
    guard: Guard,
    objecting: Callable[[Under], frozenset[str]],
) -> Sources:
    """The tables of a recorded extract; `guard` runs before each read.

    The permit's tables, columns, years and population are put into every study's model, and so
    are the persons who objected since the extract was made: `objecting` names them, given the
    epochs the extract was cut under. What engines hand to the workers of a cluster ends with the
    permit's last day, in UTC.

    Raises:
        Unproven: the manifest is not the one that was recorded.
        Refused: the objections cannot be told in the names of the extract.
    """
    manifest = read_manifest(store, made)
    parts: list[Mapping[str, Any]] = manifest["parts"]
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
    late = objecting((manifest["epoch"], manifest["secret"]))
    return Sources(
        tables=tables,
        naming="project",
        permit=permit.id,
        scope=scope_of(permit, every_identity(late, tables)),
        until=datetime.combine(permit.valid_until, time.max, UTC),
    )


def scope_of(permit: DataPermit, objections: frozenset[str]) -> Scope:
    """What the permit lets a study read, and of whom.

    Of the population, what the columns of the permit can tell is asked again of each person; the
    rest was settled when the extract was cut, which holds nobody else.
    """
    tables = {asked.table: frozenset(asked.columns) for asked in permit.scope.tables}
    told = tables.get("IR_BEN_R", frozenset())
    population = permit.scope.population
    birth_told = "BEN_NAI_ANN" in told
    born_from = population.born_from if birth_told else None
    born_until = population.born_until if birth_told else None
    homes = population.departments if "BEN_RES_DPT" in told else ()
    asked = None
    if homes or (born_from, born_until) != (None, None):
        asked = Registered(born_from=born_from, born_until=born_until, departments=homes)
    return Scope(
        permit=permit.id,
        tables=tables,
        first_year=permit.scope.first_year,
        last_year=permit.scope.last_year,
        registered=asked,
        objections=objections,
    )
