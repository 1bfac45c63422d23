"""Let snapshots go by age: what only they reach leaves the host.

1. The snapshots are remembered as expired; nobody reads them any more.
2. Iceberg's metadata forgets them.
3. The files that only they reached are removed: the parts that a rewrite replaced, old manifests.

Killed between, the next run goes on. Their statements stay: they hold digests and counts, and the
chain of proofs needs them; what was known on a day is still answered from them, by delivery.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import frozen
from pyiceberg.exceptions import CommitFailedException

from bercail.foundation import from_iso
from bercail.lake.filesystem import split_url
from bercail.lake.orphans import find_orphans
from bercail.lake.replacing import TURNS, busy

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from bercail.lake.ground import LakeGround
    from bercail.lake.snapshot import Statement


@frozen(kw_only=True)
class Expiry:
    """What an expiry let go: counts of snapshots, and of files removed from the host now."""

    table: str
    older_than_days: float
    expired: tuple[str, ...]
    files: int

    def as_dict(self) -> dict[str, object]:
        """The values as `--json` prints them."""
        return {
            "table": self.table,
            "older_than_days": self.older_than_days,
            "expired": list(self.expired),
            "files": self.files,
        }


class Expiring:
    """Retention of the snapshots of one lake's tables."""

    def __init__(self, ground: LakeGround) -> None:
        self._ground = ground

    def expirable(self, table: str, older_than: timedelta) -> tuple[str, ...]:
        """The snapshots signed more than `older_than` ago and replaced by a newer one since.

        Those already let go are not listed; the newest snapshot never is.
        """
        self._ground.completed(table)
        before = self._ground.clock.now() - older_than
        gone = self._ground.expiries.of(table)
        return tuple(
            one.snapshot
            for one in self._ground.every(table)[:-1]
            if one.snapshot not in gone and from_iso(one.at) < before
        )

    def expire(self, table: str, older_than: timedelta) -> Expiry:
        """Let go of what `expirable` lists; again, it finishes what a killed run left.

        Raises `Refused` while the pseudonyms of the lake change.
        """
        self._ground.gate.require_open()
        old = self.expirable(table, older_than)
        self._ground.expiries.add(table, old)  # 1
        gone = self._ground.expiries.of(table)
        opened = forget_snapshots(self._ground, self._ground.load(table), {int(x) for x in gone})
        statements = self._ground.every(table)
        removed = self._remove(
            table,
            opened,
            [one for one in statements if one.snapshot in gone],
            [one for one in statements if one.snapshot not in gone],
        )
        days = older_than.total_seconds() / 86_400
        return Expiry(table=table, older_than_days=days, expired=old, files=removed)

    def _remove(
        self, table: str, opened: Table, gone: list[Statement], kept: list[Statement]
    ) -> int:  # 3
        """Only what an expired snapshot named, or metadata older than every kept one.

        A part that nothing names may belong to an append that is still running; metadata begun
        before the oldest kept snapshot was signed may not, since no commit builds on less.
        """
        if not gone:
            return 0
        named = {part.url for one in gone for part in one.parts}
        named.update(one.metadata.url for one in gone)
        oldest = min(one.at for one in kept)
        unreached = find_orphans(
            table,
            opened,
            kept,
            self._ground.shelf.files(table),
            self._ground.clock.now() + timedelta(days=1),
        )
        removed = 0
        for orphan in unreached:
            old_metadata = (
                split_url(orphan.location)[1].startswith("metadata/") and orphan.at < oldest
            )
            if orphan.location in named or old_metadata:
                self._ground.files.delete(orphan.location)
                removed += 1
        return removed


def forget_snapshots(ground: LakeGround, opened: Table, old: set[int]) -> Table:
    """The table once its metadata names none of the `old` snapshots."""
    for _ in range(TURNS):
        held = [one.snapshot_id for one in opened.metadata.snapshots if one.snapshot_id in old]
        if not held:
            return opened
        try:
            opened.maintenance.expire_snapshots().by_ids(held).commit()
        except CommitFailedException:
            opened = opened.refresh()
            ground.statements.complete(opened)
        else:
            opened = opened.refresh()
    raise busy(opened.name()[-1])
