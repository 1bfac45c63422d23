"""What stands under every other room: names, keys, stores, journal, lake."""

from __future__ import annotations

import os
from functools import cached_property
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
    from bercail.catalogue import Registry
    from bercail.lake import Lake, SealedStore
    from bercail.ledger import Ledger
    from bercail.ledger.vault_book import VaultBook
    from bercail.storage import Credentials, ObjectStore, ProbeReport
    from bercail.vault import Keyring, RenewableCustodian
    from bercail.vault.desk import VaultDesk
    from bercail.vault.handing_desk import HandingDesk

CUSTODIAN_FILE = "custodian.json"
KEY_TABLE = "keys.db"
HOME_PROBE = "home-probe.json"


class Ground:
    """The lower floors of one platform, built from its configuration."""

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
        """The catalogue of the SNDS, with the operator's copy of the public schema if any."""
        from bercail import catalogue

        return catalogue.load(imported=self.config.imported_catalogue)

    @cached_property
    def keys(self) -> Keyring:
        """The key ring; every change of a key and every secret taken is told in the ledger."""
        from bercail.vault import Keyring
        from bercail.vault.session import Session

        session = Session(
            actor=self.session_actor, record=self._record_use, record_once=self._record_once
        )
        return Keyring(self.key_table, self.custodian, self.randomness, self.clock, session)

    @property
    def key_table(self) -> Path:
        """The file of the wrapped keys."""
        return self.config.trust / KEY_TABLE

    def is_own_custodian(self, path: Path) -> bool:
        """Whether `path` is where the sealed file of this house's root stands."""
        from bercail.vault import CustodianSettings

        file = CustodianSettings.from_table(self.config.custodian).file
        own = self.config.trust / file
        return bool(file) and self.key_table.exists() and path.resolve() == own.resolve()

    @cached_property
    def custodian(self) -> RenewableCustodian:
        """Who holds the root, opened with the passphrase, PIN or token of the environment."""
        from bercail.vault import CustodianSettings, open_custodian

        settings = CustodianSettings.from_table(self.config.custodian)
        trust = self.config.trust
        return open_custodian(settings, trust, secret_from_environment, self.randomness)

    @property
    def session_actor(self) -> Actor:
        """Who acts; the platform itself, without a role, when nobody is named."""
        return self.actor if self._actor_name else Actor(id=f"service:{self.config.name}")

    @cached_property
    def vault(self) -> VaultDesk:
        """The life of keys."""
        from bercail.vault.desk import VaultDesk

        name = self.config.name
        return VaultDesk(keys=self.keys, book=self._vault_book, clock=self.clock, platform=name)

    @cached_property
    def handing(self) -> HandingDesk:
        """Shares of the root, and keys that change hands."""
        from bercail.vault.handing_desk import HandingDesk

        return HandingDesk(
            keys=self.keys,
            book=self._vault_book,
            clock=self.clock,
            randomness=self.randomness,
            platform=self.config.name,
        )

    @cached_property
    def _vault_book(self) -> VaultBook:
        from bercail.ledger.vault_book import VaultBook

        return VaultBook(ledger=self.ledger)

    def _record_use(self, event: object, actor: Actor) -> None:
        """Asked for when a secret is taken: the ledger is built with the key ring, after it."""
        self._vault_book.record_use(event, actor)

    def _record_once(self, event: object, actor: Actor) -> None:
        self._vault_book.record_once(event, actor)

    @cached_property
    def home(self) -> ObjectStore:
        """The store on the host; sees ciphertext only. See `open_home` for what it refuses."""
        from bercail.storage import Location, open_home

        table = self.config.home
        return open_home(
            Location.parse(table.location),
            self._credentials(table.credentials),
            data_class=self.config.host.data_class,
            kept=self.config.trust / HOME_PROBE,
        )

    def probe_home(self) -> ProbeReport:
        """Ask the home what it really does, and keep the answer on both sides."""
        from bercail.storage import Location, probe_home

        table = self.config.home
        return probe_home(
            Location.parse(table.location),
            self._credentials(table.credentials),
            kept=self.config.trust / HOME_PROBE,
        )

    @cached_property
    def source(self) -> ObjectStore:
        """The store to move from."""
        from bercail.storage import Location, Retrying, open_store

        table = self.config.source
        if table is None:
            raise Missing(
                "The configuration names no source to move from.",
                remedy="Add a [source] table with a location.",
            )
        location = Location.parse(table.location)
        return Retrying(open_store(location, self._credentials(table.credentials)))

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

        url = self.config.catalogue_url
        return Lake(self.home, self.keys, url, self.registry, self.randomness, self.clock)

    def sealed(self, kind: str, scope: str) -> SealedStore:
        """Sealed objects of one kind and scope on the home store."""
        from bercail.lake import SealedStore

        return SealedStore(self.home, self.keys, kind=kind, scope=scope, randomness=self.randomness)

    def _credentials(self, prefix: str) -> Credentials:
        from bercail.storage import Credentials

        try:
            return Credentials.from_environment(prefix, os.environ)
        except ValueError as error:
            raise Invalid(
                f"The credentials `{prefix}` are not usable.", remedy=str(error)
            ) from error
