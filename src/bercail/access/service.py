"""The access body's desk: applications, permits, objections, extracts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from bercail.access import rules
from bercail.access.events import (
    APPLICATION_EVENTS,
    AuthorisationGiven,
    ExtractMade,
    ExtractOpened,
    OpinionGiven,
    PermitGranted,
    PermitRefused,
    PermitRevoked,
)
from bercail.access.extract import MANIFEST, Cutter
from bercail.access.objections import Objections
from bercail.access.permit import AccessApplication, DataPermit
from bercail.access.rules import Act, Dossier
from bercail.access.scope import require_grantable
from bercail.catalogue import Registry
from bercail.cohorts.sources import Source, Sources
from bercail.foundation import (
    Actor,
    Clock,
    Missing,
    Randomness,
    Refused,
    Unproven,
    new_id,
    sha256_hex,
)
from bercail.lake import Lake, SealedStore
from bercail.ledger import Ledger
from bercail.vault import Keyring

ProgressReport = Callable[[str, int, int], None]
SealedPlace = Callable[[str, str], SealedStore]


class AccessService:
    """One service function for each act; state is read from the journal every time."""

    def __init__(
        self,
        ledger: Ledger,
        lake: Lake,
        keys: Keyring,
        registry: Registry,
        sealed: SealedPlace,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._ledger = ledger
        self._lake = lake
        self._keys = keys
        self._registry = registry
        self._sealed = sealed
        self._clock = clock
        self._randomness = randomness
        level_two = keys.secret("pseudonym", "level-2")
        self.objections = Objections(ledger, sealed("objections", "registry"), level_two)

    def file(self, application: AccessApplication, actor: Actor) -> str:
        """File an application; returns its id. Incomplete ones wait for four weeks.

        Raises:
            Refused: the actor is not the applicant, or the purpose or period is not allowed.
            Missing: a table or column that the catalogue does not know.
        """
        rules.require(actor, Act.FILE, Dossier())
        if actor.id != application.applicant:
            raise Refused(
                f"`{actor.id}` may not file in the name of `{application.applicant}`.",
                remedy="The applicant files the application.",
                rule="IAM-01",
            )
        require_grantable(application.scope, self._registry)
        identifier = new_id("application", self._randomness)
        events = rules.filed(application, identifier, self._clock.now())
        self._ledger.append(_stream(identifier), 0, events, actor)
        return identifier

    def complete(self, identifier: str, application: AccessApplication, actor: Actor) -> None:
        """Give the items that were missing."""
        version, dossier = self._require(identifier, actor, Act.COMPLETE)
        require_grantable(application.scope, self._registry)
        events = rules.completed(dossier, application, self._clock.now())
        self._ledger.append(_stream(identifier), version, events, actor)

    def decide(
        self, identifier: str, act: Act | str, actor: Actor, **given: Any
    ) -> DataPermit | None:
        """One decision: opinion, authorisation, grant, refusal or revocation.

        `given` holds `favourable` and `reasons`, or `authorised` and `reference`. Returns the
        permit when one is granted. Raises `Refused` when the act is not this actor's now.
        """
        act = Act(act)
        version, dossier = self._require(identifier, actor, act)
        permit = None
        match act:
            case Act.GIVE_OPINION:
                event: Any = OpinionGiven(favourable=given["favourable"], reasons=given["reasons"])
            case Act.AUTHORISE:
                event = AuthorisationGiven(
                    reference=given["reference"], authorised=given["authorised"]
                )
            case Act.GRANT:
                permit = self._permit(dossier)
                event = PermitGranted(permit=permit)
            case Act.REFUSE:
                event = PermitRefused(reasons=given["reasons"])
            case Act.REVOKE:
                event = PermitRevoked(reasons=given["reasons"])
            case _:
                raise Refused(f"`{act.value}` is no decision.", remedy="Use its own command.")
        self._ledger.append(_stream(identifier), version, [event], actor)
        return permit

    def show(self, identifier: str) -> dict[str, Any]:
        """The dossier for people: state, period, permit, extract."""
        _, dossier = self._load(identifier)
        permit = dossier.permit
        return {
            "application": identifier,
            "state": dossier.state.value,
            "due": dossier.due,
            "permit": permit.id if permit else None,
            "valid_until": permit.valid_until if permit else None,
            "live": rules.is_live(dossier, self._clock.now()),
            "extract": dossier.extract.extract if dossier.extract else None,
            "rows": dict(dossier.extract.rows) if dossier.extract else {},
        }

    def find_permit(self, permit_id: str, now: datetime) -> tuple[DataPermit, bool]:
        """The permit and whether it is live at `now`; raises `Missing`."""
        _, dossier = self._of_permit(permit_id)
        if dossier.permit is None:
            raise _no_permit(permit_id)
        return dossier.permit, rules.is_live(dossier, now)

    def extract(
        self, permit_id: str, actor: Actor, progress: ProgressReport | None = None
    ) -> ExtractMade:
        """Materialise the permit's extract, once; made already, it is returned as it is.

        Raises:
            Refused: the permit is not live, or the actor is not an operator.
        """
        identifier, dossier = self._of_permit(permit_id)
        rules.require(actor, Act.EXTRACT, dossier)
        permit = rules.require_live(dossier, self._clock.now())
        if dossier.extract is not None:
            return dossier.extract
        cutter = Cutter(
            lake=self._lake,
            registry=self._registry,
            keys=self._keys,
            sealed=self._sealed("project", permit.project),
        )
        name = permit.id.replace("permit-", "extract-")
        made = cutter.cut(permit, name, self.objections.current(), progress)
        version, _ = self._load(identifier)
        self._ledger.append(_stream(identifier), version, [made], actor)
        return made

    def open_extract(self, permit_id: str, actor: Actor) -> Sources:
        """What a member of the project may read, for an engine; each opening is an event.

        Raises:
            Refused: the actor is not named in the permit, or the permit is not live.
            Missing: no extract was made.
            Unproven: the extract's manifest is not the one recorded.
        """
        identifier, dossier = self._of_permit(permit_id)
        permit = rules.require_live(dossier, self._clock.now())
        if actor.id not in permit.members:
            raise Refused(
                f"`{actor.id}` is not named in the permit `{permit.id}`.",
                remedy="Only persons named in the permit enter the project.",
                rule="IAM-01",
            )
        if dossier.extract is None:
            raise Missing(
                f"No extract was made for the permit `{permit.id}`.",
                remedy=f"The operator runs `bercail access extract {permit.id}`.",
            )
        sources = self._sources(permit, dossier.extract)
        version, _ = self._load(identifier)
        opened = ExtractOpened(extract=dossier.extract.extract, member=actor.id)
        self._ledger.append(_stream(identifier), version, [opened], actor)
        return sources

    def _sources(self, permit: DataPermit, made: ExtractMade) -> Sources:
        store = self._sealed("project", permit.project)
        document = store.read(f"{made.extract}/{MANIFEST}")
        if sha256_hex(document) != made.manifest_sha256:
            raise Unproven(
                f"The manifest of `{made.extract}` is not the one that was recorded.",
                remedy="Do not use the extract; tell the operator.",
                rule="extract-manifest",
            )
        filesystem = store.filesystem()
        tables: dict[str, Source] = {}
        for part in json.loads(document)["parts"]:
            url = f"sealed://{permit.project}/{part['name']}"
            tables[part["table"]] = Source(
                urls=(url,), filesystem=filesystem, snapshot=part["snapshot"]
            )
        return Sources(tables=tables, naming="project", permit=permit.id)

    def _permit(self, dossier: Dossier) -> DataPermit:
        application = dossier.application
        if application is None:
            raise Missing("There is no application to grant.", remedy="File one first.")
        require_grantable(application.scope, self._registry)
        return DataPermit(
            id=new_id("permit", self._randomness),
            project=application.project,
            members=application.members,
            purpose=application.purpose,
            scope=application.scope,
            valid_from=application.starts,
            valid_until=application.ends,
        )

    def _require(self, identifier: str, actor: Actor, act: Act) -> tuple[int, Dossier]:
        version, dossier = self._load(identifier)
        rules.require(actor, act, dossier)
        return version, dossier

    def _load(self, identifier: str) -> tuple[int, Dossier]:
        version, events = self._ledger.load(_stream(identifier), APPLICATION_EVENTS)
        if version == 0:
            raise Missing(
                f"There is no application `{identifier}`.", remedy="Check the identifier."
            )
        return version, rules.fold(events)

    def _of_permit(self, permit_id: str) -> tuple[str, Dossier]:
        for stream in self._ledger.streams("application/"):
            identifier = stream.removeprefix("application/")
            _, dossier = self._load(identifier)
            if dossier.permit is not None and dossier.permit.id == permit_id:
                return identifier, dossier
        raise _no_permit(permit_id)


def _stream(identifier: str) -> str:
    return f"application/{identifier}"


def _no_permit(permit_id: str) -> Missing:
    return Missing(f"There is no permit `{permit_id}`.", remedy="Check the identifier.")


def default_period(today: date, years: int) -> tuple[date, date]:
    """A period of `years` from `today`."""
    return today, today.replace(year=today.year + years)


__all__: Sequence[str] = ["AccessService", "Act", "default_period"]
