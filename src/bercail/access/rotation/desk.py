"""The desk of project pseudonyms: a rotation of the platform's secret, or of one project's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from attrs import frozen

from bercail.access.events import FormerExtractsExpired
from bercail.access.project_secrets import secret_epochs, secret_scope
from bercail.access.rotation.columns import PlannedTable
from bercail.access.rotation.events import (
    PROJECT_SECRET_EVENTS,
    ProjectSecretRenewed,
    ProjectTablesProven,
)
from bercail.access.rotation.identities import lake_identities
from bercail.access.rotation.rules import require_judged, under_way
from bercail.access.rotation.shelves import delete_extract
from bercail.access.rotation.turning import Change, Identities, ProjectDesk, ProjectTurn
from bercail.access.rules import Dossier
from bercail.foundation import Actor, Missing, Refused, Role
from bercail.lake import Lake
from bercail.lake.identities import Texts, Turn
from bercail.vault import DestructionCertificate, Purpose, pseudonyms
from bercail.vault.events import SecretUsed

ProgressReport = Callable[[str, int, int], None]
# From the platform's former pseudonyms to its new ones, told as used for one project.
StepFor = Callable[[str], Turn]


@frozen(kw_only=True)
class TurnedProject:
    """A project whose tables stand under new pseudonyms; `extracts` counts the rewritten ones."""

    project: str
    extracts: int
    tables: int
    rows: int
    columns: int
    persons: int
    report_sha256: str


@frozen(kw_only=True)
class ExpiredTables:
    """What a project had under former pseudonyms and has no more."""

    project: str
    extracts: int
    files: int


@frozen(kw_only=True)
class RenewedProject:
    """A project whose pseudonyms come from a new secret; the former ones are destroyed."""

    turned: TurnedProject
    certificate: DestructionCertificate


class ProjectTables:
    """Every sealed table of every project, when pseudonyms change.

    `lake` is asked for its persons, and not opened for who may not have them.
    """

    def __init__(self, desk: ProjectDesk, lake: Callable[[], Lake]) -> None:
        self._desk = desk
        self._lake = lake

    def require_settled(self, project: str) -> None:
        """`Refused` while the tables of `project` are changing (rule `rotation-under-way`)."""
        state = self._turn(project).state()
        if state.under_way:
            raise under_way(project, state.turn)

    def plan(self) -> tuple[PlannedTable, ...]:
        """Every table of a project with a living permit; takes no secret, changes nothing."""
        return tuple(
            table
            for project in self._desk.dossiers.projects()
            for table in self._turn(project).plan(self._turn(project).extracts())
        )

    def require_turnable(self, rotation: str, identities: Identities, actor: Actor) -> None:
        """Raise unless a rotation would find every person of every project.

        `identities` goes through the platform's pseudonyms of now.

        Raises:
            Refused: a project is changing, a column is in doubt, or a table names persons whom
                the lake does not have; with the project, the table and counts.
        """
        for project in self._desk.dossiers.projects():
            self.require_settled(project)
            one = self._turn(project)
            tables = one.plan(one.extracts())
            require_judged(tables)
            if any(table.taken for table in tables):
                change = self._rotated(project, f"{rotation} check", 0, _same)
                one.require_turnable(tables, change, identities, actor)

    def turn(
        self,
        rotation: str,
        epoch: int,
        identities: Identities,
        step: StepFor,
        actor: Actor,
        progress: ProgressReport | None = None,
    ) -> tuple[TurnedProject, ...]:
        """Write the tables of every project under the pseudonyms of `epoch`, and prove it.

        `identities` goes through those of the epoch before, and `step` leads from them on. Again
        for the same `rotation`, only what is not done is done.

        Raises:
            Refused: as `require_turnable`, if something came in between.
            Unproven: something was missed; the tables of that project stay shut.
        """
        made = []
        projects = self._desk.dossiers.projects(rotation)
        for done, project in enumerate(projects):
            _tell(progress, done, len(projects))
            one = self._turn(project)
            if not one.has_proven(rotation) and one.has_tables():
                change = self._rotated(project, rotation, epoch, step(project))
            else:
                change = _idle(rotation, epoch)
            proven = one.run(change, identities, actor)
            made.append(_turned(project, proven))
        _tell(progress, len(projects), len(projects))
        return tuple(made)

    def expire(self, actor: Actor, project: str = "") -> tuple[ExpiredTables, ...]:
        """Remove from the host what stands under former pseudonyms, of one project or of all.

        Raises:
            Refused: the actor is no operator, or a project is changing.
        """
        _require_operator(actor)
        found: dict[str, list[int]] = {}
        for identifier, dossier in self._desk.dossiers.all().items():
            owner = dossier.permit.project if dossier.permit else ""
            if owner and project in ("", owner):
                self.require_settled(owner)
                counts = found.setdefault(owner, [0, 0])
                counts[0] += len(dossier.former)
                counts[1] += self._expire(identifier, dossier, owner, actor)
        for owner, counts in found.items():
            counts[1] += self._desk.shelf.expire(owner)
        return tuple(
            ExpiredTables(project=owner, extracts=counts[0], files=counts[1])
            for owner, counts in sorted(found.items())
            if any(counts)
        )

    def renew(self, project: str, actor: Actor, *, reason: str) -> RenewedProject:
        """Give a project a new pseudonym secret, turn its tables, destroy the former secrets.

        Every extract of the project is under the new secret at the end, so it joins with those
        cut later. A call that was killed is finished by the next one.

        Raises:
            Refused: the actor is no operator, the platform's pseudonyms are changing, or what
                `require_turnable` refuses: then nothing has changed.
            Missing: the project never had a secret.
        """
        _require_operator(actor)
        desk, scope = self._desk, secret_scope(project)
        living = secret_epochs(desk.keys, scope)
        if not living:
            raise Missing(
                f"The project `{project}` has no pseudonym secret.",
                remedy="It gets one with its first extract; there is nothing to change before.",
            )
        target = self._begin_renewal(project, living, actor, reason)
        if living[-1] < target:
            desk.keys.next_epoch("pseudonym", scope, Purpose.SECRET)
        former = [each for each in living if each < target]
        # While a rotation waits for this renewal to end, it is the epoch before.
        epoch = self._lake().rewriting.gate.state().epoch
        change = self._renewed(project, (former[-1], target), epoch, _renewal(target))
        turned = _turned(project, self._turn(project).run(change, self._identities, actor))
        for each in former:
            certificate = desk.keys.destroy("pseudonym", scope, each)
        return RenewedProject(turned=turned, certificate=certificate)

    def _begin_renewal(self, project: str, living: list[int], actor: Actor, reason: str) -> int:
        """The epoch that the renewal leads to: of the one that began, else of a new one."""
        stream = f"project-secret/{project}"
        version, events = self._desk.ledger.load(stream, PROJECT_SECRET_EVENTS)
        target = int(events[-1].epoch) if events else living[-1]
        if living != [target]:
            return target
        target += 1
        epoch = self._lake().rewriting.gate.require_open()
        self.require_settled(project)
        one = self._turn(project)
        check = self._renewed(project, (living[-1], living[-1]), epoch, f"{_renewal(target)} check")
        one.require_turnable(one.plan(one.extracts()), check, self._identities, actor)
        event = ProjectSecretRenewed(project=project, epoch=target, reason=reason)
        self._desk.ledger.append(stream, version, [event], actor)
        return target

    def _identities(self) -> Iterator[Texts]:
        return lake_identities(self._lake(), self._desk.registry)

    def _turn(self, project: str) -> ProjectTurn:
        return ProjectTurn(desk=self._desk, project=project)

    def _rotated(self, project: str, turn: str, epoch: int, step: Turn) -> Change:
        """The platform's secret changed, the project's own did not."""
        living = secret_epochs(self._desk.keys, secret_scope(project))
        if len(living) != 1:
            raise under_way(project, "renewal")
        own = self._function(project, living[0])

        def successor(values: Texts) -> Texts:
            return own(step(values))

        return Change(
            turn=turn,
            former=own,
            successor=successor,
            uses=(_use(project, living[0], turn),),
            under={"epoch": epoch, "secret": living[0]},
        )

    def _renewed(self, project: str, epochs: tuple[int, int], epoch: int, turn: str) -> Change:
        """The project's secret changed between two `epochs`, the platform's did not."""
        before, target = epochs
        return Change(
            turn=turn,
            former=self._function(project, before),
            successor=self._function(project, target),
            uses=tuple(_use(project, each, turn) for each in dict.fromkeys(epochs)),
            under={"epoch": epoch, "secret": target},
            secret=target,
        )

    def _function(self, project: str, epoch: int) -> Turn:
        secret = self._desk.keys.secret("pseudonym", secret_scope(project), epoch)
        return partial(pseudonyms.project, secret)

    def _expire(self, identifier: str, dossier: Dossier, project: str, actor: Actor) -> int:
        if not dossier.former:
            return 0
        sealed = self._desk.sealed("project", project)
        files = sum(delete_extract(sealed, one) for one in dossier.former)
        names = tuple(one.extract for one in dossier.former)

        def expired(now: Dossier) -> Iterable[Any]:
            left = {one.extract for one in now.former} & set(names)
            return (FormerExtractsExpired(extracts=names, files=files),) if left else ()

        self._desk.dossiers.record(identifier, expired, actor)
        return files


def _turned(project: str, proven: ProjectTablesProven) -> TurnedProject:
    return TurnedProject(
        project=project,
        extracts=len(proven.extracts),
        tables=proven.tables,
        rows=proven.rows,
        columns=proven.columns,
        persons=proven.persons,
        report_sha256=proven.report_sha256,
    )


def _renewal(target: int) -> str:
    """The name of the change to the project's secret of this epoch."""
    return f"renewal-{target}"


def _use(project: str, epoch: int, turn: str) -> SecretUsed:
    """How many values go through the secret is known at the end: the proof tells the persons."""
    return SecretUsed(
        kind="pseudonym",
        scope=secret_scope(project),
        epoch=epoch,
        purpose=turn,
        subject="project tables",
        identifiers=None,
    )


def _idle(turn: str, epoch: int) -> Change:
    """For a project that has nothing to turn, or nothing any more: no secret is taken."""
    return Change(turn=turn, former=_same, successor=_same, uses=(), under={"epoch": epoch})


def _same(values: Texts) -> Texts:
    return values


def _tell(progress: ProgressReport | None, done: int, total: int) -> None:
    if progress and total:
        progress("projects", done, total)


def _require_operator(actor: Actor) -> None:
    if not actor.has(Role.OPERATOR):
        raise Refused(
            f"`{actor.id}` may not change a project's pseudonyms.",
            remedy="An operator does.",
            rule="PSE-04",
        )
