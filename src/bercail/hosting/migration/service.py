"""The desk of a migration: survey, plan, copy, prove, cut over, roll back; in this order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from attrs import evolve

from bercail.foundation import Actor, Clock, to_iso
from bercail.hosting.events import CopyFinished, ProofMade
from bercail.hosting.migration import rules
from bercail.hosting.migration.bandwidth import Bandwidth
from bercail.hosting.migration.bandwidth_schedule import ScheduleFile
from bercail.hosting.migration.baseline import SinceCutOver
from bercail.hosting.migration.copy_desk import copy_pending
from bercail.hosting.migration.copy_run import CopyReport, Progress
from bercail.hosting.migration.dual_run import Depth, DualRun, DualRunReport
from bercail.hosting.migration.dual_run.desk import SAMPLE
from bercail.hosting.migration.entry import Entry, ObjectState
from bercail.hosting.migration.freeze import Freeze
from bercail.hosting.migration.ground import Ground
from bercail.hosting.migration.plan import Plan
from bercail.hosting.migration.planning import PlanDesk
from bercail.hosting.migration.proof_desk import ProofDesk
from bercail.hosting.migration.proving import Basis, Proof
from bercail.hosting.migration.record import MigrationRecord
from bercail.hosting.migration.rules import Act
from bercail.hosting.migration.sighting import Versions
from bercail.hosting.migration.speed import keep_rate
from bercail.hosting.migration.state import MigrationState, Phase, Side
from bercail.hosting.migration.status import MigrationStatus, Survey, status_of
from bercail.hosting.migration.switching import Switch
from bercail.hosting.migration.worktable import WorkTable
from bercail.lake import SealedFolder, SealedStore
from bercail.ledger import Ledger
from bercail.storage import CheckedSource, ObjectStore
from bercail.vault import Keyring

THREADS = 4


class MigrationService:
    """Moves every object of `source`, sealed, to `target`; the source is only ever read.

    `home` is the store under `target`; `work` a folder of the trust side that
    this migration owns. Every step may be killed at any instruction and run
    again. A step asked for out of order is `Refused` with the step to do first.
    `admit` raises `Refused` when the host may not hold these data (HOST-01); it is asked
    before every copy and before the cut-over. `freeze` is how a cut-over asserts that the
    source is read-only, unless it is told another way.
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
        freeze: Freeze | None = None,
    ) -> None:
        self._name = name
        self._target = target
        self._actor = actor
        self._admit = admit
        self._threads = threads
        self._sleep = sleep
        self._freeze = freeze
        self._record = MigrationRecord(name, ledger)
        self.ground = Ground(
            name=name,
            source=CheckedSource(source),
            target=target,
            home=home,
            work=work,
            record=self._record,
            keys=keys,
            clock=clock,
            actor=actor,
        )
        self._plans = PlanDesk(ground=self.ground, admit=admit, threads=threads)
        self._proofs = _proof_desk(self.ground)

    def survey(
        self,
        progress: Progress | None = None,
        *,
        versions: Versions | None = None,
        details: bool | None = None,
        twice: bool = False,
    ) -> Survey:
        """List the source whole and note what is new, changed or gone since the last time.

        `versions` says whether former versions and snapshots are carried, `details` whether
        every object is asked about; where None, as the last survey did. `twice` lists a
        second time, with other pages, and counts what the two do not agree on.
        """
        return self._plans.survey(progress, versions=versions, details=details, twice=twice)

    def plan(
        self, *, tariff: Path | None = None, measure: bool = False, classes: Path | None = None
    ) -> Plan:
        """Look at the target, compute what copying will do, and keep it.

        With `tariff`, a price list, the plan states a cost; with `measure`, it reads a
        sample of the source and writes made-up bytes to the target for a speed, and otherwise
        takes that of the last run. `classes`, a file, says in which storage class of the
        target an object stands, by its tier on the source; later plans keep to it.

        Raises:
            Invalid: the tariff or the file of classes is not one.
            Refused: the target does not keep a small object in such a class.
        """
        return self._plans.plan(tariff=tariff, measured=measure, classes=classes)

    def copy(
        self,
        progress: Progress | None = None,
        *,
        bandwidth: Bandwidth | ScheduleFile | None = None,
    ) -> CopyReport:
        """Carry what is pending; run again after an interruption, it goes on where it stopped.

        `bandwidth` limits it by day and by night, or hour by hour as a file says.

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
            began, started = self._now(), time.monotonic()
            report = copy_pending(
                table,
                self.ground,
                threads=self._threads,
                sleep=self._sleep,
                progress=progress,
                bandwidth=bandwidth,
            )
            seconds = time.monotonic() - started
            idle = not waiting and not interrupted and state.phase in (Phase.COPIED, Phase.PROVEN)
            with table:
                table.set_note("copying", 0)
                keep_rate(table, report.copied, seconds)
                if not idle:
                    self._record.post(table, _copy_finished(state, report, began))
            self._record.settle(table, self._actor)
            return report

    def prove(self, basis: Basis = Basis.REREAD, progress: Progress | None = None) -> Proof:
        """Read every object again on the target, and on the source; sign what was found.

        Raises:
            Unproven: objects do not agree; each is named, and a next `copy` carries it again.
        """
        with self._step(Act.PROVE) as (table, state):
            began = self._now()
            event, outcome = self._proofs.prove(
                table, state, basis, threads=self._threads, progress=progress
            )
            if isinstance(event, ProofMade):
                event = evolve(event, began=began)
            with table:
                self._record.post(table, event)
            self._record.settle(table, self._actor)
            if isinstance(outcome, Proof):
                return outcome
            raise outcome

    def dual_run(
        self,
        *,
        rounds: int = 10,
        quiet_rounds: int = 2,
        pause: float = 0.0,
        depth: Depth = Depth.SAMPLE,
        sample: int = SAMPLE,
        progress: Progress | None = None,
    ) -> DualRunReport:
        """Carry deltas until the source is quiet, then compare both sides; see `DualRun.run`."""
        desk = DualRun(
            ground=self.ground, carry=self._carry, threads=self._threads, sleep=self._sleep
        )
        return desk.run(
            rounds=rounds,
            quiet_rounds=quiet_rounds,
            pause=pause,
            depth=depth,
            sample=sample,
            progress=progress,
        )

    def cut_over(
        self,
        actor: Actor | None = None,
        *,
        freeze: Freeze | None = None,
        accept_left_behind: bool = False,
        basis: Basis = Basis.REREAD,
        progress: Progress | None = None,
    ) -> MigrationStatus:
        """Freeze, carry the last delta, prove it, and make the target canonical; see `Switch`.

        Raises:
            Refused: no proof to begin with, no freeze, or a side that is not as it was proved.
        """
        actor = actor or self._actor
        self._admit()
        switch = self._switch(lambda: self.prove(basis, progress))
        freeze = rules.require_freeze(freeze or self._freeze)
        switch.cut_over(actor, freeze, accept_left_behind=accept_left_behind)
        return self.status()

    def roll_back(self, actor: Actor | None = None, *, reason: str) -> SinceCutOver:
        """Make the source canonical again; possible until its erasure begins. See `Switch`."""
        return self._switch(self.prove).roll_back(actor or self._actor, reason)

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

    def _now(self) -> str:
        return to_iso(self.ground.clock.now())

    def _carry(self) -> None:
        self.survey()
        self.plan()
        self.copy()

    def _switch(self, prove: Callable[[], object]) -> Switch:
        return Switch(ground=self.ground, carry=self._carry, prove=prove)

    def _step(
        self, act: Act, actor: Actor | None = None
    ) -> AbstractContextManager[tuple[WorkTable, MigrationState]]:
        return self.ground.step(act, actor)

    def _table(self) -> AbstractContextManager[WorkTable]:
        return self.ground.table()

    def _look_at_target(self, table: WorkTable) -> int:
        return self.ground.look_at_target(table)

    def _opaque(self, entry: Entry) -> str:
        return self.ground.opaque(entry)

    def _listing(self, progress: Progress | None) -> Iterator[Entry]:
        return self.ground.listing(progress)


def _proof_desk(ground: Ground) -> ProofDesk:
    return ProofDesk(
        name=ground.name,
        source=ground.source,
        target=ground.target,
        home=ground.home,
        folder=ground.work / "proofs",
        keys=ground.keys,
        clock=ground.clock,
    )


def _copy_finished(state: MigrationState, report: CopyReport, began: str) -> CopyFinished:
    return CopyFinished(
        run=state.runs + 1,
        plan=state.plan.digest if state.plan else "",
        copied=report.copied.objects,
        copied_bytes=report.copied.bytes,
        carried=report.carried.objects,
        carried_bytes=report.carried.bytes,
        failed=len(report.failed),
        began=began,
    )
