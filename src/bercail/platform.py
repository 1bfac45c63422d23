"""Builds the house from its configuration, and nothing else.

Each room is built once, when it is first asked for, with the rooms below it as arguments.
"""

from __future__ import annotations

import os
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from bercail.config import Config, secret_from_environment
from bercail.foundation import (
    Actor,
    Clock,
    Invalid,
    Missing,
    Randomness,
    SystemClock,
    SystemRandomness,
)

# Rooms bring heavy libraries, so each is imported when it is built: a command that needs
# one room does not wait for the others.
if TYPE_CHECKING:
    from bercail.access import AccessService
    from bercail.airlock import AirlockService
    from bercail.catalogue import Registry
    from bercail.hosting import GateService, MigrationService
    from bercail.ingest.holder import HolderService
    from bercail.ingest.rotation import RotationService
    from bercail.ingest.service import IngestService
    from bercail.lake import Lake, SealedStore
    from bercail.ledger import Ledger
    from bercail.rulebook import RulebookService
    from bercail.storage import ObjectStore
    from bercail.vault import Keyring

CUSTODIAN_FILE = "custodian.json"
KEY_TABLE = "keys.db"


class Platform:
    """One platform: its trust side in a folder, its home on an object store."""

    def __init__(
        self,
        config: Config,
        *,
        actor: str | None = None,
        clock: Clock | None = None,
        randomness: Randomness | None = None,
    ) -> None:
        self.config = config
        self._actor_name = actor
        self.clock: Clock = clock or SystemClock()
        self.randomness: Randomness = randomness or SystemRandomness()

    @property
    def actor(self) -> Actor:
        """Who acts in this run. Nobody acts without a name."""
        if not self._actor_name:
            raise Missing(
                "This command needs to know who acts.",
                remedy="Name a person of the configuration with `--as`, or set BERCAIL_ACTOR.",
            )
        return self.config.actor(self._actor_name)

    @cached_property
    def registry(self) -> Registry:
        """The catalogue of the SNDS."""
        from bercail import catalogue

        return catalogue.load()

    @cached_property
    def keys(self) -> Keyring:
        """The key ring, opened with the passphrase of the environment."""
        from bercail.vault import CustodianSettings, Keyring, open_custodian

        trust = self.config.trust
        settings = CustodianSettings.from_table(self.config.custodian)
        custodian = open_custodian(settings, trust, secret_from_environment, self.randomness)
        return Keyring(trust / KEY_TABLE, custodian, self.randomness, self.clock)

    @cached_property
    def home(self) -> ObjectStore:
        """The store on the host; sees ciphertext only."""
        table = self.config.home
        return self._store(table.location, table.credentials)

    @cached_property
    def source(self) -> ObjectStore:
        """The store to move from."""
        table = self.config.source
        if table is None:
            raise Missing(
                "The configuration names no source to move from.",
                remedy="Add a [source] table with a location.",
            )
        return self._store(table.location, table.credentials)

    @cached_property
    def ledger(self) -> Ledger:
        """The journal and its provable log."""
        from bercail.ledger import Ledger, SqlJournal
        from bercail.vault import note_signer

        return Ledger(
            SqlJournal(self.config.journal_url),
            self.config.trust / "log",
            note_signer(self.keys, f"{self.config.name}/log"),
            self.clock,
            self.randomness,
            f"{self.config.name}/log",
        )

    @cached_property
    def lake(self) -> Lake:
        """The sealed tables."""
        from bercail.lake import Lake

        catalog_url = f"sqlite:///{self.config.trust / 'lake.db'}"
        return Lake(self.home, self.keys, catalog_url, self.registry, self.randomness, self.clock)

    def sealed(self, kind: str, scope: str) -> SealedStore:
        """Sealed objects of one kind and scope on the home store."""
        from bercail.lake import SealedStore

        return SealedStore(self.home, self.keys, kind=kind, scope=scope, randomness=self.randomness)

    @cached_property
    def gate(self) -> GateService:
        """The host gate."""
        from bercail.hosting import GateService, load_registry

        return GateService(
            registry=load_registry(), ledger=self.ledger, clock=self.clock, actor=self.actor
        )

    def migration(self, name: str = "home") -> MigrationService:
        """The migration called `name` to the home store."""
        from bercail.hosting import MigrationService

        return MigrationService(
            name=name,
            source=self.source,
            target=self.sealed("landing", name),
            home=self.home,
            work=self.config.trust / "migration" / name,
            ledger=self.ledger,
            keys=self.keys,
            clock=self.clock,
            actor=self.actor,
            admit=partial(self.gate.require, self.config.host.service, self.config.host.data_class),
        )

    @cached_property
    def ingest(self) -> IngestService:
        """Where deliveries arrive."""
        from bercail.ingest.service import IngestService

        return IngestService(self.lake, self.keys, self.registry, self.ledger)

    @cached_property
    def access(self) -> AccessService:
        """The access body's desk."""
        from bercail.access import AccessService

        return AccessService(
            self.ledger,
            self.lake,
            self.keys,
            self.registry,
            self.sealed,
            self.clock,
            self.randomness,
        )

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
            self.sealed("rotation", "level-2"),
        )

    @cached_property
    def airlock(self) -> AirlockService:
        """The only way out."""
        from bercail.airlock import AccessPermits, AirlockService

        return AirlockService(
            ledger=self.ledger,
            sealed=self.sealed,
            permits=AccessPermits(self.access),
            keys=self.keys,
            clock=self.clock,
            randomness=self.randomness,
        )

    @cached_property
    def rulebook(self) -> RulebookService:
        """Every legal requirement and its evidence."""
        from bercail.rulebook import RulebookService

        evidence = self.config.evidence
        return RulebookService(self.config.root / evidence if evidence else None)

    def _store(self, location: str, prefix: str) -> ObjectStore:
        from bercail.storage import Credentials, Location, Retrying, open_store

        try:
            credentials = Credentials.from_environment(prefix, os.environ)
        except ValueError as error:
            raise Invalid(
                f"The credentials `{prefix}` are not usable.", remedy=str(error)
            ) from error
        return Retrying(open_store(Location.parse(location), credentials))


def holder_desk() -> HolderService:
    """The data holder's desk; needs the holder's secret and nothing of the platform."""
    from bercail import catalogue
    from bercail.ingest.holder import HolderService

    secret = secret_from_environment("BERCAIL_HOLDER_SECRET")
    return HolderService(registry=catalogue.load(), secret=secret)


def create_trust_side(folder: Path, randomness: Randomness) -> None:
    """Make the trust side's folder and its custodian, once."""
    from bercail.vault import FileCustodian

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / CUSTODIAN_FILE
    if not path.exists():
        create = partial(FileCustodian.create, path, secret_from_environment("BERCAIL_PASSPHRASE"))
        create(randomness)
