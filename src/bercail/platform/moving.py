"""Judging hosts, moving between them, leaving one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING

from bercail.foundation import Missing
from bercail.platform.ground import Ground

# Rooms bring heavy libraries, so each is imported when it is built: a command that needs
# one room does not wait for the others.
if TYPE_CHECKING:
    from bercail.hosting import GateService, MigrationService, ProbeWrite
    from bercail.hosting.erasure import ErasureDesk
    from bercail.hosting.exit import ExitRehearsal
    from bercail.hosting.report import ReportDesk
    from bercail.storage import ObjectStore


class Moving(Ground):
    """The desks of the operator who moves the house."""

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
            admit=self._admitted,
        )

    def freeze_probe(self, credentials: str = "") -> ProbeWrite:
        """The probe of the freeze: a write to the source, with the `credentials` so named.

        Without a name, with those that the configuration gives for the source.

        Raises:
            Missing: no source is configured, or the environment has no such credentials.
        """
        from bercail.hosting import ProbeWrite

        table = self.config.source
        if table is None:
            raise Missing(
                "The configuration names no source to probe.",
                remedy="Add a [source] table with a location.",
            )
        named = credentials or table.credentials
        if credentials and self._credentials(credentials).empty:
            raise Missing(
                f"The environment holds no credentials under `{credentials}`.",
                remedy=f"Set `{credentials}_SECRET_KEY` (for S3 `{credentials}_ACCESS_KEY` too) "
                f"or `{credentials}_SAS`, or their `_FILE` or `_KEYRING`.",
            )
        return ProbeWrite(
            store=self._elsewhere(table.location, named),
            credentials=named,
            by=self.actor.id,
            randomness=self.randomness,
        )

    def erasure(self, name: str = "home") -> ErasureDesk:
        """The erasure of the source of the migration called `name`."""
        from bercail.hosting.erasure import ErasureDesk

        return ErasureDesk(ground=self.migration(name).ground, admit=self._admitted)

    @cached_property
    def migration_reports(self) -> ReportDesk:
        """Reports of migrations."""
        from bercail.hosting.report import ReportDesk

        return ReportDesk(self.ledger)

    def exit_rehearsal(
        self, name: str, location: str, credentials: str, service: str | None
    ) -> ExitRehearsal:
        """A rehearsal of leaving the home store for the empty place `location`.

        A folder of the trust side needs no host; any other place needs `service`, which the
        host gate must accept for the data of this platform.
        """
        from bercail.hosting.exit import ExitRehearsal
        from bercail.lake import SealedStore
        from bercail.storage import make_home

        admit = self._admitting(location, service)
        admit()
        away = self._elsewhere(location, credentials)
        if away.location.scheme == "file":
            make_home(away.location)
        return ExitRehearsal(
            home=self.home,
            away=away,
            engine=partial(self._leaving, away, admit),
            brought=self.migration(name).ground,
            landing=partial(
                SealedStore, keys=self.keys, randomness=self.randomness, kind="landing", scope=name
            ),
            ledger=self.ledger,
        )

    def _leaving(
        self, away: ObjectStore, admit: Callable[[], object], source: ObjectStore, scope: str
    ) -> MigrationService:
        """One batch of a rehearsed exit: a migration from `source` to `away`."""
        from bercail.hosting import MigrationService
        from bercail.lake import SealedStore

        return MigrationService(
            name=scope,
            source=source,
            target=SealedStore(
                away, self.keys, kind="exit", scope=scope, randomness=self.randomness
            ),
            home=away,
            work=self.config.trust / "exit" / scope,
            ledger=self.ledger,
            keys=self.keys,
            clock=self.clock,
            actor=self.actor,
            admit=admit,
        )

    def _elsewhere(self, location: str, credentials: str) -> ObjectStore:
        """A store that is not this house's home, as given on the command line."""
        from bercail.storage import Location, Retrying, open_store

        return Retrying(open_store(Location.parse(location), self._credentials(credentials)))

    def _admitted(self) -> object:
        """Ask the host gate about the service that the configuration names."""
        return self.gate.require(self.config.host.service, self.config.host.data_class)

    def _admitting(self, location: str, service: str | None) -> Callable[[], object]:
        """The question to the host gate about another place."""
        if location.startswith("file:"):
            return lambda: None
        if service is None:
            raise Missing(
                "A place on a host needs the name of the service that carries it.",
                remedy="Give `--service`; `bercail host list` shows them.",
            )
        return partial(self.gate.require, service, self.config.host.data_class)
