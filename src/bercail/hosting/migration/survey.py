"""Take a survey: stream the source's inventory into the work table, and doubt it.

What can be known of a listing that lies, and what cannot:

- An entry given twice is counted once, and the repetition is counted.
- An entry with an old entity tag is found when it is copied: the object is asked for as it
  is, and read pinned to that state.
- An entry left out that an earlier survey had is found: the source is asked for it by name.
- An entry left out of one listing and not of another is found by listing twice, with pages
  of another size, which a cut-over always does.
- An object never shown by any listing cannot be known from the source. Only a list from
  elsewhere (an application's own, an invoice's count) can tell of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen

from bercail.foundation import Invalid, Missing, canonical_json
from bercail.hosting.migration.copy_run import Progress
from bercail.hosting.migration.entry import Delta, Entry
from bercail.hosting.migration.object_table import NEVER_TOLD, Tally
from bercail.hosting.migration.sighting import Scope, Sighting, Versions, sighting_of
from bercail.hosting.migration.status import Survey
from bercail.hosting.migration.worktable import WorkTable
from bercail.storage import Asked, ItemKind, ObjectStore, inventory
from bercail.storage.inventory import PAGE, item_of

# A second listing cuts its pages elsewhere, so that what a page boundary hides shows.
SECOND_PAGE = 701
_STEP = 500
_SCOPE_FILE = "survey-scope.json"


@define
class Noted:
    """What a survey saw and does not carry, counted by kind: objects and bytes."""

    counts: dict[str, list[int]] = field(factory=dict)

    def add(self, kind: ItemKind, size: int) -> None:
        """Count one."""
        count = self.counts.setdefault(kind.value, [0, 0])
        count[0] += 1
        count[1] += size

    def tallies(self) -> dict[str, Tally]:
        """The counts as values."""
        return {kind: Tally(objects=n, bytes=b) for kind, (n, b) in sorted(self.counts.items())}


@frozen(kw_only=True)
class Looker:
    """Looks at `source` within `scope`; `opaque` names an entry on the target."""

    source: ObjectStore
    scope: Scope
    opaque: Callable[[Entry], str]

    def sightings(
        self, noted: Noted, *, page: int = PAGE, progress: Progress | None = None
    ) -> Iterator[Sighting]:
        """One row for each thing that is carried or has an obstacle; `noted` gets the others."""
        former = page == PAGE or self.scope.versions is Versions.ALL
        asked = Asked(page=page, details=self.scope.details, former=former)
        for count, item in enumerate(inventory(self.source, asked), start=1):
            if progress is not None and count % _STEP == 0:
                progress("survey", count, 0)
            if self.scope.takes(item):
                yield sighting_of(item)
            else:
                noted.add(item.kind, item.info.size)

    def take(
        self,
        table: WorkTable,
        number: int,
        settled: Callable[[Survey], None],
        *,
        twice: bool = False,
        progress: Progress | None = None,
    ) -> Survey:
        """Take survey `number` into `table`.

        1. Stream the inventory into a scratch file, a few thousand rows at a time.
        2. With `twice`, list again with other pages, and see whether both agree.
        3. Ask the source by name for what an earlier survey had and this one did not show.
        4. In one transaction, put all of it into the work table and call `settled`.

        Killed before 4 ends, the work table is as it was.

        Raises:
            Unavailable, Refused: as the source does.
        """
        noted = Noted()
        with table.stage() as stage:
            stage.take(self._named(self.sightings(noted, progress=progress)))  # 1
            if twice:
                again = self.sightings(Noted(), page=SECOND_PAGE)
                stage.take(self._named(again), again=True)  # 2
            stage.take_hidden(self._named(self._still_there(stage.missing())))  # 3
            with table:  # 4
                delta = stage.settle(number)
                table.set_note("noted", noted.counts)
                survey = _survey(table, number, delta, noted, stage.repeated)
                settled(survey)
        return survey

    def _named(self, sightings: Iterator[Sighting]) -> Iterator[tuple[Sighting, str]]:
        return ((sighting, self.opaque(sighting.entry)) for sighting in sightings)

    def _still_there(self, names: list[str]) -> Iterator[Sighting]:
        for name in names:
            try:
                found = sighting_of(item_of(self.source.head(name)))
            except (Missing, Invalid):
                continue  # the listing is right: it is gone, or cannot be asked for
            yield evolve(found, remarks={**found.remarks, **NEVER_TOLD})


def keep_scope(work: Path, scope: Scope) -> None:
    """Remember `scope` for every later look at the source."""
    work.mkdir(parents=True, exist_ok=True)
    body = canonical_json({"versions": scope.versions.value, "details": scope.details})
    draft = work / f"{_SCOPE_FILE}.draft"
    draft.write_bytes(body)
    draft.replace(work / _SCOPE_FILE)


def kept_scope(work: Path) -> Scope:
    """The scope of the last survey; that of a first one when there was none."""
    try:
        kept: dict[str, Any] = json.loads((work / _SCOPE_FILE).read_bytes())
    except FileNotFoundError:
        return Scope()
    return Scope(versions=Versions(kept["versions"]), details=bool(kept["details"]))


def _survey(table: WorkTable, number: int, delta: Delta, noted: Noted, repeated: int) -> Survey:
    tallies = table.objects.tallies()
    return Survey.of(number, delta, tallies, noted=noted.tallies(), repeated=repeated)
