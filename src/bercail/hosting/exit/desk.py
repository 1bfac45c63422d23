"""The desk of a rehearsed exit: carry a sample away, prove and open it there, tell how long."""

from __future__ import annotations

import hashlib
import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from bercail.foundation import (
    Actor,
    Invalid,
    Missing,
    Refused,
    Role,
    Unproven,
    sha256_hex,
)
from bercail.hosting.events import EXIT_EVENTS, ExitRehearsed
from bercail.hosting.exit.estimate import Batch, Estimate, extrapolate
from bercail.hosting.exit.views import Arrived, Part
from bercail.hosting.migration import MigrationService
from bercail.hosting.migration.copy_run import Progress
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.ground import Ground
from bercail.hosting.migration.object_table import WorkRow
from bercail.lake import SealedFolder, SealedStore
from bercail.ledger import Ledger, MerkleTree
from bercail.storage import ObjectInfo, ObjectStore, ReadOnly

BATCHES = 8
SAMPLE = 64


@frozen(kw_only=True)
class Rehearsal:
    """What a rehearsal showed; `event` is what the journal holds of it."""

    event: ExitRehearsed
    batches: Sequence[Batch]

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        event = self.event
        return {
            "rehearsal": event.rehearsal,
            "source": event.source,
            "target": event.target,
            "objects": event.objects,
            "bytes": event.bytes,
            "proven": event.objects,
            "opened": event.opened,
            "root": event.root,
            "seconds": round(event.milliseconds / 1000, 3),
            "all_objects": event.all_objects,
            "all_bytes": event.all_bytes,
            "estimate_seconds": event.estimate_s,
            "between_seconds": [event.low_s, event.high_s],
            "within_30_days": event.within,
            "batches": len(self.batches),
        }


@frozen(kw_only=True)
class _Away:
    """One batch that left: its service, its measure, its proof's root."""

    service: MigrationService
    batch: Batch
    root: str


@frozen(kw_only=True)
class ExitRehearsal:
    """Rehearses the exit from `home` to the empty store `away`.

    `engine` gives a migration from a store to `away`, by the name of a scope. `brought` is the
    migration that brought the house here: what it carried can be opened down to the data, with
    `landing`, its sealed store over another place. `timer` gives seconds.
    """

    home: ObjectStore
    away: ObjectStore
    engine: Callable[[ObjectStore, str], MigrationService]
    brought: Ground
    landing: Callable[[ObjectStore], SealedStore]
    ledger: Ledger
    timer: Callable[[], float] = field(default=time.monotonic)

    def rehearse(
        self,
        actor: Actor,
        *,
        sample: int = SAMPLE,
        keep: bool = False,
        progress: Progress | None = None,
    ) -> Rehearsal:
        """Leave with `sample` objects.

        1. Choose them: every object has the same chance, another sample each time.
        2. Carry and prove them in batches, with the same steps as a migration.
        3. Open there what can be opened down to the data, and compare it.
        4. Extrapolate to the whole, record it, and take the sample away again unless `keep`.

        Raises:
            Refused: not an operator, the gate is closed, or `away` is not empty.
            Invalid: a sample of fewer than two. Missing: the home holds fewer than two objects.
            Unproven: something did not arrive as it left.
        """
        self._require_ready(actor, sample)
        version, events = self.ledger.load(self._stream, EXIT_EVENTS)
        chosen, objects, size = self._chosen(sample, version)  # 1
        gone: list[_Away] = []
        for place in range(min(BATCHES, len(chosen))):  # 2
            gone.append(self._leave(chosen[place::BATCHES], f"exit-{len(events) + 1}-{place + 1}"))
            if progress is not None:
                progress("exit", place + 1, min(BATCHES, len(chosen)))
        opened = sum(self._opened(one) for one in gone)  # 3
        batches = [one.batch for one in gone]
        estimate = extrapolate(batches, objects, size)  # 4
        event = self._event(len(events) + 1, gone, estimate, opened, (objects, size))
        self.ledger.append(self._stream, version, [event], actor)
        if not keep:
            for info in list(self.away.list()):
                self.away.delete(info.name)
        return Rehearsal(event=event, batches=batches)

    @property
    def _stream(self) -> str:
        return f"exit/{self.brought.name}"

    def _require_ready(self, actor: Actor, sample: int) -> None:
        if not actor.has(Role.OPERATOR):
            raise Refused(
                f"`{actor.id}` may not rehearse the exit: it is the operator's act.",
                remedy="Let a person with the role `operator` do it.",
                rule="migration-operator",
            )
        if sample < 2:
            raise Invalid(f"A sample of `{sample}` shows no spread.", remedy="Take two or more.")
        if next(iter(self.away.list()), None) is not None:
            raise Refused(
                f"`{self.away.location}` is not empty.",
                remedy="Give an empty place: what a rehearsal leaves there is deleted.",
                rule="exit-empty-place",
            )

    def _chosen(self, sample: int, seed: int) -> tuple[list[ObjectInfo], int, int]:
        """The sample in an order of chance, and the number and bytes of all objects."""
        totals = [0, 0]

        def ranked() -> Any:
            for info in self.home.list():
                totals[0] += 1
                totals[1] += info.size
                yield sha256_hex(f"{seed} {info.name}".encode()), info.name, info

        found = [info for _, _, info in heapq.nsmallest(sample, ranked(), key=lambda one: one[:2])]
        if len(found) < 2:
            raise Missing(
                f"`{self.home.location}` holds {len(found)} objects: too few to rehearse with.",
                remedy="Bring the house home first.",
            )
        return found, totals[0], totals[1]

    def _leave(self, chosen: Sequence[ObjectInfo], scope: str) -> _Away:
        service = self.engine(Part(ReadOnly(self.home), chosen), scope)
        began = self.timer()
        for step in (service.survey, service.plan, service.copy):
            step()
        proof = service.prove()
        seconds = self.timer() - began
        if proof.carried != len(chosen):
            raise Unproven(
                f"{proof.carried} of {len(chosen)} objects of the sample left.",
                remedy="See what stayed behind, and why: survey the home as a source.",
                rule="exit-sample",
            )
        batch = Batch(
            objects=len(chosen), bytes=sum(info.size for info in chosen), seconds=max(0.0, seconds)
        )
        return _Away(service=service, batch=batch, root=proof.root)

    def _opened(self, gone: _Away) -> int:
        """How many objects of a batch were opened there down to the data; each must agree."""
        ground = gone.service.ground
        with ground.table() as table:
            rows = list(table.objects.rows(ObjectState.CARRIED))
        versions = {row.entry.name: row.entry.binding_version for row in rows}
        arrived = Arrived(SealedFolder(ground.target, versions), self.away)
        inside = self.landing(arrived)
        brought = self._brought(set(versions))
        for row in brought.values():
            digest = hashlib.sha256()
            for piece in inside.stream(row.entry.name, row.entry.binding_version):
                digest.update(piece)
            if digest.hexdigest() != row.sha256:
                raise Unproven(
                    f"`{row.opaque}` opens there to other data than it does here.",
                    remedy="Prove the migration that brought it, then rehearse again.",
                    rule="exit-sample",
                )
        return len(brought)

    def _brought(self, names: set[str]) -> Mapping[str, WorkRow]:
        """The rows of the migration that brought the house here, for objects of the home."""
        if not (self.brought.work / "state.sqlite").exists():
            return {}
        with self.brought.table() as table:
            rows = table.objects.rows(ObjectState.CARRIED)
            return {row.opaque: row for row in rows if row.opaque in names}

    def _event(
        self,
        number: int,
        gone: Sequence[_Away],
        estimate: Estimate,
        opened: int,
        whole: tuple[int, int],
    ) -> ExitRehearsed:
        return ExitRehearsed(
            rehearsal=number,
            source=str(self.home.location),
            target=str(self.away.location),
            objects=sum(one.batch.objects for one in gone),
            bytes=sum(one.batch.bytes for one in gone),
            opened=opened,
            root=MerkleTree(bytes.fromhex(one.root) for one in gone).root().hex(),
            milliseconds=round(sum(one.batch.seconds for one in gone) * 1000),
            all_objects=whole[0],
            all_bytes=whole[1],
            estimate_s=estimate.seconds,
            low_s=estimate.low,
            high_s=estimate.high,
            within=estimate.within,
        )
