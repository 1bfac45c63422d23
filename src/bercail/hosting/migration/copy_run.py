"""One run of copying: the work list through a few threads, committed in groups."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from bercail.hosting.migration.copying import Outcome
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.handfuls import Carried, HandfulCarrier, by_handfuls
from bercail.hosting.migration.object_table import Tally, WorkRow
from bercail.hosting.migration.pool import Gauge, run_bounded
from bercail.hosting.migration.worktable import WorkTable

Progress = Callable[[str, int, int], None]

# A commit costs a disk flush: many small objects share one, a large one has its own.
GROUP = 256
GROUP_SECONDS = 0.25
LARGE = 8 * 1024 * 1024


@frozen(kw_only=True)
class CopyReport:
    """What one run did. `failed` maps names to reasons; `pending` is what is left to carry."""

    copied: Tally
    read_back: Tally
    carried: Tally
    pending: int
    not_carried: int
    gone: int
    failed: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        return {
            "copied": self.copied.objects,
            "copied_bytes": self.copied.bytes,
            "read_back": self.read_back.objects,
            "read_back_bytes": self.read_back.bytes,
            "carried": self.carried.objects,
            "carried_bytes": self.carried.bytes,
            "pending": self.pending,
            "not_carried": self.not_carried,
            "gone": self.gone,
            "failed": dict(self.failed),
        }


@define
class _Group:
    """Outcomes that wait for their common commit."""

    table: WorkTable
    waiting: list[Outcome] = field(factory=list)
    since: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Take one in; commit when the group is full or the object is large."""
        if not self.waiting:
            self.since = time.monotonic()
        self.waiting.append(outcome)
        if len(self.waiting) >= GROUP or outcome.row.entry.size >= LARGE:
            self.commit()

    def commit_if_due(self) -> None:
        """Commit what has waited long enough."""
        if self.waiting and time.monotonic() - self.since >= GROUP_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Write everything that waits, in one transaction."""
        if not self.waiting:
            return
        with self.table:
            carried = [one.row for one in self.waiting if one.state is ObjectState.CARRIED]
            self.table.objects.carried(*carried)
            for one in self.waiting:
                if one.state is not ObjectState.CARRIED:
                    self.table.objects.mark(one.row.entry.name, one.state, one.reason)
        self.waiting.clear()


def run_copy(
    table: WorkTable,
    carrier: HandfulCarrier,
    gauge: Gauge,
    *,
    threads: int,
    progress: Progress | None = None,
) -> CopyReport:
    """Carry every pending object of `table`; what finished is committed even if a later one fails.

    Raises:
        Unavailable, Refused: a host does not answer or denies access; run again to go on.
    """
    total = table.objects.tallies()[ObjectState.PENDING].bytes
    desk = _Desk(group=_Group(table=table))

    def tick() -> None:
        desk.tick()
        if progress is not None:
            progress("copy", min(gauge.moved, total), total)

    # The list is paged while rows leave it; a row never comes back into it during a run.
    tasks = by_handfuls(table.objects.work())
    work: Callable[[tuple[WorkRow, ...]], Carried] = carrier.carry
    try:
        run_bounded(tasks, work, threads=threads, gauge=gauge, on_result=desk.take, on_tick=tick)
    except (Exception, KeyboardInterrupt):
        desk.group.commit()
        raise
    desk.group.commit()
    if progress is not None:
        progress("copy", total, total)
    return _report(table, desk.counts)


@define
class _Desk:
    """Takes in what the threads have carried."""

    group: _Group
    counts: dict[str, list[int]] = field(factory=lambda: {"copied": [0, 0], "read back": [0, 0]})
    ended: list[BaseException] = field(factory=list)

    def take(self, carried: Carried) -> None:
        """Count and keep what was finished, and remember what ended the rest."""
        for outcome in carried.outcomes:
            _count(outcome, self.counts)
            self.group.add(outcome)
        if carried.error is not None:
            self.ended.append(carried.error)

    def tick(self) -> None:
        """Commit what is due; not before all that came together was taken, raise the error."""
        if self.ended:
            raise self.ended[0]
        self.group.commit_if_due()


def _count(outcome: Outcome, counts: dict[str, list[int]]) -> None:
    if outcome.state is ObjectState.CARRIED:
        count = counts["copied" if outcome.written else "read back"]
        count[0] += 1
        count[1] += outcome.row.entry.size


def _report(table: WorkTable, counts: dict[str, list[int]]) -> CopyReport:
    tallies = table.objects.tallies()
    failed = table.objects.rows(ObjectState.FAILED)
    return CopyReport(
        copied=Tally(objects=counts["copied"][0], bytes=counts["copied"][1]),
        read_back=Tally(objects=counts["read back"][0], bytes=counts["read back"][1]),
        carried=tallies[ObjectState.CARRIED],
        pending=tallies[ObjectState.PENDING].objects,
        not_carried=tallies[ObjectState.NOT_CARRIED].objects,
        gone=tallies[ObjectState.GONE].objects,
        failed={row.entry.name: row.reason or "" for row in failed},
    )
