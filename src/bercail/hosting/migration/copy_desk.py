"""Carry what is pending, from one side to the other, and leave no part of an upload behind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from bercail.hosting.migration.bandwidth import Bandwidth
from bercail.hosting.migration.bandwidth_schedule import ScheduleFile
from bercail.hosting.migration.copy_run import CopyReport, Progress, run_copy
from bercail.hosting.migration.copying import Carrier
from bercail.hosting.migration.ground import Ground
from bercail.hosting.migration.handfuls import HandfulCarrier
from bercail.hosting.migration.part_notes import UploadNotes
from bercail.hosting.migration.planning import classes_of
from bercail.hosting.migration.pool import Gauge
from bercail.hosting.migration.worktable import WorkTable
from bercail.storage import Limit


def copy_pending(
    table: WorkTable,
    ground: Ground,
    *,
    threads: int,
    sleep: Callable[[float], None],
    progress: Progress | None,
    bandwidth: Bandwidth | ScheduleFile | None = None,
) -> CopyReport:
    """Carry what is pending on `ground`; at the end no part of an upload is left on the target.

    Raises:
        Unavailable, Refused: see `run_copy`; what was begun stays, to go on with.
    """
    limit = Limit(bandwidth.at(ground.clock.now())) if bandwidth else None
    gauge = Gauge(limit)

    def watched(label: str, done: int, total: int) -> None:
        if limit is not None and bandwidth is not None:
            limit.change(bandwidth.at(ground.clock.now()))
        if progress is not None:
            progress(label, done, total)

    with closing(UploadNotes(ground.work / "uploads.sqlite")) as notes:
        carrier = Carrier(
            source=ground.source,
            target=ground.target,
            home=ground.home,
            gauge=gauge,
            notes=notes,
            threads=threads,
            classes=classes_of(table),
            sleep=sleep,
        )
        several = HandfulCarrier(carrier, source=ground.source, home=ground.home, gauge=gauge)
        report = run_copy(table, several, gauge, threads=threads, progress=watched)
        for name in notes.names():
            carrier.clear(name)
    return report
