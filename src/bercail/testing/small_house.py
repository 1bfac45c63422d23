"""A whole house in memory, with its trust side in one folder: for tests of the upper floors."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from attrs import define

from bercail import catalogue
from bercail.access import AccessService
from bercail.access.rotation import (
    ChainedObjections,
    EmptyShelf,
    KeepsProjectTables,
    ProjectDesk,
    ProjectDossiers,
    ProjectTables,
)
from bercail.catalogue import Registry
from bercail.foundation import Actor, FixedClock, Role, SeededRandomness
from bercail.ingest.holder import HolderService
from bercail.ingest.rotation import RotationService, column_verdicts
from bercail.ingest.service import IngestService
from bercail.lake import Lake, SealedStore
from bercail.ledger import Ledger, MemoryJournal
from bercail.storage import Location
from bercail.storage.memory import MemoryStore
from bercail.vault import Keyring, MemoryCustodian, note_signer

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@define
class SmallHouse:
    """The rooms up to `ingest` and `access`, on a store in memory and a clock that stands still."""

    clock: FixedClock
    randomness: SeededRandomness
    host: MemoryStore
    keys: Keyring
    ledger: Ledger
    lake: Lake
    registry: Registry

    @classmethod
    def build(cls, folder: Path, seed: int = 1) -> SmallHouse:
        """The house, its key table, lake catalogue and log in `folder`."""
        clock, randomness = FixedClock(NOON), SeededRandomness(seed)
        host = MemoryStore(Location.parse(f"memory:{folder.name}-{seed}"))
        custodian = MemoryCustodian(randomness)
        keys = Keyring(folder / "keys.db", custodian, randomness, clock)
        registry = catalogue.load()
        log = folder / "log"
        signer = note_signer(keys, "house/log")
        ledger = Ledger(MemoryJournal(), log, signer, clock, randomness, "house/log")
        url = f"sqlite:///{folder / 'lake.db'}"
        lake = Lake(host, keys, url, registry, randomness, clock)
        return cls(clock, randomness, host, keys, ledger, lake, registry)

    def sealed(self, kind: str, scope: str) -> SealedStore:
        """Sealed objects on the store in memory."""
        return SealedStore(self.host, self.keys, kind=kind, scope=scope, randomness=self.randomness)

    def ingest(self) -> IngestService:
        """The desk where deliveries arrive."""
        return IngestService(self.lake, self.keys, self.registry, self.ledger)

    def access(self) -> AccessService:
        """The access body's desk."""
        return AccessService(
            self.ledger,
            self.lake,
            self.keys,
            self.registry,
            self.sealed,
            self.clock,
            self.randomness,
        )

    def objections(self) -> ChainedObjections:
        """The registry of objections, across epochs of pseudonyms."""
        return self.access().objections

    def project_tables(self, shelf: KeepsProjectTables | None = None) -> ProjectTables:
        """Extracts and other tables of projects, when pseudonyms change."""
        desk = ProjectDesk(
            ledger=self.ledger,
            keys=self.keys,
            registry=self.registry,
            sealed=self.sealed,
            dossiers=ProjectDossiers(ledger=self.ledger, clock=self.clock),
            verdicts=lambda: column_verdicts(self.ledger),
            shelf=shelf or EmptyShelf(),
        )
        return ProjectTables(desk, lambda: self.lake)

    def rotation(self, shelf: KeepsProjectTables | None = None) -> RotationService:
        """Changes the platform's pseudonym secret."""
        return RotationService(
            self.lake,
            self.keys,
            self.registry,
            self.ledger,
            self.objections(),
            self.project_tables(shelf),
            self.sealed("rotation", "level-2"),
        )

    def holder(self) -> HolderService:
        """A data holder, with a secret of its own."""
        return HolderService(registry=self.registry, secret=self.keys.secret("holder", "secret"))

    def close(self) -> None:
        """Let go of the lake and the key table."""
        with self.lake:
            self.keys.close()


def person(name: str, *roles: Role) -> Actor:
    """Somebody with roles."""
    return Actor(id=name, roles=frozenset(roles))
