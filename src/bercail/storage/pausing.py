"""What a busy host asks for: Retry-After, which the fast clients do not show.

learn.microsoft.com, "Designing Azure Storage applications for scalability"; RFC 9110,
section 10.2.3: seconds, or a date. A date is counted from the Date of the same answer, both
by the host's clock, since clocks disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bercail.storage.port import ObjectStore

LONGEST = 300.0
"""Seconds; a host that asks for more is asked again after this."""


def pause_asked(*stores: ObjectStore) -> float | None:
    """Seconds that the hosts of `stores` want to be left alone: the most that one asks for.

    Each is asked by one small request; None where none of them asks.
    """
    told = [pause for store in stores if (pause := seconds(_busy_headers(store))) is not None]
    return max(told, default=None)


def seconds(headers: Mapping[str, str]) -> float | None:
    """What the headers of an answer (names in lower case) ask for; None for nothing or nonsense."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(float(text), LONGEST)
    try:
        until, now = (parsedate_to_datetime(one) for one in (text, headers.get("date", "")))
        wait = (until - now).total_seconds()
    except (TypeError, ValueError):
        return None
    return min(max(wait, 0.0), LONGEST)


def _busy_headers(store: ObjectStore) -> Mapping[str, str]:
    from bercail.storage.inventory import adapter_under
    from bercail.storage.uploads import unwrapped

    store = unwrapped(adapter_under(store))
    if store.location.scheme == "s3":
        from bercail.storage.s3 import S3Store

        return store.control.busy_headers() if isinstance(store, S3Store) else {}
    if store.location.scheme == "azure":
        from bercail.storage.azure import AzureStore

        return store.control.busy_headers() if isinstance(store, AzureStore) else {}
    return {}
