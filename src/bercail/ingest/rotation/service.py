"""The desk of the rotation: plan, apply (to be run again after a kill), expire."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import pyarrow as pa
from attrs import asdict

from bercail.catalogue import PseudonymColumn, Registry
from bercail.foundation import Actor, canonical_json, sha256_hex
from bercail.ingest.rotation import rules
from bercail.ingest.rotation.events import (
    COLUMN_EVENTS,
    ROTATION_EVENTS,
    ColumnDeclared,
    ColumnExcluded,
    ObjectionsCarried,
    ProjectsCarried,
    ProjectTablesExpired,
    ProjectTurned,
    RotationBegun,
    RotationProven,
    SnapshotsExpired,
    TableTurned,
)
from bercail.ingest.rotation.plan import RotationPlan, TablePlan, TakenColumn
from bercail.ingest.rotation.projects import ProgressReport, TurnsProjects
from bercail.ingest.rotation.proving import Proof, Turned, prove
from bercail.ingest.rotation.rules import Rotation
from bercail.ingest.rotation.survey import Survey
from bercail.lake import Lake, SealedStore, pseudonym_chain
from bercail.lake.identities import Turn, turn_identities
from bercail.lake.pseudonym_search import Kind
from bercail.ledger import Ledger
from bercail.ledger.vault_book import VaultBook
from bercail.vault import Keyring, signer
from bercail.vault.dsse import envelope

STREAM, COLUMNS = "rotation/level-2", "rotation/columns"
REPORT_TYPE = "application/vnd.bercail.rotation-report+json"
SIGNER = "rotation"


class CarriesObjections(Protocol):
    """The registry of objections: lists of platform pseudonyms kept by another room."""

    def carry(self, rotation: str, epoch: int, actor: Actor) -> tuple[int, int]:
        """Replace the list by the pseudonyms of `epoch`, once; entries before and after."""
        ...

    def expire(self, rotation: str) -> None:
        """Remove the lists from before `rotation`; again, nothing happens."""
        ...


class RotationService:
    """Changes the level-2 secret: `plan`, then `apply`, then, when it is proven, `expire`."""

    def __init__(
        self,
        lake: Lake,
        keys: Keyring,
        registry: Registry,
        ledger: Ledger,
        objections: CarriesObjections,
        projects: TurnsProjects,
        reports: SealedStore,
    ) -> None:
        self._lake = lake
        self._keys = keys
        self._ledger = ledger
        self._book = VaultBook(ledger=ledger)
        self._objections = objections
        self._projects = projects
        self._reports = reports
        self._survey = Survey(lake, registry)

    def judge(
        self, table: str, column: str, actor: Actor, *, kind: str = "", reason: str = ""
    ) -> None:
        """An access officer declares a column (`kind`), or excludes it (`reason`).

        Raises:
            Refused: the actor is no access officer.
            Invalid: neither or both are given, or the kind is unknown.
        """
        rules.require_officer(actor, table, column)
        known = rules.require_judgement(kind, reason)
        event = (
            ColumnDeclared(table=table, column=column, kind=known)
            if known
            else ColumnExcluded(table=table, column=column, reason=reason)
        )
        version, _ = self._ledger.load(COLUMNS, COLUMN_EVENTS)
        self._ledger.append(COLUMNS, version, [event], actor)

    def plan(self) -> RotationPlan:
        """What a rotation would do now; reads every text column of the lake and of projects.

        It changes nothing and takes no secret.
        """
        state = self._lake.rewriting.gate.state()
        target = state.target or state.epoch + 1
        projects = self._projects.plan()
        return self._survey.plan(
            f"rotation-{target}", state.epoch, target, self._verdicts(), projects
        )

    def status(self) -> dict[str, Any]:
        """The epoch of the lake, and where the last rotation stands."""
        gate, (_, last) = self._lake.rewriting.gate.state(), self._load()
        return {
            "epoch": gate.epoch,
            "rotation": last.name or None,
            "under_way": gate.rotation is not None or last.under_way,
            "turned": len(last.turned),
            "report_sha256": last.proven.report_sha256 if last.proven else None,
        }

    def projects(self) -> tuple[ProjectTurned, ...]:
        """What the last rotation did to the tables of each project."""
        _, state = self._load()
        return state.projects.projects if state.projects else ()

    def apply(
        self, actor: Actor, *, reason: str = "", progress: ProgressReport | None = None
    ) -> RotationProven:
        """Rotate, or take an interrupted rotation further; numbered as in the format's page.

        Raises:
            Refused: the actor is no operator, a column is in doubt, a project is changing, or
                names persons whom the lake does not have.
            Missing: the lake is empty.
            Unproven: something was missed; the lake stays shut.
        """
        rules.require_operator(actor)
        _, state = self._load()
        gate = self._lake.rewriting.gate
        if not state.under_way and gate.state().rotation is None:
            state = self._begin(actor, reason)  # 1
        if state.under_way:
            gate.begin(state.name, state.to_epoch)
            pseudonym_chain.begin_epoch(self._keys, state.to_epoch)  # 2
            self._turn_tables(state, actor, progress)  # 3
            self._carry(state, actor)  # 4
            self._turn_projects(state, actor, progress)  # 5
            state = self._prove(state, actor)  # 6
        gate.finish(state.name)
        return rules.require_proven(state)

    def expire(self, actor: Actor) -> tuple[SnapshotsExpired | ProjectTablesExpired, ...]:
        """Remove from the host what is older than the last rotation, which must be proven.

        Snapshots of the lake, then extracts under former pseudonyms, also those of a renewal.

        Raises:
            Refused: the actor is no operator, or no rotation is proven.
        """
        rules.require_operator(actor)
        _, state = self._load()
        rules.require_proven(state)
        expired: list[SnapshotsExpired | ProjectTablesExpired] = []
        for table in sorted(state.turned):
            snapshots, files = self._lake.rewriting.expire(table, state.name)
            event = SnapshotsExpired(
                rotation=state.name, table=table, snapshots=snapshots, files=files
            )
            if files:
                self._record(event, actor)
            expired.append(event)
        self._objections.expire(state.name)
        for one in self._projects.expire(actor):
            left = ProjectTablesExpired(
                rotation=state.name, project=one.project, extracts=one.extracts, files=one.files
            )
            self._record(left, actor)
            expired.append(left)
        return tuple(expired)

    def _begin(self, actor: Actor, reason: str) -> Rotation:
        plan = self.plan()
        rules.require_beginnable(plan)
        identities = partial(self._survey.identities, plan.rotation, self._verdicts())
        self._projects.require_turnable(plan.rotation, identities, actor)
        begun = RotationBegun(
            rotation=plan.rotation,
            from_epoch=plan.from_epoch,
            to_epoch=plan.to_epoch,
            reason=reason,
            plan_sha256=plan.digest(),
            tables=len(plan.tables),
        )
        version, _ = self._load()
        self._ledger.append(STREAM, version, [begun], actor)
        return self._load()[1]

    def _turn_tables(self, state: Rotation, actor: Actor, progress: ProgressReport | None) -> None:
        plan = self._survey.tables(self._verdicts())
        for done, table in enumerate(plan):
            if progress:
                progress("tables", done, len(plan))
            if table.table not in state.turned:
                self._turn_table(state, table, actor)
        if progress:
            progress("tables", len(plan), len(plan))

    def _turn_table(self, state: Rotation, table: TablePlan, actor: Actor) -> None:
        transform = None
        if table.columns:
            turn = self._used(state, table.table, actor)
            transform = partial(_turned, columns=_columns(table.columns), turn=turn)
        made = self._lake.rewriting.rewrite(
            table.table, transform, name=state.name, reason="rotation", epoch=state.to_epoch
        )
        event = TableTurned(
            rotation=state.name,
            table=table.table,
            snapshot=made.snapshot,
            statement_sha256=made.digest(),
            rows=made.rows,
            columns=tuple(column.name for column in table.columns),
        )
        self._record(event, actor)

    def _carry(self, state: Rotation, actor: Actor) -> None:
        if state.carried is None:
            self._used(state, "objections", actor)
            before, after = self._objections.carry(state.name, state.to_epoch, actor)
            event = ObjectionsCarried(rotation=state.name, before=before, after=after)
            self._record(event, actor)

    def _turn_projects(
        self, state: Rotation, actor: Actor, progress: ProgressReport | None
    ) -> None:
        if state.projects is not None:
            return
        turned = self._projects.turn(
            state.name,
            state.to_epoch,
            partial(self._survey.identities, state.name, self._verdicts()),
            lambda project: self._used(state, f"project {project}", actor),
            actor,
            progress,
        )
        projects = tuple(
            ProjectTurned(
                project=one.project,
                extracts=one.extracts,
                tables=one.tables,
                rows=one.rows,
                columns=one.columns,
                persons=one.persons,
                report_sha256=one.report_sha256,
            )
            for one in turned
        )
        self._record(ProjectsCarried(rotation=state.name, projects=projects), actor)

    def _prove(self, state: Rotation, actor: Actor) -> Rotation:
        """The proof over every table that the lake has, its report, and the event."""
        verdicts = self._verdicts()
        tables = [
            Turned(before=found[0], after=found[1], columns=table.columns)
            for table in self._survey.tables(verdicts)
            if (found := self._survey.require_rewrite(table.table, state.name))
        ]
        turn = self._used(state, "proof", actor)
        proof = prove(self._lake, tables, turn, verdicts.excluded)
        excluded = [f"{table}.{column}" for table, column in sorted(verdicts.excluded)]
        report = _report(self._load()[1], proof, excluded)
        signed = canonical_json(envelope(REPORT_TYPE, report, [signer(self._keys, SIGNER)]))
        self._reports.put(f"{state.name}.json", signed)
        event = RotationProven(
            rotation=state.name,
            epoch=state.to_epoch,
            report_sha256=sha256_hex(report),
            tables=len(proof.tables),
            columns=sum(len(table.columns) for table in proof.tables),
            persons=proof.persons,
        )
        self._record(event, actor)
        return self._load()[1]

    def _used(self, state: Rotation, on: str, actor: Actor) -> Turn:
        """The function of the new epoch over the old pseudonyms; taking it is an event.

        The old secret is not needed: the new one turns what the old one made.
        """
        used = pseudonym_chain.use_of(state.to_epoch, state.name, on, None)
        self._book.record_use(used, actor)
        return pseudonym_chain.step(self._keys, state.to_epoch)

    def _record(self, event: Any, actor: Actor) -> None:
        version, _ = self._load()
        self._ledger.append(STREAM, version, [event], actor)

    def _load(self) -> tuple[int, Rotation]:
        version, events = self._ledger.load(STREAM, ROTATION_EVENTS)
        return version, rules.fold(events)

    def _verdicts(self) -> rules.Verdicts:
        return column_verdicts(self._ledger)


def column_verdicts(ledger: Ledger) -> rules.Verdicts:
    """What access officers said of columns, of the lake and of projects."""
    return rules.fold_columns(ledger.load(COLUMNS, COLUMN_EVENTS)[1])


def _columns(taken: tuple[TakenColumn, ...]) -> tuple[tuple[str, Kind], ...]:
    return tuple((column.name, column.kind) for column in taken)


def _turned(
    batch: pa.RecordBatch, *, columns: tuple[tuple[str, Kind], ...], turn: Turn
) -> pa.RecordBatch:
    """The batch under new pseudonyms; a part may lack columns that its table has."""
    here = [
        PseudonymColumn(name=name, kind=kind)
        for name, kind in columns
        if name in batch.schema.names
    ]
    return turn_identities(batch, here, turn)


def _report(state: Rotation, proof: Proof, excluded: list[str]) -> bytes:
    return canonical_json(
        {
            **proof.as_dict(),
            "format": "bercail-rotation-report/2",
            "rotation": state.name,
            "from_epoch": state.to_epoch - 1,
            "to_epoch": state.to_epoch,
            "excluded": excluded,
            "objections": asdict(state.carried) if state.carried else None,
            "projects": [asdict(one) for one in state.projects.projects] if state.projects else [],
        }
    )
