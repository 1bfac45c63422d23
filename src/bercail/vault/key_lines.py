"""The lines of the key table under their custodian: drawn, opened, admitted."""

from __future__ import annotations

from sqlite3 import Connection

from attrs import evolve, frozen

from bercail.foundation import Clock, Invalid, Missing, Randomness, Refused, Secret, to_iso
from bercail.vault.binding import encode_parts
from bercail.vault.custody import Custodian
from bercail.vault.events import KeyCreated, RootChanged
from bercail.vault.key_table import KeyRow, KeyTable
from bercail.vault.keys import KEY_ID_SIZE, SEED_SIZES, Purpose
from bercail.vault.outbox import Outbox

_WITNESS = (Purpose.WITNESS, "root", "witness")


def context_of(row: KeyRow) -> bytes:
    """What a wrapped key is tied to, so that two lines of the table cannot be exchanged."""
    return encode_parts(
        "bercail wrapped key v1",
        row.purpose.value,
        row.kind,
        row.scope,
        str(row.epoch),
        row.id.hex(),
    )


@frozen(kw_only=True)
class HeldKey:
    """A key with what it is for: what a hand-over carries."""

    id: bytes
    purpose: Purpose
    kind: str
    scope: str
    epoch: int
    secret: Secret


class KeyLines:
    """Opens, draws and admits keys of one table under one custodian."""

    def __init__(
        self,
        table: KeyTable,
        custodian: Custodian,
        randomness: Randomness,
        clock: Clock,
        outbox: Outbox,
    ) -> None:
        self.table = table
        self.outbox = outbox
        self.custodian = custodian
        self._randomness = randomness
        self._clock = clock
        self._opened: dict[bytes, tuple[bytes, Secret]] = {}

    def opened(self, row: KeyRow) -> Secret:
        """The key of a line; raises Missing when it was destroyed, Unproven as the custodian."""
        if row.wrapped is None:
            raise _gone(row)
        known = self._opened.get(row.id)
        if known is not None and known[0] == row.wrapped:
            return known[1]
        secret = self.custodian.unwrap(row.wrapped, context_of(row))
        self._opened[row.id] = (row.wrapped, secret)
        return secret

    def held(self, row: KeyRow) -> HeldKey:
        """The key of a line with what it is for; raises as `opened`."""
        return HeldKey(
            id=row.id,
            purpose=row.purpose,
            kind=row.kind,
            scope=row.scope,
            epoch=row.epoch,
            secret=self.opened(row),
        )

    def create(
        self, connection: Connection, purpose: Purpose, kind: str, scope: str, epoch: int
    ) -> KeyRow:
        """Add a new key under the root that the table is known to be under."""
        key = HeldKey(
            id=self._randomness.take(KEY_ID_SIZE),
            purpose=purpose,
            kind=kind,
            scope=scope,
            epoch=epoch,
            secret=Secret(self._randomness.take(SEED_SIZES[purpose])),
        )
        row = self.insert(connection, key)
        self.outbox.post(connection, [_created(row)])
        return row

    def insert(self, connection: Connection, key: HeldKey) -> KeyRow:
        """Add a line for `key`, wrapped by our custodian.

        Raises:
            Invalid: a kind or scope without a name.
        """
        _require_names(key.kind, key.scope)
        witness = self.table.current(*_WITNESS)
        if witness is None:
            drawn = Secret(self._randomness.take(SEED_SIZES[Purpose.WITNESS]))
            first = self._wrapped(_witness_key(self._randomness, drawn))
            self.table.insert(connection, first)
            self.outbox.post(connection, [_first_root(first)])
        self.prove_root(witness)
        row = self._wrapped(key)
        self.table.insert(connection, row)
        return row

    def admit(self, connection: Connection, key: HeldKey) -> bool:
        """Add a key received from elsewhere under its own id; False when it is here already.

        Raises:
            Refused: `handover-destroyed`, when it was destroyed here, and `handover-conflict`,
                when this house has another key of that meaning or under that id.
        """
        known = [row for row in self.table.rows() if _same_place(row, key)]
        for row in known:
            if row.id != key.id or _place(row) != _place(key):
                raise _conflict(row)
            if row.wrapped is None:
                raise Refused(
                    f"The {row.purpose.value} key of `{row.kind}` `{row.scope}`, epoch "
                    f"{row.epoch}, was destroyed here at {row.destroyed}.",
                    remedy="A hand-over does not bring a destroyed key back.",
                    rule="handover-destroyed",
                )
            if self.opened(row) != key.secret:
                raise _conflict(row)
        if not known:
            self.insert(connection, key)
        return not known

    def prove_root(self, witness: KeyRow | None = None) -> None:
        """Show that our custodian holds the table's root, by unwrapping the witness."""
        witness = witness or self.table.current(*_WITNESS)
        if witness is not None and witness.root != self.custodian.root:
            self.opened(witness)

    def take_over(self, custodian: Custodian) -> None:
        """From now on, `custodian` opens and wraps."""
        self._opened.clear()
        self.custodian = custodian

    def forget(self, key_id: bytes) -> None:
        """Drop one key held in memory."""
        self._opened.pop(key_id, None)

    def forget_all(self) -> None:
        """Drop every key held in memory."""
        self._opened.clear()

    def _wrapped(self, key: HeldKey) -> KeyRow:
        row = KeyRow(
            id=key.id,
            purpose=key.purpose,
            kind=key.kind,
            scope=key.scope,
            epoch=key.epoch,
            custodian=self.custodian.name,
            root=self.custodian.root,
            wrapped=None,
            created=to_iso(self._clock.now()),
        )
        return evolve(row, wrapped=self.custodian.wrap(key.secret, context_of(row)))


def _witness_key(randomness: Randomness, drawn: Secret) -> HeldKey:
    purpose, kind, scope = _WITNESS
    return HeldKey(
        id=randomness.take(KEY_ID_SIZE),
        purpose=purpose,
        kind=kind,
        scope=scope,
        epoch=1,
        secret=drawn,
    )


def _created(row: KeyRow) -> KeyCreated:
    return KeyCreated(
        key=row.id.hex(),
        purpose=row.purpose.value,
        kind=row.kind,
        scope=row.scope,
        epoch=row.epoch,
        root=row.root,
        at=row.created,
    )


def _first_root(witness: KeyRow) -> RootChanged:
    return RootChanged(
        custodian=witness.custodian, former="", root=witness.root, keys=0, at=witness.created
    )


def _place(line: KeyRow | HeldKey) -> tuple[Purpose, str, str, int]:
    return (line.purpose, line.kind, line.scope, line.epoch)


def _same_place(row: KeyRow, key: HeldKey) -> bool:
    return row.id == key.id or _place(row) == _place(key)


def _conflict(row: KeyRow) -> Refused:
    return Refused(
        f"This house has its own {row.purpose.value} key of `{row.kind}` `{row.scope}`, "
        f"epoch {row.epoch} (`{row.id.hex()}`).",
        remedy="Receive the key into a key table of its own.",
        rule="handover-conflict",
    )


def _gone(row: KeyRow) -> Missing:
    return Missing(
        f"The {row.purpose.value} key of `{row.kind}` `{row.scope}`, epoch {row.epoch}, "
        f"was destroyed at {row.destroyed}.",
        remedy="What it opened is erased; begin a new epoch to seal again.",
    )


def _require_names(kind: str, scope: str) -> None:
    if not kind or not scope:
        raise Invalid(
            f"A key needs a kind and a scope, not `{kind}` and `{scope}`.",
            remedy="Name the kind of thing and the table or project.",
        )
