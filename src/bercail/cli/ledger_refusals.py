"""What the rules deny somebody is kept in the ledger: many refusals are an alarm (LOG-05)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from bercail.cli import door
from bercail.foundation import BercailError, Refused


def keep(error: BercailError, groups: Sequence[str]) -> None:
    """Record that the person of this run was refused: the group of commands and the rule.

    Nothing is kept where no house was built or nobody is named. When the journal does not take
    it, that is said; the refusal itself stands and is told as ever.
    """
    found = door.built()
    if not isinstance(error, Refused) or found is None or not found.session_actor.roles:
        return
    from bercail.ledger.events import REFUSAL_EVENTS, ActRefused
    from bercail.ledger.recording import StreamRecorder

    actor = found.session_actor
    group = next((word for word in sys.argv[1:] if word in groups), "bercail")
    book = StreamRecorder(ledger=found.ledger, stream=f"refusals/{actor.id}", kinds=REFUSAL_EVENTS)
    try:
        book.record(ActRefused(command=group, rule=error.rule or ""), actor)
    except BercailError as silence:
        typer.echo(f"The refusal was not recorded: {silence}", err=True)
