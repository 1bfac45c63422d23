"""Large ranges and parts over urllib3, by addresses that the general clients have signed.

obstore copies a large body several times on its way to Python, which costs more than sealing
it. So the two requests that move most bytes, a GET of a range and a PUT of a part, go straight
through urllib3, which the vendors' clients stand on too. Nothing is decided here: whatever is
not the plain good answer (an error, a redirect, a body cut short, a broken connection) gives
None, and the caller asks again through its general client, which retries and tells errors.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import urllib3

from bercail.storage import failures
from bercail.storage.reading import Piece, ReadRange
from bercail.storage.transport import (
    CONNECT_SECONDS,
    SILENCE_SECONDS,
    authority_file,
    proxy_url,
    require_transport,
)

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

    from bercail.storage.location import Location

LEAST: Final = 256 * 1024
"""Bytes of a range that is worth a request of this kind."""
SIGNED_SECONDS: Final = 3600
_SIGNED_AGAIN: Final = 1800.0
_REST_SECONDS: Final = 5.0
"""After a failure the general client alone is used for this long: it knows how to wait."""
_CONNECTIONS: Final = 32
_WAITED = (urllib3.exceptions.ReadTimeoutError,)
# An object that is gone or changed is an answer, and no reason to rest.
_TOLD = {404, 412, 416}

Address = Callable[[], str]
"""Gives a signed address, good for `SIGNED_SECONDS`."""


def _tells_no_signature(record: logging.LogRecord) -> bool:
    told = record.getMessage()
    return "sig=" not in told and "Signature=" not in told


# The library writes whole addresses to its log, signature and all.
logging.getLogger("urllib3.connectionpool").addFilter(_tells_no_signature)


class Wire:
    """Requests to the host of one location; threads may share it."""

    def __init__(self, location: Location) -> None:
        require_transport(location)
        self._location = location
        authority, proxy = authority_file(location), proxy_url(location)
        options: dict[str, Any] = {"proxy_url": proxy} if proxy else {}
        self._http = (urllib3.ProxyManager if proxy else urllib3.PoolManager)(
            **options,
            num_pools=4,
            maxsize=_CONNECTIONS,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS),
            retries=False,
            ca_certs=str(authority) if authority else None,
        )
        self._rests_until = 0.0

    def get(self, url: str, offset: int, length: int, if_match: str | None) -> Piece | None:
        """The range of `length` (at least 1) bytes from `offset`, or None when it is not plain.

        Raises:
            Unavailable: the host keeps silent for a minute.
        """
        headers = {"Range": f"bytes={offset}-{offset + length - 1}"}
        if if_match is not None:
            headers["If-Match"] = if_match
        answer = self._answer("GET", url, headers)
        if answer is None:
            return None
        try:
            # A blob kept with a Content-Encoding is taken as it is kept.
            content = answer.read(length, decode_content=False)
        except _WAITED:
            raise failures.no_answer(self._location, "reading") from None
        except urllib3.exceptions.HTTPError:
            self._rest()
            return None
        finally:
            _let_go(answer)
        piece = _piece(answer, offset, content, length)
        if piece is None:
            self._rest()
        return piece

    def put(self, url: str, body: Sequence[bytes], headers: Mapping[str, str]) -> str | None:
        """Send the pieces of `body` as one; the etag told, or None when the answer is not plain.

        Raises:
            Unavailable: the host keeps silent for a minute.
        """
        size = sum(map(len, body))
        answer = self._answer("PUT", url, {**headers, "Content-Length": str(size)}, body)
        if answer is None:
            return None
        _let_go(answer)
        return answer.headers.get("ETag")

    def _answer(
        self, method: str, url: str, headers: dict[str, str], body: Sequence[bytes] | None = None
    ) -> BaseHTTPResponse | None:
        """The good answer, its body unread; None for any other."""
        if time.monotonic() < self._rests_until:
            return None
        try:
            answer = self._http.request(
                method, url, headers=headers, body=body, preload_content=False, redirect=False
            )
        except _WAITED:
            # Who has waited for the whole deadline does not begin to wait once more.
            raise failures.no_answer(self._location, method) from None
        except urllib3.exceptions.HTTPError:
            self._rest()
            return None
        if answer.status in {200, 206}:
            return answer
        _let_go(answer)
        if answer.status not in _TOLD:
            self._rest()
        return None

    def _rest(self) -> None:
        self._rests_until = time.monotonic() + _REST_SECONDS


class Signed:
    """An address that is signed anew before it ends."""

    def __init__(self, sign: Address) -> None:
        self._sign = sign
        self._since, self._url = float("-inf"), ""

    def __call__(self) -> str:
        """The address, good for half an hour at least."""
        now = time.monotonic()
        if now - self._since > _SIGNED_AGAIN:
            self._since, self._url = now, self._sign()
        return self._url


def wired(wire: Wire, sign: Address, otherwise: ReadRange) -> ReadRange:
    """A reader of ranges of the object at the address that `sign` gives; else by `otherwise`."""
    signed = Signed(sign)

    def read(offset: int, length: int, if_match: str | None) -> Piece:
        if length >= LEAST and (piece := wire.get(signed(), offset, length, if_match)):
            return piece
        return otherwise(offset, length, if_match)

    return read


def _piece(answer: BaseHTTPResponse, offset: int, content: bytes, length: int) -> Piece | None:
    """The range if the answer says that it is the one asked for, of an object with an etag."""
    unit, _, told = answer.headers.get("Content-Range", "").partition(" ")
    span, _, whole = told.partition("/")
    etag = answer.headers.get("ETag")
    if unit != "bytes" or not whole.isdecimal() or not etag:
        return None
    size = int(whole)
    expected = min(length, size - offset)
    if span != f"{offset}-{offset + expected - 1}" or len(content) != expected:
        return None
    return Piece(content=content, size=size, etag=etag)


def _let_go(answer: BaseHTTPResponse) -> None:
    """Keep the connection if the answer was read to its end; what is left of one is not read."""
    if answer.length_remaining:
        answer.close()
    answer.release_conn()
