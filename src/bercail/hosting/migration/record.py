"""The journal's side of a migration: one stream, one outbox, no event lost or doubled.

What a step changes in the work table and the event that tells it are committed
together, the event in an outbox. It is then recorded in the journal and taken
out. A process killed in between finds the event in the outbox and, perhaps, in
the journal already: every event carries its number, so the two are told apart.
"""

from __future__ import annotations

from typing import Any

import attrs

from bercail.foundation import Actor, Unproven
from bercail.hosting.events import MIGRATION_EVENTS
from bercail.hosting.migration.state import MigrationState, after, fold
from bercail.hosting.migration.worktable import WorkTable
from bercail.ledger import Ledger

_KINDS = {kind.__name__: kind for kind in MIGRATION_EVENTS}


class MigrationRecord:
    """Reads and writes the stream `migration/<name>` of the journal."""

    def __init__(self, name: str, ledger: Ledger) -> None:
        self._stream = f"migration/{name}"
        self._ledger = ledger

    def state(self) -> tuple[int, MigrationState]:
        """The version of the stream, and the state that its events fold to."""
        version, events = self._ledger.load(self._stream, MIGRATION_EVENTS)
        return version, fold(events)

    def post(self, table: WorkTable, event: Any) -> None:
        """Put `event` in the outbox; to be called in the transaction of what it tells."""
        table.outbox.post(type(event).__name__, attrs.asdict(event))

    def settle(self, table: WorkTable, actor: Actor) -> MigrationState:
        """Record what waits in the outbox, then return the state.

        Raises:
            Refused: another process recorded something meanwhile (rule `journal-conflict`).
            Unproven: the outbox holds what no version of Bercail posts.
        """
        for number, kind, body in table.outbox.posted():
            if kind not in _KINDS:
                raise Unproven(f"The outbox of `{self._stream}` holds an unknown `{kind}`.")
            event = _KINDS[kind](**body)
            version, events = self._ledger.load(self._stream, MIGRATION_EVENTS)
            if event not in events:
                after(fold(events), event)
                self._ledger.append(self._stream, version, [event], actor)
            with table:
                table.outbox.sent(number)
        return self.state()[1]

    def append(self, expected: int, event: Any, actor: Actor) -> None:
        """Record one event that the work table does not know of: a switch of sides.

        Raises:
            Refused: the stream moved since `expected` was read (rule `journal-conflict`).
        """
        self._ledger.append(self._stream, expected, [event], actor)
