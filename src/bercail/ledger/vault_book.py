"""Where the vault's events stand in the journal: keys in one stream, uses of secrets by day."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from bercail.foundation import Actor
from bercail.ledger.recording import StreamRecorder
from bercail.ledger.service import Ledger
from bercail.vault.events import KEY_EVENTS, USE_EVENTS

KEYS, USES, ALL = "vault/keys", "vault/uses/", "vault/"


@frozen(kw_only=True)
class VaultBook:
    """What the desks of the vault, and every use of a secret, are recorded with.

    The ledger signs its checkpoints with a key of the same key ring. It takes that one as a
    signer's seed and never as a secret, so recording the use of a secret uses none.
    """

    ledger: Ledger

    def record_once(self, event: Any, actor: Actor) -> bool:
        """Record an event of keys, unless an equal one is there; whether it was new."""
        return self._stream(KEYS, KEY_EVENTS).record_once(event, actor)

    def record_use(self, event: Any, actor: Actor) -> None:
        """Record the use of a secret in the stream of its day: no stream grows long."""
        day = self.ledger.clock.now().date().isoformat()
        self._stream(USES + day, USE_EVENTS).record(event, actor)

    def events(self) -> tuple[Any, ...]:
        """The events of keys, oldest first."""
        return self._stream(KEYS, KEY_EVENTS).events()

    def history(self, limit: int) -> list[dict[str, Any]]:
        """The last `limit` events of keys and of uses, oldest first."""
        return [record.as_dict() for record in self.ledger.history(ALL, limit)]

    def _stream(self, name: str, kinds: tuple[type, ...]) -> StreamRecorder:
        return StreamRecorder(ledger=self.ledger, stream=name, kinds=kinds)
