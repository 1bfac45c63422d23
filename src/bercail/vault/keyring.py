"""The desk of the vault: hands out keys, begins epochs, changes the root, destroys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from sqlite3 import Connection

from bercail.foundation import Clock, Missing, Randomness, Secret, sha256_hex, to_iso
from bercail.vault.custody import Custodian
from bercail.vault.events import KeyDestroyed, RootChanged, SecretOpened
from bercail.vault.handover_table import HandoverTable
from bercail.vault.key_lines import KeyLines, context_of
from bercail.vault.key_table import KeyRow, KeyTable
from bercail.vault.keys import (
    DataKey,
    DestroyedKey,
    DestructionCertificate,
    KeyEntry,
    Purpose,
)
from bercail.vault.outbox import Outbox
from bercail.vault.session import Session
from bercail.vault.settling import settle


class Keyring:
    """Keys by kind and scope, created on first use, kept wrapped in the table at `table`.

    Several processes may use one table; when two of them create the same key, one wins and both
    receive it. Every call looks at the table, so a key destroyed elsewhere is gone here too. A
    process that still holds a root given up elsewhere creates no key: it could never be opened.

    With a `session`, every change of a key leaves its event in the outbox of the table, in the
    same transaction, under the session's actor; and each secret taken is told before it is given.

    Raises, on making it and on any call:
        Unproven: the table is damaged, or its root is not held by this custodian.
        Unavailable: the table or the custodian does not answer.
    """

    def __init__(
        self,
        table: Path,
        custodian: Custodian,
        randomness: Randomness,
        clock: Clock,
        session: Session | None = None,
    ) -> None:
        self._table = KeyTable(table)
        self._clock = clock
        self._session = session
        self._told: set[bytes] = set()
        outbox = Outbox(self._table, session.actor.id if session else None)
        self._lines = KeyLines(self._table, custodian, randomness, clock, outbox)
        self._handovers = HandoverTable(self._table)
        self._lines.prove_root()

    @property
    def custodian(self) -> Custodian:
        """Who holds the root."""
        return self._lines.custodian

    @property
    def lines(self) -> KeyLines:
        """The lines of the table, for the hand-over of keys; the vault's own rooms only."""
        return self._lines

    @property
    def outbox(self) -> Outbox:
        """Events of keys that wait to be recorded."""
        return self._lines.outbox

    @property
    def handovers(self) -> HandoverTable:
        """Which keys were handed over, to whom and from whom."""
        return self._handovers

    def data_key(self, kind: str, scope: str) -> DataKey:
        """The data key of the current epoch, created when there is none.

        Raises:
            Missing: the current epoch was destroyed.
        """
        return self._as_data_key(self._current_or_new(Purpose.DATA, kind, scope))

    def by_id(self, key_id: bytes) -> DataKey:
        """The data key of this id, of any epoch.

        Raises:
            Missing: no such data key here, or it was destroyed.
        """
        row = self._table.by_id(key_id)
        if row.purpose is not Purpose.DATA:
            raise Missing(
                f"The key `{key_id.hex()}` is a {row.purpose.value}, not a data key.",
                remedy="The object names a key that never seals objects; restore the object.",
            )
        return self._as_data_key(row)

    def secret(self, kind: str, scope: str, epoch: int | None = None) -> Secret:
        """32 bytes for names or pseudonyms: the current epoch, created when there is none.

        Raises:
            Missing: that epoch does not exist, or was destroyed.
            Refused: the session may not take it.
        """
        if epoch is None:
            return self._taken(self._current_or_new(Purpose.SECRET, kind, scope))
        for row in self._table.of(kind, scope, epoch, Purpose.SECRET):
            return self._taken(row)
        raise Missing(
            f"There is no secret of `{kind}` `{scope}` for epoch `{epoch}`.",
            remedy="See `bercail vault keys` for the epochs there are.",
        )

    def seed(self, purpose: Purpose, name: str) -> Secret:
        """The private seed of a signer of this name, created when there is none."""
        return self._lines.opened(self._current_or_new(purpose, purpose.value, name))

    def next_epoch(self, kind: str, scope: str, purpose: Purpose = Purpose.DATA) -> int:
        """Begin the next epoch: from now on `data_key` (or `secret`) gives a new key.

        Keys of earlier epochs stay and still open what they sealed. Returns the new epoch.
        """
        with self._table.writing() as connection:
            last = self._table.current(purpose, kind, scope)
            epoch = last.epoch + 1 if last else 1
            row = self._lines.create(connection, purpose, kind, scope, epoch)
        return row.epoch

    def rotate_root(self, new_custodian: Custodian) -> int:
        """Wrap every living key under `new_custodian`, in one transaction; sealed data stay.

        Returns how many keys were wrapped again. Run twice, it does no harm.
        """
        count = 0
        with self._table.writing() as connection:
            rows = self._table.rows()
            for row in rows:
                if row.wrapped is None:
                    continue
                context = context_of(row)
                held = self._held_by(row, new_custodian)
                wrapped = new_custodian.wrap(held.unwrap(row.wrapped, context), context)
                connection.execute(
                    "UPDATE key SET wrapped = ?, custodian = ?, root = ? WHERE id = ?",
                    (wrapped, new_custodian.name, new_custodian.root, row.id),
                )
                count += row.purpose is not Purpose.WITNESS
            self._tell_root(connection, rows, new_custodian, count)
        self._table.sweep()
        self._lines.take_over(new_custodian)
        return count

    def destroy(
        self,
        kind: str,
        scope: str,
        epoch: int | None = None,
        *,
        purpose: Purpose | None = None,
    ) -> DestructionCertificate:
        """Erase the wrapped keys of a kind and scope: data, secrets; of one epoch or of all.

        With `purpose`, only the keys of that purpose.

        What they sealed can no longer be opened, here or anywhere without a copy of the table.
        Killed half-way or called again, it gives the same certificate.

        Raises:
            Missing: there never was such a key.
        """
        at = to_iso(self._clock.now())
        with self._table.writing() as connection:
            found = self._table.of(kind, scope, epoch, purpose)
            if not found:
                which = "" if epoch is None else f" for epoch `{epoch}`"
                raise Missing(
                    f"There is no key of `{kind}` `{scope}`{which}.",
                    remedy="See `bercail vault keys` for the keys there are.",
                )
            for row in found:
                if row.wrapped is not None:
                    connection.execute(
                        "UPDATE key SET wrapped = NULL, destroyed = ?, wrapped_sha256 = ? "
                        "WHERE id = ?",
                        (at, sha256_hex(row.wrapped), row.id),
                    )
                    self._lines.outbox.post(connection, [_destroyed(row, row.wrapped, at)])
                self._lines.forget(row.id)
        self._table.sweep()
        return _certificate(kind, scope, self._table.of(kind, scope, epoch, purpose))

    def entries(self) -> list[KeyEntry]:
        """Every key there is or was, without its bytes: who can open what."""
        parties = self._handovers.by_key()
        return [
            KeyEntry(
                id=row.id.hex(),
                purpose=row.purpose,
                kind=row.kind,
                scope=row.scope,
                epoch=row.epoch,
                custodian=row.custodian,
                root=row.root,
                created=row.created,
                destroyed=row.destroyed,
                handed_to=parties.given(row.id),
                received_from=parties.received(row.id),
            )
            for row in self._table.rows()
            if row.purpose is not Purpose.WITNESS
        ]

    def close(self) -> None:
        """Forget the keys held in memory and close the table; the next use opens it again."""
        self._lines.forget_all()
        self._table.close()

    def _taken(self, row: KeyRow) -> Secret:
        """The secret of a line, once the session's first taking of it is told."""
        if self._session is not None and row.wrapped is not None and row.id not in self._told:
            opened = SecretOpened(kind=row.kind, scope=row.scope, epoch=row.epoch)
            self._session.take(opened)
            settle(self.outbox, self._session.record_once)
            self._told.add(row.id)
        return self._lines.opened(row)

    def _tell_root(
        self, connection: Connection, rows: Sequence[KeyRow], new: Custodian, keys: int
    ) -> None:
        """The change of root, unless the table stood under the new one already."""
        changed = [
            RootChanged(
                custodian=new.name,
                former=row.root,
                root=new.root,
                keys=keys,
                at=to_iso(self._clock.now()),
            )
            for row in rows
            if row.purpose is Purpose.WITNESS and row.root != new.root
        ]
        self._lines.outbox.post(connection, changed)

    def _held_by(self, row: KeyRow, new: Custodian) -> Custodian:
        """A rotation run again finds some keys under the new root already."""
        return new if (row.custodian, row.root) == (new.name, new.root) else self.custodian

    def _current_or_new(self, purpose: Purpose, kind: str, scope: str) -> KeyRow:
        found = self._table.current(purpose, kind, scope)
        if found is None:
            with self._table.writing() as connection:
                # Another process may have created it since the first look.
                found = self._table.current(purpose, kind, scope)
                if found is None:
                    found = self._lines.create(connection, purpose, kind, scope, 1)
        return found

    def _as_data_key(self, row: KeyRow) -> DataKey:
        return DataKey(
            id=row.id,
            kind=row.kind,
            scope=row.scope,
            epoch=row.epoch,
            secret=self._lines.opened(row),
        )


def _destroyed(row: KeyRow, wrapped: bytes, at: str) -> KeyDestroyed:
    return KeyDestroyed(
        key=row.id.hex(),
        purpose=row.purpose.value,
        kind=row.kind,
        scope=row.scope,
        epoch=row.epoch,
        wrapped_sha256=sha256_hex(wrapped),
        at=at,
    )


def _certificate(kind: str, scope: str, rows: tuple[KeyRow, ...]) -> DestructionCertificate:
    return DestructionCertificate(
        kind=kind,
        scope=scope,
        custodian=", ".join(sorted({row.custodian for row in rows})),
        keys=tuple(
            DestroyedKey(
                id=row.id.hex(),
                purpose=row.purpose,
                epoch=row.epoch,
                wrapped_sha256=row.wrapped_sha256 or "",
                at=row.destroyed or "",
            )
            for row in rows
        ),
    )
