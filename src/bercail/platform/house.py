"""The whole platform: the desks of those who work in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from bercail.foundation import Invalid
from bercail.platform.moving import Moving

# Rooms bring heavy libraries, so each is imported when it is built: a command that needs
# one room does not wait for the others.
if TYPE_CHECKING:
    from bercail.access import AccessService
    from bercail.access.rotation import ProjectTables
    from bercail.airlock import AirlockService
    from bercail.airlock.history import HistoryService
    from bercail.cohorts.spark import SparkSettings
    from bercail.ingest.persons import PersonDesk
    from bercail.ingest.retention import RetentionDesk
    from bercail.ingest.rotation import RotationService
    from bercail.ingest.service import IngestService
    from bercail.ingest.silver.service import SilverService
    from bercail.lake import Resealing
    from bercail.lake.keeping import Keeping
    from bercail.rulebook import RulebookService


class Platform(Moving):
    """One platform: its trust side in a folder, its home on an object store."""

    @cached_property
    def keeping(self) -> Keeping:
        """Seals files again, and sweeps."""
        from bercail.lake.events import KEEPING_EVENTS
        from bercail.lake.keeping import Keeping
        from bercail.ledger.recording import StreamRecorder

        book = StreamRecorder(ledger=self.ledger, stream="lake/keeping", kinds=KEEPING_EVENTS)
        return Keeping(record=book.record)

    def resealing(self, kind: str, scope: str) -> Resealing:
        """What seals the objects of a kind and scope again; knows landing zones and projects."""
        from bercail.access.sealed_names import extract_names
        from bercail.hosting.migration.sealed_names import landing_names
        from bercail.lake import Resealing

        lists: dict[str, Callable[[], list[tuple[str, str]]]] = {
            "landing": lambda: landing_names(self.migration(scope).landed(), self.ledger, scope),
            "project": lambda: extract_names(self.sealed(kind, scope), self.ledger, scope),
        }
        if kind not in lists:
            raise Invalid(
                f"The objects of the kind `{kind}` cannot be listed from here.",
                remedy="Seal `landing NAME` or `project NAME` again; for a table of the lake, "
                "`bercail lake reseal`.",
            )
        return Resealing(self.home, self.keys, kind, scope, lists[kind], self.randomness)

    @cached_property
    def ingest(self) -> IngestService:
        """Where deliveries arrive."""
        from bercail.ingest.service import IngestService

        return IngestService(self.lake, self.keys, self.registry, self.ledger)

    @cached_property
    def silver(self) -> SilverService:
        """Builds the event tables, one per concept."""
        from bercail.ingest.silver.service import SilverService

        return SilverService(lake=self.lake, ledger=self.ledger)

    @cached_property
    def persons(self) -> PersonDesk:
        """Resolves identities to persons."""
        from bercail.ingest.persons import PersonDesk

        return PersonDesk(self.lake, self.ledger)

    @cached_property
    def retention(self) -> RetentionDesk:
        """Ends the retention of deliveries after twenty years."""
        from bercail.ingest.history import DeliveryBook
        from bercail.ingest.retention import RetentionDesk, erasing

        book = DeliveryBook(self.ledger, self.registry)
        return RetentionDesk(book=book, erase=erasing(self.lake), clock=self.clock)

    @cached_property
    def access(self) -> AccessService:
        """The access body's desk."""
        from bercail.access import AccessService
        from bercail.ingest.silver.tables import with_silver

        return AccessService(
            self.ledger,
            self.lake,
            self.keys,
            with_silver(self.registry),
            self.sealed,
            self.clock,
            self.randomness,
        )

    @cached_property
    def project_tables(self) -> ProjectTables:
        """Extracts and other tables of projects, when pseudonyms change."""
        from bercail.access.rotation import EmptyShelf, ProjectDesk, ProjectDossiers, ProjectTables
        from bercail.ingest.rotation import column_verdicts

        desk = ProjectDesk(
            ledger=self.ledger,
            keys=self.keys,
            registry=self.registry,
            sealed=self.sealed,
            dossiers=ProjectDossiers(ledger=self.ledger, clock=self.clock),
            verdicts=lambda: column_verdicts(self.ledger),
            shelf=EmptyShelf(),
        )
        return ProjectTables(desk, lambda: self.lake)

    @cached_property
    def rotation(self) -> RotationService:
        """Changes the platform's pseudonym secret."""
        from bercail.ingest.rotation import RotationService

        return RotationService(
            self.lake,
            self.keys,
            self.registry,
            self.ledger,
            self.access.objections,
            self.project_tables,
            self.sealed("rotation", "level-2"),
        )

    @cached_property
    def airlock(self) -> AirlockService:
        """The only way out."""
        from bercail.airlock import AccessPermits, AirlockService
        from bercail.platform.populations import KIND, CohortCounter

        access = self.access
        counter = CohortCounter(
            lake=self.lake,
            sealed=self.sealed(KIND, "lake"),
            permits=lambda permit: access.find_permit(permit, self.clock.now())[0],
            objections=access.objections,
        )
        return AirlockService(
            ledger=self.ledger,
            sealed=self.sealed,
            permits=AccessPermits(access),
            keys=self.keys,
            clock=self.clock,
            randomness=self.randomness,
            populations=counter,
        )

    @property
    def cluster(self) -> SparkSettings:
        """Where studies run with the engine `spark`."""
        from bercail.platform.cluster import cluster_settings
        from bercail.storage import Credentials

        prefix = self.config.cohorts.credentials
        return cluster_settings(self.config, self._credentials(prefix) if prefix else Credentials())

    @cached_property
    def history(self) -> HistoryService:
        """What another platform's airlock decided, kept as history."""
        from bercail.airlock.history import HistoryService

        return HistoryService(self.ledger)

    @cached_property
    def rulebook(self) -> RulebookService:
        """Every legal requirement and its evidence."""
        from bercail.rulebook import RulebookService

        evidence = self.config.evidence
        return RulebookService(self.config.root / evidence if evidence else None)
