"""The root of a house made again from its shares, and the event that tells it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from bercail.foundation import Actor, Clock, Randomness, Refused, Secret, to_iso
from bercail.vault.events import RootRecovered
from bercail.vault.file_custodian import FileCustodian
from bercail.vault.key_table import KeyTable
from bercail.vault.outbox import Outbox
from bercail.vault.shares import TypedShare, recover_custodian


@frozen(kw_only=True)
class Recovery:
    """Makes custodian files from shares.

    The shares are the right to it; no role is asked. `table` is the key table of the house whose
    custodian is made, None for a rehearsal, which concerns no house. The house does not open
    before its custodian is there, so its journal cannot be asked for: the event waits in the
    outbox of the key table, and is recorded by the first act of the house that opens again.
    """

    actor: Actor
    randomness: Randomness
    clock: Clock
    table: Path | None

    def recover(
        self, path: Path, passphrase: Secret, shares: Sequence[TypedShare], root: str | None
    ) -> FileCustodian:
        """Make the custodian file at `path`.

        1. Make the custodian beside its place, from the shares.
        2. Post the event.
        3. Put the custodian in its place.

        Killed after 2, the event tells of a recovery that is still to be finished: run it again.

        Raises:
            Invalid: as `combine`, or a short passphrase; nothing is posted.
            Refused: `custodian-exists`, when the file is there.
        """
        if self.table is None:
            return recover_custodian(path, passphrase, shares, self.randomness, root=root)
        if path.exists():
            raise Refused(
                f"There is a custodian in `{path}` already.",
                remedy="Move it aside first; a custodian is never written over.",
                rule="custodian-exists",
            )
        # 1. The custodian is called after its file, without the ending.
        draft = path.with_suffix(".recovered")
        draft.unlink(missing_ok=True)
        made = recover_custodian(draft, passphrase, shares, self.randomness, root=root)
        # 2. The event.
        self._post(self.table, made, len(shares))
        # 3. Its place.
        draft.rename(path)
        return FileCustodian.open(path, passphrase)

    def _post(self, path: Path, made: FileCustodian, shares: int) -> None:
        table = KeyTable(path)
        event = RootRecovered(
            custodian=made.name, root=made.root, shares=shares, at=to_iso(self.clock.now())
        )
        with table.writing() as connection:
            Outbox(table, self.actor.id).post(connection, [event])
        table.close()
