"""The desk of a migration: survey, plan, copy, prove, cut over, roll back; in this order."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bercail.foundation import Actor, Clock, Refused
from bercail.hosting.events import CopyFinished, PlanMade, SurveyTaken
from bercail.hosting.migration import rules
from bercail.hosting.migration.copy_run import CopyReport, Progress, run_copy
from bercail.hosting.migration.copying import Carrier
from bercail.hosting.migration.entry import Entry, ObjectState, entry_of
from bercail.hosting.migration.plan import Plan, make_plan
from bercail.hosting.migration.pool import Gauge
from bercail.hosting.migration.proof_desk import ProofDesk
from bercail.hosting.migration.proving import Basis, Proof
from bercail.hosting.migration.record import MigrationRecord
from bercail.hosting.migration.rules import Act, Readiness
from bercail.hosting.migration.state import MigrationState, Phase, Side
from bercail.hosting.migration.status import MigrationStatus, Survey, status_of
from bercail.hosting.migration.worktable import WorkTable
from bercail.lake import SealedFolder, SealedStore
from bercail.ledger import Ledger
from bercail.storage import ObjectStore, ReadOnly
from bercail.vault import Keyring

THREADS = 4


class MigrationService:
    """Moves every object of `source`, sealed, to `target`; the source is only ever read.

    `home` is the store under `target`; `work` a folder of the trust side that
    this migration owns. Every step may be killed at any instruction and run
    again. A step asked for out of order is `Refused` with the step to do first.
    `admit` raises `Refused` when the host may not hold these data (HOST-01); it is asked
    before every copy and before the cut-over.
    `progress` is called with a label, bytes (objects for the survey) done, and
    their total (0 when unknown), from the calling thread.
    """

    def __init__(
        self,
        *,
        name: str,
        source: ObjectStore,
        target: SealedStore,
        home: ObjectStore,
        work: Path,
        ledger: Ledger,
        keys: Keyring,
        clock: Clock,
        actor: Actor,
        admit: Callable[[], object],
        threads: int = THREADS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._name = name
        self._source: ObjectStore = ReadOnly(source)
        self._target = target
        self._home = home
        self._work = work
        self._actor = actor
        self._admit = admit
        self._threads = threads
        self._sleep = sleep
        self._record = MigrationRecord(name, ledger)
        self._proofs = ProofDesk(
            name=name,
            source=self._source,
            target=target,
            home=home,
            folder=work / "proofs",
            keys=keys,
            clock=clock,
        )

    def survey(self, progress: Progress | None = None) -> Survey:
        """List the source whole and note what is new, changed or gone since the last time."""
        with self._step(Act.SURVEY) as (table, state):
            number = state.surveys + 1
            with table:
                seen = ((e, self._opaque(e)) for e in self._listing(progress))
                delta = table.objects.survey(number, seen)
                tallies = table.objects.tallies()
                survey = Survey.of(number, delta, tallies)
                event = SurveyTaken(
                    survey=number,
                    objects=survey.objects,
                    bytes=survey.bytes,
                    new=delta.new,
                    changed=delta.changed,
                    gone=delta.gone,
                )
                self._record.post(table, event)
            self._record.settle(table, self._actor)
            if progress is not None:
                progress("survey", survey.objects, survey.objects)
            return survey

    def plan(self) -> Plan:
        """Look at the target, compute what copying will do, and keep it."""
        with self._step(Act.PLAN) as (table, state):
            with table:
                table.objects.retry_failed()
                self._look_at_target(table)
                live = (ObjectState.PENDING, ObjectState.CARRIED, ObjectState.NOT_CARRIED)
                plan = make_plan(state.plans + 1, state.surveys, table.objects.rows(*live))
                event = PlanMade(
                    plan=plan.number,
                    survey=plan.survey,
                    digest=plan.digest,
                    to_copy=plan.to_copy.objects,
                    to_copy_bytes=plan.to_copy.bytes,
                    not_carried=sum(plan.left_behind.values()),
                )
                self._record.post(table, event)
            self._record.settle(table, self._actor)
            return plan

    def copy(self, progress: Progress | None = None) -> CopyReport:
        """Carry what is pending; run again after an interruption, it goes on where it stopped.

        Raises:
            Unavailable: a host does not answer; what finished is kept.
        """
        self._admit()
        with self._step(Act.COPY) as (table, state):
            with table:
                table.objects.retry_failed()
                if interrupted := table.note("copying", 0):
                    self._look_at_target(table)
                table.set_note("copying", 1)
            waiting = table.objects.tallies()[ObjectState.PENDING].objects
            gauge = Gauge()
            carrier = Carrier(
                source=self._source,
                target=self._target,
                home=self._home,
                gauge=gauge,
                sleep=self._sleep,
            )
            report = run_copy(table, carrier, gauge, threads=self._threads, progress=progress)
            idle = not waiting and not interrupted and state.phase in (Phase.COPIED, Phase.PROVEN)
            with table:
                table.set_note("copying", 0)
                if not idle:
                    self._record.post(table, _copy_finished(state, report))
            self._record.settle(table, self._actor)
            return report

    def prove(self, basis: Basis = Basis.REREAD, progress: Progress | None = None) -> Proof:
        """Read every object again on the target, and on the source; sign what was found.

        Raises:
            Unproven: objects do not agree; each is named, and a next `copy` carries it again.
        """
        with self._step(Act.PROVE) as (table, state):
            event, outcome = self._proofs.prove(
                table, state, basis, threads=self._threads, progress=progress
            )
            with table:
                self._record.post(table, event)
            self._record.settle(table, self._actor)
            if isinstance(outcome, Proof):
                return outcome
            raise outcome

    def cut_over(
        self, actor: Actor | None = None, *, accept_left_behind: bool = False
    ) -> MigrationStatus:
        """Make the target canonical, after a last look at both sides; one event, one switch."""
        actor = actor or self._actor
        self._admit()
        with self._step(Act.CUT_OVER, actor) as (table, _):
            with table:
                absent = self._look_at_target(table)
                delta = table.objects.compare(self._listing(None))
            tallies = table.objects.tallies()
            ready = Readiness(
                delta=delta,
                pending=tallies[ObjectState.PENDING].objects + tallies[ObjectState.FAILED].objects,
                left_behind=tallies[ObjectState.NOT_CARRIED].objects,
                absent=absent,
            )
            version, state = self._record.state()
            event = rules.decide_cut_over(
                state, actor, ready, accept_left_behind=accept_left_behind
            )
            self._record.append(version, event, actor)
        return self.status()

    def roll_back(self, actor: Actor | None = None, *, reason: str) -> MigrationStatus:
        """Make the source canonical again; possible until it is erased."""
        actor = actor or self._actor
        with self._step(Act.ROLL_BACK, actor):
            version, state = self._record.state()
            event = rules.decide_roll_back(state, actor, reason)
            self._record.append(version, event, actor)
        return self.status()

    def status(self) -> MigrationStatus:
        """Where the migration stands; reads only, also while another process copies."""
        _, state = self._record.state()
        with self._table() as table:
            return status_of(self._name, state, table)

    def canonical(self) -> Side:
        """Which side holds the truth now."""
        return self._record.state()[1].canonical

    def landed(self) -> SealedFolder:
        """Everything that was carried, as one folder of sealed objects.

        Raises:
            Refused: the target is not canonical yet (rule `migration-one-canonical`).
        """
        rules.require_canonical_target(self._record.state()[1])
        with self._table() as table:
            carried = table.objects.rows(ObjectState.CARRIED)
            versions = {row.entry.name: row.entry.binding_version for row in carried}
        return SealedFolder(self._target, versions)

    @contextmanager
    def _step(
        self, act: Act, actor: Actor | None = None
    ) -> Iterator[tuple[WorkTable, MigrationState]]:
        """The work table, alone with it, with every earlier event recorded and `act` allowed."""
        with _alone(self._work, self._name), self._table() as table:
            state = self._record.settle(table, self._actor)
            rules.require_may(act, state, actor or self._actor)
            yield table, state

    @contextmanager
    def _table(self) -> Iterator[WorkTable]:
        table = WorkTable(self._work / "state.sqlite")
        try:
            yield table
        finally:
            table.close()

    def _look_at_target(self, table: WorkTable) -> int:
        return table.objects.look_at_target((info.name, info.size) for info in self._home.list())

    def _opaque(self, entry: Entry) -> str:
        return self._target.opaque_name(entry.name, entry.binding_version)

    def _listing(self, progress: Progress | None) -> Iterator[Entry]:
        for count, info in enumerate(self._source.list(), start=1):
            if progress is not None and count % 500 == 0:
                progress("survey", count, 0)
            yield entry_of(info)


@contextmanager
def _alone(work: Path, name: str) -> Iterator[None]:
    """Hold the migration's lock, which the system lets go of when the process dies."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"Another process is working on the migration `{name}`.",
                remedy="Wait for it to end; `bercail migrate status` shows how far it is.",
                rule="migration-alone",
            ) from None
        yield


def _copy_finished(state: MigrationState, report: CopyReport) -> CopyFinished:
    return CopyFinished(
        run=state.runs + 1,
        plan=state.plan.digest if state.plan else "",
        copied=report.copied.objects,
        copied_bytes=report.copied.bytes,
        carried=report.carried.objects,
        carried_bytes=report.carried.bytes,
        failed=len(report.failed),
    )
