"""Which epoch of pseudonyms the lake is at, and the gate that is shut while it changes.

One row beside the Iceberg catalogue. Each statement says the epoch of its table under a
signature; this row says what all tables have to agree on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from bercail.foundation import Refused

if TYPE_CHECKING:
    from sqlalchemy import Engine

FIRST_EPOCH = 1
_metadata = MetaData()
_epoch = Table(
    "lake_epoch",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("target", Integer, nullable=True),
    Column("rotation", String(100), nullable=True),
)


@frozen(kw_only=True)
class LakeEpoch:
    """The epoch of the lake; while a rotation is under way, its name and where it leads."""

    epoch: int = FIRST_EPOCH
    target: int | None = None
    rotation: str | None = None


class EpochGate:
    """Shut from the beginning of a rotation to its end. Safe for several processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        _metadata.create_all(engine)

    def state(self) -> LakeEpoch:
        """What the row says; the first epoch when no rotation ever was."""
        with self._engine.connect() as connection:
            row = connection.execute(select(_epoch)).first()
        if row is None:
            return LakeEpoch()
        return LakeEpoch(epoch=row.epoch, target=row.target, rotation=row.rotation)

    def require_open(self) -> int:
        """The epoch of the lake; `Refused` while a rotation is under way."""
        state = self.state()
        if state.rotation is not None:
            raise Refused(
                f"The pseudonyms of the lake are changing (`{state.rotation}`), so the newest "
                "state of its tables would mix old and new ones.",
                remedy="Wait for `bercail ingest rotate --apply` to end, or run it again if it "
                "was interrupted.",
                rule="rotation-under-way",
            )
        return state.epoch

    def begin(self, rotation: str, target: int) -> None:
        """Shut the gate; again for the same rotation, nothing changes.

        Raises `Refused` when another rotation is under way or `target` is not the next epoch.
        """
        state = self.state()
        if state.rotation == rotation or state.epoch == target:
            return
        if state.rotation is not None or target != state.epoch + 1:
            raise Refused(
                f"The lake is at epoch {state.epoch} and cannot begin `{rotation}` now.",
                remedy="Finish the rotation that is under way first.",
                rule="rotation-under-way",
            )
        row = {"id": 1, "epoch": state.epoch, "target": target, "rotation": rotation}
        with self._engine.begin() as connection:
            if connection.execute(select(_epoch)).first() is not None:
                connection.execute(update(_epoch).values(row))
                return
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_epoch).values(row))
        except IntegrityError:
            # Another process shut it first: for the same rotation, as wanted.
            self.begin(rotation, target)

    def finish(self, rotation: str) -> None:
        """Open the gate at the new epoch; nothing happens when the rotation is not under way."""
        opened = {"epoch": _epoch.c.target, "target": None, "rotation": None}
        with self._engine.begin() as connection:
            connection.execute(update(_epoch).where(_epoch.c.rotation == rotation).values(opened))
