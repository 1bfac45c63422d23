"""Who works with a key ring, and what is told before a secret leaves it."""

from __future__ import annotations

from attrs import frozen

from bercail.foundation import Actor
from bercail.vault.events import SecretOpened
from bercail.vault.rules import require_take
from bercail.vault.settling import Record


@frozen(kw_only=True)
class Session:
    """One run of the program by `actor`.

    `record` keeps the use of a secret, `record_once` an event of keys, under somebody's name.
    """

    actor: Actor
    record: Record
    record_once: Record

    def take(self, event: SecretOpened) -> None:
        """Ask the rules, then record, before the secret is given.

        What this raises keeps the secret back: one whose taking cannot be recorded is not given.

        Raises:
            Refused: PSE-04, when this actor may not have it.
        """
        require_take(self.actor, event.kind, event.scope)
        self.record(event, self.actor)
