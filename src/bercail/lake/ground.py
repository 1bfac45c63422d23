"""What the desks of one lake stand on: its tables, its files, its trust side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import frozen

from bercail.foundation import Missing, Refused
from bercail.lake.rewrites import is_erasure

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from bercail.foundation import Clock, Randomness
    from bercail.lake.epochs import EpochGate
    from bercail.lake.erasures import Erasures
    from bercail.lake.expiries import Expiries
    from bercail.lake.fileio import LakeFiles
    from bercail.lake.shelf import Shelf, SignedStatement
    from bercail.lake.signing import Statements
    from bercail.lake.snapshot import Statement
    from bercail.vault import DualSigner


@frozen(kw_only=True)
class LakeGround:
    """Shared by the desks of a lake; `load` raises `Missing` for a table that is not there."""

    load: Callable[[str], Table]
    files: LakeFiles
    shelf: Shelf
    statements: Statements
    expiries: Expiries
    erasures: Erasures
    gate: EpochGate
    signer: DualSigner
    randomness: Randomness
    clock: Clock

    def completed(self, table: str) -> Table:
        """The table, once every snapshot of it is signed."""
        opened = self.load(table)
        self.statements.complete(opened)
        return opened

    def latest(self, table: str) -> Statement:
        """The newest statement of `table`; `Missing` when it has none."""
        signed = self.shelf.latest(table)
        if signed is None:
            raise Missing(f"`{table}` has no snapshot yet.", remedy="See `bercail lake snapshots`.")
        return self.statements.open(signed)

    def signed_as(self, table: str, snapshot: str | None) -> SignedStatement:
        """The signed statement of one snapshot, of the newest when None; `Missing` for none."""
        found = (
            self.shelf.latest(table)
            if snapshot is None
            else self.shelf.find(table, snapshot=snapshot)
        )
        if found is None:
            raise Missing(
                f"`{table}` has no snapshot `{snapshot}`."
                if snapshot
                else f"`{table}` has no snapshot yet.",
                remedy="See `bercail lake snapshots`.",
            )
        return found

    def require_epoch(self, table: str, epoch: int | None) -> int:
        """The epoch of the lake, once `epoch` and the newest snapshot of `table` are at it."""
        current = self.gate.require_open()
        latest = self.shelf.latest(table)
        held = current if latest is None else self.statements.open(latest).epoch
        if {held, current if epoch is None else epoch} != {current}:
            raise Refused(
                f"`{table}` would mix pseudonyms of two epochs; the lake is at {current}.",
                remedy="Begin again; if it is refused again, run `bercail ingest rotate`.",
                rule="pseudonym-epoch",
            )
        return current

    def every(self, table: str) -> tuple[Statement, ...]:
        """The statements of `table`, oldest first, those of expired snapshots too."""
        return tuple(self.statements.open(one) for one in self.shelf.statements(table))

    def erasures_of(self, table: str) -> frozenset[str]:
        """The names of the erasures whose rewrite is signed, with `rewrite:` before."""
        return frozenset(name for name in self.shelf.deliveries(table) if is_erasure(name))
