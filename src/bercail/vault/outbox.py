"""Events that wait beside the keys until the journal has them: a third table of the key table.

What changes a key and the event that tells it are kept in one transaction, or neither is. The
layout is in `docs/reference/formats/key-table.md`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any

import attrs
from attrs import frozen

from bercail.foundation import Unproven
from bercail.vault.events import KEY_EVENTS
from bercail.vault.key_table import KeyTable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    actor TEXT NOT NULL
) STRICT
"""
_KINDS = {kind.__name__: kind for kind in KEY_EVENTS}


@frozen(kw_only=True)
class Waiting:
    """One event that the journal may not have yet, and the id of who did what it tells."""

    number: int
    event: Any
    actor: str


class Outbox:
    """Posts events of `actor`; of nobody (None), for a key table without a house, it posts none."""

    def __init__(self, table: KeyTable, actor: str | None) -> None:
        self._table = table
        self._actor = actor

    def post(self, connection: Connection, events: Sequence[Any]) -> None:
        """Leave `events` to be recorded, within the transaction of what they tell."""
        if self._actor is None:
            return
        connection.execute(_SCHEMA)
        connection.executemany(
            "INSERT INTO outbox (kind, body, actor) VALUES (?, ?, ?)",
            [
                (type(event).__name__, json.dumps(attrs.asdict(event)), self._actor)
                for event in events
            ],
        )

    def waiting(self) -> tuple[Waiting, ...]:
        """What is posted and not taken out, oldest first.

        Raises:
            Unproven: `key-outbox`, for what no version of Bercail posts.
        """
        with self._table.reading() as connection:
            there = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'outbox'"
            ).fetchone()[0]
            query = "SELECT number, kind, body, actor FROM outbox ORDER BY number"
            found = connection.execute(query).fetchall() if there else []
        return tuple(
            Waiting(number=number, event=_event(kind, body), actor=actor)
            for number, kind, body, actor in found
        )

    def take_out(self, number: int) -> None:
        """Forget one event that the journal has; again, nothing happens."""
        with self._table.writing() as connection:
            connection.execute("DELETE FROM outbox WHERE number = ?", (number,))


def _event(kind: str, body: str) -> Any:
    try:
        return _KINDS[kind](**json.loads(body))
    except (KeyError, TypeError, ValueError) as error:
        raise Unproven(
            "The outbox of the key table holds something that is no event of the vault.",
            remedy="Keep the key table as it is, and tell the auditor.",
            rule="key-outbox",
        ) from error
