"""Ranges, parts and small objects over connections of our own, each request signed here.

obstore copies a large body several times on its way to Python, which costs more than sealing
it; a small object costs it, and any general library, more than all that is done with its
bytes. So the two requests that move an object, a GET of a range and a PUT, go straight over
`KeptConnections`. Nothing is decided here: whatever is not the plain good answer (an error, a
redirect, a body cut short, a broken connection) gives None, and the caller asks again through
its general client, which retries and tells errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from attrs import frozen

from bercail.storage import failures
from bercail.storage.kept_connections import (
    Answer,
    FellSilent,
    KeptConnections,
    NotPlain,
    Request,
)
from bercail.storage.reading import Piece, ReadRange
from bercail.storage.transport import SILENCE_SECONDS

if TYPE_CHECKING:
    from bercail.storage.location import Location
    from bercail.storage.request_signing import SignedRequest

_REST_SECONDS: Final = 5.0
"""After a failure the general client alone is used for this long: it knows how to wait."""
# An object that is gone or changed is an answer, and no reason to rest.
_TOLD = {404, 412, 416}

Signs = Callable[[Mapping[str, str]], "SignedRequest"]
"""Signs a request for one object with these headers beside its own."""


@frozen(kw_only=True)
class Heard:
    """A range, and the headers it came with, in lower case."""

    piece: Piece
    headers: Mapping[str, str]


@frozen(kw_only=True)
class Asked:
    """One of several requests: at most `most` bytes of an object are taken of its answer."""

    signs: Signs
    headers: Mapping[str, str]
    body: Sequence[bytes | memoryview] = ()
    most: int = 0


class Wire:
    """Requests to the host of one location; threads may share it."""

    def __init__(self, location: Location, origin: str) -> None:
        self._location = location
        self._lines = KeptConnections(location, origin, silence=SILENCE_SECONDS)
        self._rests_until = 0.0 if self._lines.serves else float("inf")

    def get(self, signs: Signs, offset: int, length: int, if_match: str | None) -> Piece | None:
        """The range of `length` (at least 1) bytes from `offset`, or None when it is not plain.

        Raises:
            Unavailable: the host keeps silent for a minute.
        """
        heard = self.hear(signs, offset, length, if_match, {})
        return None if heard is None else heard.piece

    def hear(
        self, signs: Signs, offset: int, length: int, if_match: str | None, ask: Mapping[str, str]
    ) -> Heard | None:
        """The same, with the headers of the answer; `ask` are further headers of the request.

        Raises:
            Unavailable: the host keeps silent for a minute.
        """
        headers = {"range": f"bytes={offset}-{offset + length - 1}", **ask}
        if if_match is not None:
            headers["if-match"] = if_match
        answer = self._answer("GET", signs, headers, (), length)
        if answer is None:
            return None
        piece = piece_of(answer, offset, length)
        if piece is None:
            self._rest()
            return None
        return Heard(piece=piece, headers=answer.headers)

    def question(self, signs: Signs, headers: Mapping[str, str]) -> Answer | None:
        """Whatever the host answers to a GET, be it an error; None when nothing plain came.

        Raises:
            Unavailable: the host keeps silent for a minute.
        """
        if not self._lines.serves:
            return None
        request = signs(headers)
        try:
            return self._lines.ask("GET", request.target, request.headers)
        except FellSilent:
            raise failures.no_answer(self._location, "asking") from None
        except NotPlain:
            return None

    def put(
        self, signs: Signs, body: Sequence[bytes | memoryview], headers: Mapping[str, str]
    ) -> Answer | None:
        """Send the pieces of `body` as one, perhaps twice; None when the answer is not plain.

        Raises:
            Unavailable: the host keeps silent for a minute.
        """
        return self._answer("PUT", signs, headers, body, 0)

    def several(self, method: str, asked: Sequence[Asked]) -> list[Answer | None]:
        """The good answers to requests that are all sent first; None for any other answer.

        A host that keeps silent is no error here: who asks again in the ordinary way hears it.
        """
        if time.monotonic() < self._rests_until:
            return [None] * len(asked)
        requests: list[Request] = []
        for one in asked:
            signed = one.signs(one.headers)
            head = (method, signed.target, signed.headers)
            requests.append(Request(*head, body=one.body, most=one.most))
        answers = self._lines.ask_several(requests)
        return [None if answer is None else self._good(answer) for answer in answers]

    def _answer(
        self,
        method: str,
        signs: Signs,
        headers: Mapping[str, str],
        body: Sequence[bytes | memoryview],
        length: int,
    ) -> Answer | None:
        """The good answer; None for any other."""
        if time.monotonic() < self._rests_until:
            return None
        request = signs(headers)
        try:
            answer = self._lines.ask(method, request.target, request.headers, body, most=length)
        except FellSilent:
            # Who has waited for the whole deadline does not begin to wait once more.
            raise failures.no_answer(self._location, method) from None
        except NotPlain:
            self._rest()
            return None
        return self._good(answer)

    def _good(self, answer: Answer) -> Answer | None:
        if answer.status in {200, 201, 206}:
            return answer
        if answer.status not in _TOLD:
            self._rest()
        return None

    def _rest(self) -> None:
        self._rests_until = max(self._rests_until, time.monotonic() + _REST_SECONDS)


def wired(wire: Wire, signs: Signs, otherwise: ReadRange) -> ReadRange:
    """A reader of ranges of the object that `signs` signs for; else by `otherwise`."""

    def read(offset: int, length: int, if_match: str | None) -> Piece:
        piece = wire.get(signs, offset, length, if_match)
        return piece if piece is not None else otherwise(offset, length, if_match)

    return read


def piece_of(answer: Answer, offset: int, length: int) -> Piece | None:
    """The range if the answer says that it is the one asked for, of an object with an etag."""
    unit, _, told = answer.headers.get("content-range", "").partition(" ")
    span, _, whole = told.partition("/")
    etag = answer.headers.get("etag")
    if unit != "bytes" or not whole.isdecimal() or not etag:
        return None
    size = int(whole)
    expected = min(length, size - offset)
    if span != f"{offset}-{offset + expected - 1}" or len(answer.body) != expected:
        return None
    return Piece(content=answer.body, size=size, etag=etag)
