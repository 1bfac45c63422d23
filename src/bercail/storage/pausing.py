"""What a busy host asks for: Retry-After, which the fast client does not show.

learn.microsoft.com, "Designing Azure Storage applications for scalability"; RFC 9110,
section 10.2.3: seconds, or a date. A date is not followed, since clocks disagree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bercail.storage.port import ObjectStore

LONGEST = 300.0
"""Seconds; a host that asks for more is asked again after this."""


def pause_asked(store: ObjectStore) -> float | None:
    """Seconds that an S3 host wants to be left alone, by one small request; None if it does not.

    Azure's own client waits as it is told, before its errors come here.
    """
    from bercail.storage.s3 import S3Store
    from bercail.storage.uploads import unwrapped

    store = unwrapped(store)
    if not isinstance(store, S3Store):
        return None
    return seconds(store.control.retry_after())


def seconds(told: str | None) -> float | None:
    """The header's value as seconds; None for a date, or nonsense."""
    text = (told or "").strip()
    return min(float(text), LONGEST) if text.isdecimal() else None
