"""Which keys were handed over: a second table beside the keys, in the same file.

The layout is in `docs/reference/formats/key-table.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from sqlite3 import Connection

from attrs import frozen

from bercail.vault.key_table import KeyTable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS handover (
    id BLOB NOT NULL CHECK (length(id) = 16),
    direction TEXT NOT NULL CHECK (direction IN ('given', 'received')),
    key BLOB NOT NULL,
    party TEXT NOT NULL,
    name TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (id, direction, key)
) STRICT
"""


class Direction(StrEnum):
    """Whether this house gave the key or received it."""

    GIVEN = "given"
    RECEIVED = "received"


@frozen(kw_only=True)
class HandoverRecord:
    """One key of one hand-over. `party` is the fingerprint of the other side, `name` its name."""

    id: bytes
    direction: Direction
    key: bytes
    party: str
    name: str
    at: str


@frozen(kw_only=True)
class Parties:
    """Every hand-over of a table, to ask about one key after another."""

    records: tuple[HandoverRecord, ...]

    def given(self, key: bytes) -> tuple[str, ...]:
        """To whom the key was handed: `name (fingerprint)`, each once, oldest first."""
        return self._of(key, Direction.GIVEN)

    def received(self, key: bytes) -> tuple[str, ...]:
        """From whom the key came, in the same form."""
        return self._of(key, Direction.RECEIVED)

    def _of(self, key: bytes, direction: Direction) -> tuple[str, ...]:
        found = [
            f"{record.name} ({record.party})"
            for record in self.records
            if (record.key, record.direction) == (key, direction)
        ]
        return tuple(dict.fromkeys(found))


class HandoverTable:
    """Reads and writes the records; a table of an earlier release gains its place for them."""

    def __init__(self, table: KeyTable) -> None:
        self._table = table

    def record(self, connection: Connection, records: Sequence[HandoverRecord]) -> None:
        """Add records, within a transaction of `KeyTable.writing`."""
        connection.execute(_SCHEMA)
        connection.executemany(
            "INSERT INTO handover (id, direction, key, party, name, at) VALUES (?, ?, ?, ?, ?, ?)",
            [(r.id, r.direction.value, r.key, r.party, r.name, r.at) for r in records],
        )

    def received_at(self, handover: bytes) -> str | None:
        """When the hand-over of this id was received here; None when it was not."""
        for record in self.by_key().records:
            if (record.id, record.direction) == (handover, Direction.RECEIVED):
                return record.at
        return None

    def by_key(self) -> Parties:
        """Every record, oldest first."""
        with self._table.reading() as connection:
            there = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'handover'"
            ).fetchone()[0]
            found = (
                connection.execute(
                    "SELECT id, direction, key, party, name, at FROM handover ORDER BY at, rowid"
                ).fetchall()
                if there
                else []
            )
        return Parties(
            records=tuple(
                HandoverRecord(
                    id=line[0],
                    direction=Direction(line[1]),
                    key=line[2],
                    party=line[3],
                    name=line[4],
                    at=line[5],
                )
                for line in found
            )
        )
