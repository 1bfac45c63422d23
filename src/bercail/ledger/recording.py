"""Record one event in a stream that others write to at the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from bercail.foundation import Actor, Refused
from bercail.ledger.journal import CONFLICT
from bercail.ledger.service import Ledger

TURNS = 50
"""Each failed turn means that somebody else's event was recorded."""


@frozen(kw_only=True)
class StreamRecorder:
    """Appends to `stream`, whose events are of `kinds`, whoever else appends to it."""

    ledger: Ledger
    stream: str
    kinds: Sequence[type]

    def events(self) -> tuple[Any, ...]:
        """The events of the stream, oldest first."""
        return self.ledger.load(self.stream, self.kinds)[1]

    def record(self, event: Any, actor: Actor) -> None:
        """Record `event` by `actor`, after whatever is there.

        Raises:
            Refused: the stream did not stand still in `TURNS` turns (rule `journal-conflict`).
        """
        self._record(event, actor, once=False)

    def record_once(self, event: Any, actor: Actor) -> bool:
        """Record `event` unless an equal one is there; whether it was new. Raises as `record`."""
        return self._record(event, actor, once=True)

    def _record(self, event: Any, actor: Actor, *, once: bool) -> bool:
        for turn in range(1, TURNS + 1):
            version, events = self.ledger.load(self.stream, self.kinds)
            if once and event in events:
                return False
            try:
                self.ledger.append(self.stream, version, [event], actor)
            except Refused as refusal:
                if refusal.rule != CONFLICT or turn == TURNS:
                    raise
            else:
                break
        return True
