"""One GET that no client library signs: what does a host answer to anybody?"""

from __future__ import annotations

from typing import Any

import urllib3

from bercail.storage import failures
from bercail.storage.location import Location
from bercail.storage.transport import CONNECT_SECONDS, SILENCE_SECONDS, authority_file, proxy_url


def status_of(location: Location, url: str) -> int:
    """The status of a plain GET of `url`, a place on the host of `location`.

    Raises:
        Unavailable: when nothing answers.
    """
    proxy, authority = proxy_url(location), authority_file(location)
    options: dict[str, Any] = {"proxy_url": proxy} if proxy else {}
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS)
    kind = urllib3.ProxyManager if proxy else urllib3.PoolManager
    with kind(**options, ca_certs=str(authority) if authority else None) as pool:
        try:
            return pool.request("GET", url, retries=False, timeout=timeout).status
        except urllib3.exceptions.HTTPError:
            raise failures.no_answer(location, "asking without credentials") from None
