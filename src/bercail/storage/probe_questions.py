"""What a question to a host is, and the answers that several of them share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from attrs import frozen

from bercail.storage.probe_report import Verdict

MOST_SKEW = 300  # seconds: S3 and Azure refuse signatures that are older than 15 minutes

Answer = tuple[Verdict, str]
HELD: Answer = ("held", "as promised")


@frozen(kw_only=True)
class Question:
    """One thing to ask: `ask` may use names that start with the one it is given."""

    name: str
    ask: Callable[[str], Answer]
    needed: bool = False


def clock_answer(told: str) -> Answer:
    """What the date of an answer says about the clocks at both ends."""
    try:
        skew = abs((datetime.now(UTC) - parsedate_to_datetime(told)).total_seconds())
    except (TypeError, ValueError):
        return "absent", "the host tells no date"
    if skew > MOST_SKEW:
        return "absent", f"the clocks differ by {skew:.0f} seconds: signatures will be refused"
    return "held", f"the clocks differ by {skew:.0f} seconds"
