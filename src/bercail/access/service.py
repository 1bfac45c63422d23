"""The access body's desk: applications, permits, objections, extracts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bercail.access import deciding, rules
from bercail.access.deciding import Decision
from bercail.access.events import (
    APPLICATION_EVENTS,
    PROJECT_EVENTS,
    ExtractMade,
    ExtractOpened,
    ProjectNamed,
)
from bercail.access.extract import Cutter
from bercail.access.late_objections import LateObjections
from bercail.access.opened import open_sources
from bercail.access.permit import AccessApplication, DataPermit
from bercail.access.rotation import ChainedObjections
from bercail.access.rules import Act, Dossier
from bercail.access.scope import require_grantable
from bercail.catalogue import Registry
from bercail.cohorts.sources import Sources
from bercail.foundation import Actor, Clock, Missing, Randomness, Refused, new_id
from bercail.lake import Lake, SealedStore
from bercail.ledger import Ledger
from bercail.ledger.halting import HaltBook
from bercail.ledger.vault_book import VaultBook
from bercail.vault import Keyring

ProgressReport = Callable[[str, int, int], None]
SealedPlace = Callable[[str, str], SealedStore]
# A revocation reaches whoever has an extract open within this time.
NOTICE = timedelta(seconds=1)
# Several members may open one extract at the same moment; each failed turn means one did.
TURNS = 20
_APPLICATION, _PERMIT = "application-", "permit-"


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
        registry_of_objections = sealed("objections", "registry")
        self.objections = ChainedObjections(ledger, registry_of_objections, lake, keys)

    def file(self, application: AccessApplication, actor: Actor) -> str:
        """File an application; returns its id. Incomplete ones wait for four weeks.

        The first application of a project takes the project's name, and with it its
        pseudonyms, for its applicant.

        Raises:
            Refused: the actor is not the applicant, the purpose, the period or a column is
                not allowed, or the project's name is another applicant's.
            Missing: a table or column that the catalogue does not know.
        """
        rules.require(actor, Act.FILE, Dossier())
        deciding.require_own_name(application, actor)
        require_grantable(application.scope, self._registry)
        identifier = new_id("application", self._randomness)
        events = deciding.filed(application, identifier, self._clock.now())
        self._take_name(application, actor)
        self._ledger.append(_stream(identifier), 0, events, actor)
        return identifier

    def complete(self, identifier: str, application: AccessApplication, actor: Actor) -> None:
        """Give the items that were missing, once; `application` is the whole of it.

        Raises:
            Refused: the actor is not the applicant, or it is too late, or items still miss.
            Missing: no such application, or what `file` does not find.
        """
        version, dossier = self._load(identifier)
        rules.require(actor, Act.COMPLETE, dossier)
        require_grantable(application.scope, self._registry)
        events = deciding.completed(dossier, application, self._clock.now())
        self._ledger.append(_stream(identifier), version, events, actor)

    def decide(
        self,
        identifier: str,
        act: Act | str,
        actor: Actor,
        *,
        favourable: bool | None = None,
        authorised: bool | None = None,
        reasons: str = "",
        reference: str = "",
    ) -> DataPermit | None:
        """One decision: opinion, authorisation, grant, refusal or revocation.

        An opinion needs `favourable` and `reasons`, an authorisation `authorised` and
        `reference`, a refusal or revocation `reasons`. Returns the permit when one is
        granted.

        Raises:
            Refused: the act is not this actor's, or not possible now.
            Invalid: a part that the act needs was not given.
        """
        act = Act(act)
        version, dossier = self._load(identifier)
        rules.require(actor, act, dossier)
        if act is Act.GRANT and dossier.application is not None:
            # The catalogue may have changed since the application was filed.
            require_grantable(dossier.application.scope, self._registry)
        given = Decision(
            favourable=favourable, authorised=authorised, reasons=reasons, reference=reference
        )
        permit_id = _PERMIT + identifier.removeprefix(_APPLICATION)
        event = deciding.decided(dossier, act, given, permit_id, self._clock.now())
        self._ledger.append(_stream(identifier), version, [event], actor)
        return event.permit if act is Act.GRANT else None

    def show(self, identifier: str) -> dict[str, Any]:
        """The dossier for people: state, period, permit, extract."""
        _, dossier = self._load(identifier)
        permit, extract = dossier.permit, dossier.extract
        return {
            "application": identifier,
            "state": dossier.state.value,
            "due": dossier.due,
            "permit": permit.id if permit else None,
            "valid_until": permit.valid_until if permit else None,
            "live": rules.is_live(dossier, self._clock.now()),
            "extract": extract.extract if extract else None,
            "former": [one.extract for one in dossier.former],
            "changing": dossier.turning or None,
            "rows": dict(extract.rows) if extract else {},
        }

    def find_permit(self, permit_id: str, now: datetime) -> tuple[DataPermit, bool]:
        """The permit and whether it is live at `now`; raises `Missing`."""
        _, _, dossier = self._of_permit(permit_id)
        if dossier.permit is None:
            raise _no_permit(permit_id)
        return dossier.permit, rules.is_live(dossier, now)

    def extract(
        self, permit_id: str, actor: Actor, progress: ProgressReport | None = None
    ) -> ExtractMade:
        """Materialise the permit's extract, once; made already, it is returned as it is.

        The objections are those registered when it begins. A run that was killed is simply
        run again.

        Raises:
            Refused: the permit is not live, the project is halted (`LOG-07`), the actor is not
                an operator or is part of the project, or the platform's pseudonyms are changing.
            Missing: the lake holds nothing of a table that the permit names.
        """
        identifier, version, dossier = self._of_permit(permit_id)
        permit = rules.require_live(dossier, self._clock.now())
        rules.require(actor, Act.EXTRACT, dossier)
        self._require_running(permit.project)
        if dossier.extract is not None:
            return dossier.extract
        rules.require_settled(dossier)
        cutter = Cutter(
            lake=self._lake,
            registry=self._registry,
            keys=self._keys,
            sealed=self._sealed("project", permit.project),
            used=partial(VaultBook(ledger=self._ledger).record_use, actor=actor),
        )
        epoch = self._lake.rewriting.gate.require_open()
        made = cutter.cut(permit, self.objections.current(), epoch, progress)
        # An order may have come while it was cut.
        self._require_running(permit.project)
        return self._record_extract(identifier, version, made, actor)

    def open_extract(self, permit_id: str, actor: Actor, extract: str = "") -> Sources:
        """What a member of the project may read, for an engine; each opening is an event.

        Without the name of an `extract` it is the newest one; one under former pseudonyms opens
        by its name until it expires. What is opened closes by itself when the permit ends or is
        revoked, and while the pseudonyms of the project change. Persons who objected since the
        extract was made are in the scope of what is opened: no study counts them.

        Raises:
            Refused: the actor is not named in the permit, the permit is not live, the project is
                halted (`LOG-07`), or the pseudonyms of the project are changing (rule
                `rotation-under-way`); somebody
                objected since a former extract was made (rule `OPT-03`).
            Missing: no extract was made, or none of that name.
            Unproven: the extract's manifest is not the one recorded.
        """
        identifier, _, dossier = self._of_permit(permit_id)
        permit, made = self._require_open(dossier, actor, extract)
        store = self._sealed("project", permit.project)
        guard = self._guard(identifier, actor, made.extract)
        late = LateObjections(ledger=self._ledger, keys=self._keys, registry=self.objections)
        epoch = self._lake.rewriting.gate.state().epoch
        objecting = partial(late.of, permit, made, epoch=epoch, actor=actor)
        sources = open_sources(store, permit, made, guard, objecting)
        self._record_opening(identifier, actor, made.extract)
        return sources

    def _require_open(
        self, dossier: Dossier, actor: Actor, extract: str
    ) -> tuple[DataPermit, ExtractMade]:
        if dossier.permit is not None:
            rules.require_member(dossier.permit, actor)
        permit = rules.require_live(dossier, self._clock.now())
        self._require_running(permit.project)
        if dossier.extract is None:
            raise Missing(
                f"No extract was made for the permit `{permit.id}`.",
                remedy=f"The operator runs `bercail access extract {permit.id}`.",
            )
        rules.require_settled(dossier)
        return permit, rules.require_extract(dossier, extract)

    def _guard(self, identifier: str, actor: Actor, extract: str) -> Callable[[], None]:
        """Asks for the permit again, at most once in `NOTICE`."""
        asked = self._clock.now()

        def guard() -> None:
            nonlocal asked
            now = self._clock.now()
            if abs(now - asked) >= NOTICE:
                _, dossier = self._load(identifier)
                self._require_open(dossier, actor, extract)
                asked = now

        return guard

    def _record_extract(
        self, identifier: str, version: int, made: ExtractMade, actor: Actor
    ) -> ExtractMade:
        """Record `made` unless the dossier moved while it was cut: then what holds now holds."""
        try:
            self._ledger.append(_stream(identifier), version, [made], actor)
        except Refused as refusal:
            if refusal.rule != "journal-conflict":
                raise
            _, dossier = self._load(identifier)
            rules.require_live(dossier, self._clock.now())
            if dossier.extract is None:
                raise
            return dossier.extract
        return made

    def _require_running(self, project: str) -> None:
        """Raise `Refused` while an order in the ledger halts the project (OPR-20, LOG-07)."""
        if HaltBook(ledger=self._ledger).is_halted(project):
            raise Refused(
                f"The project `{project}` is halted.",
                remedy="See the orders with `bercail ledger halt list`.",
                rule="LOG-07",
            )

    def _record_opening(self, identifier: str, actor: Actor, extract: str) -> None:
        for turn in range(1, TURNS + 1):
            version, dossier = self._load(identifier)
            _, made = self._require_open(dossier, actor, extract)
            opened = ExtractOpened(extract=made.extract, member=actor.id)
            try:
                self._ledger.append(_stream(identifier), version, [opened], actor)
                return
            except Refused as refusal:
                if refusal.rule != "journal-conflict" or turn == TURNS:
                    raise

    def _take_name(self, application: AccessApplication, actor: Actor) -> None:
        stream = f"project/{application.project}"
        version, events = self._ledger.load(stream, PROJECT_EVENTS)
        if version == 0:
            named = ProjectNamed(project=application.project, applicant=application.applicant)
            self._ledger.append(stream, 0, [named], actor)
        elif events[0].applicant != application.applicant:
            raise Refused(
                f"The project name `{application.project}` is taken.",
                remedy="Choose another: a project's pseudonyms go with its name.",
                rule="PSE-02",
            )

    def _load(self, identifier: str) -> tuple[int, Dossier]:
        version, events = self._ledger.load(_stream(identifier), APPLICATION_EVENTS)
        if version == 0:
            raise Missing(
                f"There is no application `{identifier}`.", remedy="Check the identifier."
            )
        return version, rules.fold(events)

    def _of_permit(self, permit_id: str) -> tuple[str, int, Dossier]:
        """The application that led to the permit: one leads to one permit at most."""
        identifier = _APPLICATION + permit_id.removeprefix(_PERMIT)
        version, events = self._ledger.load(_stream(identifier), APPLICATION_EVENTS)
        dossier = rules.fold(events)
        if dossier.permit is None or dossier.permit.id != permit_id:
            raise _no_permit(permit_id)
        return identifier, version, dossier


def _stream(identifier: str) -> str:
    return f"application/{identifier}"


def _no_permit(permit_id: str) -> Missing:
    return Missing(
        f"There is no permit `{permit_id}`.", remedy="Take it from `bercail access show`."
    )
