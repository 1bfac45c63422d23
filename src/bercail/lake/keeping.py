"""The desk for what is done to sealed files as a whole: sealing again, sweeping, compacting,
letting go, erasing, and opening for an exit.

The event of a sweep, of an expiry and of the beginning of a longer act comes before it: what left
the host cannot be counted afterwards, and an event that a killed run leaves alone overstates. The
event that an act ended comes after it; a killed run is taken further by the next, which tells it.
A compaction loses nothing and is told when it is done. The keys that are begun and destroyed are
told by the vault in any case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import Actor, Refused, Role, sha256_hex
from bercail.lake.compaction import Compacted
from bercail.lake.erasing import ErasureCertificate, name_of
from bercail.lake.events import (
    ErasureBegun,
    LakeSwept,
    ObjectsResealed,
    OpenCopyBegun,
    OpenCopyWritten,
    ResealingBegun,
    RowsErased,
    SnapshotsExpired,
    TableCompacted,
)
from bercail.lake.expiring import Expiry
from bercail.lake.filesystem import split_url
from bercail.lake.open_copy import OpenCopy
from bercail.lake.orphans import Orphan
from bercail.lake.resealing import Resealing, ResealReport
from bercail.lake.row_choice import DeliveryRows, PersonRows
from bercail.lake.rules import require_reason
from bercail.lake.service import Lake

Progress = Callable[[str, int, int], None]


@frozen(kw_only=True)
class Keeping:
    """Acts on sealed files as a whole, for an operator; `record` keeps an event under a name.

    Raises `Refused` (IAM-05) for anybody else; nothing is recorded then.
    """

    record: Callable[[Any, Actor], object]

    def sweep(self, lake: Lake, older_than: timedelta, actor: Actor) -> tuple[Orphan, ...]:
        """Remove the files that `Lake.orphans` lists; returns them."""
        require_operator(actor, "sweep the lake")
        found = Counter(split_url(one.location)[0] for one in lake.orphans(older_than))
        if not found:
            return ()
        hours = int(older_than.total_seconds()) // 3600
        self.record(LakeSwept(older_than_hours=hours, files=dict(found)), actor)
        return lake.remove_orphans(older_than)

    def reseal(
        self,
        opened: Callable[[], Resealing],
        actor: Actor,
        *,
        new_key: bool = False,
        destroy_old: bool = True,
        progress: Progress | None = None,
    ) -> ResealReport:
        """Seal every object again, as `Resealing.run` does; raises as it does.

        `opened` is asked for once the actor may: it takes the secret of the objects' names.
        """
        require_operator(actor, "seal objects again")
        resealing = opened()
        begun = ResealingBegun(kind=resealing.kind, scope=resealing.scope, new_key=new_key)
        self.record(begun, actor)
        made = resealing.run(new_key=new_key, destroy_old=destroy_old, progress=progress)
        ended = ObjectsResealed(
            kind=made.kind,
            scope=made.scope,
            epoch=made.epoch,
            resealed=made.resealed,
            already=made.already,
            left=len(made.left),
            unlisted=made.unlisted,
            destroyed=sum(len(one.keys) for one in made.destroyed),
        )
        self.record(ended, actor)
        return made

    def compact(self, lake: Lake, table: str, target: int, actor: Actor) -> Compacted:
        """Join small parts, as `Compaction.compact` does; no event when there are none."""
        require_operator(actor, "compact a table")
        made = lake.compaction.compact(table, target)
        if made.before != made.after:
            done = TableCompacted(
                table=table,
                snapshot=made.snapshot,
                parts_before=made.before,
                parts_after=made.after,
            )
            self.record(done, actor)
        return made

    def expire(self, lake: Lake, table: str, older_than: timedelta, actor: Actor) -> Expiry:
        """Let old snapshots go, as `Expiring.expire` does."""
        require_operator(actor, "let snapshots go")
        found = lake.expiring.expirable(table, older_than)
        if found:
            about = SnapshotsExpired(
                table=table, older_than_days=older_than.days, snapshots=len(found)
            )
            self.record(about, actor)
        return lake.expiring.expire(table, older_than)

    def erase(
        self,
        lake: Lake,
        table: str,
        rows: DeliveryRows | PersonRows,
        reason: str,
        actor: Actor,
        *,
        destroy_keys: bool = True,
        progress: Progress | None = None,
    ) -> ErasureCertificate:
        """Erase rows, as `Erasing.erase` does; told before the first byte, and at the end."""
        require_operator(actor, "erase rows")
        name = name_of(rows)
        self.record(ErasureBegun(table=table, erasure=name, reason=require_reason(reason)), actor)
        made = lake.erasing.erase(table, rows, reason, destroy_keys=destroy_keys, progress=progress)
        ended = RowsErased(
            table=table,
            erasure=name,
            snapshot=made.after,
            rows=made.rows_erased,
            keys=len(made.keys),
            certificate_sha256=sha256_hex(made.envelope),
        )
        self.record(ended, actor)
        return made

    def open_copy(
        self,
        lake: Lake,
        table: str,
        out: Path,
        reason: str,
        actor: Actor,
        *,
        snapshot: str | None = None,
        progress: Progress | None = None,
    ) -> OpenCopy:
        """Write an unsealed copy, as `OpenCopying.write` does; told before and after."""
        require_operator(actor, "write an unsealed copy")
        pinned = lake.opening.chosen(table, snapshot).snapshot
        begun = OpenCopyBegun(
            table=table, snapshot=pinned, folder=str(out), reason=require_reason(reason)
        )
        self.record(begun, actor)
        made = lake.opening.write(table, out, pinned, progress)
        ended = OpenCopyWritten(
            table=table, snapshot=pinned, folder=str(out), parts=made.parts, rows=made.rows
        )
        self.record(ended, actor)
        return made


def require_operator(actor: Actor, act: str) -> None:
    """`Refused` (IAM-05) unless an operator acts."""
    if not actor.has(Role.OPERATOR):
        raise Refused(f"`{actor.id}` may not {act}.", remedy="An operator does.", rule="IAM-05")
