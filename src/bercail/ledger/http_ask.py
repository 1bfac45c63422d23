"""One HTTP request with bounds: of time at each step, of bytes; no redirection is followed."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from bercail.foundation import Invalid

SECONDS = 10.0
"""How long the other side may keep us waiting, at each step of a connection."""

MOST_BYTES = 512 * 1024


def require_address(url: str) -> str:
    """`url` without a last slash; raises Invalid unless it is an http or https address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Invalid(
            f"`{url}` is not the address of an HTTP service.",
            remedy="Give one that begins with `https://`, or with `http://` on your own machine.",
        )
    return url.rstrip("/")


def http_ask(
    method: str, url: str, body: bytes | None = None, kind: str = "text/plain"
) -> tuple[int, bytes]:
    """The status and the body of the answer of `url`, of at most `MOST_BYTES` bytes.

    Raises:
        OSError: there was no answer, or a longer one.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(
                host, parts.port, timeout=SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=SECONDS)
    except ValueError as problem:
        raise OSError("this is no address") from problem
    try:
        connection.request(method, parts.path or "/", body, {"Content-Type": kind})
        answer = connection.getresponse()
        content = answer.read(MOST_BYTES + 1)
    except http.client.HTTPException as problem:
        raise OSError("the answer is not HTTP") from problem
    finally:
        connection.close()
    if len(content) > MOST_BYTES:
        raise OSError("the answer is too long")
    return answer.status, content
