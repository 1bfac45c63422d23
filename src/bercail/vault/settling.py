"""From the outbox of the key table to the journal.

The order, act by act:

- A change of a key (created, begun, destroyed, wrapped under another root, handed over, received):
  the change and its event are committed to the key table together. `settle` then records the
  event and takes it out of the outbox. Killed in between, the next act at a desk of the vault
  settles, and so does the next session that takes a secret; an event that the journal has
  already is not recorded again.
- A secret that is taken (`Session`) or used: the event first. A use leaves no trace that could be
  found later, so an unrecorded use must be impossible; a recorded use that did not happen does
  no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bercail.foundation import Actor
from bercail.vault.outbox import Outbox

Record = Callable[[Any, Actor], object]


def settle(outbox: Outbox, record_once: Record) -> int:
    """Record what waits in the outbox, oldest first; returns how many events waited.

    `record_once` records an event unless one equal to it is recorded already: every event of the
    outbox names its key and its moment, so two acts never have equal events.
    """
    waiting = outbox.waiting()
    for one in waiting:
        record_once(one.event, Actor(id=one.actor))
        outbox.take_out(one.number)
    return len(waiting)
