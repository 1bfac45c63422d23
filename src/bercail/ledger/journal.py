"""The port of the journal: append-only streams of events in one total order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from bercail.foundation import Invalid, Refused
from bercail.ledger.events import STREAM_PATTERN, NewEvent, RecordedEvent

CONFLICT = "journal-conflict"
"""The rule named when a stream has moved since it was read."""


class Journal(Protocol):
    """Where events are kept. Nothing in it is ever changed or removed.

    Positions run from 1 without a gap over the whole journal, versions from 1
    without a gap in each stream. An append is recorded whole or not at all, and
    is on durable storage when it returns. Readers see whole appends only.
    Raises Unavailable when the store does not answer, and Unproven when what it
    holds is no journal or has a gap.
    """

    def append(
        self, stream: str, expected: int, events: Sequence[NewEvent]
    ) -> tuple[RecordedEvent, ...]:
        """Record `events` at the end of `stream`, which holds `expected` events so far.

        Raises:
            Refused: the stream holds another number of events (rule `journal-conflict`).
            Invalid: the name of the stream, `expected`, or a body is not of the allowed form.
        """
        ...

    def read(self, stream: str) -> tuple[RecordedEvent, ...]:
        """The events of `stream` in order; none for a stream that never was."""
        ...

    def read_all(self, after: int = 0) -> Iterator[RecordedEvent]:
        """Every event whose position is above `after`, in order of position."""
        ...

    def streams(self, prefix: str = "") -> tuple[str, ...]:
        """The names of the streams that begin with `prefix`, sorted."""
        ...

    def last(self) -> int:
        """The highest position; 0 for an empty journal."""
        ...


def require_stream(stream: str, expected: int) -> None:
    """Raise Invalid unless `stream` is a stream name and `expected` a number of events."""
    if not re.fullmatch(STREAM_PATTERN, stream):
        raise Invalid(
            f"`{stream}` is not the name of a stream.",
            remedy="Use letters, digits and `_ . : @ / -`, at most 200, beginning with a letter "
            "or a digit.",
        )
    if expected < 0:
        raise Invalid(
            f"A stream cannot hold `{expected}` events.",
            remedy="Give the version that was read, 0 for a new stream.",
        )


def conflict(stream: str, expected: int, found: int) -> Refused:
    """The refusal of an append on a stream that has moved."""
    return Refused(
        f"The stream `{stream}` holds {found} events, not {expected}: somebody acted meanwhile.",
        remedy="Read it again, decide again.",
        rule=CONFLICT,
    )
