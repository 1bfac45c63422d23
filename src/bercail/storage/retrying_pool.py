"""Connections for small questions: what fails in passing is asked again at once, a few times."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import urllib3

from bercail.storage.transport import (
    ATTEMPTS_AGAIN,
    CONNECT_SECONDS,
    SILENCE_SECONDS,
    authority_file,
    proxy_url,
    require_transport,
)

if TYPE_CHECKING:
    from bercail.storage.location import Location

_TRANSIENT = (429, 500, 502, 503, 504)


def _tells_no_signature(record: logging.LogRecord) -> bool:
    told = record.getMessage()
    return "sig=" not in told and "Signature=" not in told


# The library writes whole addresses to its log, signature and all.
for _logger in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_logger).addFilter(_tells_no_signature)


def retrying_pool(location: Location, also: tuple[str, ...] = ()) -> urllib3.PoolManager:
    """Connections to the host of `location`, for answers that are read whole.

    GET requests are made again, and those of the methods `also`.

    Raises:
        Refused, Invalid: see `require_transport`, `authority_file` and `proxy_url`.
    """
    require_transport(location)
    authority = authority_file(location)
    proxy = proxy_url(location)
    options: dict[str, Any] = {"proxy_url": proxy} if proxy else {}
    return (urllib3.ProxyManager if proxy else urllib3.PoolManager)(
        **options,
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS),
        retries=urllib3.Retry(
            total=ATTEMPTS_AGAIN,
            redirect=False,
            backoff_factor=0.2,
            status_forcelist=_TRANSIENT,
            raise_on_status=False,
            allowed_methods=("GET", *also),
        ),
        ca_certs=str(authority) if authority else None,
    )
